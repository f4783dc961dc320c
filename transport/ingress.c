/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of a session and its I/O.
 *
 *	PROXY --> as from the start     a load balancer said for whom it speaks
 *	SLOT --> as from the start      there is a place, or none for too long
 *	TLS --> COMMAND                 the handshake is done
 *	COMMAND <--> COMMAND            each command
 *	COMMAND --> TLS                 STARTTLS
 *	COMMAND --> DATA                354
 *	COMMAND <--> CHUNK              BDAT; the last one goes on as DATA does
 *	DATA --> COMMAND                refused at the end of data
 *	DATA --> COMMIT --> COMMAND     handed to the store, answered
 *	COMMAND --> COMMIT --> COMMAND  the same for who was refused alone
 *	DATA --> KEYS                   ARC: DNS is asked, then as from DATA
 *	COMMAND --> VET                 MAIL: DNS is asked, then as without
 *	DATA --> MERGE                  the last part of a mail merge, likewise
 *	COMMAND --> WAIT --> COMMAND    no room yet: MAIL is answered later
 *	DATA --> WAIT --> COMMIT        the same for a message
 *	DATA --> WAIT --> COMMAND       refused: no room for too long
 *	COMMIT --> WAIT                 the disk is full
 *	TLS, COMMAND, DATA --> CLOSING  QUIT, 421, end of input, no TLS
 *	COMMAND --> AUTH, CHECK         transport/ingress_auth.c
 *	any --> CLOSED                  connection lost, all written
 *
 * In VET, KEYS, MERGE, COMMIT, SLOT, WAIT, CHECK and REFUSE nothing is read from the input buffer; up to IN_MAX bytes of what
 * a pipelining client sends wait there, the rest in the kernel.  A client
 * that does not read its replies is not read from either (OUT_MAX).
 *
 * How bytes come and go is transport/ingress_io.c's, with TLS and without.
 */
#include "transport/ingress_priv.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "transport/ingress_merge.h"
#include "transport/refusals.h"

enum {
	IN_MAX = 65536,
	TEXT_KEEP = 262144, /* buffers above this are not kept */
	RCPTS_KEEP = 4096,
	STOP_GRACE_S = 2,      /* at a stop, for a client with a message */
	STOP_LONGER_S = 8,     /* for one that talks and has none, after that */
	STOP_LOOK_US = 200000, /* at a stop the timer looks so often */
	SLOT_LOOK_US = 100000, /* and so it does for a place */
	TICK_S = 60 /* the timer looks again, in states without a deadline */
};

/* ---- doors --------------------------------------------------------------- */

struct ingress_door *
ingress_door_new(enum ingress_protocol protocol, const char *name,
    struct ingress_counts *counts)
{
	size_t len = strlen(name) + 1;
	struct ingress_door *d = mem_zalloc(sizeof(*d) + len);

	ref_init(&d->refs);
	d->protocol = protocol;
	d->counts = ingress_counts_ref(counts);
	memcpy(d->name, name, len);
	return d;
}

struct ingress_door *
ingress_door_ref(struct ingress_door *d)
{
	ref_get(&d->refs);
	return d;
}

void
ingress_door_unref(struct ingress_door **dp)
{
	struct ingress_door *d = *dp;

	*dp = NULL;
	if (d == NULL || !ref_put(&d->refs))
		return;
	ingress_counts_unref(&d->counts);
	free(d);
}

/* ---- transactions -------------------------------------------------------- */

static void
rcpts_free(struct ingress_tx *tx)
{
	free(tx->rcpts);
	tx->rcpts = NULL;
	tx->rcpt_count = tx->rcpt_cap = 0;
}

void
ingress_tx_reset(struct ingress_session *s)
{
	struct ingress_tx *tx = &s->tx;

	ingress_merge_free(&tx->merge);
	if (tx->rcpt_cap > RCPTS_KEEP)
		rcpts_free(tx);
	if (tx->text.cap > TEXT_KEEP)
		buf_fini(&tx->text);
	buf_clear(&tx->text);
	*tx = (struct ingress_tx){
		.text = tx->text,
		.rcpts = tx->rcpts,
		.rcpt_cap = tx->rcpt_cap,
	};
	s->xforward = (struct smtp_xforward){ 0 };
	s->xforwards = 0;
	region_reset(s->tx_rg);
}

