/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A base comes into being in slices, from what the list has and what is to be
 * imported, both ascending; its files count when PATH is renamed to it.
 *
 *	MERGING -> EXPIRY -> READY
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "queue/bytes.h"
#include "queue/suppress_sort.h"
#include "queue/suppress_store_priv.h"
#include "queue/suppress_write.h"

enum {
	SLICE = 16384, /* entries: some milliseconds */
	EXPIRY_BYTES = 4 << 20,
	PROGRESS_EACH = 1 << 16
};

struct suppress_merge {
	struct suppress_owned *l;
	struct suppress_import *import; /* NULL: a fold */
	uint64_t generation, mark;
	int64_t now_s; /* what has expired then is left out */
	enum { MERGING, EXPIRY, READY } phase;
	char *columns_path, *expiry_path;
	struct suppress_walk *walk;  /* NULL: what was there is replaced */
	struct suppress_item walked; /* its next */
	const unsigned char *read;   /* the import's next record, or NULL */
	bool has_imported;
	unsigned char imported[SUPPRESS_LEN_MAX + IMPORT_REST];
	uint32_t *numbers; /* of the list's origins, by those of the import */
	struct suppress_write *base, *expiry;
	struct columns_write *columns;
	struct suppress_sort *expiries;
	uint64_t listed, done, all;
};

/* ---- what is imported ---------------------------------------------------- */

/* Of records with the same digest, the last one. */
static int
read_import(struct suppress_merge *m, struct err *e)
{
	uint32_t len = m->l->digest_len;

	m->has_imported = m->read != NULL;
	if (m->read == NULL)
		return 0;
	do {
		memcpy(m->imported, m->read, len + IMPORT_REST);
		m->done++;
		if (suppress_sort_next(m->import->sort, &m->read, e) == -1)
			return -1;
	} while (m->read != NULL && memcmp(m->read, m->imported, len) == 0);
	return 0;
}

static struct suppress_item
imported(const struct suppress_merge *m)
{
	const unsigned char *rest = m->imported + m->l->digest_len;

	return (struct suppress_item){ .digest = m->imported,
		.column = { .origin = m->numbers[get_be32(rest + 4)],
		    .created_s = get_be32(rest + 8),
		    .expires_s = get_be32(rest + 12) } };
}

static int
number_origins(struct suppress_merge *m, struct err *e)
{
	struct suppress_store *s = m->l->store;
	uint32_t end = suppress_origins_end(m->import->origins);
	int rc = suppress_store_begin(s, e);

	m->numbers = mem_array(end + 1, sizeof(uint32_t));
	for (uint32_t i = 0; i < end && rc == 0; i++) {
		const struct suppress_origin *o = suppress_origins_get(
		    m->import->origins, i);

		rc = suppress_state_origin(m->l, o->reason, o->source,
		    &m->numbers[i], e);
	}
	if (rc == -1)
		suppress_store_undo(s);
	return rc == 0 ? suppress_store_commit(s, e) : -1;
}

static int
begin_import(struct suppress_merge *m, struct err *e)
{
	struct suppress_sort *sort = m->import->sort;

	m->all += suppress_sort_count(sort);
	if (number_origins(m, e) == -1 || suppress_sort_end(sort, e) == -1 ||
	    suppress_sort_next(sort, &m->read, e) == -1)
		return -1;
	return read_import(m, e);
}

/* ---- begin and end ------------------------------------------------------- */

static int
begin_walk(struct suppress_merge *m, struct err *e)
{
	if (suppress_walk_new(m->l, &m->walk, e) == -1)
		return -1;
	suppress_walk_limit(m->walk, m->mark);
	m->all += m->l->entries;
	return suppress_walk_item(m->walk, &m->walked, e);
}

static int
open_files(struct suppress_merge *m, struct err *e)
{
	struct suppress_owned *l = m->l;
	const struct suppress_head head = { .list = l->id,
		.generation = m->generation,
		.listed = m->all,
		.digest_len = l->digest_len };

	m->columns_path = suppress_file_beside(l->path, "columns",
	    m->generation);
	m->expiry_path = suppress_file_beside(l->path, "expiry", m->generation);
	m->expiries = suppress_sort_new(m->expiry_path, EXPIRY_LEN,
	    EXPIRY_BYTES);
	if (suppress_write_new(l->path, &head, &m->base, e) == -1)
		return -1;
	return columns_write_new(m->columns_path, l->id, m->generation,
	    &m->columns, e);
}

int
suppress_merge_new(struct suppress_owned *l, struct suppress_import *i,
    struct err *e)
{
	struct suppress_merge *m = mem_new(struct suppress_merge);
	int rc = 0;

