/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_msg - one session of the host MTA and the message under way in it.
 *
 * Hangs on smfi_setpriv().  libmilter calls for one session from changing
 * threads, one at a time: all state is in here, no lock is held between
 * calls.  What belongs to the message is in a region that goes with it, as
 * does its reference of the configuration, taken at MAIL.
 *
 * A sender that may not send is refused at MAIL, or at the next step with a
 * reply.  Mail of sendmail(1) is refused at its end only, whence Postfix bounces
 * it; at an earlier step it would stay where it is and come again, for ever
 * (integration.md 2.4).  A recipient in a suppression list is refused at RCPT
 * (milter_suppress.h).  Who brings more than may come in is told at MAIL and RCPT
 * to come again; programs of the host itself are not counted.  All other trouble
 * shows at the end, too, as a 451 with a
 * text of ours.
 *
 * What is hashed is what the transport will send: header and body with their
 * long lines folded (mail/line_fold.h), which is what the ingress makes of the
 * message, and Postfix's own SMTP client of mail that goes by it.  So nothing
 * has to be replaced in the host MTA's queue.  Postfix turns stray CR and LF
 * into blanks before any milter sees them (cleanup_replace_stray_cr_lf); where
 * that is switched off the ingress refuses the message.
 */

#ifndef MILTER_MILTER_MSG_H
#define MILTER_MILTER_MSG_H

#include <libmilter/mfapi.h>
#include <stddef.h>

#include "milter/milter_env.h"

struct milter_msg;

struct milter_msg *milter_msg_new(struct milter_env *env);
void milter_msg_free(struct milter_msg **mp);

/*
 * Which of the steps that need no reply may get one all the same: as SMFIP_NR_*
 * bits, for what is configured now.
 */
unsigned long milter_msg_replies(struct milter_env *env);

/* What was agreed on: SMFIP_NR_* and SMFIP_HDR_LEADSPC of it matter. */
void milter_msg_negotiated(struct milter_msg *m, unsigned long steps);

/* The answer to a step that may need none: its SMFIP_NR_* bit. */
sfsistat milter_msg_reply(const struct milter_msg *m, unsigned long step);

void milter_msg_connect(struct milter_msg *m, SMFICTX *ctx,
    const struct sockaddr *peer);
sfsistat milter_msg_mail(struct milter_msg *m, SMFICTX *ctx,
    const char *sender);
sfsistat milter_msg_rcpt(struct milter_msg *m, SMFICTX *ctx, const char *rcpt);
void milter_msg_header(struct milter_msg *m, const char *name,
    const char *value);
void milter_msg_body(struct milter_msg *m, const void *p, size_t len);

/* Decides, asks for the changes, logs; the message is over. */
sfsistat milter_msg_end(struct milter_msg *m, SMFICTX *ctx);

/* The message is over without an end: aborted, or another one starts. */
void milter_msg_abort(struct milter_msg *m);

#endif
