/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_standing - how queues stand with the other side (vmta/standing.h), in
 * effect: the limits of their mode, the sources that they may not use, and
 * thresholds that change both.
 *
 * Who judges replies and orders calls these; what became of it is told by
 * owner->event, from inside them or from sched_run() when time alone did it.
 * A queue has a standing only while there is something to say of it, and those
 * of a group have one together: what is said of one of them holds for all, and
 * events have the name of the group.  In
 * backoff it goes on, slower: only sched_queue_failed() lets it wait.
 *
 * A queue whose sources are all off starts nothing until the first of them is
 * back; what gets older than bounce-after meanwhile leaves, as from a paused
 * one.
 */

#ifndef VMTA_SCHED_STANDING_H
#define VMTA_SCHED_STANDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/net.h"
#include "vmta/reroute.h"
#include "vmta/standing.h"

struct sched;
struct sched_conn;
struct sched_queue;

/* Why; file NULL: an order or a threshold, else the row that says so. */
struct sched_reason {
	const char *text;
	const char *file;
	unsigned line;
};

enum sched_event_kind {
	SCHED_BACKOFF, /* a queue went into backoff */
	SCHED_RETURN,  /* out of it: its limits rise */
	SCHED_NORMAL,  /* it is normal again */
	SCHED_SOURCE_OFF,
	SCHED_SOURCE_ON,
	SCHED_ALL_OFF, /* the last of its sources went off */
	SCHED_MOVED,   /* mail of the queue goes by another virtual MTA */
	SCHED_LOOP     /* it would come back to where it is, and stays */
};

struct sched_event {
	enum sched_event_kind kind;
	const char *domain, *vmta;      /* of the queue; "": {default} */
	const struct net_addr *source;  /* or NULL */
	int64_t until_us;               /* STANDING_NEVER: for good; 0: none */
	const struct sched_reason *why; /* or NULL: its time was over */
	const struct queue_conf *conf;  /* of the queue */
	/* SCHED_MOVED: so many recipients, there, by that way. */
	const char *to;
	enum reroute_way way;
	uint64_t rcpts;
};

/*
 * Into backoff until then (BACKOFF_NEVER: for good); it is there already: until
 * the later end.  Out of it, by backoff-return-interval; what is normal, or on
 * the way, stays so.
 */
void sched_queue_backoff(struct sched *s, struct sched_queue *q,
    int64_t until_us, const struct sched_reason *why, int64_t now_us);
void sched_queue_normal(struct sched *s, struct sched_queue *q,
    const struct sched_reason *why, int64_t now_us);

/*
 * The queue does not use the source until then; connections from there end with
 * their transaction.  True: it was on.  Where the kernel chooses (family 0, and
 * mail to our own host MTA) it is refused.
 */
bool sched_queue_source_off(struct sched *s, struct sched_queue *q,
    const struct net_addr *a, int64_t until_us, const struct sched_reason *why,
    int64_t now_us);
/* True: it was off. */
bool sched_queue_source_on(struct sched *s, struct sched_queue *q,
    const struct net_addr *a, int64_t now_us);

/*
 * What came of a grant, or of a connection that failed, for thresholds and
 * backoff-to-normal-after-delivery.  errors are at most as many as attempts.
 */
struct sched_tally {
	uint32_t attempts, errors, delivered;
};
void sched_conn_tally(struct sched *s, struct sched_conn *c,
    const struct sched_tally *t, int64_t now_us);

/* ---- facts --------------------------------------------------------------- */

/* By which settings it changes: the queue's, or its group's. */
const struct queue_conf *sched_queue_standing_conf(const struct sched_queue *q);
enum queue_mode sched_queue_mode(const struct sched_queue *q);

struct sched_standing_info {
	enum queue_mode mode;
	int64_t since_us, until_us; /* of the mode; 0: normal */
	const char *why;            /* of backoff, or "" */
	uint32_t sources_off;       /* so many of them */
	bool all_off;
	int64_t back_us; /* all_off: when the first is back */
};
void sched_queue_standing(const struct sched_queue *q, int64_t now_us,
    struct sched_standing_info *out);

/* Does the queue's virtual MTA send from there, as it is configured? */
bool sched_queue_has_source(const struct sched *s, const struct sched_queue *q,
    const struct net_addr *a);

/* The i-th source that is off, in the order of addresses; false: no more. */
struct sched_source_info {
	struct net_addr addr;
	int64_t until_us; /* STANDING_NEVER: for good */
	const char *why;
};
bool sched_queue_source_at(const struct sched_queue *q, uint32_t i,
    int64_t now_us, struct sched_source_info *out);

#endif
