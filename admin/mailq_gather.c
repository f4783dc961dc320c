/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/mailq_gather.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "compat/postfix/pf_listing.h"
#include "compat/postfix/pf_log.h"
#include "lib/mem.h"
#include "vmta/table.h"

struct waiting_rcpt {
	json_int_t n;
	char *addr, *reason;
};

struct waiting {
	struct table_link link;
	TAILQ_ENTRY(waiting) entry;
	struct listed m;
	char *sender, *host_id;
	struct waiting_rcpt *rcpts;
	size_t count, cap;
};

struct mailq_gather {
	mailq_message_fn *fn;
	void *ctx;
	struct table table;
	TAILQ_HEAD(, waiting) oldest;
};

static const struct waiting *
of_link(const struct table_link *l)
{
	return (const void *)((const char *)l - offsetof(struct waiting, link));
}

static uint64_t
hash(const struct table_link *l)
{
	return table_hash_u64(of_link(l)->m.id);
}

static bool
is(const struct table_link *l, const void *key)
{
	const uint64_t *id = key;

	return of_link(l)->m.id == *id;
}

static const struct table_ops ops = { hash, is };

/* ---- reading ------------------------------------------------------------- */

static const char *
text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s == NULL ? "" : s;
}

static json_int_t
number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static enum listed_state
state_of(const json_t *item)
{
	const char *name = text(item, "state");

	for (int i = LISTED_ACTIVE; i <= LISTED_HOLD; i++)
		if (strcmp(pf_state_name((enum listed_state)i), name) == 0)
			return (enum listed_state)i;
	return LISTED_ACTIVE;
}

static enum outcome_kind
kind_of(const char *name)
{
	for (int i = 0; i <= OUTCOME_SUPPRESSED; i++)
		if (strcmp(outcome_kind_name((enum outcome_kind)i), name) == 0)
			return (enum outcome_kind)i;
	return OUTCOME_LOCAL_TEMP;
}

static enum outcome_phase
phase_of(const char *name)
{
	for (int i = 0; i < PHASE_COUNT; i++)
		if (strcmp(outcome_phase_name((enum outcome_phase)i), name) ==
		    0)
			return (enum outcome_phase)i;
	return PHASE_RESOLVE;
}

/* What is known of a queue is a text alone. */
static struct outcome
outcome_of(const json_t *last)
{
	struct outcome o = { .kind = kind_of(text(last, "kind")),
		.phase = phase_of(text(last, "phase")),
		.text = text(last, "text"),
		.mx = text(last, "host") };
	struct err e;

	if (net_addr_parse(slice_of(text(last, "address")), &o.peer, &e) == -1)
		o.peer.family = 0;
	return o;
}

/* Why a recipient waits; of one that does not, nothing. */
static const char *
reason_of(const json_t *item, struct buf *out)
{
	const json_t *last = json_object_get(item, "last_reply");
	struct outcome o;

	if (json_is_object(last) && state_of(item) != LISTED_ACTIVE) {
		o = outcome_of(last);
		pf_log_reason(&o, 25, out); /* the usual one */
	}
	return buf_cstr(out);
}

/* What could not be read has no address, and the reason says why. */
static struct listed_rcpt
rcpt_of(const json_t *item, struct buf *reason)
{
	const char *error = text(item, "error");

	if (error[0] != '\0')
		return (struct listed_rcpt){ "unknown", error };
	return (
	    struct listed_rcpt){ text(item, "to"), reason_of(item, reason) };
}

static struct listed
message_of(const json_t *item)
{
	return (struct listed){
		.id = strtoull(text(item, "id"), NULL, 16),
		.host_id = text(item, "host_id"),
		.arrival_s = number(item, "arrival"),
		.size = (uint64_t)number(item, "size"),
		.state = state_of(item),
		.sender = text(item, "from"),
	};
}

/* ---- waiting ------------------------------------------------------------- */

static void
waiting_free(struct waiting **wp)
{
	struct waiting *w = *wp;

	*wp = NULL;
	for (size_t i = 0; i < w->count; i++) {
		free(w->rcpts[i].addr);
		free(w->rcpts[i].reason);
	}
	free(w->rcpts);
	free(w->sender);
	free(w->host_id);
	free(w);
}

