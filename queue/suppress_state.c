/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "queue/bytes.h"
#include "queue/suppress_store_priv.h"

int
suppress_state_get(struct suppress_owned *l, const void *digest,
    struct suppress_state *st, struct err *e)
{
	const struct row_key key = row_key_entry(l->row.number, digest,
	    l->digest_len);
	struct slice rec;
	enum env_result r = env_get(l->store->env, TABLE_ENTRY,
	    row_key_slice(&key), &rec, e);

	*st = (struct suppress_state){ .place = SUPPRESS_NOWHERE };
	if (r != ENV_OK && r != ENV_ABSENT)
		return -1;
	st->has_row = r == ENV_OK;
	if (st->has_row &&
	    row_entry_unpack(row_key_slice(&key), rec, &st->row, e) == -1)
		return -1;
	st->counts = st->has_row && suppress_row_counts(l, &st->row);
	if (l->base != NULL)
		st->place = suppress_file_place(&l->base->file, digest);
	st->listed = st->counts ? st->row.listed :
				  st->place != SUPPRESS_NOWHERE;
	if (st->counts)
		st->column = st->row.column;
	else if (st->listed)
		st->column = suppress_columns_at(&l->base->columns, st->place);
	return 0;
}

/* ---- changes ------------------------------------------------------------- */

static void
count_origin(struct suppress_owned *l, uint32_t number, int by)
{
	struct suppress_origin *o = suppress_origins_get(l->origins, number);

	CHECK(o != NULL);
	o->entries += (uint64_t)(int64_t)by;
	l->entries += (uint64_t)(int64_t)by;
}

static enum env_result
put_row(struct suppress_owned *l, const void *digest,
    const struct row_entry *row, struct err *e)
{
	struct env *env = l->store->env;
	const struct row_key key = row_key_entry(l->row.number, digest,
	    l->digest_len);
	unsigned char rec[ROW_ENTRY_LEN];
	enum env_result r;

	row_entry_pack(row, row_key_slice(&key), rec);
	r = env_put(env, TABLE_ENTRY, row_key_slice(&key),
	    bytes(rec, sizeof(rec)), e);
	if (r == ENV_OK && row->listed && row->column.expires_s != 0) {
		const struct row_key x = row_key_expiry(l->row.number,
		    row->column.expires_s, digest, l->digest_len);

		r = env_put(env, TABLE_EXPIRY, row_key_slice(&x), bytes("", 0),
		    e);
	}
	return r;
}

static enum env_result
drop_expiry(struct suppress_owned *l, const void *digest,
    const struct row_entry *row, struct err *e)
{
	const struct row_key x = row_key_expiry(l->row.number,
	    row->column.expires_s, digest, l->digest_len);
	enum env_result r;

	if (!row->listed || row->column.expires_s == 0)
		return ENV_OK;
	r = env_del(l->store->env, TABLE_EXPIRY, row_key_slice(&x), e);
	return r == ENV_ABSENT ? ENV_OK : r;
}

/* row NULL: the base alone says it. */
static int
change(struct suppress_owned *l, const void *digest,
    const struct suppress_state *st, const struct row_entry *row, struct err *e)
{
	const struct row_key key = row_key_entry(l->row.number, digest,
	    l->digest_len);
	enum env_result r = ENV_OK;

	if (st->has_row)
		r = drop_expiry(l, digest, &st->row, e);
	if (r == ENV_OK && row != NULL)
		r = put_row(l, digest, row, e);
	else if (r == ENV_OK && st->has_row)
		r = env_del(l->store->env, TABLE_ENTRY, row_key_slice(&key), e);
	if (r != ENV_OK)
		return -1;
	l->is_changed = true;
	if (st->listed)
		count_origin(l, st->column.origin, -1);
	if (st->counts)
		*(st->row.listed ? &l->added : &l->removed) -= 1;
	if (row != NULL)
		*(row->listed ? &l->added : &l->removed) += 1;
	if (row != NULL && row->listed)
		count_origin(l, row->column.origin, 1);
	return 0;
}

int
suppress_state_list(struct suppress_owned *l, const void *digest,
    const struct suppress_state *st, struct suppress_column column,
    struct err *e)
{
	const struct row_entry row = { .listed = true,
		.column = column,
		.mark = ++l->row.mark };

	return change(l, digest, st, &row, e);
}

/*
 * What neither the base has nor one that is being made, or still walked, needs
 * no row to say that it is not listed.
 */
int
suppress_state_unlist(struct suppress_owned *l, const void *digest,
    const struct suppress_state *st, struct err *e)
{
	const struct row_entry row = { .mark = ++l->row.mark };
	bool is_base_enough = st->place == SUPPRESS_NOWHERE &&
	    l->merge == NULL && l->import == NULL && l->walks == 0;

	if (!st->listed && is_base_enough)
		return 0;
	return change(l, digest, st, is_base_enough ? NULL : &row, e);
}

int
suppress_state_origin(struct suppress_owned *l, const char *reason,
    const char *source, uint32_t *number_r, struct err *e)
{
	struct buf rec = { 0 };
	struct row_key key;
	enum env_result r;
	bool is_new;

	if (suppress_origins_put(l->origins, reason, source, number_r, &is_new,
		e) == -1)
		return -1;
	if (!is_new)
		return 0;
	l->is_changed = true;
	key = row_key_origin(l->row.number, *number_r);
	row_origin_pack(&rec, row_key_slice(&key), slice_of(reason),
	    slice_of(source));
	r = env_put(l->store->env, TABLE_ORIGIN, row_key_slice(&key),
	    bytes(rec.p, rec.len), e);
	buf_fini(&rec);
	return r == ENV_OK ? 0 : -1;
}

/* ---- what may be told ---------------------------------------------------- */

static int
check_text(const char *what, const char *text, struct err *e)
{
	size_t len = strlen(text);

	if (len > SUPPRESS_TEXT_MAX)
		return err_set(e, "the %s has %zu bytes, %d is the most", what,
		    len, SUPPRESS_TEXT_MAX);
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(e,
			    "the %s has a byte that cannot be printed", what);
	return 0;
}

int
suppress_meta_column(const struct suppress_meta *m, struct suppress_column *c_r,
    struct err *e)
{
	if (check_text("reason", m->reason, e) == -1 ||
	    check_text("source", m->source, e) == -1)
		return -1;
	if (m->created_s < 0 || m->created_s > UINT32_MAX || m->expires_s < 0 ||
	    m->expires_s > UINT32_MAX)
		return err_set(e, "a time before 1970 or behind 2106");
	c_r->origin = 0;
	c_r->created_s = (uint32_t)m->created_s;
	c_r->expires_s = (uint32_t)m->expires_s;
	return 0;
}

int
suppress_meta_check(const struct suppress_meta *m, struct err *e)
{
	struct suppress_column c;

	return suppress_meta_column(m, &c, e);
}
