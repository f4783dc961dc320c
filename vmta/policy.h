/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - what happens to a message at intake: whether its sender may send it,
 * virtual MTA, job, priority, whom it is from when it goes out, which header
 * fields go, which come, the signatures.
 *
 * The sender is judged, and the message assigned, by what came; it is signed by
 * what goes out.
 *
 * All recipients get the same bytes here.  Where they are not to get the same
 * signatures, or wishes (header_work.h) differ, nothing is signed, if that can
 * be done later; else all get the signatures of the first recipient that wants
 * any, and what header_wish_merge() leaves of the wishes.
 *
 * The same code for the milter and for the transport's ingress.  Pure on a
 * snapshot and a given time: no I/O, no log.  Everything in the result lives
 * in the caller's region.
 */

#ifndef VMTA_POLICY_H
#define VMTA_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/mem.h"
#include "lib/net.h"
#include "mail/header.h"
#include "mail/spans.h"
#include "vmta/sender_rules.h"
#include "vmta/snapshot.h"

struct canon_body;

/* What who submits says beside the message; it counts before its header. */
struct policy_given {
	const char *vmta, *job;    /* or NULL; the job without its prefix */
	uint8_t priority;          /* or 0 */
	const struct spans *spans; /* or NULL */
};

struct policy_in {
	const struct snapshot *conf;
	struct net_addr client;
	struct net_addr local; /* it connected to that; family 0: unknown */
	const char *auth_user; /* NULL: not authenticated */
	const char *source;    /* <source> of the listener, by name, or NULL */
	const struct source_conf *settings; /* NULL: assign_source() says */
	bool again; /* no mark will be left: the transport does it again */
	bool can_sign_later; /* for recipients that do not agree */
	/* May be the host MTA's own: null sender, no client.  sender_rules.h */
	bool host_notice;
	bool sealed;     /* an ARC set will cover the header as it is then */
	bool submission; /* what a submission server does is ours to do */
	const struct policy_given *given; /* NULL: nothing */
	const char *sender;       /* without angle brackets, "" for null */
	const char *const *rcpts; /* addresses without angle brackets */
	size_t rcpt_count;
	size_t others; /* recipients that are none of ours, of the same bytes */
	const struct header_list *headers;
	struct canon_body *body; /* finished; asked only to sign */
	int64_t now_s;           /* wall clock */
};

struct policy_add {
	const char *name;  /* "DKIM-Signature" */
	const char *value; /* with CRLF folds, without the leading blank */
};

struct policy_out {
	/* Not SENDER_FINE: it is refused, and nothing else is decided. */
	enum sender_fault fault;
	/*
	 * NULL, or why not, as behind "550 ": likewise, but for what
	 * policy_assign() says.
	 */
	const char *refused;
	struct spans spans; /* in which it may be delivered */
	const char *sender; /* that goes out, as far as the source says */
	const char *vmta;   /* VMTA or pool as assigned; "" is {default} */
	bool dflt; /* nobody asked for it: assign_rcpt() has the last word */
	const char *job; /* "" is none */
	uint8_t priority;
	const char *unknown_vmta; /* asked for and not configured, or "" */
	const char *trouble;      /* NULL, or why a 4xx must be the answer */
	/*
	 * Nothing was signed: it is at delivery, by signing_find(); and
	 * wishes are granted there, if the text says so.
	 */
	bool sign_later;
	const char *later_text; /* for that: header_later_read() */
	const char *dkim_note;  /* why X-DKIM-Key was not used; NULL: it was */
	const char *from_note;  /* why From was not rewritten, likewise */
	bool *remove;           /* by index of headers */
	size_t add_count;
	struct policy_add *add; /* first one goes on top */
};

/*
 * Before there is more than MAIL: may the sender be used?  Of `in` it needs
 * conf, client, source, auth_user and sender.
 */
enum sender_fault policy_mail(const struct policy_in *in, struct region *rg);

void policy_run(const struct policy_in *in, struct region *rg,
    struct policy_out *out);

/* Virtual MTA, job, priority and spans only; nothing is to go or to come. */
void policy_assign(const struct policy_in *in, struct region *rg,
    struct policy_out *out);

#endif
