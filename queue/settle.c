/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/settle.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/gauge.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "queue/audit.h"
#include "queue/bytes.h"
#include "queue/compact.h"
#include "queue/doubt.h"
#include "queue/intake.h"
#include "queue/store_priv.h"

/* What the transaction did to an entry of the catalog, to finish or undo. */
struct change {
	uint64_t id;
	uint32_t left; /* before */
	bool had_states;
	uint32_t ended; /* recipients */
};

struct work {
	struct store *s;
	struct ledger next;
	int64_t at_us; /* of the list in hand */
	struct change *changes;
	size_t count, cap;
};

static void
work_fini(struct work *w)
{
	free(w->changes);
}

static void
note_change(struct work *w, const struct catalog_entry *c, uint32_t ended)
{
	if (w->count == w->cap) {
		w->cap = w->cap == 0 ? 256 : w->cap * 2;
		w->changes = mem_realloc(w->changes,
		    w->cap * sizeof(struct change));
	}
	w->changes[w->count++] = (struct change){ c->id, c->left, c->has_states,
		ended };
}

static void
log_unknown(const struct store_settled *it)
{
	char id[MESSAGE_ID_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_WARN, message_id_text(it->id, id),
	    "outcome-unknown");
	log_int(&l, "rcpt", it->n);
	log_int(&l, "verdict", it->verdict);
	log_end(&l);
}

/* ---- rows ---------------------------------------------------------------- */

static bool
is_done(struct store *s, const struct store_settled *it, struct err *e,
    enum env_result *r_r)
{
	unsigned char key[KEY_STATE];
	struct record_state st;
	struct slice rec;

	key_state(key, it->id, it->n);
	*r_r = env_get(s->env, TABLE_STATE, bytes(key, sizeof(key)), &rec, e);
	if (*r_r == ENV_ABSENT)
		*r_r = ENV_OK;
	else if (*r_r == ENV_OK)
		return record_state_unpack(bytes(key, sizeof(key)), rec, &st,
			   e) == 0 &&
		    st.kind == STATE_DONE;
	return false;
}

static enum env_result
put_state(const struct work *w, const struct store_settled *it,
    enum record_state_kind kind, struct err *e)
{
	const struct record_state st = {
		.kind = kind,
		.attempts = it->attempts,
		.generation = w->next.row.generation,
		.due_wall_us = kind == STATE_DEFERRED ? it->due_wall_us : 0,
		.settled_us = w->at_us,
	};
	unsigned char key[KEY_STATE], rec[RECORD_STATE_LEN];

	key_state(key, it->id, it->n);
	record_state_pack(rec, bytes(key, sizeof(key)), &st);
	return env_put(w->s->env, TABLE_STATE, bytes(key, sizeof(key)),
	    bytes(rec, sizeof(rec)), e);
}

/* The last recipient has ended: the message goes, and its states. */
static enum env_result
drop_message(const struct work *w, const struct catalog_entry *c, struct err *e)
{
	unsigned char key[KEY_ID];
	struct slice k = bytes(key, sizeof(key));
	enum env_result r;

	key_id(key, c->id);
	r = env_del(w->s->env, TABLE_MESSAGE, k, e);
	if (r == ENV_ABSENT) {
		(void)err_set(e, "a message of the catalog has no row");
		return ENV_FAILED;
	}
	if (r == ENV_OK && c->has_states)
		r = env_del_prefix(w->s->env, TABLE_STATE, k, e);
	return r;
}

/* ---- one outcome --------------------------------------------------------- */

static enum env_result
settle_one(struct work *w, const struct store_settled *it, struct err *e)
{
	struct catalog_entry *c = catalog_find(w->s->catalog, it->id);
	enum env_result r = ENV_OK;
	bool retry = it->verdict == VERDICT_RETRY;

	if (c == NULL || c->left == 0 ||
	    (c->has_states && is_done(w->s, it, e, &r))) {
		log_unknown(it);
		return ENV_OK;
	}
	if (r != ENV_OK)
		return r;
	note_change(w, c, retry ? 0 : 1);
	if (retry) {
		c->has_states = 1;
		return put_state(w, it, STATE_DEFERRED, e);
	}
	ledger_count(&w->next, it->verdict, it->unrecorded);
	c->left--;
	if (c->left == 0)
		return drop_message(w, c, e);
	c->has_states = 1;
	return put_state(w, it, STATE_DONE, e);
}

/* How many of the items end one message's recipients, in rising order. */
static size_t
run_of(const struct store_settled *it, size_t count)
{
	size_t n = 0;

	while (n < count && it[n].id == it[0].id &&
	    it[n].verdict != VERDICT_RETRY && (n == 0 || it[n].n > it[n - 1].n))
		n++;
	return n;
}

/*
 * All of a message at once, the common case: no states are written that the
 * same transaction would delete.  Returns how many items that were; 0 when it
 * is not that case.
 */
static size_t
settle_whole(struct work *w, const struct store_settled *it, size_t count,
    enum env_result *r_r, struct err *e)
{
	struct catalog_entry *c = catalog_find(w->s->catalog, it->id);
	size_t run;

	if (c == NULL || c->has_states || c->left == 0)
		return 0;
	run = run_of(it, count);
	if (run != c->left)
		return 0;
	note_change(w, c, c->left);
	for (size_t i = 0; i < run; i++)
		ledger_count(&w->next, it[i].verdict, it[i].unrecorded);
	c->left = 0;
	*r_r = drop_message(w, c, e);
	return run;
}

static void
note_end(const struct work *w, struct store_settled *it)
{
	const struct catalog_entry *c = catalog_find(w->s->catalog, it->id);

	it->last = it->verdict != VERDICT_RETRY && c != NULL && c->left == 0;
}