static struct waiting *
waiting_get(struct mailq_gather *g, const struct listed *m)
{
	struct table_link *l = table_find(&g->table, table_hash_u64(m->id),
	    &m->id);
	struct waiting *w;

	if (l != NULL)
		return (void *)((char *)l - offsetof(struct waiting, link));
	w = mem_new(struct waiting);
	w->m = *m;
	w->m.sender = w->sender = mem_strdup(m->sender);
	w->m.host_id = w->host_id = mem_strdup(m->host_id);
	table_add(&g->table, &w->link);
	TAILQ_INSERT_TAIL(&g->oldest, w, entry);
	return w;
}

static int
compare(const void *a, const void *b)
{
	const struct waiting_rcpt *x = a, *y = b;

	return (x->n > y->n) - (x->n < y->n);
}

/* In the order of the envelope; who has moved may have come twice. */
static void
pass_on(struct mailq_gather *g, struct waiting *w)
{
	struct listed_rcpt *rcpts = mem_array(w->count,
	    sizeof(struct listed_rcpt));

	qsort(w->rcpts, w->count, sizeof(w->rcpts[0]), compare);
	for (size_t i = 0; i < w->count; i++)
		if (i == 0 || w->rcpts[i].n != w->rcpts[i - 1].n)
			rcpts[w->m.rcpt_count++] = (struct listed_rcpt){
				w->rcpts[i].addr, w->rcpts[i].reason
			};
	w->m.rcpts = rcpts;
	g->fn(g->ctx, &w->m);
	free(rcpts);
	table_remove(&g->table, &w->link);
	TAILQ_REMOVE(&g->oldest, w, entry);
	waiting_free(&w);
}

static struct waiting *
keep(struct mailq_gather *g, const struct listed *m, json_int_t n,
    const struct listed_rcpt *r)
{
	struct waiting *w = waiting_get(g, m);

	if (m->state < w->m.state)
		w->m.state = m->state;
	if (w->count == w->cap) {
		w->cap = w->cap * 2 + 4;
		w->rcpts = mem_realloc(w->rcpts, w->cap * sizeof(w->rcpts[0]));
	}
	w->rcpts[w->count++] = (struct waiting_rcpt){ n, mem_strdup(r->addr),
		mem_strdup(r->reason) };
	return w;
}

/* ---- public -------------------------------------------------------------- */

struct mailq_gather *
mailq_gather_new(mailq_message_fn *fn, void *ctx)
{
	struct mailq_gather *g = mem_new(struct mailq_gather);

	g->fn = fn;
	g->ctx = ctx;
	table_init(&g->table, &ops);
	TAILQ_INIT(&g->oldest);
	return g;
}

void
mailq_gather_add(struct mailq_gather *g, const json_t *item)
{
	struct listed m = message_of(item);
	json_int_t all = number(item, "recipients");
	struct buf reason = { 0 };
	struct listed_rcpt r = rcpt_of(item, &reason);

	if (all <= 1) {
		m.rcpts = &r;
		m.rcpt_count = 1;
		g->fn(g->ctx, &m);
	} else {
		struct waiting *w = keep(g, &m, number(item, "recipient"), &r);

		if (w->count >= (size_t)all)
			pass_on(g, w);
	}
	buf_fini(&reason);
}

void
mailq_gather_end(struct mailq_gather *g)
{
	while (!TAILQ_EMPTY(&g->oldest))
		pass_on(g, TAILQ_FIRST(&g->oldest));
}

void
mailq_gather_free(struct mailq_gather **gp)
{
	struct mailq_gather *g = *gp;
	struct waiting *w;

	*gp = NULL;
	while ((w = TAILQ_FIRST(&g->oldest)) != NULL) {
		table_remove(&g->table, &w->link);
		TAILQ_REMOVE(&g->oldest, w, entry);
		waiting_free(&w);
	}
	table_fini(&g->table);
	free(g);
}
