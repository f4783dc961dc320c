/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared - an object that threads use in turn, each for a moment.
 *
 *	obj = shared_enter(s);	... nothing that waits, calls back or posts ...
 *	shared_leave(s);
 *
 * For what has to be exact over all threads at the instant of asking, where a
 * post to an owner and its answer would be too late.  Nothing else is entered in
 * between.
 */

#ifndef LIB_SHARED_H
#define LIB_SHARED_H

struct shared;

/* The object stays the caller's, who frees it after this. */
struct shared *shared_new(void *obj);
void shared_free(struct shared **sp);

void *shared_enter(struct shared *s);
void shared_leave(struct shared *s);

#endif