	CHECK(l->merge == NULL && !l->store->in_txn);
	l->merge = m;
	m->l = l;
	m->import = i;
	m->generation = l->row.next++;
	/* No fold takes what would have to hold against an import. */
	m->mark = l->import != NULL ? l->import->mark : l->row.mark;
	m->now_s = l->store->now_s;
	if (i == NULL || i->conf.mode == SUPPRESS_MERGE)
		rc = begin_walk(m, e);
	if (rc == 0 && i != NULL)
		rc = begin_import(m, e);
	if (rc == 0)
		rc = open_files(m, e);
	if (rc == -1)
		suppress_merge_free(&l->merge);
	return rc;
}

void
suppress_merge_free(struct suppress_merge **mp)
{
	struct suppress_merge *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	suppress_walk_free(&m->walk);
	suppress_write_free(&m->base);
	suppress_write_free(&m->expiry);
	columns_write_free(&m->columns);
	/* Unless it is published, or nobody could tell. */
	if (m->phase == READY && m->l->row.base != m->generation &&
	    m->l->row.coming.generation != m->generation) {
		(void)unlink(m->columns_path);
		(void)unlink(m->expiry_path);
	}
	free(m->columns_path);
	suppress_sort_free(&m->expiries);
	free(m->numbers);
	free(m->expiry_path);
	free(m);
}

bool
suppress_merge_is_fold(const struct suppress_merge *m)
{
	return m->import == NULL;
}

/* ---- slices -------------------------------------------------------------- */

/* *item_r is copied before what it borrows from goes on. */
static int
put(struct suppress_merge *m, const struct suppress_item *item, struct err *e)
{
	unsigned char x[EXPIRY_LEN];

	if (item->column.expires_s != 0 &&
	    (int64_t)item->column.expires_s <= m->now_s)
		return 0;
	if (suppress_write_listed(m->base, item->digest, e) == -1 ||
	    columns_write_add(m->columns, &item->column, e) == -1)
		return -1;
	put_be32(x, item->column.expires_s);
	put_be32(x + 4, (uint32_t)m->listed);
	m->listed++;
	return item->column.expires_s == 0 ?
	    0 :
	    suppress_sort_add(m->expiries, x, e);
}

static int
next_walked(struct suppress_merge *m, struct err *e)
{
	m->done++;
	return suppress_walk_item(m->walk, &m->walked, e);
}

/* One entry; what is imported holds against what is there. */
static int
merge_one(struct suppress_merge *m, struct err *e)
{
	struct suppress_item item;
	int order = m->walked.digest == NULL ?
	    1 :
	    !m->has_imported ?
	    -1 :
	    memcmp(m->walked.digest, m->imported, m->l->digest_len);

	if (order < 0)
		return put(m, &m->walked, e) == -1 ? -1 : next_walked(m, e);
	if (order == 0 && next_walked(m, e) == -1)
		return -1;
	item = imported(m);
	return put(m, &item, e) == -1 ? -1 : read_import(m, e);
}

static int
end_merging(struct suppress_merge *m, struct err *e)
{
	const struct suppress_head head = { .list = m->l->id,
		.generation = m->generation,
		.base = m->generation,
		.listed = suppress_sort_count(m->expiries),
		.digest_len = EXPIRY_LEN };

	m->phase = EXPIRY;
	suppress_walk_free(&m->walk);
	if (suppress_sort_end(m->expiries, e) == -1)
		return -1;
	return suppress_write_new(m->expiry_path, &head, &m->expiry, e);
}

static void
tell(const struct suppress_merge *m, uint64_t before)
{
	const struct suppress_import *i = m->import;

	if (i != NULL && i->conf.on_progress != NULL &&
	    (m->phase != MERGING ||
		before / PROGRESS_EACH != m->done / PROGRESS_EACH))
		i->conf.on_progress(i->conf.ctx, m->done,
		    m->done > m->all ? m->done : m->all);
}

static int
step_merging(struct suppress_merge *m, struct err *e)
{
	uint64_t before = m->done;
	int rc = 0;

	for (int n = 0; n < SLICE && rc == 0; n++) {
		if (m->walked.digest == NULL && !m->has_imported) {
			rc = end_merging(m, e);
			break;
		}
		rc = merge_one(m, e);
	}
	tell(m, before);
	return rc;
}

/* The folder is synced with it: the columns have their name on the disk. */
static int
step_expiry(struct suppress_merge *m, struct err *e)
{
	const unsigned char *x;

	for (int n = 0; n < SLICE; n++) {
		if (suppress_sort_next(m->expiries, &x, e) == -1)
			return -1;
		if (x == NULL) {
			m->phase = READY;
			return columns_write_end(m->columns, e) == -1 ?
			    -1 :
			    suppress_write_publish(m->expiry, e);
		}
		if (suppress_write_listed(m->expiry, x, e) == -1)
			return -1;
	}
	return 0;
}

