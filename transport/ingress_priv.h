/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingress_priv - the session as its own files see it: ingress.c (life),
 * ingress_io.c (bytes), ingress_tls.c, ingress_peer.c (who the client is),
 * ingress_limits.c (how many, how often), ingress_log.c (what the log is
 * told), ingress_cmds.c (commands), ingress_mail.c (MAIL), ingress_rcpt.c (RCPT),
 * ingress_chunks.c (BDAT, DATA), ingress_host.c (the host MTA itself),
 * ingress_merge.c (mail merge), refusals.c (recipients that are never queued),
 * receive.c (a complete message), receive_merge.c (or many in one),
 * receive_make.c (as the store wants it), receive_client.c (whom it is from),
 * receive_reply.c (what is said to it).
 */

#ifndef TRANSPORT_INGRESS_PRIV_H
#define TRANSPORT_INGRESS_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/mem.h"
#include "lib/net.h"
#include "lib/reader.h"
#include "lib/str.h"
#include "mail/auth_results.h"
#include "mail/dot_unstuff.h"
#include "mail/smtp_cmd.h"
#include "transport/data_log.h"
#include "transport/gate.h"
#include "transport/ingress.h"

struct body;
struct log_client;
struct log_mail;

enum ingress_state {
#define S(name, timeout, doing, enter, input) INGRESS_##name,
#include "transport/ingress_states.def"
#undef S
	INGRESS_STATE_COUNT
};

enum {
	INGRESS_REPLY_MAX = 249, /* with CRLF: Exim reads into 256 bytes */
	INGRESS_LHLO_MAX = 239,  /* the whole answer, for the same reason */
	INGRESS_RCPTS = 10000,   /* where max-rcpt-per-message says nothing */
	INGRESS_HOST_MAX = 256
};

/* Whatever max-message-size says: a message is held in memory. */
#define INGRESS_SIZE_MAX (UINT64_C(256) << 20)

struct ingress_rcpt {
	const char *addr, *domain, *orcpt;
	uint8_t notify;
};

/* A recipient that is in a suppression list, and was told so. */
struct ingress_refused {
	struct ingress_rcpt rcpt;
	const char *text;        /* which list */
	const char *vmta, *pool; /* that it would go by; NULL: not known */
};

/* From MAIL to the end of data; strings are in the session's tx region. */
struct ingress_tx {
	bool open; /* MAIL was taken */
	bool utf8;
	bool verp;     /* a sender for each recipient */
	bool too_many; /* recipients: it fails at DATA */
	bool chunked;  /* BDAT has begun the text */
	uint8_t ret;
	const char *sender, *envid;
	struct auth_results results; /* of the checks of the client */
	bool verify;                 /* DKIM */
	size_t rcpt_count, rcpt_cap;
	size_t named; /* at the end of data: those of them who get a reply */
	struct ingress_rcpt *rcpts; /* kept from one to the next */
	/* Whose records are in no store yet. */
	size_t refused_count;
	struct ingress_refused *refused;
	/* Taken, and they bounce with the message: nobody can read them. */
	size_t unparsed_count;
	struct ingress_rcpt *unparsed;
	const struct suppress_set *lists; /* for RCPT; NULL: not asked yet */
	const char *job, *user;           /* since the end of data, or NULL */
	const char *host_user;            /* likewise: who signed in there */
	size_t host_added;                /* octets of its own in the text */
	const char *late; /* the first error that was not said; or NULL */
	struct ingress_merge *merge;      /* XMRG began it; or NULL */
	size_t copies;                    /* of it, for whom nobody named */
	const struct policy_given *given; /* or NULL */
	/* Own replies at the end of data, of all that were named; or NULL. */
	const char **told;
	size_t told_count;

	/* The text: */
	struct dot_unstuff dot;
	struct buf text;
	uint64_t seen; /* bytes of it, kept or not */
	bool too_big;
};

