/* SPDX-License-Identifier: Apache-2.0 */
/*
 * candidates - recipients that may be meant, a chunk at a time: collected on
 * the scheduler's thread, looked at with their envelopes on a worker.
 *
 *	candidates_go() -> scheduler: collects -> worker: look() for each that
 *	is meant, then chunk() -> the owner: candidates_go() or _stop()
 *
 * The chunk() of the last one comes with ended set, even when there is
 * nothing in it; then the struct is the owner's again.  So memory is bounded,
 * and an owner whose client does not read just does not go on.
 */

#ifndef TRANSPORT_CANDIDATES_H
#define TRANSPORT_CANDIDATES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/mem.h"
#include "transport/queue_walk.h"
#include "transport/replies.h"
#include "transport/select.h"
#include "transport/worker_env.h"

enum candidate_state {
	CANDIDATE_ACTIVE,   /* being sent, or it is its turn */
	CANDIDATE_DEFERRED, /* it, or its queue, waits for its time */
	CANDIDATE_HOLD      /* it is on hold, or its queue or job is paused */
};

const char *candidate_state_name(enum candidate_state state);

struct candidate {
	struct message *msg;
	const char *vmta; /* its queue's; lives as long as the scheduler */
	int64_t due_us;   /* 0: now; or SCHED_ON_HOLD */
	uint32_t n, size;
	uint32_t rcpts; /* of its message, in all queues */
	uint16_t attempts;
	bool granted;

	/* With wants_state only. */
	enum candidate_state state;
	bool said_of_queue; /* not to it, but why its queue failed last */
	struct said *said;  /* last; or NULL */
};

struct candidates;
/* env has no recipients when it could not be read; error then says why. */
typedef void candidate_look_fn(struct candidates *c, const struct candidate *r,
    const struct envelope *env, const struct err *error);
typedef void candidates_chunk_fn(struct candidates *c); /* on the worker */

struct candidates { /* the first seven are the owner's to fill */
	struct dispatch *dispatch;
	struct worker_env *env; /* of the worker that reads */
	const struct select *select;
	candidate_look_fn *look;
	candidates_chunk_fn *chunk;
	bool wants_state;
	bool
	    to_host; /* only who may go there now, or is being sent elsewhere */

	bool ended;
	bool known; /* the message that select names is queued, anywhere */
	uint64_t counted;
	uint64_t passed; /* did not fit by what the scheduler knows */

	struct queue_walk walk;
	struct post post;
	struct dispatch_reader *reader;
	struct candidate *list;
	size_t count, cap, next;
	struct candidates_reading *at; /* the worker's */
	bool counting, stopping;
	int64_t now_us;

	/* Of the queue that is gone through. */
	bool queue_waits, queue_paused;
	struct said *queue_error;
	const char *job; /* the last one met, and whether it is paused */
	bool job_paused;
};

void candidates_go(struct candidates *c);
/* No more of them: only the last chunk() comes. */
void candidates_stop(struct candidates *c);
/*
 * Envelopes are not looked at any more; the last chunk() comes when it is
 * `counted` how many fit by what the scheduler knows.
 */
void candidates_count(struct candidates *c);
void candidates_fini(struct candidates *c);

#endif
