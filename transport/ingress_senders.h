/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingress_senders - may this client send as that sender (vmta/sender_rules.h)?
 *
 * Of a submission by SMTP the envelope is judged at MAIL, the header at the end
 * of data.  What the host MTA hands over may carry a mark, which says that the
 * milter has judged it: who knows that only at the end of data, judges all of it
 * there (vmta/policy.h).
 *
 * On the session's worker; the counts are all workers'.
 */

#ifndef TRANSPORT_INGRESS_SENDERS_H
#define TRANSPORT_INGRESS_SENDERS_H

#include <stdbool.h>

#include "lib/count.h"
#include "vmta/sender_rules.h"

struct ingress_session;

/* Of the process; made by main before there are workers, who share it. */
struct sender_counts {
	struct count denied; /* messages, by rules about senders */
};

struct sender_counts *sender_counts_new(void);
void sender_counts_free(struct sender_counts **sp);

/* At MAIL; false: the reply is given. */
bool ingress_sender_may(struct ingress_session *s, const char *sender);

/* Logs and counts one that may not; user: "" is none. */
void ingress_sender_denied(const struct ingress_session *s, const char *sender,
    const char *user, enum sender_fault fault);

#endif
