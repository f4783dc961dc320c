/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turns - the groups of a queue that wait their turn, and whose turn it is.
 *
 * The highest priority first.  Within one, origins (who handed the mail in)
 * take turns by their weights, and those of one origin go by age.  An origin
 * that may not go on for now (its job or its user is at a limit) is set aside:
 * it keeps its groups, and the others take turns without it.  So are groups
 * that have a pin (vmta/pins.h), whatever their origin: those of one pin are
 * asked for by its number, oldest first.
 *
 * As long as there is one origin a priority is a plain heap; with the second
 * one each has a flow of its own, about 130 bytes, until none waits there any
 * more.  Whose turn it is costs O(log flows).  Part of vqueue, which keeps the
 * recipients within groups; scheduler thread only.
 */

#ifndef VMTA_TURNS_H
#define VMTA_TURNS_H

#include <stdbool.h>
#include <stdint.h>

#include "vmta/backlog.h"
#include "vmta/heap.h"
#include "vmta/line.h"

struct turns_flow;
struct turns_flows;

extern const struct table_ops turns_flow_ops; /* of backlog.flows */

/* Groups of one priority; every queue that had mail has one of these. */
struct turns_class {
	union {
		struct heap groups;        /* of the one origin, oldest first */
		struct turns_flows *flows; /* of several */
	};
	uint32_t origin; /* the one */
	uint8_t priority;
	bool several;
};

struct turns {
	struct backlog *backlog;
	struct turns_class *classes; /* highest priority first */
	uint8_t class_count;
	/* The queue's: seconds until some that waits may not go; or UINT32_MAX. */
	uint32_t close_s;
};

/* What an origin has in one priority. */
struct turns_sum {
	uint32_t groups;
	uint64_t rcpts;
	uint32_t origin;
};

void turns_init(struct turns *t, struct backlog *b);
void turns_fini(struct turns *t); /* CHECKs that nobody waits */

/*
 * A group comes to wait, or does not wait any more; recipients of one that
 * waits do.  True: its origin is set aside.
 */
bool turns_join(struct turns *t, struct group *g);
bool turns_leave(struct turns *t, struct group *g);
bool turns_add(struct turns *t, const struct group *g, uint32_t rcpts);
bool turns_subtract(struct turns *t, const struct group *g, uint32_t rcpts);

/* The group whose turn it is, or NULL: none, or all are set aside. */
struct group *turns_first(struct turns *t);
/* So many recipients of it were given their turn. */
void turns_charge(struct turns *t, const struct group *g, uint32_t rcpts);
/* The oldest of each class, also when it is set aside; or NULL. */
struct group *turns_oldest(const struct turns *t, uint8_t nth);

/*
 * The origin of a group is set aside in its priority; returns what may wait in
 * the line of the limit.  It goes, and leaves its line, when its last group
 * leaves.
 */
struct waiter *turns_set_aside(struct turns *t, const struct group *g,
    struct turns_sum *sum_r);
/*
 * It takes turns again; returns whose it is.  First: the next turn of its
 * priority is its own.
 */
struct turns *turns_bring_back(struct waiter *w, bool first,
    struct turns_sum *sum_r);
struct turns *turns_aside(struct waiter *w); /* whose it is */
uint32_t turns_aside_origin(const struct waiter *w);
uint8_t turns_aside_priority(const struct waiter *w);
struct group *turns_aside_oldest(const struct waiter *w);
/* The first group that waits with this pin, or NULL; and recipients of all. */
struct group *turns_pinned(const struct turns *t, uint16_t pin);
uint64_t turns_pinned_rcpts(const struct turns *t, uint16_t pin);
/* What of an origin is set aside, of the highest priority; or NULL. */
struct waiter *turns_aside_of(const struct turns *t, uint32_t origin);
/* Has it a group here, set aside or not? */
bool turns_have(const struct turns *t, uint32_t origin);

/*
 * Each origin that is set aside and has mail that was queued at born_us or
 * before, in each priority, until fn returns false: those that have younger mail
 * cost nothing; and one origin alone.
 */
typedef bool turns_aside_fn(void *ctx, const struct waiter *w,
    const struct turns_sum *sum);
void turns_each_aside(const struct turns *t, int64_t born_us,
    turns_aside_fn *fn, void *ctx);
void turns_own_aside(const struct turns *t, uint32_t origin, turns_aside_fn *fn,
    void *ctx);

/*
 * Goes through the heaps of groups: from the end of each to its top, so that
 * what leaves meanwhile is replaced by the last, which was seen, and what
 * comes lands at the end as a rule.
 */
struct turns_cursor {
	unsigned below; /* priorities to come */
	uint32_t slot;  /* flows to come, this one too */
	uint32_t origin;
	uint32_t index; /* the last one met */
};

void turns_cursor_init(struct turns_cursor *c);
/* The next group, or NULL: that were all. */
struct group *turns_step(const struct turns *t, struct turns_cursor *c);

#endif