enum ingress_state
ingress_tx_end(struct ingress_session *s)
{
	bool waits = refusals_settle(s);

	ingress_tx_reset(s);
	return waits ? INGRESS_COMMIT : INGRESS_COMMAND;
}

/* ---- states -------------------------------------------------------------- */

static void
session_free(struct ingress_session **sp)
{
	struct ingress_session *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	CHECK(s->state == INGRESS_CLOSED && s->receipt == NULL &&
	    s->vet == NULL && s->keys == NULL && s->merge_run == NULL &&
	    s->refusals == NULL && !s->waiting);
	ingress_log_closed(s);
	LIST_REMOVE(s, link);
	CHECK(s->env->sessions_in > 0 && s->auth == NULL);
	s->env->sessions_in--;
	ingress_leave(s);
	event_free(s->timer);
	reader_stop(&s->in);
	bufferevent_free(s->bev);
	ingress_io_fini(s);
	buf_fini(&s->tx.text);
	ingress_merge_free(&s->tx.merge);
	rcpts_free(&s->tx);
	region_free(&s->cmd_rg);
	region_free(&s->tx_rg);
	free(s->user);
	snapshot_unref(&s->conf);
	ingress_door_unref(&s->door);
	free(s);
}

/* The last step, when nothing of the session is on the stack. */
static void
collect(void *arg)
{
	struct ingress_session *s = arg;

	if (ingress_auth_stop(s))
		session_free(&s);
}

static void
enter_closed(struct ingress_session *s)
{
	reader_pause(&s->in, true);
	(void)bufferevent_disable(s->bev, EV_WRITE);
	bufferevent_setcb(s->bev, NULL, NULL, NULL, NULL);
	(void)event_del(s->timer);
	ingress_mail_forget(s);
	receive_forget(s);
	/* With store or gate at work, their answer ends it; so does a turn. */
	if (s->waiting)
		gate_cancel(s->env->gate, &s->ticket);
	else if (s->receipt == NULL && s->merge_run == NULL &&
	    s->refusals == NULL && !refusals_settle(s))
		worker_defer(s->env->worker, collect, s);
}

static void
arm(struct ingress_session *s, int64_t in_us)
{
	struct timeval tv = { .tv_sec = (time_t)(in_us / US_PER_S),
		.tv_usec = (suseconds_t)(in_us % US_PER_S) };

	s->timer_us = clock_us() + in_us;
	(void)event_add(s->timer, &tv);
}

/* Nobody tells it that there is a place. */
static void
enter_slot(struct ingress_session *s)
{
	arm(s, SLOT_LOOK_US);
}

static void
enter_closing(struct ingress_session *s)
{
	reader_pause(&s->in, true);
}

