/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record - accounting records as events make them: of one recipient's outcome,
 * which has a log line too, of its receipt, and of a queue that begins to wait.
 *
 * Used where outcomes become final, by deliveries on workers and by the
 * dispatcher's sweeps, at intake, and by the dispatcher.  No state; any thread.
 */

#ifndef TRANSPORT_RECORD_H
#define TRANSPORT_RECORD_H

#include <stdint.h>

#include "lib/mem.h"
#include "lib/net.h"
#include "lib/str.h"
#include "mail/acct_field.h"
#include "mail/envelope.h"
#include "mail/outcome.h"
#include "transport/disposition.h"

struct record_of {
	struct region *rg; /* for the call */
	uint64_t id;
	const struct envelope *env;
	uint32_t n;       /* recipient number */
	const char *orig; /* sender_out.h; NULL: it was never sent */
	const char *queue, *vmta;
	const struct outcome *outcome;
	const struct disposition *disposition;
	int64_t first_attempt_us; /* if it is this one; else 0 */
};

/* Appends the packed record (mail/acct_record.h). */
void record_pack(const struct record_of *r, struct buf *out);

/* Of which type that is. */
enum acct_type record_type(enum disposition_what what);

/* A recipient that was accepted. */
struct record_receipt {
	struct region *rg; /* for the call */
	const struct envelope *env;
	uint32_t n;                          /* recipient number */
	struct net_addr source, destination; /* family 0: no address */
};

/* Likewise; the message has no id yet: 0 stands at ACCT_RECORD_ID_AT. */
void record_receipt_pack(const struct record_receipt *r, struct buf *out);

/* Likewise: the queue begins to wait after what happened. */
void record_queue_pack(const char *queue, const char *vmta,
    const struct outcome *o, const struct queue_conf *conf, struct buf *out);

/* "expired", for the log. */
const char *record_word(enum disposition_what what);

/* The `attempt` line of our own style. */
void record_log(const struct record_of *r);

#endif
