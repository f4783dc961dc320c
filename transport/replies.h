/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replies - why recipients wait for their next time: what was said to each,
 * by whom and when.
 *
 * The store keeps when a recipient is due and how often it was tried, not why;
 * accounting files do, if the configuration has them written.  Who asks while
 * it waits is told from here: the last REPLIES_MAX are kept in memory, about
 * 300 bytes each, and go with the process.
 *
 * What was said is made on a worker (any thread), and then belongs to the
 * scheduler's thread, like all the rest.
 */

#ifndef TRANSPORT_REPLIES_H
#define TRANSPORT_REPLIES_H

#include <stdint.h>

#include "lib/net.h"
#include "mail/outcome.h"

enum { REPLIES_MAX = 16384, SAID_TEXT_MAX = 500, SAID_HOST_MAX = 255 };

/* Shared by the recipients of a message that it was said to. */
struct said {
	uint32_t refs;
	int code; /* of the reply, or 0: what happened to us */
	enum outcome_kind kind;
	enum outcome_phase phase;
	int64_t wall_us;
	struct net_addr peer; /* family 0: nobody was spoken to */
	const char *host;     /* or "" */
	char text[];          /* cut after SAID_TEXT_MAX bytes */
};

struct said *said_new(const struct outcome *o); /* one reference */
struct said *said_ref(struct said *s);
void said_unref(struct said **sp);
struct said *said_copy(const struct said *s); /* for another thread */
/* What happened, without anybody who said it. */
struct said *said_plain(const char *text);

struct replies;

struct replies *replies_new(void);
void replies_free(struct replies **rp);

struct replied {
	uint64_t id;               /* of the message */
	uint32_t n;                /* recipient number */
	const char *domain, *vmta; /* of the queue it is in */
};

/* The last thing said to that recipient; takes the reference. */
void replies_keep(struct replies *r, const struct replied *to, struct said *s);
/* It has ended. */
void replies_forget(struct replies *r, uint64_t id, uint32_t n);
/* Borrowed; NULL: it is not known, or not any more. */
const struct said *replies_find(const struct replies *r, uint64_t id,
    uint32_t n);
/* Likewise: the last one to any recipient of a queue that is kept still. */
const struct said *replies_last(const struct replies *r, const char *domain,
    const char *vmta);

#endif
