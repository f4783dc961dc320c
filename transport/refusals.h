/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusals - recipients of an ingress session that are never queued, and what
 * is kept of them: those that a suppression list has, who are refused, and
 * those whose address nobody can read, where they are taken to be bounced
 * (accept-invalid-recipients).
 *
 * At RCPT the lists of the top level and of <source> are asked, at a listener of
 * the host MTA's own only the former.  At the end of data those of virtual MTA,
 * pool and job as well: LMTP has a reply for each recipient then; SMTP has one
 * for all, so there it is a refusal only when all are listed, and else who is
 * listed ends before delivery.
 *
 * Each gets one `b` record, and the ledger counts him as accepted and as
 * suppressed or failed, in the transaction of his message.  Of a bounce its
 * sender is told, by a message that is made in the same transaction; where all
 * recipients bounce it is the only one, and where the message is not taken
 * nobody bounces.  Who was refused at RCPT has heard it: where no message is
 * made, for whatever reason, his record is made alone, when the session's
 * transaction ends.  It does not read on before that is durable, so that a
 * client who repeats himself gets no further than the disk.
 *
 * Part of the ingress; on the session's worker.
 */

#ifndef TRANSPORT_REFUSALS_H
#define TRANSPORT_REFUSALS_H

#include <stdbool.h>

#include "mail/envelope.h"
#include "mail/message.h"
#include "mail/smtp_cmd.h"
#include "queue/store.h"
#include "transport/letter.h"
#include "transport/notice.h"
#include "transport/worker_env.h"

struct ingress_rcpt;
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

/* At RCPT: one whose address nobody can read is taken, as addr. */
void refusals_unparsed(struct ingress_session *s, const struct smtp_cmd *c,
    const char *addr);

/*
 * The records of all these, and what their sender is told, for the transaction
 * of the message; NULL: there is nobody.  In a mail merge each has the sender,
 * job and envelope id that were defined for him, and who makes its messages
 * makes the notifications too: one for each text.
 */
struct refusals *refusals_pack(struct ingress_session *s,
    const struct envelope *env, const struct body *body);
void refusals_join(struct refusals *r, struct store_accept *a);
/* It is durable: what tells of them goes its way.  id: the message's, or 0. */
void refusals_tell(struct refusals *r, struct worker_env *env, uint64_t id);
void refusals_free(struct refusals **rp);

/* The text is complete, and all bounce: COMMIT, and the reply is given then. */
void refusals_bounce(struct ingress_session *s);

/* ---- of a mail merge ----------------------------------------------------- */

/* Some whose addresses cannot be read, and what they would have got. */
struct refusals_told {
	struct region *rg; /* to work in */
	const char *sender, *envid;
	const struct body *body;
	const struct ingress_rcpt *rcpts;
	size_t count;
};

/* False: their sender does not want to be told. */
bool refusals_notice(struct ingress_session *s,
    const struct refusals_told *told, struct notice *out);

/* The text of a message that only goes back; the caller's. */
struct body *refusals_body(struct slice given, struct region *rg);

/* Moves the array in. */
void refusals_take_notices(struct refusals *r, struct notice *notices,
    size_t count);

/* As refusals_bounce(), with these; of the gate count places were taken. */
void refusals_bounce_merge(struct ingress_session *s, struct notice *notices,
    size_t count);

/*
 * The transaction ends, and some were refused whose records went in with no
 * message: now they do.  True: ingress_resume() follows.
 */
bool refusals_settle(struct ingress_session *s);

#endif