static const struct step {
	const char *name, *doing;
	unsigned timeout_s;
	void (*enter)(struct ingress_session *s);
	bool (*input)(struct ingress_session *s, enum ingress_state *next_r);
} steps[INGRESS_STATE_COUNT] = {
#define S(name_, timeout_, doing_, enter_, input_) \
	[INGRESS_##name_] = { #name_, doing_, timeout_, enter_, input_ },
#include "transport/ingress_states.def"
#undef S
};

unsigned
ingress_state_timeout_s(enum ingress_state state)
{
	return steps[state].timeout_s;
}

/*
 * The deadline counts from now: another command, or another state.  The timer
 * stays where it is, unless that is too late, and looks again when it fires:
 * moving it for each command would cost more than that.
 */
static void
touch(struct ingress_session *s)
{
	int64_t patience_us = ingress_patience_us(s);

	s->deadline_us = patience_us == 0 ? 0 : clock_us() + patience_us;
	if (patience_us != 0 &&
	    (s->timer_us == 0 || s->deadline_us < s->timer_us))
		arm(s, patience_us);
}

static void
enter(struct ingress_session *s, enum ingress_state state)
{
	bool changed = s->state != state;

	CHECK(s->state != INGRESS_CLOSED);
	s->state = state;
	touch(s);
	if (!changed)
		return;
	if (log_wants(LOG_L_DEBUG))
		log_note(LOG_L_DEBUG, "ingress-state", "%s: %s",
		    steps[state].name, steps[state].doing);
	if (steps[state].enter != NULL)
		steps[state].enter(s);
}

/* ---- events -------------------------------------------------------------- */

static bool
may_leave(const struct ingress_session *s)
{
	return s->state == INGRESS_PROXY || s->state == INGRESS_TLS ||
	    s->state == INGRESS_COMMAND || s->state == INGRESS_AUTH;
}

/*
 * A client that has just connected, or that has said something since its last
 * message was answered, has one in its hands, and 421 now would make it wait
 * for minutes: it may hand over this one first.  Postfix says RSET before it
 * uses a connection again, and opens another if the answer to that is 421.
 */
static bool
is_leaving(const struct ingress_session *s)
{
	int64_t now_us;

	if (!s->env->ingress_stopping || s->tx.open || !may_leave(s))
		return false;
	if (s->served)
		return true;
	now_us = clock_us();
	return now_us >= s->env->ingress_stop_us &&
	    (now_us - s->heard_us >= STOP_GRACE_S * US_PER_S ||
		now_us - s->env->ingress_stop_us >= STOP_LONGER_S * US_PER_S);
}

/* disconnect-on-transient-error, once all replies of a message are said. */
static enum ingress_state
after_reply(struct ingress_session *s, enum ingress_state next)
{
	bool hang_up = s->said_4xx && s->source.hang_up_on_4xx &&
	    next == INGRESS_COMMAND;

	s->said_4xx = false;
	return hang_up ? INGRESS_CLOSING : next;
}

/* Takes all input that there is; true: stopped by output nobody reads. */
static bool
take_input(struct ingress_session *s)
{
	enum ingress_state next;

	while (steps[s->state].input != NULL) {
		if (ingress_output_is_full(s))
			return true;
		if (is_leaving(s)) {
			ingress_reply(s, "421 4.3.2 %.180s is shutting down",
			    s->host);
			enter(s, INGRESS_CLOSING);
			return false;
		}
		next = s->state;
		if (!steps[s->state].input(s, &next)) {
			if (s->eof)
				enter(s, INGRESS_CLOSING);
			return false;
		}
		/* A message refused at its end is answered, too. */
		s->served = next == INGRESS_COMMAND &&
		    (s->state == INGRESS_DATA || s->state == INGRESS_CHUNK);
		enter(s, after_reply(s, next));
	}
	return false;
}

/* Input, then what came of it, as long as the client reads. */
static void
run(struct ingress_session *s)
{
	bool more, there;

	do {
		more = take_input(s);
		there = ingress_flush(s);
	} while (there && more && !ingress_output_is_full(s));
	if (!there ||
	    (s->state == INGRESS_CLOSING && ingress_output_is_empty(s)))
		enter(s, INGRESS_CLOSED);
}

static void
on_input(void *arg)
{
	struct ingress_session *s = arg;

	s->heard_us = clock_us();
	s->deadline_us = ingress_deadline_us(s, s->heard_us, s->in.came);
	run(s);
}

/* All was written. */
static void
on_write(struct bufferevent *bev, void *arg)
{
	(void)bev;
	run(arg);
}

static void
on_end(void *arg, int code)
{
	struct ingress_session *s = arg;

	if (code != 0) {
		enter(s, INGRESS_CLOSED);
		return;
	}
	/*
	 * It may have closed only its side: what it has sent is done and
	 * answered first.
	 */
	s->eof = true;
	if (s->state == INGRESS_SLOT) {
		enter(s, INGRESS_CLOSED);
		return;
	}
	if (s->waiting) /* nobody reads a late reply */
		gate_cancel(s->env->gate, &s->ticket);
	run(s);
}

static const struct reader_owner reading = { on_input, on_end };

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	if ((what & BEV_EVENT_ERROR) != 0)
		enter(arg, INGRESS_CLOSED);
}

