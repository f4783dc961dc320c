/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/load.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "queue/bytes.h"
#include "queue/store_priv.h"

enum { SLICE = 256 }; /* messages */

/* A state row. */
struct row {
	uint64_t id;
	uint32_t n;
	struct record_state st;
};

/* A message without a fresh recipient, ready to be handed out. */
struct later {
	int64_t due_wall_us;
	struct store_arrival *arrival;
};

struct load {
	struct store *s;
	bool walked;
	struct env_scan messages, states;
	struct row ahead; /* read, belongs to a later message */
	bool has_ahead, states_end;
	struct row *rows; /* of the message in hand */
	size_t row_count, row_cap;
	struct later *later;
	size_t later_count, later_cap, next;
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
	for (; l->next < l->later_count; l->next++) {
		message_unref(&l->later[l->next].arrival->msg);
		free(l->later[l->next].arrival);
	}
	free(l->rows);
	free(l->later);
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

static struct store_arrival *
make_arrival(const struct load *l, uint64_t id, const struct record_message *m)
{
	size_t left = m->rcpt_count - count_done(l), row = 0;
	struct store_arrival *a;

	a = mem_zalloc(sizeof(*a) + left * sizeof(a->rcpts[0]));
	a->msg = message_new(m->env.p, (uint32_t)m->env.len);
	a->msg->id = id;
	a->msg->loc = m->loc;
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
	CHECK(a->count == left);
	return a;
}

static void
hand_out(const struct load *l, struct store_arrival *a)
{
	l->s->owner.recovered(l->s->ctx, a); /* takes it */
}

static void
add_later(struct load *l, struct store_arrival *a)
{
	struct later *t;

	if (l->later_count == l->later_cap) {
		l->later_cap = l->later_cap == 0 ? 1024 : l->later_cap * 2;
		l->later = mem_realloc(l->later,
		    l->later_cap * sizeof(struct later));
	}
	t = &l->later[l->later_count++];
	*t = (struct later){ a->rcpts[0].due_wall_us, a };
	for (uint32_t i = 1; i < a->count; i++)
		if (a->rcpts[i].due_wall_us < t->due_wall_us)
			t->due_wall_us = a->rcpts[i].due_wall_us;
}

/* ---- the walk ------------------------------------------------------------ */

static void
walk_message(struct load *l, uint64_t id, const struct record_message *m)
{
	struct store *s = l->s;
	struct catalog_entry *c;
	struct store_arrival *a;
	size_t done;

	collect_rows(l, id, m->rcpt_count);
	done = count_done(l);
	c = catalog_add(s->catalog, id);
	c->left = (m->rcpt_count - (uint32_t)done) & UINT32_C(0x1fffffff);
	c->has_states = l->row_count > 0;
	c->segment = m->loc.segment;
	c->body_len = m->loc.len;
	segments_born(s->segments, c->segment, c->body_len);
	if (c->left == 0) {
		log_note(LOG_L_ERROR, "message-empty",
		    "a stored message has no recipient left");
		return;
	}
	if (s->owner.recovered == NULL)
		return;
	a = make_arrival(l, id, m);
	if (l->row_count < m->rcpt_count)
		hand_out(l, a);
	else
		add_later(l, a);
}

static int
by_due(const void *a, const void *b)
{
	const struct later *x = a, *y = b;

	if (x->due_wall_us != y->due_wall_us)
		return x->due_wall_us < y->due_wall_us ? -1 : 1;
	return (x->arrival->msg->id > y->arrival->msg->id) -
	    (x->arrival->msg->id < y->arrival->msg->id);
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
	if (l->walked && l->later_count > 0)
		qsort(l->later, l->later_count, sizeof(struct later), by_due);
}

bool
load_slice(struct load *l)
{
	if (!l->walked) {
		walk_some(l);
		return true;
	}
	for (int i = 0; i < SLICE && l->next < l->later_count; i++)
		hand_out(l, l->later[l->next++].arrival);
	return l->next < l->later_count;
}
