/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "lib/check.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "transport/envelope_read.h"
#include "transport/sender_out.h"
#include "transport/settlement.h"
#include "transport/worker_env.h"

/* Recipients in a piece: work for a few milliseconds. */
#define PIECE_MAX 512

struct ended {
	struct message *msg; /* a reference */
	uint32_t n;
	uint16_t attempts;
	bool unrecorded, tell_deleted, tell_nobody;
	const char *queue, *vmta; /* the piece's, like strings of outcome */
	struct outcome outcome;
	struct disposition disposition; /* DISPOSE_RETRY: only late */
	int64_t bounce_after_us;
};

/* The dispatcher's note of a piece that is out. */
struct ticket {
	STAILQ_ENTRY(ticket) entry;
	struct post post;
	struct sweep *sweep;
	bool through;
};

/* Filled by the dispatcher; then a worker's until it is durable. */
struct piece {
	struct post post;
	struct settlement settlement;
	struct worker_env *env;
	struct worker *home;
	struct ticket *ticket;
	struct region *rg;
	size_t count;
	struct ended list[PIECE_MAX];
};

struct sweep {
	struct worker *home;
	struct worker_env *const *envs;
	size_t env_count, turn;
	struct piece *piece;           /* being filled, or NULL */
	uint64_t sent;                 /* pieces, in all */
	uint64_t through;              /* of those, all up to this one */
	STAILQ_HEAD(, ticket) tickets; /* of the pieces behind it */
};

struct sweep *
sweep_new(struct worker *home, struct worker_env *const *envs, size_t env_count)
{
	struct sweep *s = mem_new(struct sweep);

	s->home = home;
	s->envs = envs;
	s->env_count = env_count;
	STAILQ_INIT(&s->tickets);
	return s;
}

void
sweep_free(struct sweep **sp)
{
	struct sweep *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	CHECK(s->piece == NULL && STAILQ_EMPTY(&s->tickets));
	free(s);
}

static void
piece_free(struct piece *p)
{
	for (size_t i = 0; i < p->count; i++)
		message_unref(&p->list[i].msg);
	settlement_fini(&p->settlement);
	region_free(&p->rg);
	free(p);
}

/* ---- on a worker --------------------------------------------------------- */

/* Recipients of one message together, in rising order: read it once. */
static int
by_message(const void *a, const void *b)
{
	const struct ended *x = a, *y = b;

	if (x->msg->id != y->msg->id)
		return x->msg->id < y->msg->id ? -1 : 1;
	return (x->n > y->n) - (x->n < y->n);
}

/*
 * False: it cannot be read, so that its sender is not told.  Its recipients
 * end all the same, since they have left the scheduler: who, stays unknown.
 */
static bool
read_envelope(const struct piece *p, const struct ended *r, struct region *rg,
    struct envelope *env_r, struct err *e)
{
	char id[MESSAGE_ID_TEXT];
	struct log_line l;

	if (envelope_read(p->env, r->msg, rg, env_r, e) == 0)
		return true;
	log_begin(&l, LOG_L_ERROR, message_id_text(r->msg->id, id),
	    "message-unreadable");
	log_str(&l, "queue", r->queue);
	log_str(&l, "result", record_word(r->disposition.what));
	log_str(&l, "text", e->text);
	log_end(&l);
	return false;
}

/* What ended, for somebody who has no address to look for. */
static struct outcome
nameless(const struct ended *r, struct region *rg, const struct err *e)
{
	struct outcome o = r->outcome;
	char id[MESSAGE_ID_TEXT];

	o.text = region_printf(rg, "%s; recipient %u of message %s: %s", o.text,
	    r->n, message_id_text(r->msg->id, id), e->text);
	return o;
}

/* With what can be read of the original. */
static void
notify(struct piece *p, const struct message *m, struct region *rg,
    const struct envelope *env)
{
	const struct record_of of = { .rg = rg, .id = m->id, .env = env };
	struct body *body = NULL;
	struct envelope again;
	struct err e;

	/* Not logged: the report goes without it, and says so by that. */
	(void)envelope_read_all(p->env, m, rg, &again, &body, &e);
	settlement_notify(&p->settlement, &of, body);
	body_unref(&body);
}

/* The recipients of one message; returns how many they are. */
static size_t
settle_message(struct piece *p, size_t first, struct region *rg)
{
	struct envelope env;
	size_t i = first;
	struct err e;
	bool known = read_envelope(p, &p->list[first], rg, &env, &e);

	for (; i < p->count && p->list[i].msg->id == p->list[first].msg->id;
	     i++) {
		const struct ended *r = &p->list[i];
		const struct outcome o = known ? r->outcome :
						 nameless(r, rg, &e);
		const struct settlement_rcpt item = {
			.of = { .rg = rg,
			    .id = r->msg->id,
			    .env = &env,
			    .n = r->n,
			    .orig = known && r->n < env.rcpt_count ?
				sender_out(p->env->conf, &env, r->n, r->vmta,
				    rg) :
				NULL,
			    .queue = r->queue,
			    .vmta = r->vmta,
			    .outcome = known ? &r->outcome : &o,
			    .disposition = &r->disposition },
			.attempts = r->attempts,
			.unrecorded = r->unrecorded,
			.tell_nobody = r->tell_nobody,
			.tell_deleted = r->tell_deleted
		};

		if (r->disposition.what != DISPOSE_RETRY)
			settlement_add(&p->settlement, &item);
		else
			settlement_delayed(&p->settlement, &item,
			    r->bounce_after_us);
	}
	if (settlement_wants_notice(&p->settlement))
		notify(p, p->list[first].msg, rg, &env);
	return i - first;
}

