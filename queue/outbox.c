/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "queue/bytes.h"
#include "queue/record.h"

enum { REPLAY_SLICE = 32 };

int
outbox_init(struct outbox *o, struct env *v, uint64_t next, struct err *e)
{
	struct slice key, rec;
	struct env_scan sc;
	enum env_result r;

	memset(o, 0, sizeof(*o));
	o->env = v;
	o->trimmed = o->replayed = next;
	env_scan_init(&sc, TABLE_OUTBOX, ENV_SCAN_SMALL);
	r = env_scan_next(v, &sc, &key, &rec, e);
	if (r == ENV_OK && key.len == KEY_ID)
		o->trimmed = o->replayed = get_be64(key.p);
	env_scan_fini(&sc);
	return r == ENV_OK || r == ENV_ABSENT ? 0 : -1;
}

void
outbox_fini(struct outbox *o)
{
	for (size_t i = 0; i < o->ready_cap; i++)
		buf_fini(&o->ready[i].row);
	free(o->ready);
	buf_fini(&o->blob);
}

/* ---- new ones ------------------------------------------------------------ */

void
outbox_begin(struct outbox *o)
{
	static const char head[RECORD_OUTBOX_FIXED];

	buf_clear(&o->blob);
	buf_add(&o->blob, head, sizeof(head));
}

void
outbox_add(struct outbox *o, const void *records, size_t len)
{
	if (len > 0)
		buf_add(&o->blob, records, len);
}

void
outbox_fill_id(struct outbox *o, size_t back, uint64_t id)
{
	CHECK(back >= 8 && back <= o->blob.len - RECORD_OUTBOX_FIXED);
	put_be64(o->blob.p + o->blob.len - back, id);
}

bool
outbox_is_empty(const struct outbox *o)
{
	return o->blob.len <= RECORD_OUTBOX_FIXED;
}

enum env_result
outbox_put(struct outbox *o, uint64_t seq, const struct store_ledger *after,
    struct err *e)
{
	unsigned char key[KEY_ID];

	key_id(key, seq);
	record_outbox_seal(bytes(key, sizeof(key)), after, o->blob.p,
	    o->blob.len);
	return env_put(o->env, TABLE_OUTBOX, bytes(key, sizeof(key)),
	    bytes(o->blob.p, o->blob.len), e);
}

static void
grow(struct outbox *o)
{
	size_t cap = o->ready_cap == 0 ? 4 : 2 * o->ready_cap;

	o->ready = mem_realloc(o->ready, cap * sizeof(*o->ready));
	memset(o->ready + o->ready_cap, 0,
	    (cap - o->ready_cap) * sizeof(*o->ready));
	o->ready_cap = cap;
}

/* The buffers change places: none is made or copied in the long run. */
void
outbox_committed(struct outbox *o, uint64_t seq,
    const struct store_ledger *after)
{
	struct outbox_ready *r;
	struct buf row = o->blob;

	CHECK(!outbox_is_empty(o));
	if (o->ready_count == o->ready_cap)
		grow(o);
	r = &o->ready[o->ready_count++];
	o->blob = r->row;
	r->row = row;
	r->seq = seq;
	r->after = *after;
	outbox_begin(o);
}

static void
send(struct outbox *o, uint64_t seq, const struct store_ledger *after,
    struct slice records)
{
	if (o->fn == NULL)
		return;
	o->away += records.len;
	o->fn(o->ctx, seq, after, records.p, records.len);
}

static bool
window_is_full(const struct outbox *o)
{
	return o->away >= OUTBOX_WINDOW;
}

void
outbox_send(struct outbox *o)
{
	for (size_t i = 0; o->live && i < o->ready_count; i++) {
		const struct outbox_ready *r = &o->ready[i];

		if (window_is_full(o)) {
			o->live = false;
			o->replayed = r->seq;
			break;
		}
		send(o, r->seq, &r->after,
		    bytes(r->row.p + RECORD_OUTBOX_FIXED,
			r->row.len - RECORD_OUTBOX_FIXED));
	}
	o->ready_count = 0;
}

/* ---- the replay ---------------------------------------------------------- */

static void
replay_row(struct outbox *o, struct slice key, struct slice rec)
{
	struct record_outbox r;
	struct err e;

	if (key.len != KEY_ID || record_outbox_open(key, rec, &r, &e) == -1) {
		log_note(LOG_L_ERROR, "outbox-damaged",
		    "a blob of the outbox cannot be read: its records are lost");
		return;
	}
	send(o, get_be64(key.p), r.has_ledger ? &r.after : NULL, r.records);
}

bool
outbox_replay(struct outbox *o, uint64_t next)
{
	unsigned char from[KEY_ID];
	struct slice key, rec;
	struct env_scan sc;
	struct err e;

	if (o->live || window_is_full(o))
		return false;
	env_scan_init(&sc, TABLE_OUTBOX, ENV_SCAN_SMALL);
	key_id(from, o->replayed);
	env_scan_seek(&sc, bytes(from, sizeof(from)));
	for (int i = 0; i < REPLAY_SLICE && !window_is_full(o); i++) {
		enum env_result r = env_scan_next(o->env, &sc, &key, &rec, &e);

		CHECK(r == ENV_OK || r == ENV_ABSENT);
		if (r == ENV_ABSENT) {
			o->live = true;
			break;
		}
		replay_row(o, key, rec);
		if (key.len == KEY_ID)
			o->replayed = get_be64(key.p) + 1;
	}
	env_scan_fini(&sc);
	if (o->replayed >= next)
		o->live = true;
	return !o->live && !window_is_full(o);
}

bool
outbox_taken(struct outbox *o, size_t bytes)
{
	CHECK(bytes <= o->away);
	o->away -= bytes;
	return !o->live && !window_is_full(o);
}

void
outbox_rewind(struct outbox *o, uint64_t seq)
{
	o->live = false;
	o->replayed = seq > o->trimmed ? seq : o->trimmed;
}

/* ---- those that are done ------------------------------------------------- */

void
outbox_done(struct outbox *o, uint64_t seq)
{
	if (seq + 1 > o->done)
		o->done = seq + 1;
}

bool
outbox_wants_trim(const struct outbox *o)
{
	return o->done > o->trimmed;
}

enum env_result
outbox_trim(struct outbox *o, uint64_t *upto_r, struct err *e)
{
	unsigned char key[KEY_ID];
	uint64_t seq = o->trimmed;

	for (; seq < o->done && seq - o->trimmed < OUTBOX_TRIM; seq++) {
		enum env_result r;

		key_id(key, seq);
		r = env_del(o->env, TABLE_OUTBOX, bytes(key, sizeof(key)), e);
		if (r != ENV_OK && r != ENV_ABSENT)
			return r;
	}
	*upto_r = seq;
	return ENV_OK;
}

void
outbox_trimmed(struct outbox *o, uint64_t upto)
{
	o->trimmed = upto;
}
