/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker - a thread with an event base and a mailbox.
 *
 * Each mutable object belongs to one worker; others send it a struct post.
 * worker_post() moves ownership of the post and of what it carries; the post
 * is embedded in the carrying object, so posting allocates nothing.  Posts
 * from one thread arrive in order.  Many posts cost one wake-up.
 *
 * worker_on_round(): one function called after each round of posts.  The store
 * commits there: what was posted while it slept in fdatasync is its next batch.
 *
 * worker_gather(): w wakes others when it has served all events that were ready,
 * or after some posts to one: they find more at once, and sleep less often in
 * between.  For those whose events take little time.  Said before w runs.
 * worker_wake_others() is for what comes last before something that takes long.
 *
 * worker_defer() calls fn on this worker when no other callback is on the
 * stack: the place where finished objects are freed.
 */

#ifndef LIB_WORKER_H
#define LIB_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "lib/err.h"

struct event_base;
struct worker;

struct post {
	STAILQ_ENTRY(post) link;
	void (*fn)(struct post *p); /* runs on the worker; owns p */
};

STAILQ_HEAD(post_list, post);

typedef void worker_fn(void *arg);

struct worker *worker_new(const char *name, struct err *e);
void worker_free(struct worker **wp); /* stopped and joined only */

/* The calling thread becomes the worker (main), until worker_stop(). */
void worker_run(struct worker *w);

/* A new thread becomes the worker; it gets no signals (lib/signals.h). */
int worker_start(struct worker *w, struct err *e);

/* After each round of posts, on the worker; for work batched by round. */
void worker_on_round(struct worker *w, worker_fn *fn, void *arg);

void worker_gather(struct worker *w);
void worker_wake_others(void);

void worker_stop(struct worker *w); /* any thread */
void worker_join(struct worker *w);

struct event_base *worker_base(struct worker *w);
bool worker_is_self(const struct worker *w);

void worker_post(struct worker *w, struct post *p);           /* any thread */
void worker_post_list(struct worker *w, struct post_list *l); /* empties l */
void worker_defer(struct worker *w, worker_fn *fn, void *arg);

#define post_owner(p, type, field) \
	((type *)(void *)((char *)(p)-offsetof(type, field)))

#endif
