/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis - one connection to a Redis server: commands in a row, their answers
 * in the same order.
 *
 * The only user of hiredis, of which it takes the parser and the writer of
 * commands.  Its asynchronous connections are not used: they look names up by
 * a getaddrinfo(3) that waits, and know no time-out for answers.
 *
 * A connection that is lost stays lost: its owner frees it and makes another
 * when he likes.  Owned by the thread of its worker; redis_free() may be
 * called anywhere, also by the owner's own functions.
 */

#ifndef LIB_REDIS_H
#define LIB_REDIS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/str.h"
#include "lib/worker.h"

#define REDIS_PORT 6379

struct redis;

struct redis_options {
	const char *path; /* of a unix socket; NULL: host and port */
	const char *host;
	uint16_t port;
	const char *user;     /* NULL: the server's default one */
	const char *password; /* NULL: none is asked for */
	unsigned db;
	int64_t connect_timeout_us; /* until it is logged in */
	int64_t answer_timeout_us;  /* without an answer, while one is due */
};

struct redis_owner {
	/* Connected, logged in, the database is chosen.  Once. */
	void (*ready)(void *ctx);
	/* To the oldest command without an answer; NULL: it was done. */
	void (*answered)(void *ctx, const char *error);
	/* It cannot be used any more; nothing comes after it. */
	void (*lost)(void *ctx, const char *why);
};

/* Begins to connect.  The owner hears of nothing before this returns. */
struct redis *redis_new(struct worker *w, const struct redis_options *opt,
    const struct redis_owner *owner, void *ctx);
void redis_free(struct redis **rp);

/* After ready() and before lost().  All of it is copied. */
void redis_send(struct redis *r, const struct slice *words, size_t count);

#endif