static void
on_durable(struct settlement *st)
{
	piece_free(post_owner(st, struct piece, settlement));
}

static void
on_piece(struct post *post)
{
	struct piece *p = post_owner(post, struct piece, post);
	struct region *rg = region_new();
	struct ticket *ticket = p->ticket;
	struct worker *home = p->home;

	settlement_init(&p->settlement, p->env);
	qsort(p->list, p->count, sizeof(p->list[0]), by_message);
	for (size_t i = 0; i < p->count;) {
		region_reset(rg);
		i += settle_message(p, i, rg);
	}
	region_free(&rg);
	if (settlement_is_empty(&p->settlement))
		piece_free(p);
	else
		settlement_commit(&p->settlement, on_durable);
	worker_post(home, &ticket->post);
}

/* ---- on the dispatcher's thread ------------------------------------------ */

static void
on_through(struct post *post)
{
	struct ticket *t = post_owner(post, struct ticket, post);
	struct sweep *s = t->sweep;

	t->through = true;
	while ((t = STAILQ_FIRST(&s->tickets)) != NULL && t->through) {
		STAILQ_REMOVE_HEAD(&s->tickets, entry);
		free(t);
		s->through++;
	}
}

uint64_t
sweep_flush(struct sweep *s)
{
	struct piece *p = s->piece;
	struct ticket *t;

	if (p == NULL)
		return s->sent;
	s->piece = NULL;
	t = mem_new(struct ticket);
	t->sweep = s;
	t->post.fn = on_through;
	STAILQ_INSERT_TAIL(&s->tickets, t, entry);
	p->ticket = t;
	p->home = s->home;
	p->env = s->envs[s->turn++ % s->env_count];
	p->post.fn = on_piece;
	worker_post(p->env->worker, &p->post);
	return ++s->sent;
}

bool
sweep_is_through(const struct sweep *s, uint64_t number)
{
	return s->through >= number;
}

/* Most recipients that end together say the same. */
static const char *
keep(struct piece *p, const char *s, const char *last)
{
	if (s == NULL)
		s = "";
	return last != NULL && strcmp(s, last) == 0 ? last :
						      region_strdup(p->rg, s);
}

/* What a rule has given it is the configuration's, which may go. */
static void
keep_disposition(struct piece *p, struct ended *r,
    const struct disposition *what, const struct disposition *last)
{
	r->disposition = *what;
	if (what->category != NULL)
		r->disposition.category = keep(p, what->category,
		    last->category);
	if (what->place.file != NULL)
		r->disposition.place.file = keep(p, what->place.file,
		    last->place.file);
}

static void
keep_outcome(struct piece *p, struct ended *r, const struct outcome *o,
    const struct outcome *last)
{
	r->outcome = *o;
	r->outcome.text = keep(p, o->text, last->text);
	r->outcome.mx = keep(p, o->mx, last->mx);
	r->outcome.esmtp = keep(p, o->esmtp, last->esmtp);
	r->outcome.tls = keep(p, o->tls, last->tls);
}

/* Notes it. */
static void
add(struct sweep *s, const struct sweep_rcpt *rcpt, const struct outcome *o,
    const struct disposition *what)
{
	static const struct ended none;
	const char *vmta = sched_queue_vmta(rcpt->queue);
	const struct ended *last;
	struct piece *p;
	struct ended *r;
	char queue[600];

	if (s->piece == NULL) {
		s->piece = mem_new(struct piece);
		s->piece->rg = region_new();
	}
	p = s->piece;
	last = p->count == 0 ? &none : &p->list[p->count - 1];
	r = &p->list[p->count++];
	r->msg = message_ref(rcpt->msg);
	r->n = rcpt->n;
	r->attempts = rcpt->attempts;
	r->unrecorded = rcpt->unrecorded ||
	    acct_is_disabled(sched_queue_conf(rcpt->queue),
		record_type(what->what));
	r->tell_deleted = rcpt->tell_deleted;
	r->bounce_after_us = sched_queue_conf(rcpt->queue)->bounce_after_us;
	r->tell_nobody = !sched_queue_conf(rcpt->queue)->deliver_dsn;
	keep_disposition(p, r, what, &last->disposition);
	r->vmta = keep(p, envelope_vmta_shown(vmta), last->vmta);
	(void)snprintf(queue, sizeof(queue), "%s/%s",
	    sched_queue_domain(rcpt->queue), r->vmta);
	r->queue = keep(p, queue, last->queue);
	keep_outcome(p, r, o, &last->outcome);
	if (p->count == PIECE_MAX)
		(void)sweep_flush(s);
}

void
sweep_add(struct sweep *s, const struct sweep_rcpt *rcpt,
    const struct outcome *o, const struct disposition *what)
{
	CHECK(what->what == DISPOSE_EXPIRE || what->what == DISPOSE_FAIL ||
	    what->what == DISPOSE_DELETE);
	add(s, rcpt, o, what);
}

void
sweep_delayed(struct sweep *s, const struct sweep_rcpt *rcpt,
    const struct outcome *o)
{
	/* RFC 3463: it could not be delivered in the time that is usual. */
	static const struct disposition late = { .what = DISPOSE_RETRY,
		.dsn = { 4, 4, 7 } };

	add(s, rcpt, o, &late);
}
