/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_log - lines as Postfix writes them: qmgr's "from=", smtp's "to=" with
 * relay, delays, dsn and status, "removed", and of our own submissions smtpd's
 * "client=" and cleanup's "message-id=".
 *
 * A message has the host's queue id in all its lines, if the host handed it
 * over.  Lines about notifications, which the host gets back and logs itself,
 * begin with another name (PF_LOG_OWN), so that nothing is counted twice.
 */

#ifndef COMPAT_POSTFIX_PF_LOG_H
#define COMPAT_POSTFIX_PF_LOG_H

#include "compat/log_style.h"

/* Also that of the service which takes them (etc/postfix-master.cf). */
#define PF_LOG_OWN "mailrace-dsn"

extern const struct log_style pf_log_style;

/* Why it was not delivered, in Postfix's words; port: that was called. */
void pf_log_reason(const struct outcome *o, uint16_t port, struct buf *out);

/* Seconds with two significant digits and at most two decimals: "0.05". */
void pf_log_delay(struct buf *out, int64_t us);

#endif
