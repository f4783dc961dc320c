/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusals - recipients that an ingress session refuses because a suppression
 * list has them, and what is kept of that.
 *
 * At RCPT the lists of the top level and of <source> are asked.  At the end of
 * data those of virtual MTA, pool and job as well: LMTP has a reply for each
 * recipient then; SMTP has one for all, so there it is a refusal only when all
 * are listed, and else who is listed ends before delivery.
 *
 * Who is refused gets one `b` record, and the ledger counts him as accepted
 * and as suppressed, in the transaction of his message; where none is made, for
 * whatever reason, alone, when the session's transaction ends.  It does not
 * read on before that is durable, so that a client who repeats himself gets no
 * further than the disk.
 *
 * Part of the ingress; on the session's worker.
 */

#ifndef TRANSPORT_REFUSALS_H
#define TRANSPORT_REFUSALS_H

#include <stdbool.h>

#include "mail/envelope.h"
#include "mail/smtp_cmd.h"
#include "queue/store.h"
#include "transport/letter.h"

struct ingress_session;

/* The reply to RCPT, noted if it is final; NULL: no list has him. */
const char *refusals_rcpt(struct ingress_session *s, const struct smtp_cmd *c);

/*
 * At the end of data.  Takes who is refused out of the transaction and of l,
 * and leaves in the transaction what he is told.  Not NULL: nobody is left, and
 * this is the reply where there is one for all.
 */
const char *refusals_at_end(struct ingress_session *s, struct letter *l);

/* What <source> names, for the envelope: "a,b". */
const char *refusals_lists(struct ingress_session *s, const struct letter *l);

/* The records of all that were refused, for its transaction; NULL: nobody. */
struct refusals *refusals_pack(struct ingress_session *s,
    const struct envelope *env);
/* NULL of NULL. */
const struct store_refused *refusals_of(const struct refusals *r);
void refusals_free(struct refusals **rp);

/*
 * The transaction ends, and some were refused whose records went in with no
 * message: now they do.  True: ingress_resume() follows.
 */
bool refusals_settle(struct ingress_session *s);

#endif
