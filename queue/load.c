/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/load.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "queue/bytes.h"
#include "queue/store_priv.h"

enum {
	SLICE = 256, /* messages read at once and handed out together */
	AHEAD = 8    /* of those, before the first is taken */
};

/* A state row. */
struct row {
	uint64_t id;
	uint32_t n;
	struct record_state st;
};

struct load {
	struct store *s;
	bool walked;
	unsigned out; /* handed out and not yet given back */
	struct env_scan messages, states;
	struct row ahead; /* read, belongs to a later message */
	bool has_ahead, states_end;
	struct row *rows; /* of the message in hand */
	size_t row_count, row_cap;
	struct store_arrivals *arrivals; /* being filled, or NULL */
};

struct load *
load_new(struct store *s)
{
	struct load *l = mem_new(struct load);

	l->s = s;
	env_scan_init(&l->messages, TABLE_MESSAGE, ENV_SCAN_LARGE);
	env_scan_init(&l->states, TABLE_STATE, ENV_SCAN_LARGE);
	return l;
}

void
load_free(struct load **lp)
{
	struct load *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	env_scan_fini(&l->messages);
	env_scan_fini(&l->states);
	free(l->rows);
	free(l);
}

static void
log_damaged(const struct err *e)
{
	log_note(LOG_L_ERROR, "record-damaged", "%s", e->text);
}

/* ---- states -------------------------------------------------------------- */

static bool
next_state(struct load *l, struct row *row_r)
{
	struct slice key, rec;
	struct err e;

	if (l->has_ahead) {
		l->has_ahead = false;
		*row_r = l->ahead;
		return true;
	}
	while (!l->states_end) {
		enum env_result r = env_scan_next(l->s->env, &l->states, &key,
		    &rec, &e);

		if (r != ENV_OK && r != ENV_ABSENT)
			store_die("load", &e);
		l->states_end = r == ENV_ABSENT;
		if (r != ENV_OK)
			break;
		if (key.len != KEY_STATE ||
		    record_state_unpack(key, rec, &row_r->st, &e) == -1) {
			log_damaged(&e); /* tried once more than needed */
			continue;
		}
		row_r->id = get_be64(key.p);
		row_r->n = get_be32(key.p + 8);
		return true;
	}
	return false;
}

static void
add_row(struct load *l, const struct row *row)
{
	if (l->row_count == l->row_cap) {
		l->row_cap = l->row_cap == 0 ? 64 : l->row_cap * 2;
		l->rows = mem_realloc(l->rows, l->row_cap * sizeof(struct row));
	}
	l->rows[l->row_count++] = *row;
}

/* The states of message id; the scan stands at or before them. */
static void
collect_rows(struct load *l, uint64_t id, uint32_t rcpt_count)
{
	struct row row;

	l->row_count = 0;
	while (next_state(l, &row)) {
		if (row.id > id) {
			l->ahead = row;
			l->has_ahead = true;
			break;
		}
		if (row.id == id && row.n < rcpt_count)
			add_row(l, &row);
	}
}

static size_t
count_done(const struct load *l)
{
	size_t done = 0;

	for (size_t i = 0; i < l->row_count; i++)
		done += l->rows[i].st.kind == STATE_DONE ? 1 : 0;
	return done;
}

/* ---- handing out --------------------------------------------------------- */

static struct store_arrivals *
arrivals_new(struct store *s)
{
	struct store_arrivals *a = mem_new(struct store_arrivals);

	a->store = s;
	a->rg = region_new();
	STAILQ_INIT(&a->list);
	return a;
}

/* Recipients that are left, each with what its state row says. */
static void
fill_rcpts(const struct load *l, const struct record_message *m,
    struct store_arrival *a)
{
	size_t row = 0;

	for (uint32_t n = 0; n < m->rcpt_count; n++) {
		struct store_rcpt *r = &a->rcpts[a->count];
		const struct record_state *st = NULL;

		if (row < l->row_count && l->rows[row].n == n)
			st = &l->rows[row++].st;
		if (st != NULL && st->kind == STATE_DONE)
			continue;
		r->n = n;
		r->attempts = st == NULL ? 0 : st->attempts;
		r->due_wall_us = st == NULL ? 0 : st->due_wall_us;
		a->count++;
	}
}

static void
add_arrival(struct load *l, uint64_t id, const struct record_message *m,
    uint32_t left)
{
	struct region *rg = l->arrivals->rg;
	struct store_arrival *a = region_new_obj(rg, struct store_arrival);
	const char *bill = region_dup(rg, m->waybill.p, m->waybill.len);
	struct err e;

	if (waybill_unpack(bill, m->waybill.len, rg, &a->waybill, &e) == -1) {
		log_damaged(&e);
		return;
	}
	a->id = id;
	a->loc = m->loc;
	a->rcpts = region_array(rg, left, sizeof(*a->rcpts));
	fill_rcpts(l, m, a);
	CHECK(a->count == left);
	STAILQ_INSERT_TAIL(&l->arrivals->list, a, link);
}

void
load_arrivals_free(struct store_arrivals **ap)
{
	struct store_arrivals *a = *ap;

	*ap = NULL;
	region_free(&a->rg);
	free(a);
}

static void
hand_out(struct load *l)
{
	struct store_arrivals *a = l->arrivals;

	l->arrivals = NULL;
	if (STAILQ_EMPTY(&a->list)) {
		load_arrivals_free(&a);
		return;
	}
	l->out++;
	l->s->owner.recovered(l->s->ctx, a); /* takes it */
}

void
load_returned(struct load *l)
{
	CHECK(l->out > 0);
	l->out--;
}

/* ---- the walk ------------------------------------------------------------ */

static void
walk_message(struct load *l, uint64_t id, const struct record_message *m)
{
	struct store *s = l->s;
	struct catalog_entry *c;

	collect_rows(l, id, m->rcpt_count);
	c = catalog_add(s->catalog, id);
	c->left = (m->rcpt_count - (uint32_t)count_done(l)) &
	    UINT32_C(0x1fffffff);
	c->has_states = l->row_count > 0;
	c->segment = m->loc.segment;
	c->size = segment_size(&m->loc);
	segments_born(s->segments, c->segment, c->size);
	if (c->left == 0)
		log_note(LOG_L_ERROR, "message-empty",
		    "a stored message has no recipient left");
	else if (l->arrivals != NULL)
		add_arrival(l, id, m, c->left);
}

static void
walk_some(struct load *l)
{
	struct slice key, rec;
	struct err e;

	for (int i = 0; i < SLICE; i++) {
		struct record_message m;
		enum env_result r = env_scan_next(l->s->env, &l->messages, &key,
		    &rec, &e);

		if (r != ENV_OK && r != ENV_ABSENT)
			store_die("load", &e);
		if (r == ENV_ABSENT || key.len != KEY_ID ||
		    get_be64(key.p) >= l->s->first_id) {
			l->walked = true;
			break;
		}
		if (record_message_unpack(key, rec, &m, &e) == -1)
			log_damaged(&e);
		else
			walk_message(l, get_be64(key.p), &m);
	}
}

enum load_more
load_slice(struct load *l)
{
	if (!l->walked && l->out < AHEAD) {
		if (l->s->owner.recovered != NULL)
			l->arrivals = arrivals_new(l->s);
		walk_some(l);
		if (l->arrivals != NULL)
			hand_out(l);
	}
	if (l->walked)
		return l->out == 0 ? LOAD_DONE : LOAD_WAITS;
	return l->out < AHEAD ? LOAD_MORE : LOAD_WAITS;
}
