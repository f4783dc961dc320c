/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crowd - who is inside, in all, by group and by guest, for limits that
 * several threads share: connections of clients, of a <source-group>, of one
 * address.
 *
 * It outlives who may leave.  Any thread; one lock, held for a few look-ups.
 * Limits are asked with, so each comer brings those of the configuration that
 * he has, and after a reload the numbers go on counting.
 * Groups are compared without regard to case.
 */

#ifndef LIB_CROWD_H
#define LIB_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crowd;

struct crowd_group {
	const char *name;
	uint32_t max;      /* 0: no limit of its own */
	uint32_t reserved; /* places in all that others leave free */
};

struct crowd_ask {
	uint32_t max; /* in all */
	/* Every group that has places reserved, and the asker's. */
	const struct crowd_group *groups;
	size_t group_count;
	const char *group;  /* the asker's, or "" */
	const char *guest;  /* as text: one address */
	uint32_t guest_max; /* places for one guest; 0: no limit */
};

enum crowd_answer {
	CROWD_IN,
	CROWD_FULL,       /* in all, with what is reserved for others */
	CROWD_GROUP_FULL, /* max of the group */
	CROWD_GUEST_FULL  /* guest_max */
};

/* What one has taken; zeroed is nothing. */
struct crowd_place {
	struct crowd_count *group, *guest; /* the crowd's */
	bool inside;
};

struct crowd *crowd_new(void);
void crowd_free(struct crowd **cp); /* nobody is inside */

enum crowd_answer crowd_enter(struct crowd *c, const struct crowd_ask *ask,
    struct crowd_place *place);
/* Nothing to do where nothing was taken. */
void crowd_leave(struct crowd *c, struct crowd_place *place);

uint32_t crowd_inside(struct crowd *c);

#endif
