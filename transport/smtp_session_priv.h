/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of an SMTP session, for smtp_session.c (life, events, deadline),
 * smtp_steps.c and smtp_auth.c (the states), smtp_pipe.c (commands under way), smtp_body.c
 * (sending the message) and smtp_trans.c (outcomes) only.
 */

#ifndef TRANSPORT_SMTP_SESSION_PRIV_H
#define TRANSPORT_SMTP_SESSION_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/mem.h"
#include "lib/reader.h"
#include "lib/str.h"
#include "mail/ehlo.h"
#include "mail/smtp_reply.h"
#include "transport/sasl_client.h"
#include "transport/smtp_body.h"
#include "transport/smtp_pipe.h"
#include "transport/smtp_session.h"

struct bufferevent;
struct evbuffer;
struct event;

enum smtp_state {
#define S(name_, seconds_, phase_, doing_, enter_, reply_) SMTP_##name_,
#include "transport/smtp_states.def"
#undef S
	SMTP_STATE_COUNT
};

struct smtp_step {
	const char *name, *doing;
	unsigned timeout_s;
	enum outcome_phase phase;
	/* Both return the state to be in next; the same one is to stay. */
	enum smtp_state (*enter)(struct smtp_session *s);
	enum smtp_state (
	    *reply)(struct smtp_session *s, const struct smtp_reply *r);
};

extern const struct smtp_step smtp_steps[SMTP_STATE_COUNT];

enum smtp_rcpt_fate { RCPT_OPEN, RCPT_ACCEPTED, RCPT_REFUSED };

/* The transaction under way; t is NULL when there is none. */
struct smtp_trans {
	const struct smtp_transaction *t;
	struct region *rg; /* texts of its outcomes; until the next begins */
	size_t cap;        /* of the four arrays, by recipient */
	struct outcome *outcomes;
	enum smtp_rcpt_fate *fates;
	bool *written;
	uint32_t *accepted;
	size_t accepted_count, refused_count;
	bool mail_ok, mail_refused;
	bool told_written;
	bool has_verdict;
	struct outcome verdict; /* for whoever was not refused by himself */
};

struct smtp_session {
	struct worker *worker;
	uint64_t id; /* for the log */
	const struct smtp_session_owner *owner;
	void *ctx;
	const struct queue_conf *conf;
	struct tls_client *tls;
	bool no_tls;
	struct smtp_tls_policy policy;
	struct net_addr peer, source;

	struct region *rg; /* strings as old as the session */
	const char *host, *helo;
	const char *tls_text; /* "" in clear */
	bool tls_done;
	bool tls_verified; /* its certificate was judged, and is good */
	bool signed_in;
	bool pix; /* the greeting was masked */
	struct ehlo ehlo;
	struct sasl_client *auth; /* until we are signed in; or NULL */

	struct bufferevent *bev;
	struct reader in; /* before TLS: bev only writes then */
	struct buf out;   /* not yet given to bev */
	struct reply_parser parser;
	bool write_broken; /* nothing can be sent; there may be a last reply */

	enum smtp_state state;
	enum sasl_mech mech; /* from state AUTH on */
	unsigned steps;      /* state changes in this event */
	bool in_event;
	bool kicked; /* an event of our own is under way */
	struct event *timer;
	int64_t deadline_us; /* 0: none */
	int64_t timer_us;    /* when the timer fires; 0: it is not set */

	bool told_ready; /* in this stay in READY */
	bool later;      /* enter READY's work from the loop, not the stack */
	uint32_t errors; /* recipients refused, of all transactions */
	bool want_quit, want_drop;
	bool spares_doubt; /* no drop once the server may have the message */
	bool interrupted;  /* a drop says that nobody was tried */
	bool has_why;
	struct outcome why; /* for closed() */

	const struct smtp_transaction *next;
	struct smtp_trans trans;
	struct smtp_pipe pipe;
	struct smtp_body body;
};

