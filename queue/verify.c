/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/verify.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/mem.h"
#include "queue/bytes.h"
#include "queue/inflight_priv.h"
#include "queue/segment_priv.h"

enum { PROGRESS_EVERY = 10000 };

#define STAYS "it stays queued, and the log names it"

struct verifier {
	struct offline *sp;
	const struct verify_owner *owner;
	void *ctx;
	struct verify_sums *sums;
	struct region *rg; /* of the message in hand */
	struct env_scan states;
	bool states_end, has_ahead;
	struct record_state ahead; /* belongs to a later message */
	uint64_t ahead_id;
	uint32_t ahead_n;
};

/* A message while it is looked at. */
struct suspect {
	uint64_t id;
	struct waybill waybill;
	struct envelope env;
	bool has_waybill, has_env;
};

static void
tell(struct verifier *v, const struct suspect *s, const char *what,
    const char *after)
{
	struct verify_damage d = { .what = what, .after = after };

	if (s != NULL) {
		d.id = s->id;
		d.env = s->has_env ? &s->env : NULL;
		d.waybill = s->has_waybill ? &s->waybill : NULL;
	}
	v->sums->damages++;
	v->owner->damage(v->ctx, &d);
}

/* ---- tables -------------------------------------------------------------- */

/* A row of another table than the message's. */
static void
check_row(struct verifier *v, enum env_table t, struct slice key,
    struct slice rec)
{
	struct suspect s = { 0 };
	struct err e;

	v->sums->rows++;
	if (offline_check_row(t, key, rec, &e) == 0)
		return;
	(void)err_where(&e, "table %s", offline_table_name(t));
	if (t == TABLE_STATE && key.len == KEY_STATE) {
		s.id = get_be64(key.p);
		tell(v, &s, e.text, "a recipient is tried once more");
	} else {
		tell(v, NULL, e.text, "");
	}
}

static void
check_table(struct verifier *v, enum env_table t)
{
	struct env_scan sc;
	struct slice key, rec;
	enum env_result r;
	struct err e;

	env_scan_init(&sc, t, ENV_SCAN_LARGE);
	while ((r = env_scan_next(v->sp->env, &sc, &key, &rec, &e)) == ENV_OK)
		check_row(v, t, key, rec);
	if (r != ENV_ABSENT) {
		(void)err_where(&e, "table %s", offline_table_name(t));
		tell(v, NULL, e.text, "mailraced will not start");
	}
	env_scan_fini(&sc);
}

/* ---- states: how many recipients of a message have ended ----------------- */

static bool
next_state(struct verifier *v)
{
	struct slice key, rec;
	struct err e;

	while (!v->has_ahead && !v->states_end) {
		if (env_scan_next(v->sp->env, &v->states, &key, &rec, &e) !=
		    ENV_OK) { /* check_table() has told of a failure */
			v->states_end = true;
			break;
		}
		if (key.len != KEY_STATE ||
		    record_state_unpack(key, rec, &v->ahead, &e) == -1)
			continue;
		v->ahead_id = get_be64(key.p);
		v->ahead_n = get_be32(key.p + 8);
		v->has_ahead = true;
	}
	return v->has_ahead;
}

static void
check_orphan(struct verifier *v, uint64_t id)
{
	struct suspect s = { .id = v->ahead_id };
	char what[80];

	if (v->ahead_id == id)
		return;
	(void)snprintf(what, sizeof(what),
	    "table state: recipient %u of a message that is not there",
	    v->ahead_n);
	tell(v, &s, what, "it does no harm");
}

static uint32_t
count_done(struct verifier *v, uint64_t id, uint32_t rcpt_count)
{
	uint32_t done = 0;

	while (next_state(v) && v->ahead_id <= id) {
		check_orphan(v, id);
		if (v->ahead_id == id && v->ahead_n < rcpt_count &&
		    v->ahead.kind == STATE_DONE)
			done++;
		v->has_ahead = false;
	}
	return done;
}

/* ---- messages ------------------------------------------------------------ */

static void
check_envelope(struct verifier *v, struct suspect *s,
    const struct record_message *m, const void *env)
{
	struct err e;

	if (envelope_unpack(env, m->loc.env_len, v->rg, &s->env, &e) == -1) {
		tell(v, s, e.text, STAYS);
		return;
	}
	s->has_env = true;
	if (s->env.rcpt_count != m->rcpt_count)
		tell(v, s, "envelope and row name different recipients",
		    STAYS);
}

static void
check_place(struct verifier *v, struct suspect *s,
    const struct record_message *m)
{
	const struct record_ledger *l = &v->sp->ledger;
	struct segment_got got;
	struct err e;

	if (m->loc.segment > l->tail ||
	    (m->loc.segment == l->tail &&
		(uint64_t)m->loc.offset + segment_size(&m->loc) >
		    l->tail_len)) {
		tell(v, s, "it lies behind what is committed of its segment",
		    STAYS);
		return;
	}
	if (segment_read(v->sp->reader, s->id, &m->loc, v->rg, &got, &e) ==
	    -1) {
		tell(v, s, e.text, STAYS);
		return;
	}
	v->sums->bytes += segment_size(&m->loc);
	check_envelope(v, s, m, got.env);
	if (got.body == NULL)
		tell(v, s, e.text,
		    "its recipients fail with 5.3.0 when they are tried");
	body_unref(&got.body);
}

