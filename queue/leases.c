/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/leases.h"

#include <string.h>

#include "lib/check.h"
#include "lib/log.h"
#include "queue/bytes.h"
#include "queue/record.h"
#include "queue/store_priv.h"

enum {
	FIXED = 68, /* bytes behind the head, before the entries */
	ENTRY = 16  /* of one entry */
};

/* ---- bytes --------------------------------------------------------------- */

void
leases_pack(struct buf *out, struct slice key, const struct lease_record *l)
{
	unsigned char rec[RECORD_HEAD + FIXED + LEASE_ENTRIES * ENTRY];
	unsigned char *p = rec + RECORD_HEAD;
	size_t len = RECORD_HEAD + FIXED + (size_t)l->count * ENTRY;

	CHECK(l->count <= LEASE_ENTRIES);
	put_be64(p, (uint64_t)l->stamp.wall_us);
	put_be64(p + 8, (uint64_t)l->stamp.boot_us);
	memcpy(p + 16, l->stamp.boot_id, LEASE_BOOT_ID);
	put_be64(p + 32, l->max);
	put_be64(p + 40, (uint64_t)l->period_us);
	put_be64(p + 48, l->pending);
	put_be64(p + 56, l->lease);
	put_be32(p + 64, l->count);
	for (uint32_t i = 0; i < l->count; i++) {
		unsigned char *at = p + FIXED + (size_t)i * ENTRY;

		put_be64(at, (uint64_t)l->entries[i].age_us);
		put_be64(at + 8, l->entries[i].count);
	}
	record_seal(RECORD_LEASE, key, rec, len);
	buf_clear(out);
	buf_add(out, rec, len);
}

/* No sum of two numbers of a record must overflow in who computes with it. */
static bool
is_sane(int64_t v)
{
	return v >= 0 && v <= INT64_MAX / 4;
}

static int
read_entries(const char *p, struct lease_record *l, struct err *e)
{
	for (uint32_t i = 0; i < l->count; i++) {
		struct lease_entry *en = &l->entries[i];

		en->age_us = (int64_t)get_be64(p + (size_t)i * ENTRY);
		en->count = get_be64(p + (size_t)i * ENTRY + 8);
		if (!is_sane(en->age_us) || !is_sane((int64_t)en->count) ||
		    en->count == 0 ||
		    (i > 0 && en->age_us > l->entries[i - 1].age_us))
			return err_set(e, "record R has an impossible entry");
	}
	return 0;
}

int
leases_unpack(struct slice key, struct slice rec, struct lease_record *l_r,
    struct err *e)
{
	struct slice p = { NULL, 0 };

	memset(l_r, 0, sizeof(*l_r));
	if (record_open(RECORD_LEASE, key, rec, &p, e) == -1)
		return -1;
	if (p.len < FIXED)
		return err_set(e, "record R is too short");
	l_r->stamp.wall_us = (int64_t)get_be64(p.p);
	l_r->stamp.boot_us = (int64_t)get_be64(p.p + 8);
	memcpy(l_r->stamp.boot_id, p.p + 16, LEASE_BOOT_ID);
	l_r->max = get_be64(p.p + 32);
	l_r->period_us = (int64_t)get_be64(p.p + 40);
	l_r->pending = get_be64(p.p + 48);
	l_r->lease = get_be64(p.p + 56);
	l_r->count = get_be32(p.p + 64);
	if (l_r->count > LEASE_ENTRIES ||
	    p.len != FIXED + (size_t)l_r->count * ENTRY)
		return err_set(e, "record R has a wrong length");
	if (!is_sane(l_r->stamp.wall_us) || !is_sane(l_r->stamp.boot_us) ||
	    !is_sane((int64_t)l_r->max) || l_r->max == 0 ||
	    !is_sane(l_r->period_us) || l_r->period_us == 0 ||
	    !is_sane((int64_t)l_r->pending) || !is_sane((int64_t)l_r->lease))
		return err_set(e, "record R has an impossible number");
	return read_entries(p.p + FIXED, l_r, e);
}

