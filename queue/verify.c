/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/verify.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/mem.h"
#include "queue/bytes.h"
#include "queue/inflight_priv.h"
#include "queue/leases.h"
#include "queue/segment_priv.h"
#include "queue/walk.h"

enum { PROGRESS_EVERY = 1000 };

#define USED_UP "its limit counts as used up"
#define STAYS "it stays queued, and the log names it"

struct verifier {
	struct offline *sp;
	const struct verify_owner *owner;
	void *ctx;
	struct verify_sums *sums;
	struct region *rg; /* of the message in hand */
	uint64_t states;   /* good rows of the table; less those of a message */
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
	char name[LEASES_NAME];
	struct suspect s = { 0 };
	struct err e;

	v->sums->rows++;
	if (offline_check_row(t, key, rec, &e) == 0) {
		v->states += t == TABLE_STATE ? 1 : 0;
		return;
	}
	if (t == TABLE_LEASE)
		(void)err_where(&e, "limit %s", leases_name(key, name));
	(void)err_where(&e, "table %s", offline_table_name(t));
	if (t == TABLE_STATE && key.len == KEY_STATE) {
		s.id = get_be64(key.p);
		tell(v, &s, e.text, "a recipient is tried once more");
	} else {
		tell(v, NULL, e.text, t == TABLE_LEASE ? USED_UP : "");
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
		tell(v, s, "envelope and row name different recipients", STAYS);
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
check_message(struct verifier *v, const struct walk_message *m)
{
	struct suspect s = { .id = m->id };
	struct err e;

	v->sums->rows++;
	if (m->trouble != NULL) {
		e = (struct err){ 0 };
		(void)err_set(&e, "table message: %s", m->trouble);
		tell(v, &s, e.text, "it is not delivered");
		return;
	}
	s.has_waybill = waybill_unpack(m->rec.waybill.p, m->rec.waybill.len,
			    v->rg, &s.waybill, &e) == 0;
	if (!s.has_waybill)
		tell(v, &s, e.text, "it is not delivered");
	v->sums->messages++;
	v->sums->recipients += m->left;
	v->states -= m->row_count;
	if (m->left == 0)
		tell(v, &s, "a message without a recipient left",
		    "it takes room");
	check_place(v, &s, &m->rec);
	if (v->sums->messages % PROGRESS_EVERY == 0)
		v->owner->progress(v->ctx, v->sums->messages);
}

static void
check_messages(struct verifier *v)
{
	struct walk *w = walk_new(v->sp->env);
	struct walk_message m;
	enum env_result r;
	struct err e;

	while ((r = walk_next(w, UINT64_MAX, &m, &e)) == ENV_OK) {
		v->rg = region_new();
		check_message(v, &m);
		region_free(&v->rg);
	}
	walk_free(&w);
	if (r != ENV_ABSENT) {
		(void)err_where(&e, "table message");
		tell(v, NULL, e.text, "mailraced will not start");
	} else if (v->states != 0) {
		(void)err_set(&e,
		    "table state: %llu recipients of messages that are not "
		    "there",
		    (unsigned long long)v->states);
		tell(v, NULL, e.text, "they do no harm");
	}
}

/* ---- sums and files ------------------------------------------------------ */

static void
check_ledger(struct verifier *v)
{
	const struct store_ledger *l = &v->sp->ledger.sums;
	uint64_t ended = store_ledger_ended(l);
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