static void
check_message(struct verifier *v, struct slice key, struct slice rec)
{
	struct suspect s = { .id = key.len == KEY_ID ? get_be64(key.p) : 0 };
	struct record_message m;
	struct err e;
	uint32_t done;

	v->sums->rows++;
	if (offline_check_row(TABLE_MESSAGE, key, rec, &e) == -1 ||
	    record_message_unpack(key, rec, &m, &e) == -1) {
		(void)err_where(&e, "table message");
		tell(v, &s, e.text, "it is not delivered");
		return;
	}
	s.has_waybill = waybill_unpack(m.waybill.p, m.waybill.len, v->rg,
			    &s.waybill, &e) == 0;
	if (!s.has_waybill)
		tell(v, &s, e.text, "it is not delivered");
	v->sums->messages++;
	done = count_done(v, s.id, m.rcpt_count);
	v->sums->recipients += m.rcpt_count - done;
	if (done == m.rcpt_count)
		tell(v, &s, "a message without a recipient left",
		    "it takes room");
	check_place(v, &s, &m);
	if (v->sums->messages % PROGRESS_EVERY == 0)
		v->owner->progress(v->ctx, v->sums->messages);
}

static void
check_messages(struct verifier *v)
{
	struct env_scan sc;
	struct slice key, rec;
	enum env_result r;
	struct err e;

	env_scan_init(&sc, TABLE_MESSAGE, ENV_SCAN_LARGE);
	env_scan_init(&v->states, TABLE_STATE, ENV_SCAN_LARGE);
	while ((r = env_scan_next(v->sp->env, &sc, &key, &rec, &e)) ==
	    ENV_OK) {
		v->rg = region_new();
		check_message(v, key, rec);
		region_free(&v->rg);
	}
	if (r != ENV_ABSENT) {
		(void)err_where(&e, "table message");
		tell(v, NULL, e.text, "mailraced will not start");
	}
	(void)count_done(v, UINT64_MAX, 0);
	env_scan_fini(&v->states);
	env_scan_fini(&sc);
}

/* ---- sums and files ------------------------------------------------------ */

static void
check_ledger(struct verifier *v)
{
	const struct record_ledger *l = &v->sp->ledger;
	uint64_t ended = l->delivered + l->failed + l->expired +
	    l->suppressed + l->deleted;
	char what[160];

	if (l->accepted == ended + v->sums->recipients)
		return;
	(void)snprintf(what, sizeof(what),
	    "the ledger does not balance: %llu accepted, %llu ended, %llu "
	    "queued",
	    (unsigned long long)l->accepted, (unsigned long long)ended,
	    (unsigned long long)v->sums->recipients);
	tell(v, NULL, what, "");
}

static void
check_tail(struct verifier *v)
{
	const struct record_ledger *l = &v->sp->ledger;
	char name[SEGMENT_NAME], what[160];
	struct buf path = { 0 };
	struct stat st;

	if (l->tail == 0)
		return;
	segment_name(name, l->tail);
	buf_printf(&path, "%s/seg/%s%c", v->sp->dir, name, '\0');
	if (stat(path.p, &st) == -1) {
		(void)snprintf(what, sizeof(what), "segment %s is not there",
		    name);
		tell(v, NULL, what, "");
	} else if ((uint64_t)st.st_size < l->tail_len) {
		(void)snprintf(what, sizeof(what),
		    "segment %s has %lld bytes of %llu that are committed",
		    name, (long long)st.st_size,
		    (unsigned long long)l->tail_len);
		tell(v, NULL, what, "");
	}
	buf_fini(&path);
}

/* After a good end all slots are free. */
static void
check_slots(struct verifier *v)
{
	struct inflight_found *list = NULL;
	size_t count = 0;
	struct err e;

	if (inflight_read(v->sp->dir, &list, &count, &e) == -1)
		tell(v, NULL, e.text, "");
	for (size_t i = 0; i < count; i++) {
		struct suspect s = { .id = list[i].id };

		tell(v, &s, "an in-flight slot is still filled",
		    "the next start names it in doubt");
	}
	inflight_found_free(&list);
}

void
verify(struct offline *sp, const struct verify_owner *owner, void *ctx,
    struct verify_sums *sums_r)
{
	struct verifier v = { .sp = sp,
		.owner = owner,
		.ctx = ctx,
		.sums = sums_r };

	*sums_r = (struct verify_sums){ 0 };
	for (int t = 0; t < TABLE_COUNT; t++)
		if (t != TABLE_MESSAGE)
			check_table(&v, (enum env_table)t);
	check_messages(&v);
	check_ledger(&v);
	check_tail(&v);
	check_slots(&v);
}