struct ingress_auth;
struct ingress_merge;
struct keys_ask;
struct letter;
struct letter_work;
struct merge_run; /* receive_merge.c */
struct policy_given;
struct tls_stream;
struct receipt;  /* a message that the store has now; receive.c */
struct refusals; /* records that the store has now; refusals.c */
struct suppress_set;
struct vet;

/* One BDAT. */
struct ingress_chunk {
	uint64_t len, left;
	bool last;
	const char *refusal; /* NULL: it is taken */
};

/* The client, or the one for whom it speaks. */
struct ingress_peer {
	struct net_addr addr;  /* loopback for a unix socket */
	struct net_addr local; /* to which it connected; family 0: ask */
	bool is_unix;
	bool told;                   /* by PROXY or XCLIENT */
	char name[INGRESS_HOST_MAX]; /* by XCLIENT, or "" */
	char helo[INGRESS_HOST_MAX]; /* likewise */
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): by matter */
struct ingress_session {
	LIST_ENTRY(ingress_session) link;
	struct worker_env *env;
	struct ingress_door *door;
	struct snapshot *conf; /* from birth to death */
	struct ingress_peer peer;
	const char *listener_source; /* a <source> by name, or NULL */
	struct source_conf source;
	char *user;        /* as whom it has signed in, or NULL */
	bool local;        /* this host's own */
	bool by_host;      /* the listener is for its MTA alone */
	bool by_exim;      /* likewise, and that is an Exim */
	bool xforward_ok;  /* XFORWARD is believed */
	bool xclient_ok;   /* so is XCLIENT */
	bool login_ok;     /* and its LOGIN */
	bool xclient_open; /* the last command was one */
	bool xclient_over; /* no more of them */
	bool relay;        /* any recipient's domain */
	bool no_acks;      /* XACK OFF */
	struct crowd_place place;
	bool outside; /* waits for a place */
	bool waiting; /* the ticket is the gate's */
	bool hushed;  /* this command gets no reply */
	char host[INGRESS_HOST_MAX];

	enum ingress_state state;
	struct reader in;
	struct bufferevent *bev; /* for output that has to wait */
	struct event *timer;
	int64_t deadline_us;    /* on the engine's clock; 0: none */
	int64_t timer_us;       /* when the timer fires */
	struct buf out;         /* replies of this event, not yet written */
	struct tls_stream *tls; /* NULL: none; then these are in use: */
	struct buf wire;        /* to be written as it is */
	struct buf clear;       /* what came, from clear_taken on */
	size_t clear_taken;
	bool eof;         /* the client will send no more */
	int64_t heard_us; /* when it last sent something */
	bool served;      /* its last word was a message, now answered */

	struct region *cmd_rg; /* one command */
	struct region *tx_rg;  /* one transaction, XFORWARD included */
	struct smtp_line line;
	unsigned errors, refused_rcpts;
	unsigned idle_commands; /* that led to nothing, since message_us: */
	int64_t message_us;     /* its last message was taken; or it began */
	uint64_t serial;        /* of the worker; for the log, and so are: */
	int64_t began_us;
	struct data_log data_log;
	unsigned commands, messages; /* that came; that were taken */
	bool logged;                 /* that it is there */
	bool said_4xx;               /* in this event */
	char helo[INGRESS_HOST_MAX]; /* "" before EHLO, HELO, LHLO */
	bool extended;               /* EHLO or LHLO */
	unsigned xforwards;          /* in this transaction */
	struct smtp_xforward xforward;
	struct ingress_tx tx;
	struct ingress_auth *auth; /* an AUTH command that is not over */
	unsigned auth_failures;
	const char *cert_trouble; /* of the one it has shown, or NULL */
	struct ingress_chunk chunk;
	struct vet *vet;       /* a client of whom DNS is asked, in VET */
	struct keys_ask *keys; /* a message that waits for DNS, in KEYS */
	struct letter_work *letter;
	struct receipt *receipt; /* a message that is the store's, or to be */
	struct merge_run *merge_run; /* a merge that is complete */
	struct refusals *refusals;
	struct gate_ticket ticket;
};

