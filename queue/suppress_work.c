/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "queue/bytes.h"
#include "queue/suppress_store_priv.h"

enum {
	SLICE = 1000, /* rows of one transaction */
	/*
	 * A fold writes the base anew, a change writes the delta anew: with a
	 * fiftieth of the base a byte of a change costs as much by either.
	 */
	FOLD_SHARE = 50,
	/* A delta is written this often at most; a large one more seldom. */
	PUBLISH_MS = 200,
	ROWS_BY_MS = 1000,
	RETRY_S = 1,
	CHECKPOINT_S = 60
};

/* ---- what readers see ---------------------------------------------------- */

static int64_t
publish_at(const struct suppress_owned *l)
{
	uint64_t ms = PUBLISH_MS + (l->added + l->removed) / ROWS_BY_MS;

	return l->published_us + (int64_t)ms * US_PER_MS;
}

static bool
may_publish(const struct suppress_owned *l)
{
	return l->is_unpublished && l->row.base != 0;
}

static int
publish(struct suppress_owned *l, int64_t now_us, struct err *e)
{
	/* What was added is gone again, and no reader was ever told of a list. */
	if (l->row.base == 0 && l->added + l->removed == 0)
		l->is_unpublished = false;
	if (!may_publish(l) || now_us < publish_at(l))
		return 0;
	if (suppress_merge_delta(l, l->row.folded, l->row.base, l->row.delta,
		e) == -1)
		return -1;
	l->is_unpublished = false;
	l->published_us = now_us;
	l->published = l->row.mark;
	return 0;
}

/* ---- rows that do not count ---------------------------------------------- */

struct rows {
	struct row_key keys[SLICE];
	size_t count;
	bool is_last; /* there are no more */
};

/* From l->sweep_from on; that is moved behind what was looked at. */
static int
find_dead(struct suppress_owned *l, struct rows *dead, struct err *e)
{
	struct slice key, rec;
	struct row_entry row;
	struct env_scan sc;
	enum env_result r = ENV_OK;

	dead->count = 0;
	suppress_scan_seek(&sc, TABLE_ENTRY, &l->sweep_from);
	for (int n = 0; n < SLICE && r == ENV_OK; n++) {
		r = suppress_scan_next(l, &sc, &key, &rec, e);
		if (r != ENV_OK)
			break;
		if (key.len > sizeof(l->sweep_from.p) ||
		    row_entry_unpack(key, rec, &row, e) == -1) {
			r = ENV_FAILED;
			break;
		}
		memcpy(l->sweep_from.p, key.p, key.len);
		l->sweep_from.len = key.len;
		if (suppress_row_counts(l, &row))
			continue;
		dead->keys[dead->count++] = l->sweep_from;
	}
	env_scan_fini(&sc);
	dead->is_last = r == ENV_ABSENT;
	return r == ENV_OK || r == ENV_ABSENT ? 0 : -1;
}

static int
drop_dead(struct suppress_owned *l, const struct row_key *key, struct err *e)
{
	struct env *env = l->store->env;
	struct slice rec, k = row_key_slice(key);
	struct row_entry row;
	enum env_result r = env_get(env, TABLE_ENTRY, k, &rec, e);

	if (r != ENV_OK || row_entry_unpack(k, rec, &row, e) == -1)
		return -1;
	if (row.listed && row.column.expires_s != 0) {
		const struct row_key x = row_key_expiry(l->row.number,
		    row.column.expires_s, key->p + 4, (uint32_t)key->len - 4);

		r = env_del(env, TABLE_EXPIRY, row_key_slice(&x), e);
		if (r != ENV_OK && r != ENV_ABSENT)
			return -1;
	}
	return env_del(env, TABLE_ENTRY, k, e) == ENV_OK ? 0 : -1;
}

static int
drop_all(struct suppress_owned *l, const struct rows *dead, struct err *e)
{
	int rc = 0;

	if (dead->count > 0)
		rc = suppress_store_begin(l->store, e);
	for (size_t i = 0; i < dead->count && rc == 0; i++)
		rc = drop_dead(l, &dead->keys[i], e);
	if (rc == 0)
		return suppress_store_commit(l->store, e);
	suppress_store_undo(l->store);
	return -1;
}

/* Once a base has them; *more_r: there are others. */
static int
sweep(struct suppress_owned *l, bool *more_r, struct err *e)
{
	struct rows *dead;
	int rc;

	if (!l->is_sweeping || l->walks > 0)
		return 0;
	dead = mem_new(struct rows);
	rc = find_dead(l, dead, e);
	if (rc == 0)
		rc = drop_all(l, dead, e);
	if (rc == 0 && dead->is_last)
		l->is_sweeping = false;
	*more_r |= l->is_sweeping;
	free(dead);
	return rc;
}

