/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_msg_priv - what the files of milter_msg share: milter_msg.c has the
 * envelope and what is gathered, milter_end.c the end.
 */

#ifndef MILTER_MILTER_MSG_PRIV_H
#define MILTER_MILTER_MSG_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/mem.h"
#include "lib/net.h"
#include "mail/header.h"
#include "mail/line_fold.h"
#include "milter/milter_conf.h"
#include "milter/milter_msg.h"
#include "vmta/policy.h"

/*
 * More than this in header fields is kept by no one.  Such a message is refused:
 * who let it go on would let it past the rules of who has signed in, of whom
 * the transport does not hear without a mark.
 */
#define HEADERS_MAX ((size_t)32 << 20)

/*
 * What a field counts for besides its text, about as much as it takes here: very
 * many of a letter are no less of a load than one of 32 MB.
 */
#define HEADER_COST 128

struct milter_msg {
	struct milter_env *env;
	struct milter_talk *talk; /* the session's */
	struct net_addr client;
	struct net_addr local; /* it connected to that; family 0: unknown */
	bool submitted;        /* by sendmail(1) and the like, not by SMTP */

	/* The message; in the region, all gone at its end. */
	struct region *rg;
	struct milter_conf *conf; /* NULL: no message under way */
	const char *sender, *auth_user;
	enum sender_fault fault; /* of MAIL */
	const char *late; /* a reply to a step that takes none, or NULL */
	const char **rcpts;
	size_t rcpt_count, rcpt_cap;
	size_t others; /* recipients that do not go through the transport */
	struct header_list headers;
	size_t header_len; /* with HEADER_COST each */
	struct canon_body *body;
	struct line_fold fold; /* of the body's lines */
	struct sealing_run
	    *arc; /* NULL: not begun, or there is nothing to do */
	bool arc_begun;

	/* Its end, while DNS is asked: */
	struct dkim_answers *answers;
	struct policy_out out;
	const char *queue_id;
};

/* What policy may know of it. */
void milter_msg_policy_in(const struct milter_msg *m, struct policy_in *in);

/* The header is whole, and ARC can be begun, if that is wanted. */
void milter_msg_begin_arc(struct milter_msg *m);

/* By talk's reply, of the message's region or for ever. */
enum milter_answer milter_msg_refuse(struct milter_msg *m, const char *reply);
enum milter_answer milter_msg_deny(struct milter_msg *m,
    enum sender_fault fault);

#endif
