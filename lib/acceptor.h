/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acceptor - takes connections from a listening socket.
 *
 * When descriptors run out the socket stays ready, and a loop would spin: it
 * rests for a tenth of a second at a time then, clients wait in the backlog,
 * and the log has one line when it begins and one when it is over.  Belongs
 * to the worker whose event base it was made with.
 */

#ifndef LIB_ACCEPTOR_H
#define LIB_ACCEPTOR_H

#include <stdbool.h>

struct acceptor;
struct event_base;

struct acceptor_options {
	const char *name; /* for the log; copied */
	bool uses_spare;  /* also takes the last descriptors (lib/files.h) */

	/* Owns fd: non-blocking, close-on-exec.  Must not free the acceptor. */
	void (*fn)(void *ctx, int fd);
	void *ctx;
};

/* Owns the listening socket fd. */
struct acceptor *acceptor_new(struct event_base *base, int fd,
    const struct acceptor_options *opt);

/* With true nobody is let in until it is called with false. */
void acceptor_pause(struct acceptor *a, bool paused);

void acceptor_free(struct acceptor **ap);

#endif