/* ---- publishing ---------------------------------------------------------- */

static int
collect(struct suppress_owned *l, uint64_t above, struct buf *listed,
    struct buf *removed, struct err *e)
{
	const struct row_key from = row_key_entry(l->row.number, NULL, 0);
	const unsigned char *digest;
	struct row_entry row;
	struct env_scan sc;
	enum env_result r;

	suppress_scan_seek(&sc, TABLE_ENTRY, &from);
	while ((r = suppress_scan_entry(l, &sc, &digest, &row, e)) == ENV_OK)
		if (row.mark > above)
			buf_add(row.listed ? listed : removed, digest,
			    l->digest_len);
	env_scan_fini(&sc);
	return r == ENV_ABSENT ? 0 : -1;
}

static bool
has_delta(const struct suppress_owned *l, uint64_t base)
{
	char *path = suppress_file_beside(l->path, "delta", base);
	bool found = access(path, F_OK) == 0;

	free(path);
	return found;
}

int
suppress_merge_delta(struct suppress_owned *l, uint64_t above, uint64_t base,
    uint64_t generation, struct err *e)
{
	const struct suppress_build_conf conf = { .list = l->id,
		.generation = generation,
		.digest_len = l->digest_len };
	struct buf listed = { 0 }, removed = { 0 };
	int rc = collect(l, above, &listed, &removed, e);

	if (rc == 0 &&
	    (listed.len > 0 || removed.len > 0 || has_delta(l, base)))
		rc = suppress_build_delta(l->path, &conf, base,
		    (struct suppress_digests){ listed.p,
			listed.len / l->digest_len },
		    (struct suppress_digests){ removed.p,
			removed.len / l->digest_len },
		    e);
	buf_fini(&listed);
	buf_fini(&removed);
	return rc;
}

/* The row says first what comes, so that a crash can be told from what came. */
static int
announce(struct suppress_merge *m, struct err *e)
{
	struct suppress_owned *l = m->l;

	if (suppress_store_begin(l->store, e) == -1)
		return -1;
	l->row.coming.digest_len = l->digest_len;
	l->row.coming.id = l->id;
	l->row.coming.generation = m->generation;
	l->row.coming.mark = m->mark;
	l->row.coming.expired_s = m->now_s;
	l->is_changed = true;
	return suppress_store_commit(l->store, e);
}

static int
origin_gone(void *ctx, uint32_t number, struct err *e)
{
	struct suppress_owned *l = ctx;
	const struct row_key key = row_key_origin(l->row.number, number);
	enum env_result r = env_del(l->store->env, TABLE_ORIGIN,
	    row_key_slice(&key), e);

	return r == ENV_OK || r == ENV_ABSENT ? 0 : -1;
}

/* What only entries of before had.  Walks go on with the old base. */
static int
sweep_origins(struct suppress_owned *l, struct err *e)
{
	struct err ignored;

	if (l->walks > 0)
		return 0;
	if (suppress_store_begin(l->store, e) == -1)
		return -1;
	if (suppress_origins_sweep(l->origins, origin_gone, l, e) == 0 &&
	    suppress_store_commit(l->store, e) == 0)
		return 0;
	suppress_store_undo(l->store);
	(void)suppress_load_again(l, &ignored); /* its fault says it */
	return -1;
}

static int
publish(struct suppress_merge *m, struct err *e)
{
	struct suppress_owned *l = m->l;
	struct err again;
	int rc;

	if (announce(m, e) == -1)
		return -1;
	rc = suppress_merge_delta(l, m->mark, m->generation, l->row.delta, e);
	if (rc == 0)
		rc = suppress_write_publish(m->base, e);
	/* Whatever a call said: what is there now holds. */
	if (suppress_load_again(l, rc == 0 ? e : &again) == -1)
		rc = -1;
	if (l->row.base != m->generation)
		return rc == 0 ?
		    err_set(e, "%s: it was not published", l->path) :
		    -1;
	l->is_unpublished = false;
	l->published = l->row.mark;
	suppress_load_litter(l);
	if (l->fault != NULL)
		return err_set(e, "%s", l->fault);
	return sweep_origins(l, e);
}

int
suppress_merge_step(struct suppress_merge *m, bool *done_r, struct err *e)
{
	*done_r = false;
	switch (m->phase) {
	case MERGING:
		return step_merging(m, e);
	case EXPIRY:
		return step_expiry(m, e);
	case READY:
		*done_r = true;
		return publish(m, e);
	}
	CHECK_NEVER("phase");
}
