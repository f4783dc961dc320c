/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_socket - who listens, where set-up leads a host MTA to or where the
 * host is to listen.  Blocks, by the clock; one thread.
 */

#ifndef ADMIN_SETUP_SOCKET_H
#define ADMIN_SETUP_SOCKET_H

#include <stdbool.h>

#include "lib/err.h"

/* Connects to a unix path or ADDRESS:PORT; greeting: waits for its "220". */
int setup_ask_socket(const char *where, bool greeting, struct err *e);

typedef bool setup_lives_fn(const void *ctx);

/*
 * Until it greets there, for wait_ms in all: also where somebody accepts and
 * says nothing.  where NULL: one look at whether it lives.
 */
int setup_await_socket(const char *where, int wait_ms, setup_lives_fn *lives,
    const void *ctx, struct err *e);

/* Can "127.0.0.1:10028" be had? */
int setup_address_is_free(const char *where, struct err *e);

#endif
