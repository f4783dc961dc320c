/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign_later - signatures that are made when a message is sent, since its
 * recipients differ in how it is to be signed, and nobody could at intake; and
 * before that what is done to its header then (wishes of vmta/header_work.h).
 *
 * At intake the body's hashes are kept in the envelope, so that sending costs
 * the header and the key.  The settings are those of the queue that sends, and
 * of then: after a reload the new ones.  Where they want a signature, and there
 * was one to be made at intake, but no key for it any more, the message is not
 * sent without: it waits, and its sender's keys are looked for at each attempt.
 *
 * Pure; any thread.
 */

#ifndef TRANSPORT_SIGN_LATER_H
#define TRANSPORT_SIGN_LATER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "mail/canon.h"
#include "mail/envelope.h"
#include "mail/header.h"
#include "mail/message.h"
#include "transport/letter.h"
#include "vmta/snapshot.h"

struct sign_later_keep {
	const struct snapshot *conf;
	const struct header_list *headers;
	struct canon_body *body; /* finished */
	const char *text;        /* header_later_text() */
	const char *const *domains;
	const struct letter_way *const *ways;
	size_t rcpt_count;
};

/* counts: of each recipient, how many signatures there would be now. */
const struct env_signing *sign_later_keep(const struct sign_later_keep *in,
    struct region *rg, uint8_t *counts);

struct sign_later_in {
	const struct snapshot *conf;
	const struct queue_conf *queue; /* which it is sent from */
	const char *domain, *vmta;      /* likewise */
	const struct env_signing *signing;
	const struct body *body; /* begins with the header */
	uint8_t wanted;          /* signatures, at intake */
	int64_t now_s;           /* wall clock */
};

/*
 * What goes before the body, from its octet `skip` on: the signatures, or a new
 * header with them.
 */
struct ready_header {
	struct slice text; /* in the region */
	size_t skip;
};

/* -1: it cannot be signed now, and e says why. */
int sign_later(const struct sign_later_in *in, struct region *rg,
    struct ready_header *out, struct err *e);

#endif
