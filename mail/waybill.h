/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waybill - what the queue must know of a message without opening its
 * envelope: when it came, which job it belongs to and which user handed it
 * in, and for each recipient the queue it goes to.
 *
 * It is kept in the database, where the load after a start reads a million of
 * them in a row, and travels with a new message to the scheduler; everything
 * else about the message is read from its segment when it is needed.
 * Neighbours for the same queue are one run.  Pure; any thread.
 */

#ifndef MAIL_WAYBILL_H
#define MAIL_WAYBILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "mail/envelope.h"

struct waybill_run {
	uint32_t count; /* recipients, by number in a row; not 0 */
	uint8_t priority;
	bool by_pool; /* vmta was chosen by a pool */
	const char *domain, *vmta;
};

struct waybill {
	int64_t arrival_us; /* wall clock */
	const char *job;
	const char *user; /* that authenticated, or "" */
	uint32_t room;    /* octets that are put before it at delivery */
	bool one_by_one;  /* each recipient in a transaction of its own */
	uint32_t rcpt_count, run_count;
	struct waybill_run *runs; /* their counts sum up to rcpt_count */
};

void waybill_pack(const struct envelope *env, struct buf *out);

/* Strings point into p, the array is rg's. */
int waybill_unpack(const void *p, size_t len, struct region *rg,
    struct waybill *w_r, struct err *e);

/* The first thing that is read of it; 0: that is no waybill. */
uint32_t waybill_rcpt_count(const void *p, size_t len);

/* The run of recipient n. */
const struct waybill_run *waybill_find(const struct waybill *w, uint32_t n);

#endif