static enum env_result
settle_items(struct work *w, const struct store_settle *o, struct err *e)
{
	enum env_result r = ENV_OK;

	for (size_t i = 0; r == ENV_OK && i < o->count;) {
		size_t n = settle_whole(w, &o->items[i], o->count - i, &r, e);

		if (n == 0) {
			r = settle_one(w, &o->items[i], e);
			n = 1;
		}
		i += n;
		note_end(w, &o->items[i - 1]);
	}
	return r;
}

/* ---- messages that outcomes cause ---------------------------------------- */

static size_t
count_mails(struct store_settle **list, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += list[i]->mail_count;
	return n;
}

static void
append_all(struct store *s, struct segment_item *items, size_t count)
{
	size_t done = 0, n;
	struct err e;

	while (done < count) {
		if (segments_append(s->segments, items + done, count - done, &n,
			&e) == -1)
			store_die("append", &e);
		done += n;
		if (done < count && !store_use_reserve(s))
			store_die("append", &e);
	}
}

void
settle_append(struct store *s, struct store_settle **list, size_t count)
{
	size_t all = count_mails(list, count), n = 0;
	struct segment_item *items;

	if (all == 0)
		return;
	items = mem_array(all, sizeof(*items));
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < list[i]->mail_count; k++)
			intake_item(s, list[i]->mails[k].msg, &items[n++]);
	append_all(s, items, all);
	n = 0;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < list[i]->mail_count; k++)
			list[i]->mails[k].msg->loc = items[n++].loc;
	free(items);
}

static void
put_refused(struct work *w, const struct store_refused *r)
{
	if (r == NULL || r->count == 0)
		return;
	ledger_refused(&w->next, r);
	outbox_add(&w->s->outbox, r->p, r->ends[r->count - 1]);
}

/* ---- the transaction ----------------------------------------------------- */

static enum env_result
settle_all(struct work *w, struct store_settle **list, size_t count,
    struct err *e)
{
	struct store *s = w->s;
	enum env_result r = ENV_OK;
	uint64_t trimmed = 0, seq = s->ledger.row.outbox_next;
	bool trim = outbox_wants_trim(&s->outbox);

	w->next = s->ledger;
	outbox_begin(&s->outbox);
	env_begin(s->env);
	for (size_t i = 0; r == ENV_OK && i < count; i++) {
		w->at_us = list[i]->at_us;
		r = settle_items(w, list[i], e);
		if (r == ENV_OK)
			r = intake_put_mails(s, list[i]->mails,
			    list[i]->mail_count, &w->next, e);
		for (size_t k = 0; r == ENV_OK && k < list[i]->doubt_count; k++)
			r = doubt_put(s, &list[i]->doubts[k], e);
		outbox_add(&s->outbox, list[i]->records, list[i]->records_len);
		put_refused(w, list[i]->refused);
	}
	if (r == ENV_OK && !outbox_is_empty(&s->outbox)) {
		r = outbox_put(&s->outbox, seq, &w->next.row.sums, e);
		w->next.row.outbox_next++;
	}
	if (r == ENV_OK && trim)
		r = outbox_trim(&s->outbox, &trimmed, e);
	w->next.row.tail = segments_tail(s->segments, &w->next.row.tail_len);
	if (r == ENV_OK)
		r = ledger_save(s->env, &w->next, e);
	if (r == ENV_OK)
		r = env_commit(s->env, e);
	if (r != ENV_OK)
		env_rollback(s->env);
	else if (trim)
		outbox_trimmed(&s->outbox, trimmed);
	if (r == ENV_OK && !outbox_is_empty(&s->outbox))
		outbox_committed(&s->outbox, seq, &w->next.row.sums);
	return r;
}

static void
undo(struct work *w)
{
	while (w->count > 0) {
		const struct change *ch = &w->changes[--w->count];
		struct catalog_entry *c = catalog_find(w->s->catalog, ch->id);

		CHECK(c != NULL);
		c->left = ch->left & UINT32_C(0x1fffffff);
		c->has_states = ch->had_states;
	}
}

/* It is committed: what has ended leaves the memory too. */
static void
finish(struct work *w)
{
	struct store *s = w->s;
	uint64_t before = ledger_queued(&s->ledger);
	uint64_t after = ledger_queued(&w->next);

	s->ledger = w->next;
	if (after > before)
		gauge_add(s->places, (uint32_t)(after - before));
	else
		gauge_give(s->places, (uint32_t)(before - after));
	for (size_t i = 0; i < w->count; i++) {
		const struct change *ch = &w->changes[i];
		struct catalog_entry *c = catalog_find(s->catalog, ch->id);

		audit_change(s->audit, ch->id, -(int64_t)ch->ended);
		if (c == NULL || c->left > 0)
			continue; /* an earlier change of the same message */
		if (c->moving)
			compact_forget(s->compact, c);
		segments_dead(s->segments, c->segment, c->size);
		catalog_drop(s->catalog, ch->id);
	}
}

void
settle_commit(struct store *s, struct store_settle **list, size_t count)
{
	struct work w = { .s = s };
	enum env_result r;
	struct err e;

	if (count == 0 && !outbox_wants_trim(&s->outbox))
		return;
	r = settle_all(&w, list, count, &e);
	if (r == ENV_NO_SPACE && store_use_reserve(s)) {
		undo(&w);
		r = settle_all(&w, list, count, &e);
	}
	if (r != ENV_OK)
		store_die("settle", &e);
	finish(&w);
	for (size_t i = 0; i < count; i++)
		intake_kept_mails(s, list[i]->mails, list[i]->mail_count);
	work_fini(&w);
}
