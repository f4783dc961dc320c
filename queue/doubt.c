/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/doubt.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "queue/bytes.h"
#include "queue/inflight_priv.h"
#include "queue/segment.h"
#include "queue/store_priv.h"

struct place {
	int64_t wall_us;
	uint64_t id;
	uint32_t n;
};

static enum env_result
put(struct store *s, const struct place *at, const struct record_doubt *d,
    struct err *e)
{
	unsigned char key[KEY_DOUBT];
	struct buf rec = { 0 };
	enum env_result r;

	put_be64(key, (uint64_t)at->wall_us);
	put_be64(key + 8, at->id);
	put_be32(key + 16, at->n);
	record_doubt_pack(&rec, bytes(key, sizeof(key)), d);
	r = env_put(s->env, TABLE_DOUBT, bytes(key, sizeof(key)),
	    bytes(rec.p, rec.len), e);
	buf_fini(&rec);
	return r;
}

enum env_result
doubt_put(struct store *s, const struct store_doubt *d, struct err *e)
{
	const struct record_doubt row = { .session = d->session,
		.to = slice_of(d->to),
		.queue = slice_of(d->queue) };

	return put(s, &(struct place){ d->wall_us, d->id, d->n }, &row, e);
}

/* ---- at start ------------------------------------------------------------ */

struct find {
	struct store *s;
	struct segment_reader *reader;
};

/* Who a doubt is about, for people; empty where the records are broken. */
struct names {
	const char *sender, *to, *queue;
};

static struct names
names_of(const struct find *f, uint64_t id, const struct record_message *m,
    uint32_t n, struct region *rg)
{
	struct names names = { "", "", "" };
	struct segment_got got;
	struct envelope env;
	struct waybill bill;
	struct err e;

	if (waybill_unpack(m->waybill.p, m->waybill.len, rg, &bill, &e) == 0) {
		const struct waybill_run *run = waybill_find(&bill, n);

		names.queue = region_printf(rg, "%s/%s", run->domain,
		    envelope_vmta_shown(run->vmta));
	}
	if (segment_read_envelope(f->reader, id, &m->loc, rg, &got, &e) == 0 &&
	    envelope_unpack(got.env, m->loc.env_len, rg, &env, &e) == 0 &&
	    n < env.rcpt_count) {
		names.sender = env.sender;
		names.to = env.rcpts[n].addr;
	}
	return names;
}

static void
log_doubt(const struct inflight_found *f, const struct names *names)
{
	char id[MESSAGE_ID_TEXT], when[40];
	struct log_line l;

	log_begin(&l, LOG_L_WARN, message_id_text(f->id, id), "in-doubt");
	log_int(&l, "rcpt", f->n);
	log_fmt(&l, "from", "<%s>", names->sender);
	log_fmt(&l, "to", "<%s>", names->to);
	log_str(&l, "queue", names->queue);
	log_fmt(&l, "session", "%016llx", (unsigned long long)f->session);
	if (f->wall_us > 0 && clock_iso(when, sizeof(when), f->wall_us) > 0)
		log_str(&l, "sent", when);
	log_end(&l);
}

static enum env_result
put_doubt(const struct find *find, const struct inflight_found *f,
    const struct record_message *m, struct err *e)
{
	struct region *rg = region_new();
	struct names names = names_of(find, f->id, m, f->n, rg);
	const struct record_doubt row = { .session = f->session,
		.to = slice_of(names.to),
		.queue = slice_of(names.queue) };
	enum env_result r;

	log_doubt(f, &names);
	r = put(find->s, &(struct place){ f->wall_us, f->id, f->n }, &row, e);
	region_free(&rg);
	return r;
}

/* ENV_ABSENT: the outcome is known. */
static enum env_result
check(struct store *s, const struct inflight_found *f, struct err *e)
{
	unsigned char key[KEY_STATE];
	struct slice k = bytes(key, sizeof(key)), rec;
	struct record_state st;
	enum env_result r;

	key_state(key, f->id, f->n);
	r = env_get(s->env, TABLE_STATE, k, &rec, e);
	if (r == ENV_ABSENT)
		return ENV_OK;
	if (r != ENV_OK)
		return r;
	if (record_state_unpack(k, rec, &st, e) == -1)
		return ENV_OK; /* better one too many */
	if (st.kind == STATE_DONE ||
	    (st.generation == f->generation && st.settled_us >= f->at_us))
		return ENV_ABSENT;
	return ENV_OK;
}