static void
look_for_slot(struct ingress_session *s, bool in_vain)
{
	if (in_vain || s->env->ingress_stopping) {
		ingress_reply(s, "421 4.3.2 %.180s %s", s->host,
		    in_vain ? "has too many connections" : "is shutting down");
		enter(s, INGRESS_CLOSING);
	} else {
		enum ingress_state next = ingress_greet(s);

		if (next == INGRESS_SLOT) {
			arm(s, SLOT_LOOK_US);
			return;
		}
		enter(s, next);
	}
	run(s);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ingress_session *s = arg;
	int64_t left_us = s->deadline_us - clock_us();

	(void)fd;
	(void)what;
	s->timer_us = INT64_MAX;
	if (s->state == INGRESS_SLOT) {
		look_for_slot(s, left_us <= 0);
	} else if (is_leaving(s)) {
		run(s);
	} else if (s->env->ingress_stopping && left_us > 0) {
		arm(s, STOP_LOOK_US);
	} else if (s->deadline_us == 0) {
		arm(s, TICK_S * US_PER_S);
	} else if (left_us > 0) {
		arm(s, left_us);
	} else if (s->state == INGRESS_CLOSING) {
		enter(s, INGRESS_CLOSED);
	} else {
		log_note(LOG_L_INFO, "ingress-timeout", "%s",
		    steps[s->state].doing);
		ingress_reply(s, "421 4.4.2 %.180s idle for too long", s->host);
		enter(s, INGRESS_CLOSING);
		run(s);
	}
}

void
ingress_resume(struct ingress_session *s)
{
	CHECK(s->receipt == NULL && s->merge_run == NULL && !s->waiting);
	if (s->state == INGRESS_CLOSED) {
		worker_defer(s->env->worker, collect, s);
		return;
	}
	CHECK(s->state == INGRESS_VET || s->state == INGRESS_KEYS ||
	    s->state == INGRESS_MERGE || s->state == INGRESS_COMMIT ||
	    s->state == INGRESS_WAIT);
	enter(s, after_reply(s, INGRESS_COMMAND));
	run(s);
}

void
ingress_committed(struct ingress_session *s)
{
	enum ingress_state next = ingress_tx_end(s);

	s->served = true;
	if (next == INGRESS_COMMAND)
		ingress_resume(s);
	else if (s->state != INGRESS_CLOSED)
		enter(s, next);
}

void
ingress_go_on(struct ingress_session *s, enum ingress_state next)
{
	if (s->state == INGRESS_CLOSED) {
		worker_defer(s->env->worker, collect, s);
		return;
	}
	CHECK(s->state == INGRESS_CHECK || s->state == INGRESS_REFUSE);
	if (s->env->ingress_stopping)
		arm(s, STOP_LOOK_US);
	enter(s, next);
	run(s);
}

void
ingress_held(struct ingress_session *s, enum ingress_state state)
{
	CHECK(state == INGRESS_WAIT || state == INGRESS_COMMIT);
	enter(s, state);
}

/* ---- room for a message -------------------------------------------------- */

/*
 * For whom a 4xx is dear and a late reply is not: LMTP is spoken by MTAs only,
 * and in SMTP XFORWARD tells an MTA that hands over what it does not store.
 */
static bool
is_patient(const struct ingress_session *s)
{
	return !s->eof && !s->env->ingress_stopping &&
	    (s->door->protocol == INGRESS_LMTP || s->xforwards > 0);
}

bool
ingress_wait(struct ingress_session *s, enum gate_stage stage, size_t bytes,
    void (*done)(struct gate_ticket *t))
{
	if (!is_patient(s)) {
		gate_refused(s->env->gate);
		return false;
	}
	CHECK(!s->waiting);
	s->waiting = true;
	s->ticket.stage = stage;
	s->ticket.rcpts = (uint32_t)s->tx.rcpt_count;
	s->ticket.bytes = bytes;
	s->ticket.worker = s->env->worker;
	s->ticket.done = done;
	gate_wait(s->env->gate, &s->ticket);
	return true;
}

