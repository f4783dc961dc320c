/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingress_senders - may this client send as that sender (vmta/sender_rules.h),
 * and so much (vmta/rate_in.h)?
 *
 * Of a submission by SMTP the envelope is judged at MAIL, the header at the end
 * of data; a message counts at MAIL, a recipient at RCPT.  What the host MTA hands
 * over may carry a mark, which says that the milter has judged and counted it:
 * who knows that only at the end of data, judges all of it there
 * (vmta/policy.h), and counts it if the host has named its client.  So it is with
 * what comes by the host MTA's own listener.
 *
 * On the session's worker; the counts are all workers'.
 */

#ifndef TRANSPORT_INGRESS_SENDERS_H
#define TRANSPORT_INGRESS_SENDERS_H

#include <stdbool.h>

#include "lib/count.h"
#include "lib/shared.h"
#include "vmta/sender_rules.h"

struct ingress_session;
struct rate_in;

/* Of the process; made by main before there are workers, who share it. */
struct sender_counts {
	struct count denied;   /* messages, by rules about senders */
	struct count limited;  /* commands and messages, by rates */
	struct shared *shared; /* of rates, which is theirs: */
	struct rate_in *rates;
};

struct sender_counts *sender_counts_new(void);
void sender_counts_free(struct sender_counts **cp);

/* At MAIL; false: the reply is given. */
bool ingress_sender_may(struct ingress_session *s, const char *sender);

/* At RCPT; likewise. */
bool ingress_rcpt_may(struct ingress_session *s);

/*
 * A message without a mark that could have had one; NULL: it may come in, else
 * the reply, in the transaction's region.
 */
const char *ingress_message_may(struct ingress_session *s);

/*
 * The same of one that goes nowhere but back to its sender, of whom a host MTA at
 * a listener of its own has said only now as whom he has signed in.
 */
const char *ingress_bounce_may(struct ingress_session *s);

/*
 * In a mail merge: of a recipient who gets no message, by which it would be
 * judged, what was said to be his sender.  The reply likewise.
 */
const char *ingress_from_may(const struct ingress_session *s,
    const char *sender);

/* Logs and counts one that may not; user: "" is none. */
void ingress_sender_denied(const struct ingress_session *s, const char *sender,
    const char *user, enum sender_fault fault);

#endif