static enum env_result
add(const struct find *find, const struct inflight_found *f, struct err *e)
{
	unsigned char id[KEY_ID];
	struct record_message m;
	struct slice rec;
	enum env_result r;

	r = check(find->s, f, e);
	if (r != ENV_OK)
		return r;
	key_id(id, f->id);
	r = env_get(find->s->env, TABLE_MESSAGE, bytes(id, sizeof(id)), &rec,
	    e);
	if (r != ENV_OK)
		return r;
	if (record_message_unpack(bytes(id, sizeof(id)), rec, &m, e) == -1 ||
	    f->n >= m.rcpt_count)
		return ENV_ABSENT;
	return put_doubt(find, f, &m, e);
}

enum env_result
doubt_find(struct store *s, size_t *count_r, struct err *e)
{
	struct find find = { .s = s };
	struct inflight_found *list;
	enum env_result r = ENV_OK;
	size_t count;

	*count_r = 0;
	if (inflight_read(s->dir, &list, &count, e) == -1)
		return ENV_FAILED;
	find.reader = segment_reader_new(s->dir);
	for (size_t i = 0; i < count; i++) {
		r = add(&find, &list[i], e);
		if (r == ENV_OK)
			(*count_r)++;
		else if (r != ENV_ABSENT)
			break;
		r = ENV_OK;
	}
	segment_reader_free(&find.reader);
	inflight_found_free(&list);
	return r;
}

/* ---- later --------------------------------------------------------------- */

void
doubt_list(struct store *s, int64_t wall_us, struct store_doubt **list_r,
    size_t *count_r)
{
	int64_t from = wall_us > DOUBT_KEEP_US ? wall_us - DOUBT_KEEP_US : 0;
	unsigned char start[8];
	struct slice key, rec;
	struct env_scan sc;
	size_t cap = 0;
	struct err e;

	*list_r = NULL;
	*count_r = 0;
	env_scan_init(&sc, TABLE_DOUBT, ENV_SCAN_SMALL);
	put_be64(start, (uint64_t)from);
	env_scan_seek(&sc, bytes(start, sizeof(start)));
	while (env_scan_next(s->env, &sc, &key, &rec, &e) == ENV_OK) {
		struct record_doubt d;

		if (key.len != KEY_DOUBT ||
		    record_doubt_unpack(key, rec, &d, &e) == -1)
			continue;
		if (*count_r == cap) {
			cap = cap == 0 ? 16 : cap * 2;
			*list_r = mem_realloc(*list_r,
			    cap * sizeof(struct store_doubt));
		}
		(*list_r)[(*count_r)++] = (struct store_doubt){
			.wall_us = (int64_t)get_be64(key.p),
			.id = get_be64(key.p + 8),
			.n = get_be32(key.p + 16),
			.session = d.session,
			.to = mem_strndup(d.to.p, d.to.len),
			.queue = mem_strndup(d.queue.p, d.queue.len),
		};
	}
	env_scan_fini(&sc);
}

void
doubt_list_free(struct store_doubt **listp, size_t count)
{
	struct store_doubt *list = *listp;

	*listp = NULL;
	for (size_t i = 0; i < count; i++) {
		free(list[i].to);
		free(list[i].queue);
	}
	free(list);
}

enum env_result
doubt_expire(struct store *s, int64_t wall_us, struct err *e)
{
	struct slice key, rec;
	struct env_scan sc;
	enum env_result r;

	env_scan_init(&sc, TABLE_DOUBT, ENV_SCAN_SMALL);
	for (;;) {
		r = env_scan_next(s->env, &sc, &key, &rec, e);
		if (r != ENV_OK || key.len != KEY_DOUBT ||
		    (int64_t)get_be64(key.p) >= wall_us - DOUBT_KEEP_US)
			break;
		env_begin(s->env);
		r = env_del(s->env, TABLE_DOUBT, key, e);
		if (r == ENV_OK)
			r = env_commit(s->env, e);
		if (r != ENV_OK) {
			env_rollback(s->env);
			break;
		}
	}
	env_scan_fini(&sc);
	return r == ENV_ABSENT ? ENV_OK : r;
}