/* ---- smtp_session.c ------------------------------------------------------ */

/* Gives s->out to the connection.  True: nothing is waiting there. */
bool smtp_flush(struct smtp_session *s);
/* The connection's own buffer, with s->out already in it. */
struct evbuffer *smtp_output(struct smtp_session *s);
size_t smtp_waiting(const struct smtp_session *s); /* bytes not yet sent */
/* Has the server said something that we have not yet come to? */
bool smtp_has_heard(const struct smtp_session *s);
void smtp_arm(struct smtp_session *s, int64_t us); /* the one deadline */
void smtp_kick(struct smtp_session *s); /* comes back from the loop */
void smtp_watch(struct smtp_session *s, struct bufferevent *bev);
void smtp_listen(struct smtp_session *s); /* connected: replies come in clear */
void smtp_shut(struct smtp_session *s);   /* closes the connection */
void smtp_retire(struct smtp_session *s); /* to be freed from the loop */

/* ---- smtp_steps.c -------------------------------------------------------- */

/* Ends the session for this reason, whatever it was doing. */
enum smtp_state smtp_fail(struct smtp_session *s, enum outcome_kind kind,
    const char *what);
/* It never got ready, for this reason, which is not told yet. */
enum smtp_state smtp_end_for(struct smtp_session *s, const struct outcome *why,
    enum smtp_state next);
/* The final dot is with the kernel, and its reply has not come. */
bool smtp_is_in_doubt(const struct smtp_session *s);

/* What smtp_session_drop() asked for. */
enum smtp_state smtp_drop(struct smtp_session *s);
enum smtp_state smtp_connected(struct smtp_session *s);
enum smtp_state smtp_drained(struct smtp_session *s);
enum smtp_state smtp_idle(struct smtp_session *s);

/* ---- smtp_auth.c --------------------------------------------------------- */

/* Where a session goes that is else ready: it may have to sign in. */
enum smtp_state smtp_sign_in(struct smtp_session *s);
enum smtp_state smtp_enter_auth(struct smtp_session *s);
enum smtp_state smtp_on_auth(struct smtp_session *s,
    const struct smtp_reply *r);
bool smtp_may_send(const struct smtp_session *s); /* it is signed in, if so */

/* ---- smtp_trans.c -------------------------------------------------------- */

struct outcome smtp_outcome(const struct smtp_session *s,
    enum outcome_kind kind, enum outcome_phase phase, const char *text);
struct outcome smtp_outcome_reply(const struct smtp_session *s,
    const struct smtp_reply *r, struct region *rg);
struct outcome smtp_outcome_local(const struct smtp_session *s,
    enum outcome_phase phase, int code, const uint8_t dsn[3], const char *text);

/* Fit for "<...>" in a command: no control bytes, no angle brackets. */
bool smtp_address_is_safe(const char *addr);

void smtp_trans_begin(struct smtp_session *s); /* takes s->next */
void smtp_trans_accept(struct smtp_session *s, size_t i);
void smtp_trans_refuse(struct smtp_session *s, size_t i,
    const struct outcome *o);
/* For all that are not refused by themselves; the first one counts. */
void smtp_trans_verdict(struct smtp_session *s, const struct outcome *o);
/* Tells the owner; there is no transaction any more. */
void smtp_trans_finish(struct smtp_session *s);
void smtp_trans_fini(struct smtp_trans *tr);

/* ---- smtp_tls.c ---------------------------------------------------------- */

/* Before the handshake: what may be spoken. */
int smtp_tls_prepare(const struct smtp_session *s, struct bufferevent *tls,
    struct err *e);
/* After it, before anything is said: is the certificate good enough? */
bool smtp_tls_judge(struct smtp_session *s, struct err *why);
/* TLS is there, or did not come about: trouble.  With log-tls only. */
void smtp_log_tls(const struct smtp_session *s, const char *trouble);

#endif