/* ---- ingress.c ----------------------------------------------------------- */

/* As ingress_start(), with a given peer. */
struct ingress_session *ingress_session_new(struct worker_env *env, int fd,
    struct ingress_door *door, const struct ingress_peer *peer);

/* ---- ingress_io.c -------------------------------------------------------- */

void ingress_io_fini(struct ingress_session *s);

/* What the client has said, in one piece; good until more comes. */
struct slice ingress_input(struct ingress_session *s);
void ingress_take(struct ingress_session *s, size_t len);

/* The next line, in s->line. */
enum smtp_line_result ingress_read_line(struct ingress_session *s);

/* Of what was taken nothing stays in memory. */
void ingress_wipe(struct ingress_session *s);

/* What came and is still TLS's goes through it; false: there is nothing. */
bool ingress_decrypt(struct ingress_session *s);

/* Writes what was said; false: the client is gone. */
bool ingress_flush(struct ingress_session *s);
bool ingress_output_is_empty(const struct ingress_session *s);
bool ingress_output_is_full(const struct ingress_session *s);

/* One reply line without its CRLF; cut to what every client can read. */
void ingress_reply(struct ingress_session *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The same for a fixed text, which is short enough. */
void ingress_say(struct ingress_session *s, const char *text);

/* ---- ingress.c, life ----------------------------------------------------- */

/* Ends the transaction: MAIL may come next. */
void ingress_tx_reset(struct ingress_session *s);

/*
 * The same, in whatever way the client ends it; the state to be in: who was
 * refused may have to be made durable first.
 */
enum ingress_state ingress_tx_end(struct ingress_session *s);

/* The receipt is back and its replies are given: go on with what came. */
void ingress_committed(struct ingress_session *s);

/*
 * Is there room?  If not, a host MTA waits for it: ROOM_LATER, and the ticket
 * comes back to done(); others are sent away.  bytes: what is held meanwhile.
 */
enum ingress_room { ROOM_NONE, ROOM_NOW, ROOM_LATER };
enum ingress_room ingress_room(struct ingress_session *s, enum gate_stage stage,
    size_t bytes, void (*done)(struct gate_ticket *t));

/* Whether or not there is room, as far as we know; false: sent away. */
bool ingress_wait(struct ingress_session *s, enum gate_stage stage,
    size_t bytes, void (*done)(struct gate_ticket *t));

/* First thing in done(): the session, which may be closed. */
struct ingress_session *ingress_of_ticket(struct gate_ticket *t);

/* From VET or KEYS, or between WAIT and COMMIT. */
void ingress_held(struct ingress_session *s, enum ingress_state state);

/* From CHECK or REFUSE; of a closed session it is the end. */
void ingress_go_on(struct ingress_session *s, enum ingress_state next);

/* The reply is given: on with the next command. */
void ingress_resume(struct ingress_session *s);

/* What the table of states says. */
unsigned ingress_state_timeout_s(enum ingress_state state);

/* ---- ingress_peer.c ------------------------------------------------------ */

/* The client is there: its greeting, or its refusal, or PROXY comes first. */
enum ingress_state ingress_begin(struct ingress_session *s);
enum ingress_state ingress_greet(struct ingress_session *s);
bool ingress_on_proxy(struct ingress_session *s, enum ingress_state *next_r);

/* XCLIENT was believed (xclient_ok), and no transaction is open. */
enum ingress_state ingress_xclient(struct ingress_session *s,
    const struct smtp_xclient *x);
/* Another command comes. */
void ingress_end_xclient(struct ingress_session *s);

/* What the client may, by address and user. */
void ingress_set_rights(struct ingress_session *s);
/* As whom it has signed in; NULL or "": it has not. */
void ingress_set_user(struct ingress_session *s, const char *user);
/* ---- ingress_tls.c ------------------------------------------------------- */

bool ingress_offers_tls(const struct ingress_session *s);

/* All that is said from now on goes through TLS; false: logged. */
bool ingress_tls_begin(struct ingress_session *s);

enum ingress_state ingress_starttls(struct ingress_session *s);
bool ingress_on_tls(struct ingress_session *s, enum ingress_state *next_r);

/* ---- ingress_log.c ------------------------------------------------------- */

/* log-connections: the client is known; all is over. */
void ingress_log_opened(struct ingress_session *s);
void ingress_log_closed(const struct ingress_session *s);

/* log-commands: that in s->line, which is counted in any case. */
void ingress_log_command(struct ingress_session *s, const struct smtp_cmd *c);
/* A response to AUTH, of which nothing is told. */
void ingress_log_response(const struct ingress_session *s);
/* log-data: of a message that is being taken; it is over, or was given up. */
void ingress_log_data(struct ingress_session *s, struct slice bytes);
void ingress_log_data_end(struct ingress_session *s);
/* What stands in s->out from there on, in whole lines. */
void ingress_log_replies(const struct ingress_session *s, size_t from);

/* ---- ingress_auth.c ------------------------------------------------------ */

/* A line of the answer to EHLO, if there is anything to offer. */
void ingress_offer_auth(struct ingress_session *s);

/* p NULL: no initial response. */
enum ingress_state ingress_auth_begin(struct ingress_session *s,
    struct slice mech, struct slice initial);
bool ingress_on_response(struct ingress_session *s, enum ingress_state *next_r);

/* The line has a secret: neither it nor what it was made of stays. */
void ingress_wipe_line(struct ingress_session *s);

/* The session ends; false: not yet, and ingress_go_on() will be called. */
bool ingress_auth_stop(struct ingress_session *s);

/* ---- ingress_cmds.c ------------------------------------------------------ */

/* A mistake of the client gets that reply; after too many of them, the end. */
enum ingress_state ingress_bad(struct ingress_session *s, const char *reply);

/*
 * Take one unit of input; next_r is the state then.  False: there is not
 * enough of it yet.
 */
bool ingress_on_command(struct ingress_session *s, enum ingress_state *next_r);
bool ingress_on_data(struct ingress_session *s, enum ingress_state *next_r);

/* As ingress_bad(), of a recipient. */
enum ingress_state ingress_refuse_rcpt(struct ingress_session *s,
    const char *reply);

/* With domain-suffix behind a domain without a dot; as it is, where not. */
const struct addr *ingress_qualified(struct ingress_session *s,
    const struct addr *a);

/* What max-message-size allows, and memory. */
uint64_t ingress_size_max(const struct ingress_session *s);

/* ---- ingress_host.c ------------------------------------------------------ */

/*
 * As whom the client has signed in, here or, at the end of data, to the host
 * MTA; NULL: it has not.
 */
const char *ingress_user(const struct ingress_session *s);

/*
 * The text is complete: as whom the host MTA says that its client has signed
 * in, and by Exim who that is.  NULL: taken; else why it is refused, as a reply;
 * trouble_r: what is wrong on this host, for its log, or NULL.
 */
const char *ingress_host_sign_in(struct ingress_session *s,
    const char **trouble_r);

/*
 * What the <source> of that user, or of the client that was named, does not let
 * pass: nobody knew of it before.  NULL: nothing; else a reply.
 */
const char *ingress_host_excess(const struct ingress_session *s,
    const struct source_conf *conf);

/*
 * The domain by which a recipient is queued: his own, or that of the way back
 * to the host MTA.  NULL: there is no such way.
 */
const char *ingress_host_way(const struct ingress_session *s,
    const char *domain);

/* ---- ingress_mail.c ------------------------------------------------------ */

/* The transaction is open and its sender may be there: the state to be in. */
enum ingress_state ingress_mail(struct ingress_session *s);
void ingress_mail_forget(struct ingress_session *s);

/* ---- ingress_rcpt.c ------------------------------------------------------ */

enum ingress_state ingress_take_rcpt(struct ingress_session *s,
    const struct smtp_cmd *given);

/* May it name somebody whose address cannot be read? */
bool ingress_takes_unparsed(const struct ingress_session *s);

/* Has anybody been taken as a recipient? */
bool ingress_has_rcpts(const struct ingress_session *s);

/* Recipients of the source's bcc, behind those that the client named. */
void ingress_add_bcc(struct ingress_session *s, const struct conf_strs *bcc);

/* ---- ingress_chunks.c ---------------------------------------------------- */

/* A chunk of so many bytes comes, whatever is answered to it. */
enum ingress_state ingress_bdat(struct ingress_session *s, uint64_t len,
    bool last);
bool ingress_on_chunk(struct ingress_session *s, enum ingress_state *next_r);

/* ---- receive_client.c ---------------------------------------------------- */

/* Wall clock: now, or when it came first, if we gave it back to the host. */
int64_t receive_arrival(const struct ingress_session *s,
    const struct letter *l);

/* That the host MTA named, else our peer, if it has an address. */
struct net_addr receive_client_addr(const struct ingress_session *s);

/* As a Received field has it: "ESMTPSA". */
const char *receive_protocol(struct ingress_session *s);

/* The client is the host MTA, by LMTP. */
bool receive_is_host(const struct ingress_session *s);

/* No MTA had the message before us. */
bool receive_is_submission(const struct ingress_session *s);

/* What its <source> says, where that is not all; NULL: it is. */
const struct source_conf *receive_settings(struct ingress_session *s,
    const struct source_conf *conf);

/* By a host MTA? */
bool receive_is_relayed(const struct ingress_session *s);

/*
 * Who it is from, for a log that looks like the host MTA's, but for the
 * Message-ID.  False: the host MTA had the message in its queue, and lines of
 * its own about that.
 */
bool receive_log_client(struct ingress_session *s, const char *host_id,
    struct log_client *c_r);

/* The Message-ID of a submission, where lines of a host MTA tell it; or "". */
const char *receive_message_id(struct ingress_session *s, const char *host_id,
    const struct body *body);

/* That it came, as the host MTA would tell it. */
void receive_put_lines(struct ingress_session *s, const struct log_mail *m,
    const char *message_id);

/* trace-dkim-check: what was found. */
void receive_log_verdicts(const struct ingress_session *s,
    const struct auth_results *verdicts);

/* ---- receive_reply.c ----------------------------------------------------- */

/* The same to all; text begins with code and enhanced status. */
void receive_reply(struct ingress_session *s, const char *text);

/* id 0: the store knew all of it and made no new message. */
void receive_reply_queued(struct ingress_session *s, uint64_t id);

/* ---- receive.c ----------------------------------------------------------- */

/* The text is complete: to the store, or refused with all replies given. */
enum ingress_state receive_message(struct ingress_session *s);

/* The client that the host MTA named by XFORWARD; family 0: none. */
struct net_addr ingress_named_client(const struct ingress_session *s);

/*
 * Whom policy judges: the client that the host MTA named, else our peer, which
 * by a unix socket is this host.
 */
struct net_addr ingress_policy_client(const struct ingress_session *s);

/* Is it anybody in particular?  By a unix socket only whom the host MTA names. */
bool ingress_client_is_known(const struct ingress_session *s);
/* ENVELOPE_NO_DSN and ENVELOPE_RET_FULL, as its <source> has it. */
int receive_notice_flags(const struct ingress_session *s);

/* "name (address)" of the client, for records. */
const char *receive_peer_name(struct ingress_session *s);

/*
 * The <source> of whoever sent the mail first; user: who signed in to the host
 * MTA, NULL: who did here, unless the host MTA names another client.
 */
void receive_source(const struct ingress_session *s, const char *user,
    struct source_conf *conf_r);

/* trouble: ours, or NULL. */
void receive_log_refused(const struct ingress_session *s, const char *why,
    const char *trouble);
/* Says so as well. */
enum ingress_state receive_refuse(struct ingress_session *s, const char *why,
    const char *trouble);

/* The client has gone while keys were asked for: nothing was promised. */
void receive_forget(struct ingress_session *s);

#endif