/* ---- expiry -------------------------------------------------------------- */

/* The digests of changes that have expired; of others only the row. */
static int
find_expired(struct suppress_owned *l, struct rows *due, struct err *e)
{
	const struct row_key from = row_key_entry(l->row.number, NULL, 0);
	struct slice key, rec;
	struct env_scan sc;
	enum env_result r = ENV_OK;

	due->count = 0;
	suppress_scan_seek(&sc, TABLE_EXPIRY, &from);
	while (due->count < SLICE && r == ENV_OK) {
		r = suppress_scan_next(l, &sc, &key, &rec, e);
		if (r == ENV_OK &&
		    (key.len < 8 || key.len > sizeof(due->keys[0].p))) {
			(void)err_set(e, "%s: a row of expiry is damaged",
			    l->path);
			r = ENV_FAILED;
		}
		if (r == ENV_OK &&
		    (int64_t)get_be32(key.p + 4) > l->store->now_s)
			r = ENV_ABSENT;
		if (r == ENV_OK) {
			memcpy(due->keys[due->count].p, key.p, key.len);
			due->keys[due->count++].len = key.len;
		}
	}
	env_scan_fini(&sc);
	due->is_last = r == ENV_ABSENT;
	return r == ENV_OK || r == ENV_ABSENT ? 0 : -1;
}

static int
expire_row(struct suppress_owned *l, const struct row_key *key, struct err *e)
{
	struct suppress_state st;
	enum env_result r;

	if (key->len == 8 + (size_t)l->digest_len) {
		if (suppress_state_get(l, key->p + 8, &st, e) == -1)
			return -1;
		if (st.counts && st.listed &&
		    st.column.expires_s == get_be32(key->p + 4))
			return suppress_state_unlist(l, key->p + 8, &st, e);
	}
	r = env_del(l->store->env, TABLE_EXPIRY, row_key_slice(key), e);
	return r == ENV_OK || r == ENV_ABSENT ? 0 : -1;
}

static int
expire_rows(struct suppress_owned *l, bool *all_r, struct err *e)
{
	struct rows *due = mem_new(struct rows);
	int rc = find_expired(l, due, e);

	if (rc == 0 && due->count > 0)
		rc = suppress_store_begin(l->store, e);
	for (size_t i = 0; i < due->count && rc == 0; i++)
		rc = expire_row(l, &due->keys[i], e);
	*all_r = due->is_last;
	free(due);
	return rc;
}

/* Unless a change says otherwise of it. */
static int
expire_place(struct suppress_owned *l, size_t place, struct err *e)
{
	const unsigned char *digest = l->base->file.listed +
	    place * l->digest_len;
	struct suppress_state st;

	if (suppress_state_get(l, digest, &st, e) == -1)
		return -1;
	return st.counts ? 0 : suppress_state_unlist(l, digest, &st, e);
}

static int
expire_base(struct suppress_owned *l, size_t end, bool *all_r, struct err *e)
{
	size_t from = l->expiry_at;
	int rc = 0;

	if (end > from + SLICE)
		end = from + SLICE;
	if (from < end)
		rc = suppress_store_begin(l->store, e);
	for (; from < end && rc == 0; from++)
		rc = expire_place(l,
		    get_be32(l->base->expiry.listed + from * EXPIRY_LEN + 4),
		    e);
	if (rc == 0)
		l->expiry_at = end;
	*all_r &= rc == 0 &&
	    end == suppress_base_expiry(l->base, l->store->now_s);
	return rc;
}

/* A fold leaves out what has expired: that is cheaper for many. */
static bool
wants_fold(const struct suppress_owned *l)
{
	uint64_t rows = l->added + l->removed, base, expired;

	if (l->base == NULL)
		return rows > 0 || l->import != NULL;
	if (l->import != NULL)
		return false;
	base = l->base->file.head.listed;
	expired = suppress_base_expiry(l->base, l->store->now_s);
	if (expired > l->expiry_at)
		rows += expired - l->expiry_at;
	return rows > l->store->fold_at && rows > base / FOLD_SHARE;
}

