/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/walk.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "queue/bytes.h"

struct walk {
	struct env *env;
	struct env_scan messages, states;
	struct walk_row ahead; /* read, belongs to a later message */
	uint64_t ahead_id;
	bool has_ahead, states_end;
	struct walk_row *rows; /* of the message in hand */
	size_t row_count, row_cap;
	struct err trouble;
};

struct walk *
walk_new(struct env *env)
{
	struct walk *w = mem_new(struct walk);

	w->env = env;
	env_scan_init(&w->messages, TABLE_MESSAGE, ENV_SCAN_LARGE);
	env_scan_init(&w->states, TABLE_STATE, ENV_SCAN_LARGE);
	return w;
}

void
walk_free(struct walk **wp)
{
	struct walk *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	env_scan_fini(&w->messages);
	env_scan_fini(&w->states);
	free(w->rows);
	free(w);
}

/* ---- states -------------------------------------------------------------- */

/* The next good one goes to `ahead`; ENV_ABSENT: that was the last. */
static enum env_result
read_state(struct walk *w, struct err *e)
{
	struct slice key, rec;

	for (;;) {
		enum env_result r = env_scan_next(w->env, &w->states, &key,
		    &rec, e);

		if (r != ENV_OK)
			return r;
		if (key.len == KEY_STATE &&
		    record_state_unpack(key, rec, &w->ahead.st, e) == 0)
			break;
		log_note(LOG_L_ERROR, "record-damaged", "%s", e->text);
	}
	w->ahead_id = get_be64(key.p);
	w->ahead.n = get_be32(key.p + 8);
	w->has_ahead = true;
	return ENV_OK;
}

static void
add_row(struct walk *w)
{
	if (w->row_count == w->row_cap) {
		w->row_cap = w->row_cap == 0 ? 64 : w->row_cap * 2;
		w->rows = mem_realloc(w->rows,
		    w->row_cap * sizeof(struct walk_row));
	}
	w->rows[w->row_count++] = w->ahead;
}

/* The states of message id; the scan stands at or before them. */
static enum env_result
collect_rows(struct walk *w, uint64_t id, uint32_t rcpt_count, struct err *e)
{
	w->row_count = 0;
	for (;;) {
		if (!w->has_ahead && !w->states_end) {
			enum env_result r = read_state(w, e);

			w->states_end = r == ENV_ABSENT;
			if (r != ENV_OK && r != ENV_ABSENT)
				return r;
		}
		if (!w->has_ahead || w->ahead_id > id)
			return ENV_OK;
		w->has_ahead = false;
		if (w->ahead_id == id && w->ahead.n < rcpt_count)
			add_row(w);
	}
}

/* ---- messages ------------------------------------------------------------ */

static uint32_t
count_done(const struct walk *w)
{
	uint32_t done = 0;

	for (size_t i = 0; i < w->row_count; i++)
		done += w->rows[i].st.kind == STATE_DONE ? 1 : 0;
	return done;
}

enum env_result
walk_next(struct walk *w, uint64_t end, struct walk_message *m_r, struct err *e)
{
	struct slice key, rec;
	enum env_result r = env_scan_next(w->env, &w->messages, &key, &rec, e);

	*m_r = (struct walk_message){ 0 };
	if (r != ENV_OK)
		return r;
	if (key.len != KEY_ID) {
		(void)err_set(&w->trouble, "a key of %zu bytes", key.len);
		m_r->trouble = w->trouble.text;
		return ENV_OK;
	}
	if (get_be64(key.p) >= end)
		return ENV_ABSENT;
	m_r->id = get_be64(key.p);
	if (record_message_unpack(key, rec, &m_r->rec, &w->trouble) == -1) {
		m_r->trouble = w->trouble.text;
		return ENV_OK;
	}
	r = collect_rows(w, m_r->id, m_r->rec.rcpt_count, e);
	m_r->rows = w->rows;
	m_r->row_count = w->row_count;
	m_r->left = m_r->rec.rcpt_count - count_done(w);
	return r;
}

void
walk_rcpts(const struct walk_message *m, struct store_rcpt *out)
{
	size_t row = 0, count = 0;

	for (uint32_t n = 0; n < m->rec.rcpt_count; n++) {
		const struct record_state *st = NULL;

		if (row < m->row_count && m->rows[row].n == n)
			st = &m->rows[row++].st;
		if (st != NULL && st->kind == STATE_DONE)
			continue;
		out[count++] = (struct store_rcpt){ .n = n,
			.attempts = st == NULL ? 0 : st->attempts,
			.due_wall_us = st == NULL ? 0 : st->due_wall_us };
	}
	CHECK(count == m->left);
}
