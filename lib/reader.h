/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader - what comes on a stream socket, in pieces as they came.
 *
 * One recv(2) for all that there is, into memory that a thread's readers share;
 * only what its owner leaves is copied.  A bufferevent asks the kernel first how
 * much there is, and reads 4 KB at a time: for sessions of short lines and
 * messages of some KB that is half of their system calls.  Writing is not its
 * business, and the socket is the owner's.
 *
 * One thread's; not freed or stopped for good within its own callbacks, but by
 * reader_stop(), after which nothing is told any more.
 */

#ifndef LIB_READER_H
#define LIB_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/str.h"

struct event;
struct event_base;

struct reader_owner {
	void (*input)(void *ctx); /* there is more */
	/* The last that is told: code is 0 at the end, else an errno. */
	void (*end)(void *ctx, int code);
};

struct reader {
	struct event *ev; /* NULL: not started, or stopped */
	const struct reader_owner *owner;
	void *ctx;
	size_t max;         /* that may wait here */
	bool ended, paused; /* nothing is read */
	bool watched;       /* the event is there */
	struct slice fresh; /* while input() runs: what has just come */
	size_t came;        /* so many bytes, last */
	struct buf kept;    /* what was left of earlier pieces */
	size_t taken;       /* of it */
};

/* Zero-initialised is stopped. */
void reader_start(struct reader *r, struct event_base *base, int fd, size_t max,
    const struct reader_owner *owner, void *ctx);

/* What waits is forgotten. */
void reader_stop(struct reader *r);

static inline bool
reader_is_on(const struct reader *r)
{
	return r->ev != NULL;
}

/* All that waits, in one place; good until more comes or is taken. */
struct slice reader_input(const struct reader *r);
void reader_take(struct reader *r, size_t len);

/* Of what was taken nothing stays in memory: it was a secret. */
void reader_wipe(struct reader *r);

/* It also pauses by itself while as much waits as may. */
void reader_pause(struct reader *r, bool pause);

#endif