const char *
leases_name(struct slice key, char out[LEASES_NAME])
{
	size_t len = key.len < LEASES_NAME ? key.len : LEASES_NAME - 1;

	for (size_t i = 0; i < len; i++)
		out[i] = key.p[i] >= ' ' && key.p[i] <= '~' ? key.p[i] : '?';
	out[len] = '\0';
	return out;
}

/* ---- the table ----------------------------------------------------------- */

static enum env_result
put_list(struct store *s, const struct store_leases *l, struct buf *rec,
    struct err *e)
{
	enum env_result r = ENV_OK;

	for (size_t i = 0; r == ENV_OK && i < l->count; i++) {
		const struct store_lease *it = &l->items[i];

		if (it->rec == NULL) {
			r = env_del(s->env, TABLE_LEASE, it->key, e);
			r = r == ENV_ABSENT ? ENV_OK : r;
			continue;
		}
		leases_pack(rec, it->key, it->rec);
		r = env_put(s->env, TABLE_LEASE, it->key,
		    bytes(rec->p, rec->len), e);
	}
	return r;
}

static enum env_result
put_all(struct store *s, struct store_leases **list, size_t count,
    struct err *e)
{
	enum env_result r = ENV_OK;
	struct buf rec = { 0 };

	env_begin(s->env);
	for (size_t i = 0; r == ENV_OK && i < count; i++)
		r = put_list(s, list[i], &rec, e);
	if (r == ENV_OK)
		r = env_commit(s->env, e);
	if (r != ENV_OK)
		env_rollback(s->env);
	buf_fini(&rec);
	return r;
}

void
leases_commit(struct store *s, struct store_leases **list, size_t count)
{
	enum env_result r;
	struct err e;

	if (count == 0)
		return;
	r = put_all(s, list, count, &e);
	if (r == ENV_NO_SPACE && store_use_reserve(s))
		r = put_all(s, list, count, &e);
	if (r != ENV_OK && r != ENV_NO_SPACE)
		store_die("lease", &e);
	for (size_t i = 0; i < count; i++)
		list[i]->kept = r == ENV_OK;
}

/* A key that no limit has, and none can be kept under: it stays there. */
static bool
is_key(struct slice key, struct slice rec)
{
	if (key.len > 0 && key.len <= LEASE_KEY_MAX)
		return true;
	log_note(LOG_L_ERROR, "record-damaged",
	    "limit with a name of %zu bytes, %zu in its record: left alone; "
	    "`mailrace queue verify` names it",
	    key.len, rec.len);
	return false;
}

static bool
load_one(struct store *s, struct slice key, struct slice rec)
{
	char name[LEASES_NAME];
	struct lease_record l;
	struct err e;
	bool good = leases_unpack(key, rec, &l, &e) == 0;

	if (!good)
		log_note(LOG_L_ERROR, "record-damaged",
		    "limit %s: %s; it counts as used up",
		    leases_name(key, name), e.text);
	if (s->owner.lease != NULL)
		s->owner.lease(s->ctx, key, good ? &l : NULL);
	return good;
}

void
leases_load(struct store *s)
{
	struct store_leases_loaded all = {
		.used_before = s->ledger.row.sums.accepted > 0,
	};
	struct slice key, rec;
	struct env_scan sc;
	enum env_result r;
	struct err e;

	env_scan_init(&sc, TABLE_LEASE, ENV_SCAN_LARGE);
	while ((r = env_scan_next(s->env, &sc, &key, &rec, &e)) == ENV_OK)
		if (!is_key(key, rec) || !load_one(s, key, rec))
			all.damaged++;
	if (r != ENV_ABSENT)
		store_die("lease", &e);
	env_scan_fini(&sc);
	if (s->owner.leases_loaded != NULL)
		s->owner.leases_loaded(s->ctx, &all);
}
