/* SPDX-License-Identifier: Apache-2.0 */
/*
 * book_ask - a pure check that needs DNS, run on a worker: what it wants to know
 * is asked of the worker's resolver, and it is run again, until it wants no more
 * or the time is over.  Then the rest is trouble, and it has to end.
 *
 * Worker thread.  The book is the caller's, who keeps it until the end.
 */

#ifndef TRANSPORT_BOOK_ASK_H
#define TRANSPORT_BOOK_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "mail/dns_book.h"
#include "transport/worker_env.h"

struct book_ask;

struct book_ask_in {
	const struct worker_env *env;
	struct dns_book *book;
	int64_t timeout_us;
	bool (*check)(void *arg); /* false: the book wants answers */
	/* Once; the struct book_ask is gone then. */
	void (*fn)(void *arg);
	void *arg;
};

/* Neither check nor fn is called from here. */
struct book_ask *book_ask_new(const struct book_ask_in *in);
void book_ask_cancel(struct book_ask **ap); /* fn will not be called */

#endif