static int
expire(struct suppress_owned *l, bool *more_r, struct err *e)
{
	int64_t now_s = l->store->now_s;
	bool is_all = true;
	int rc;

	if (l->expired_at == now_s || l->merge != NULL || wants_fold(l))
		return 0;
	rc = expire_rows(l, &is_all, e);
	if (rc == 0 && l->base != NULL)
		rc = expire_base(l, suppress_base_expiry(l->base, now_s),
		    &is_all, e);
	if (rc == -1) {
		suppress_store_undo(l->store);
		return -1;
	}
	if (is_all)
		l->row.expired_s = now_s; /* kept with the next change */
	if (suppress_store_commit(l->store, e) == -1)
		return -1;
	if (is_all)
		l->expired_at = now_s;
	*more_r |= !is_all;
	return 0;
}

/* ---- imports and folds --------------------------------------------------- */

static void
end_merge(struct suppress_owned *l, const struct err *e)
{
	bool is_fold = l->merge == NULL ? false :
					  suppress_merge_is_fold(l->merge);

	suppress_merge_free(&l->merge);
	if (!is_fold)
		suppress_import_end(&l->import, e);
}

static int
begin_merge(struct suppress_owned *l, struct err *e)
{
	bool is_ready = l->import != NULL && l->import->is_committed;

	/* What is folded now would be folded again. */
	if (is_ready && l->merge != NULL && l->row.base != 0 &&
	    suppress_merge_is_fold(l->merge))
		suppress_merge_free(&l->merge);
	if (l->merge != NULL)
		return 0;
	if (l->fault == NULL && (l->base == NULL || !is_ready) && wants_fold(l))
		return suppress_merge_new(l, NULL, e);
	if (!is_ready)
		return 0;
	if (suppress_merge_new(l, l->import, e) == 0)
		return 0;
	end_merge(l, e);
	return 0;
}

/* A failed import is told to its owner, a failed fold to our caller. */
static int
merge(struct suppress_owned *l, bool *more_r, struct err *e)
{
	bool is_fold, is_done = false;
	int rc;

	if (begin_merge(l, e) == -1)
		return -1;
	if (l->merge == NULL)
		return 0;
	is_fold = suppress_merge_is_fold(l->merge);
	rc = suppress_merge_step(l->merge, &is_done, e);
	if (rc == -1 || is_done)
		end_merge(l, rc == -1 ? e : NULL);
	*more_r = true;
	return is_fold ? rc : 0;
}

/* ---- all of it ----------------------------------------------------------- */

static int
work_on(struct suppress_owned *l, int64_t now_us, int64_t *next_us_r,
    struct err *e)
{
	bool more = false;
	int rc;

	if (now_us < l->retry_us) {
		*next_us_r = l->retry_us;
		return 0;
	}
	rc = merge(l, &more, e);
	if (rc == 0 && l->fault == NULL)
		rc = expire(l, &more, e);
	if (rc == 0 && l->fault == NULL)
		rc = sweep(l, &more, e);
	if (rc == 0 && l->fault == NULL)
		rc = publish(l, now_us, e);
	*next_us_r = SUPPRESS_NOT_YET;
	if (may_publish(l) && l->fault == NULL)
		*next_us_r = publish_at(l);
	if (more)
		*next_us_r = now_us;
	if (rc == -1)
		*next_us_r = l->retry_us = now_us + RETRY_S * US_PER_S;
	return rc;
}

/* Log files no longer needed go with it. */
static int
checkpoint(struct suppress_store *s, int64_t now_us, struct err *e)
{
	if (now_us < s->checkpoint_us)
		return 0;
	s->checkpoint_us = now_us + CHECKPOINT_S * US_PER_S;
	return env_checkpoint(s->env, (uint32_t)ENV_LOG_FILE / 4, 10, e) ==
		ENV_OK ?
	    0 :
	    -1;
}

int
suppress_store_work(struct suppress_store *s, int64_t now_us,
    int64_t *next_us_r, struct err *e)
{
	struct err one;
	int rc = 0;

	CHECK(!s->in_txn);
	*next_us_r = SUPPRESS_NOT_YET;
	if (s->is_broken)
		return err_set(e, "%s: it has to be opened anew", s->dir);
	for (struct suppress_owned *l = s->lists; l != NULL; l = l->next) {
		int64_t next_us;

		if (work_on(l, now_us, &next_us, &one) == -1 && rc == 0)
			rc = err_set(e, "list %s: %s", l->name, one.text);
		if (next_us < *next_us_r)
			*next_us_r = next_us;
	}
	if (checkpoint(s, now_us, &one) == -1 && rc == 0)
		rc = err_set(e, "%s/db: %s", s->dir, one.text);
	return rc;
}
