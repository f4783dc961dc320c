/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_session - one connection to a remote SMTP server, from greeting to
 * QUIT, any number of transactions.  RFC 5321, 2920, 3207, 3461, 4954, 6152,
 * 6531.
 *
 * It knows no scheduler, no queue and no log of attempts: transactions come
 * in by smtp_session_send(), facts go out by struct smtp_session_owner.  What
 * the server says is never an error of ours.  One worker owns it; it frees
 * itself after owner->closed(), from worker_defer().
 *
 * The owner's functions are called with nothing of the session on the stack
 * that they could break: each may call smtp_session_send() or _quit().
 */

#ifndef TRANSPORT_SMTP_SESSION_H
#define TRANSPORT_SMTP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/str.h"
#include "lib/worker.h"
#include "mail/message.h"
#include "mail/outcome.h"
#include "transport/smtp_tls.h"
#include "vmta/snapshot.h"

struct smtp_session;
struct tls_client;

struct smtp_rcpt {
	const char *addr;  /* as it goes into RCPT TO:<...> */
	const char *orcpt; /* xtext, as it came; "" none */
	uint8_t notify;
};

/* Borrowed until owner->result() for it was called. */
struct smtp_transaction {
	const char *sender;
	const char *envid; /* xtext, as it came; "" none */
	uint8_t ret;
	uint8_t flags;       /* ENVELOPE_8BIT, ENVELOPE_UTF8 */
	struct slice prefix; /* that goes before the body; may be empty */
	size_t skip;         /* of the body, which the prefix stands for */
	const struct body *body;
	size_t count;
	const struct smtp_rcpt *rcpts;
};

/* Of the message as it goes out, dots not doubled. */
uint32_t smtp_transaction_size(const struct smtp_transaction *t);

struct smtp_session_owner {
	/*
	 * Greeting, TLS, EHLO and AUTH are done, or the transaction before is: give
	 * it another one, now or later, or tell it to quit.
	 */
	void (*ready)(void *ctx);
	/* The RCPT commands have been given to the kernel. */
	void (*written)(void *ctx);
	/*
	 * The final dot is about to be written; accepted[] has the indexes of
	 * the recipients it is for.  False: do not send it (drop the
	 * connection; the outcome is OUTCOME_LOCAL_TEMP).
	 */
	bool (*dot)(void *ctx, const uint32_t *accepted, size_t count);
	/*
	 * The transaction has ended: an outcome for each recipient, in order;
	 * written[i] says whether its RCPT was written.
	 */
	void (*result)(void *ctx, const struct outcome *outcomes,
	    const bool *written, size_t count);
	/*
	 * The last call; the session is not to be touched after it.  why is
	 * NULL after our own QUIT or drop, and when the last result() has told
	 * it already; it is set when the connection ended before ready or
	 * while idle.  Phase TLS: TLS failed, and another try may ask for
	 * no_tls, unless conf needs TLS (tls_is_needed()); kind OUTCOME_NO_TLS
	 * only where it does.
	 * Kind OUTCOME_NO_AUTH: conf has a user, and he is not signed in.
	 */
	void (*closed)(void *ctx, const struct outcome *why);
};

struct smtp_session_params {
	struct worker *worker;
	uint64_t id;      /* for the log */
	int fd;           /* connecting or connected; the session closes it */
	const char *host; /* of the peer, for TLS and records */
	struct net_addr peer, source;
	const char *helo;              /* our EHLO name */
	const struct queue_conf *conf; /* outlives the session */
	struct tls_client *tls;        /* NULL: TLS is not possible */
	bool no_tls; /* do not try TLS: it failed before, and is not required */
	struct smtp_tls_policy policy; /* likewise outlives the session */
};

struct smtp_session *smtp_session_new(const struct smtp_session_params *p,
    const struct smtp_session_owner *owner, void *ctx);
void smtp_session_send(struct smtp_session *s,
    const struct smtp_transaction *t);
/* Ends it politely; while a transaction runs, after that. */
void smtp_session_quit(struct smtp_session *s);
/* Ends it now: the running transaction gets its outcomes first. */
void smtp_session_drop(struct smtp_session *s);
/*
 * The same, unless the server may have taken the message by now: then its
 * answer is waited for, and that is the end.
 */
void smtp_session_hurry(struct smtp_session *s);
/*
 * As hurry, in favour of others: that the recipients were not served is no
 * fault of theirs, so their outcome is OUTCOME_UNSENT; who was refused before
 * stays so.  Between two transactions it ends politely.
 */
void smtp_session_interrupt(struct smtp_session *s);

#endif
