/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_walk - a way through the queues of a scheduler and what waits in
 * them, a slice at a time: between two calls the scheduler may do anything.
 *
 * Queues come in the order in which they were made; one that comes later is
 * met at the end, one that goes is not met any more.  Within a queue nothing
 * is missed that waits there all the time, save what an earlier one pushes
 * aside in just that moment; something may be met twice.  Scheduler thread
 * only; the struct is embedded in its owner, who ends the walk.
 */

#ifndef VMTA_SCHED_WALK_H
#define VMTA_SCHED_WALK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "vmta/sched.h"
#include "vmta/vqueue.h"

struct sched_walk {
	TAILQ_ENTRY(sched_walk) link;
	struct sched *sched;
	struct sched_queue *queue; /* the last one given; NULL: it has gone */
	struct sched_queue *next;
	struct vqueue_cursor inside;
	struct vqueue_cursor freeing; /* of its deferred ones ... */
	uint64_t left;                /* ... so many at most */
	bool granted_told;
};

void sched_walk_begin(struct sched_walk *w, struct sched *s);
void sched_walk_end(struct sched_walk *w);

/* The next queue, or NULL: that was the last. */
struct sched_queue *sched_walk_next(struct sched_walk *w);

/*
 * Lets recipients of this queue that wait for their time wait their turn
 * instead, but for those on hold; looks at so many a call at most.  False:
 * those that waited when the walk came here have been freed.
 */
bool sched_walk_free_deferred(struct sched_walk *w, uint32_t max);

/*
 * Tells the recipients of this queue, those being sent first.  fn returns
 * false to be asked again for the rest.  True: that were all.
 */
typedef bool sched_rcpt_fn(void *ctx, const struct sched_rcpt_info *info);
bool sched_walk_rcpts(struct sched_walk *w, sched_rcpt_fn *fn, void *ctx);

/*
 * Likewise without those being sent; who waits for his time, or is on hold, and
 * is wanted, waits his turn instead.  Looks at about max a call.  True: that
 * were all.
 */
bool sched_walk_free(struct sched_walk *w, sched_rcpt_fn *wants, void *ctx,
    uint32_t max);

/*
 * Puts those on hold that are wanted and not being sent; those on hold are not
 * told.  Looks at about max a call.  True: that were all.
 */
bool sched_walk_hold(struct sched_walk *w, sched_rcpt_fn *wants, void *ctx,
    uint32_t max);

/*
 * Hands those to the host MTA that are wanted: they go into the queue of
 * notifications, and out at once.  Only those are told that may be: not being
 * sent, nor on hold or paused, nor before or behind their times, nor in that
 * queue already.  No age ends them there, but that their last span is over.
 * Looks at about max a call.  True: that were all.
 */
bool sched_walk_hand(struct sched_walk *w, sched_rcpt_fn *wants, void *ctx,
    uint32_t max, int64_t now_us);
bool sched_walk_is_to_host(const struct sched_walk *w);
/* May one be that is told by another walk? */
bool sched_walk_may_hand(const struct sched_walk *w,
    const struct sched_rcpt_info *info);

/* Tells those being sent alone; they do not come again. */
void sched_walk_granted(struct sched_walk *w, sched_rcpt_fn *fn, void *ctx);

/*
 * Takes those out of this queue that are wanted and not being sent; looks at
 * about max of them a call.  True: that were all.
 */
struct sched_take {
	sched_rcpt_fn *wants;
	sched_taken_fn *taken;
	void *ctx;
};
bool sched_walk_take(struct sched_walk *w, const struct sched_take *take,
    uint32_t max);

#endif
