/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_walk - visits the queues that fit a pattern, on the scheduler's
 * thread, without holding it up: a slice of at most two milliseconds, then
 * whatever else waits there, then the next slice.
 *
 * Embedded in the command that walks, which lives until done() and does not
 * touch it meanwhile.
 */

#ifndef TRANSPORT_QUEUE_WALK_H
#define TRANSPORT_QUEUE_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "transport/dispatch.h"
#include "transport/queue_pattern.h"
#include "vmta/sched_walk.h"

struct queue_walk;

enum queue_walk_next {
	WALK_ON,    /* to the next queue */
	WALK_AGAIN, /* there is more in this one */
	WALK_WAIT,  /* stop here; queue_walk_go() goes on in this one */
	WALK_END
};

/* q may be NULL after WALK_AGAIN or WALK_WAIT: it has gone meanwhile. */
typedef enum queue_walk_next queue_visit_fn(struct queue_walk *w,
    struct sched_queue *q, int64_t now_us);
typedef void queue_walked_fn(struct queue_walk *w);

struct queue_walk { /* the first six are the owner's to fill */
	struct dispatch *dispatch;
	const struct queue_pattern *wanted;
	queue_visit_fn *visit;
	queue_walked_fn *done; /* scheduler's thread, after the last visit */
	bool
	    by_standing; /* wanted may name groups; one queue of each is enough */

	bool of_all; /* waits, after a start, until the spool is read */

	bool
	    missed; /* of_all, but it is being stopped before: nobody visited */
	struct dispatch_ask ask;
	struct sched *sched; /* from the first visit on */
	struct sched_walk at;
	bool begun, again;
	uint64_t queues, matching; /* seen so far */
	const char **groups;       /* by_standing: of these one was visited */
	size_t groups_n;
};

/* Begins, or goes on after WALK_WAIT.  Any thread. */
void queue_walk_go(struct queue_walk *w);

#endif
