/* SPDX-License-Identifier: Apache-2.0 */
/*
 * letter - a complete message at intake: from the text as it came to the
 * bytes that go out, with virtual MTA and job.  Recipients of one domain have
 * one virtual MTA, and all whom the same pool is for the same member of it;
 * those of others may have others (`vmta` in <domain>).
 *
 * A message that the milter has treated carries a mark, which is believed
 * only if its HMAC, queue id, sender and body hash are right; every other one
 * gets the full policy here.  The host's queue id comes from XFORWARD or from
 * Exim's transport, or, since Postfix sends none for mail submitted by sendmail(1), and one from before
 * a content filter that passes XFORWARD on, from the Received field that stood
 * on top when the mark was made.  The mark is always
 * taken away.  Lines that are too long for SMTP are folded before all else.  Of the
 * Received fields ours is made here, and what the host MTA has put above the mark
 * is hidden or left out here, as the source says: the milter sees neither.
 * What checks of the client and of the message have found comes on top, in place of
 * any Authentication-Results of our authserv-id, before policy sees the header.
 *
 * No I/O; worker thread.  Where ARC or DKIM needs keys, the caller asks DNS between
 * begin and end.
 */

#ifndef TRANSPORT_LETTER_H
#define TRANSPORT_LETTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/mem.h"
#include "lib/net.h"
#include "lib/str.h"
#include "mail/auth_results.h"
#include "mail/envelope.h"
#include "mail/message.h"
#include "transport/worker_env.h"
#include "vmta/policy.h"
#include "vmta/sealing_run.h"
#include "vmta/sender_rules.h"

#define LETTER_NAME_MAX 255
/* Bytes of copies of header fields: of one, of all that are kept. */
#define LETTER_COPY_MAX 1000
#define LETTER_COPIES_MAX 16384

struct letter_in {
	struct worker_env *env;
	const struct snapshot *conf;
	struct net_addr client; /* whom policy judges */
	struct net_addr local;  /* to which it connected; family 0: unknown */
	const char *source;     /* <source> of the listener, or NULL */
	const struct source_conf *settings; /* in place of it; or NULL */
	const char *auth_user;              /* who signed in here, or NULL */
	const char *sender;
	const char *const *rcpts;
	const char *const *domains; /* of each, as the queue has it */
	size_t rcpt_count;
	size_t named_count;   /* of them, without copies that we add */
	size_t hops_max;      /* Received fields that it may have */
	struct slice text;    /* CRLF lines, not dot-stuffed */
	const char *queue_id; /* that the host MTA has told us, or "" */
	bool id_in_trace;     /* it is the peer; its Received may have one */
	bool host_notice;     /* and this may be its own; policy.h */
	bool relayed;         /* so is it, and its Received field is on top */
	bool submission;      /* no host MTA had it: see vmta/header_work.h */
	const struct policy_given *given; /* or NULL */
	const char *host;                 /* our name */
	const char *from, *with;     /* for Received: "helo ([ip])", "LMTP" */
	struct auth_results results; /* of checks of the client */
	bool verify;                 /* the message's DKIM signatures, too */
	int64_t now_us;              /* wall clock */
};

/* By whom mail for a recipient goes. */
struct letter_way {
	const char *vmta; /* "" is {default}; never a pool */
	const char *pool; /* that gave it, or "" */
};

struct letter {
	const struct letter_way **ways; /* of each recipient */
	const char *job;
	const char *auth_user;    /* with us or at the host MTA, or "" */
	const char *queue_id;     /* the host MTA's, or "" */
	const char *envid;        /* that the message tells, as xtext, or "" */
	const char *unknown_vmta; /* asked for and not configured, or "" */
	struct spans spans;       /* in which it may be delivered */
	const char *dkim_note;    /* of policy; NULL: none */
	const char *from_note;    /* likewise */
	const char *sender;       /* that goes out, as far as the source says */
	enum sender_fault fault;  /* why it was refused, if by such a rule */
	const char *trouble;      /* for the log, where the answer is 451 */
	struct sealing_note seal_note;
	struct auth_results verdicts; /* of DKIM, if they were wanted */
	bool trace_verdicts;          /* they are to be logged */
	uint8_t priority;
	bool marked;   /* the milter has treated it */
	bool notice;   /* of the host MTA's own */
	bool verp;     /* its source wants a sender for each recipient */
	bool has_8bit; /* some byte of it is not ASCII */
	/* Recipients differ: it is signed when it is sent; or NULL. */
	const struct env_signing *signing;
	const uint8_t *signatures; /* then, of each: how many at intake */
	struct slice header;       /* the header block as it came, folded */
	/* Copies of the fields that accounting asks for; names are conf's. */
	const struct env_header *headers;
	uint8_t header_count;
	struct body *body; /* the caller's */
};

/* The message while it is worked on. */
struct letter_work;

/* Lives in the region, which stays until it is freed, as does in. */
struct letter_work *letter_begin(const struct letter_in *in, struct region *rg);
void letter_free(struct letter_work **wp);

/*
 * The keys whose records (TXT) somebody has to find before the end, for ARC and
 * DKIM; NULL: none.
 */
struct dkim_answers *letter_wants(const struct letter_work *w);

/* Once.  NULL: done.  Else why not, as a reply: "554 5.4.6 ...". */
const char *letter_end(struct letter_work *w, struct letter *l_r);

#endif
