/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_msg - the client of one session of the host MTA, and the message under
 * way in it.
 *
 * Owned by the session, on its thread; the session sees to it that the calls
 * come in their order.  What belongs to the message is in a region that goes
 * with it, as does its reference of the configuration, taken at MAIL.
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

#include <stddef.h>
#include <stdint.h>

#include "lib/net.h"
#include "mail/dkim_answers.h"
#include "milter/milter_env.h"
#include "milter/milter_talk.h"

struct milter_msg;

/* talk outlives it. */
struct milter_msg *milter_msg_new(struct milter_env *env,
    struct milter_talk *talk);
void milter_msg_free(struct milter_msg **mp);

/*
 * Which of the steps that need no reply may get one all the same: as
 * MILTER_NR_... bits, for what is configured now.
 */
uint32_t milter_msg_replies(struct milter_env *env);

/* The answer to a step that may need none: its MILTER_NR_... bit. */
enum milter_answer milter_msg_reply(const struct milter_msg *m, uint32_t step);

/* family 0: not by network. */
void milter_msg_connect(struct milter_msg *m, const struct net_addr *client);

/* A message begins; one that was under way is over. */
enum milter_answer milter_msg_mail(struct milter_msg *m, const char *sender);

/* Of the message: */
enum milter_answer milter_msg_rcpt(struct milter_msg *m, const char *rcpt);
void milter_msg_header(struct milter_msg *m, const char *name,
    const char *value);
void milter_msg_body(struct milter_msg *m, const void *p, size_t len);

/*
 * Decides, asks for the changes, logs.  MILTER_LATER: DNS is to be asked first
 * for what milter_msg_wanted() names, and milter_msg_answered() has the answer.
 */
enum milter_answer milter_msg_end(struct milter_msg *m);
struct dkim_answers *milter_msg_wanted(struct milter_msg *m);
enum milter_answer milter_msg_answered(struct milter_msg *m);

/* The message is over, and all that is its; talk's reply, too. */
void milter_msg_abort(struct milter_msg *m);

#endif