enum ingress_room
ingress_room(struct ingress_session *s, enum gate_stage stage, size_t bytes,
    void (*done)(struct gate_ticket *t))
{
	if (gate_pass(s->env->gate, stage,
		(uint32_t)(s->tx.rcpt_count + s->tx.copies),
		snapshot_global(s->env->conf)->spool_max_rcpts))
		return ROOM_NOW;
	return ingress_wait(s, stage, bytes, done) ? ROOM_LATER : ROOM_NONE;
}

struct ingress_session *
ingress_of_ticket(struct gate_ticket *t)
{
	struct ingress_session *s = post_owner(t, struct ingress_session,
	    ticket);

	CHECK(s->waiting);
	s->waiting = false;
	return s;
}

/* ---- birth --------------------------------------------------------------- */

static void
set_host(struct ingress_session *s)
{
	const char *name = snapshot_global(s->conf)->host_name;

	if (name[0] != '\0')
		(void)snprintf(s->host, sizeof(s->host), "%s", name);
	else if (gethostname(s->host, sizeof(s->host) - 1) == -1 ||
	    s->host[0] == '\0')
		(void)snprintf(s->host, sizeof(s->host), "localhost");
}

struct ingress_session *
ingress_session_new(struct worker_env *env, int fd, struct ingress_door *door,
    const struct ingress_peer *peer)
{
	struct event_base *base = worker_base(env->worker);
	struct ingress_session *s = mem_new(struct ingress_session);

	s->env = env;
	s->door = ingress_door_ref(door);
	s->conf = snapshot_ref(env->conf);
	s->peer = *peer;
	s->cmd_rg = region_new();
	s->tx_rg = region_new();
	set_host(s);
	s->heard_us = s->message_us = s->began_us = clock_us();
	s->serial = ++env->ingress_serial;
	LIST_INSERT_HEAD(&env->ingress, s, link);
	env->sessions_in++;

	(void)evutil_make_socket_nonblocking(fd);
	s->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	s->timer = event_new(base, -1, 0, on_timer, s);
	CHECK(s->bev != NULL && s->timer != NULL);
	bufferevent_setcb(s->bev, NULL, on_write, on_event, s);
	reader_start(&s->in, base, fd, IN_MAX, &reading, s);
	(void)bufferevent_enable(s->bev, EV_WRITE);
	enter(s, ingress_begin(s));
	if (env->ingress_stopping && s->state != INGRESS_SLOT)
		arm(s, STOP_GRACE_S * US_PER_S);
	run(s);
	return s;
}

void
ingress_start(struct worker_env *env, int fd, struct ingress_door *door)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(ss);
	struct ingress_peer peer = { .is_unix = false };
	uint16_t port;
	int one = 1;

	CHECK(worker_is_self(env->worker));
	if (getpeername(fd, (struct sockaddr *)&ss, &len) == -1) {
		(void)close(fd); /* gone already */
		return;
	}
	peer.is_unix = ss.ss_family == AF_UNIX;
	if (peer.is_unix) {
		peer.addr = (struct net_addr){ AF_INET, { 127, 0, 0, 1 } };
	} else {
		net_addr_from_sa((struct sockaddr *)&ss, &peer.addr, &port);
		net_addr_unmap(&peer.addr);
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
	}
	(void)ingress_session_new(env, fd, door, &peer);
}

void
ingress_shutdown(struct worker_env *env)
{
	struct ingress_session *s;

	env->ingress_stopping = true;
	env->ingress_stop_us = clock_us() + STOP_GRACE_S * US_PER_S;
	/* Nothing is taken from the list here: that is collect()'s. */
	LIST_FOREACH(s, &env->ingress, link)
	{
		if (s->waiting)
			gate_cancel(env->gate, &s->ticket);
		else if (is_leaving(s))
			run(s);
		else if (may_leave(s))
			arm(s, STOP_GRACE_S * US_PER_S);
	}
}
