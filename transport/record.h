/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record - the accounting record and the log line of one recipient's outcome.
 *
 * Used where outcomes become final: by deliveries on workers and by the
 * dispatcher's sweeps.  No state; any thread.
 */

#ifndef TRANSPORT_RECORD_H
#define TRANSPORT_RECORD_H

#include <stdint.h>

#include "lib/mem.h"
#include "lib/str.h"
#include "mail/envelope.h"
#include "mail/outcome.h"
#include "transport/disposition.h"

struct record_of {
	struct region *rg; /* for the call */
	uint64_t id;
	const struct envelope *env;
	uint32_t n; /* recipient number */
	const char *queue, *vmta;
	const struct outcome *outcome;
	const struct disposition *disposition;
};

/* Appends the packed record (mail/acct_record.h). */
void record_pack(const struct record_of *r, struct buf *out);

/* "expired", for the log. */
const char *record_word(enum disposition_what what);

/* The `attempt` line. */
void record_log(const struct record_of *r);

#endif
