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
	size_t all; /* the most that it was said to have */
};

/* Ids that were passed on, in open addressing; 0 is no message's. */
struct id_set {
	uint64_t *ids;
	size_t n, cap; /* cap: a power of two, or 0 */
};

struct mailq_gather {
	mailq_message_fn *fn;
	void *ctx;
	struct table table;
	TAILQ_HEAD(, waiting) oldest;
	struct id_set told;
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

/* ---- passed on ----------------------------------------------------------- */

/* Where it is, or would be. */
static uint64_t *
place_of(const struct id_set *s, uint64_t id)
{
	size_t i = table_hash_u64(id) & (s->cap - 1);

	while (s->ids[i] != 0 && s->ids[i] != id)
		i = (i + 1) & (s->cap - 1);
	return &s->ids[i];
}

static bool
id_set_has(const struct id_set *s, uint64_t id)
{
	return s->cap > 0 && *place_of(s, id) != 0;
}

static void
id_set_add(struct id_set *s, uint64_t id)
{
	struct id_set old = *s;

	if (s->n >= s->cap / 2) {
		s->cap = s->cap == 0 ? 1024 : s->cap * 2;
		s->ids = mem_array(s->cap, sizeof(s->ids[0]));
		for (size_t i = 0; i < old.cap; i++)
			if (old.ids[i] != 0)
				*place_of(s, old.ids[i]) = old.ids[i];
		free(old.ids);
	}
	*place_of(s, id) = id;
	s->n++;
}

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
	enum listed_state state = LISTED_ACTIVE;

	(void)pf_state_read(text(item, "state"), &state);
	return state;
}

static enum outcome_kind
kind_of(const char *name)
{
	for (int i = 0; i <= OUTCOME_BAD_ADDRESS; i++)
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

/* NULL: none of its recipients waits here. */
static struct waiting *
waiting_find(const struct mailq_gather *g, uint64_t id)
{
	struct table_link *l = table_find(&g->table, table_hash_u64(id), &id);

	return l == NULL ? NULL :
			   (void *)((char *)l - offsetof(struct waiting, link));
}

static struct waiting *
waiting_get(struct mailq_gather *g, const struct listed *m)
{
	struct waiting *w = waiting_find(g, m->id);

	if (w != NULL)
		return w;
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

/* In the order of the envelope, each once. */
static void
put_in_order(struct waiting *w)
{
	size_t count = w->count;

	qsort(w->rcpts, count, sizeof(w->rcpts[0]), compare);
	w->count = 0;
	for (size_t i = 0; i < count; i++)
		if (w->count == 0 ||
		    w->rcpts[i].n != w->rcpts[w->count - 1].n) {
			w->rcpts[w->count++] = w->rcpts[i];
		} else {
			free(w->rcpts[i].addr);
			free(w->rcpts[i].reason);
		}
}

static bool
is_complete(struct waiting *w)
{
	if (w->count < w->all)
		return false;
	put_in_order(w);
	return w->count >= w->all;
}

static void
tell(struct mailq_gather *g, const struct listed *m)
{
	id_set_add(&g->told, m->id);
	g->fn(g->ctx, m);
}

static void
pass_on(struct mailq_gather *g, struct waiting *w)
{
	struct listed_rcpt *rcpts = mem_array(w->count,
	    sizeof(struct listed_rcpt));

	for (size_t i = 0; i < w->count; i++)
		rcpts[i] = (struct listed_rcpt){ w->rcpts[i].addr,
			w->rcpts[i].reason };
	w->m.rcpts = rcpts;
	w->m.rcpt_count = w->count;
	tell(g, &w->m);
	free(rcpts);
	table_remove(&g->table, &w->link);
	TAILQ_REMOVE(&g->oldest, w, entry);
	waiting_free(&w);
}

static struct waiting *
keep(struct mailq_gather *g, const struct listed *m, const json_t *item,
    const struct listed_rcpt *r)
{
	size_t all = (size_t)number(item, "recipients");
	struct waiting *w = waiting_get(g, m);

	if (all > w->all)
		w->all = all;
	if (m->state < w->m.state)
		w->m.state = m->state;
	if (w->count == w->cap) {
		w->cap = w->cap * 2 + 4;
		w->rcpts = mem_realloc(w->rcpts, w->cap * sizeof(w->rcpts[0]));
	}
	w->rcpts[w->count++] = (struct waiting_rcpt){ number(item, "recipient"),
		mem_strdup(r->addr), mem_strdup(r->reason) };
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
	bool alone = number(item, "recipients") <= 1 &&
	    waiting_find(g, m.id) == NULL;
	struct buf reason = { 0 };
	struct listed_rcpt r;

	if (id_set_has(&g->told, m.id))
		return;
	r = rcpt_of(item, &reason);
	if (alone) {
		m.rcpts = &r;
		m.rcpt_count = 1;
		tell(g, &m);
	} else {
		struct waiting *w = keep(g, &m, item, &r);

		if (is_complete(w))
			pass_on(g, w);
	}
	buf_fini(&reason);
}

void
mailq_gather_end(struct mailq_gather *g)
{
	struct waiting *w;

	while ((w = TAILQ_FIRST(&g->oldest)) != NULL) {
		put_in_order(w);
		pass_on(g, w);
	}
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
	free(g->told.ids);
	free(g);
}
