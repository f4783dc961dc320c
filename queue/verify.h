/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify - reads all of a spool and tells what is damaged: rows of the
 * database, envelopes and bodies in segments, numbers that do not add up.
 *
 * Changes nothing.  Each damage is told once, with the message that it
 * concerns as far as it can still be read, and what will become of that.
 * The spool is open (queue/offline.h); one thread.
 */

#ifndef QUEUE_VERIFY_H
#define QUEUE_VERIFY_H

#include <stdint.h>

#include "mail/envelope.h"
#include "mail/waybill.h"
#include "queue/offline.h"

/* Strings live during the call. */
struct verify_damage {
	const char *what;  /* "segment 00000001 at 4711: the body is damaged" */
	const char *after; /* what becomes of the message, or "" */
	uint64_t id;       /* 0: no message, or nobody knows which */
	const struct envelope *env;    /* NULL: it cannot be read */
	const struct waybill *waybill; /* NULL likewise; has the queues */
};

struct verify_sums {
	uint64_t messages, recipients; /* queued */
	uint64_t rows;                 /* of all tables */
	uint64_t bytes;                /* of envelopes and bodies */
	uint64_t damages;
};

struct verify_owner {
	void (*damage)(void *ctx, const struct verify_damage *d);
	/* Now and then, for people who wait. */
	void (*progress)(void *ctx, uint64_t messages);
};

/* 0 also with damages, which are counted. */
void verify(struct offline *sp, const struct verify_owner *owner, void *ctx,
    struct verify_sums *sums_r);

#endif
