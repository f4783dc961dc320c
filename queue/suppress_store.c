/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/suppress_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "queue/bytes.h"
#include "queue/lock.h"
#include "queue/suppress_store_priv.h"
#include "queue/suppress_write.h"

enum { FOLD_AT = 65536 };

#define ROOM (2 * ENV_LOG_FILE)

/* ---- open and close ------------------------------------------------------ */

/* Numbers of lists are not given twice. */
static int
find_number(struct suppress_store *s, struct err *e)
{
	struct row_list row;
	struct slice key, rec;
	struct env_scan sc;
	enum env_result r;

	s->next_number = 1;
	env_scan_init(&sc, TABLE_LIST, ENV_SCAN_SMALL);
	env_scan_seek(&sc, bytes(NULL, 0));
	while ((r = env_scan_next(s->env, &sc, &key, &rec, e)) == ENV_OK) {
		if (row_list_unpack(key, rec, &row, e) == -1) {
			r = ENV_FAILED;
			break;
		}
		if (s->next_number <= row.number)
			s->next_number = row.number + 1;
	}
	env_scan_fini(&sc);
	return r == ENV_ABSENT ? 0 : -1;
}

/* Berkeley DB does not sync the names of tables that it makes. */
static int
sync_names(const struct suppress_store *s, bool is_made, struct err *e)
{
	static const char *const inside[] = { "/db/list.db", "/db", "" };
	struct buf path = { 0 };
	int rc = 0;

	for (size_t i = 0; i < (is_made ? 3 : 2); i++) {
		buf_clear(&path);
		buf_printf(&path, "%s%s", s->dir, inside[i]);
		if (rc == 0)
			rc = suppress_write_sync_folder(buf_cstr(&path), e);
	}
	buf_fini(&path);
	return rc;
}

static int
open_all(struct suppress_store *s, struct err *e)
{
	bool is_made = mkdir(s->dir, 0750) == 0;

	if (!is_made && errno != EEXIST)
		return err_sys(e, "%s", s->dir);
	if (lock_take(s->dir, &s->lock, e) == -1)
		return -1;
	if (!lock_was_ended_well(s->lock))
		env_forget_cache(s->dir);
	if (env_open_lists(s->dir, &s->env, e) != ENV_OK ||
	    sync_names(s, is_made, e) == -1)
		return -1;
	return find_number(s, e);
}

int
suppress_store_open(const char *dir, struct suppress_store **s_r, struct err *e)
{
	struct suppress_store *s = mem_new(struct suppress_store);

	*s_r = NULL;
	s->dir = mem_strdup(dir);
	s->fold_at = FOLD_AT;
	if (open_all(s, e) == -1) {
		struct err ignored;

		(void)suppress_store_close(&s, &ignored);
		return err_where(e, "suppression lists");
	}
	*s_r = s;
	return 0;
}

static void
list_free(struct suppress_owned *l)
{
	struct err e;

	CHECK(l->walks == 0 || l->merge != NULL);
	suppress_merge_free(&l->merge);
	if (l->import != NULL) {
		(void)err_set(&e, "given up: the lists are closed");
		suppress_import_end(&l->import, &e);
	}
	suppress_base_unref(&l->base);
	suppress_origins_free(&l->origins);
	free(l->fault);
	free(l->name);
	free(l->path);
	free(l);
}

int
suppress_store_close(struct suppress_store **sp, struct err *e)
{
	struct suppress_store *s = *sp;
	int rc = 0;

	*sp = NULL;
	if (s == NULL)
		return 0;
	suppress_store_undo(s);
	while (s->lists != NULL) {
		struct suppress_owned *l = s->lists;

		s->lists = l->next;
		list_free(l);
	}
	if (s->env != NULL && env_checkpoint(s->env, 0, 0, e) != ENV_OK)
		rc = -1;
	if (s->env != NULL && env_close(&s->env) == -1)
		rc = err_set(e, "%s/db: closing it", s->dir);
	if (s->lock != NULL && rc == 0 && !s->is_broken)
		lock_end_well(s->lock);
	lock_free(&s->lock);
	free(s->dir);
	free(s);
	return rc;
}

/* ---- lists --------------------------------------------------------------- */

static bool
is_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";

	return name[0] != '\0' && name[strspn(name, letters)] == '\0';
}

static struct suppress_owned *
find_list(struct suppress_store *s, const char *name)
{
	struct suppress_owned *l = s->lists;

	while (l != NULL && !str_eq_nocase(l->name, name))
		l = l->next;
	return l;
}

/* An import or a fold by the choices of before is of no use. */
static int
choose(struct suppress_owned *l, uint64_t id, uint32_t digest_len,
    struct err *e)
{
	struct err why;

	if (l->id == id && l->digest_len == digest_len)
		return 0;
	suppress_merge_free(&l->merge);
	if (l->import != NULL) {
		(void)err_set(&why, "given up: list %s has other choices now",
		    l->name);
		suppress_import_end(&l->import, &why);
	}
	l->id = id;
	l->digest_len = digest_len;
	return suppress_load(l, e);
}

int
suppress_store_list(struct suppress_store *s, const char *name, uint64_t id,
    uint32_t digest_len, struct suppress_owned **l_r, struct err *e)
{
	struct suppress_owned *l = find_list(s, name);
	struct buf path = { 0 };

	CHECK(!s->in_txn);
	*l_r = l;
	if (l != NULL)
		return choose(l, id, digest_len, e);
	if (!is_name(name))
		return err_set(e, "\"%s\" is no name of a list", name);
	if (digest_len < SUPPRESS_LEN_MIN || digest_len > SUPPRESS_LEN_MAX)
		return err_set(e, "list %s: digests of %u bytes", name,
		    (unsigned)digest_len);
	l = mem_new(struct suppress_owned);
	l->store = s;
	l->name = mem_strdup(name);
	str_lower(l->name);
	buf_printf(&path, "%s/%s.list", s->dir, l->name);
	l->path = buf_take(&path, NULL);
	l->id = id;
	l->digest_len = digest_len;
	l->row.number = s->next_number;
	if (suppress_load(l, e) == -1) {
		list_free(l);
		return err_where(e, "list %s", name);
	}
	if (l->row.number == s->next_number)
		s->next_number++;
	l->next = s->lists;
	s->lists = l;
	*l_r = l;
	return 0;
}

const char *
suppress_store_fault(const struct suppress_owned *l)
{
	return l->fault;
}

/* ---- transactions -------------------------------------------------------- */

/*
 * Berkeley DB cannot always undo what it has no room to write down: so nothing
 * is begun on a disk that is nearly full.
 */
static int
find_room(const struct suppress_store *s, struct err *e)
{
	struct statvfs fs;

	if (statvfs(s->dir, &fs) == -1)
		return err_sys(e, "%s", s->dir);
	if ((uint64_t)fs.f_bavail * fs.f_frsize < ROOM)
		return err_set(e,
		    "%s: the disk is full: %llu MB are free, %llu"
		    " are needed",
		    s->dir,
		    (unsigned long long)((uint64_t)fs.f_bavail * fs.f_frsize) >>
			20,
		    (unsigned long long)ROOM >> 20);
	return 0;
}

int
suppress_store_begin(struct suppress_store *s, struct err *e)
{
	if (s->is_broken)
		return err_set(e, "%s: it has to be opened anew", s->dir);
	if (s->in_txn)
		return 0;
	if (find_room(s, e) == -1)
		return -1;
	env_begin(s->env);
	s->in_txn = true;
	return 0;
}

void
suppress_store_undo(struct suppress_store *s)
{
	struct err ignored;

	if (!s->in_txn)
		return;
	env_rollback(s->env);
	s->in_txn = false;
	for (struct suppress_owned *l = s->lists; l != NULL; l = l->next)
		if (l->is_changed && suppress_load_again(l, &ignored) == -1)
			s->is_broken = true;
}

static enum env_result
put_list(struct suppress_owned *l, struct err *e)
{
	const struct slice key = slice_of(l->name);
	unsigned char rec[ROW_LIST_LEN];

	l->row.delta = l->row.next++;
	l->row.changed_s = clock_wall_us() / US_PER_S;
	row_list_pack(&l->row, key, rec);
	return env_put(l->store->env, TABLE_LIST, key, bytes(rec, sizeof(rec)),
	    e);
}

int
suppress_store_commit(struct suppress_store *s, struct err *e)
{
	enum env_result r = ENV_OK;

	if (!s->in_txn)
		return 0;
	for (struct suppress_owned *l = s->lists; l != NULL && r == ENV_OK;
	     l = l->next)
		if (l->is_changed)
			r = put_list(l, e);
	if (r == ENV_OK)
		r = env_commit(s->env, e);
	if (r != ENV_OK) {
		suppress_store_undo(s);
		return -1;
	}
	s->in_txn = false;
	if (env_flush(s->env, e) != ENV_OK) {
		s->is_broken = true;
		return -1;
	}
	for (struct suppress_owned *l = s->lists; l != NULL; l = l->next) {
		l->is_unpublished |= l->is_changed;
		l->is_changed = false;
	}
	return 0;
}

/* ---- changes ------------------------------------------------------------- */

static int
refuse_fault(const struct suppress_owned *l, struct err *e)
{
	return l->fault == NULL ? 0 : err_set(e, "%s", l->fault);
}

static int
add_one(struct suppress_owned *l, const struct suppress_entry *entry,
    uint64_t *new_r, struct err *e)
{
	struct suppress_column column;
	struct suppress_state st;

	if (suppress_meta_column(&entry->meta, &column, e) == -1 ||
	    suppress_state_origin(l, entry->meta.reason, entry->meta.source,
		&column.origin, e) == -1 ||
	    suppress_state_get(l, entry->digest, &st, e) == -1)
		return -1;
	*new_r += st.listed ? 0 : 1;
	return suppress_state_list(l, entry->digest, &st, column, e);
}

int
suppress_store_add(struct suppress_owned *l,
    const struct suppress_entry *entries, size_t count, uint64_t *new_r,
    struct err *e)
{
	int rc = refuse_fault(l, e);

	*new_r = 0;
	if (rc == 0)
		rc = suppress_store_begin(l->store, e);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = add_one(l, &entries[i], new_r, e);
	if (rc == -1)
		suppress_store_undo(l->store);
	return rc;
}

int
suppress_store_remove(struct suppress_owned *l, struct suppress_digests digests,
    uint64_t *gone_r, struct err *e)
{
	const unsigned char *digest = digests.p;
	struct suppress_state st;
	int rc = refuse_fault(l, e);

	*gone_r = 0;
	if (rc == 0)
		rc = suppress_store_begin(l->store, e);
	for (size_t i = 0; i < digests.count && rc == 0; i++) {
		rc = suppress_state_get(l, digest, &st, e);
		if (rc == 0) {
			*gone_r += st.listed ? 1 : 0;
			rc = suppress_state_unlist(l, digest, &st, e);
		}
		digest += l->digest_len;
	}
	if (rc == -1)
		suppress_store_undo(l->store);
	return rc;
}

uint64_t
suppress_store_mark(const struct suppress_owned *l)
{
	return l->row.mark;
}

uint64_t
suppress_store_published(const struct suppress_owned *l)
{
	return l->is_unpublished || l->is_changed ? l->published : l->row.mark;
}

void
suppress_store_expire(struct suppress_store *s, int64_t now_s)
{
	s->now_s = now_s;
}

void
suppress_store_fold_at(struct suppress_store *s, uint64_t changes)
{
	s->fold_at = changes;
}

/* ---- questions ----------------------------------------------------------- */

int
suppress_store_find(struct suppress_owned *l, const void *digest,
    struct suppress_listed *found_r, struct err *e)
{
	struct suppress_state st;
	const struct suppress_origin *o;

	*found_r = (struct suppress_listed){ .listed = false };
	if (refuse_fault(l, e) == -1 ||
	    suppress_state_get(l, digest, &st, e) == -1)
		return -1;
	if (!st.listed)
		return 0;
	o = suppress_origins_get(l->origins, st.column.origin);
	CHECK(o != NULL);
	found_r->listed = true;
	found_r->meta = (struct suppress_meta){ .reason = o->reason,
		.source = o->source,
		.created_s = st.column.created_s,
		.expires_s = st.column.expires_s };
	return 0;
}

void
suppress_store_stats(const struct suppress_owned *l,
    struct suppress_stats *st_r)
{
	*st_r = (struct suppress_stats){ .entries = l->entries,
		.base = l->base == NULL ? 0 : l->base->file.head.listed,
		.added = l->added,
		.removed = l->removed,
		.generation = l->row.base,
		.changed_s = l->row.changed_s,
		.importing = l->import != NULL,
		.folding = l->merge != NULL &&
		    suppress_merge_is_fold(l->merge) };
}

void
suppress_store_origins(const struct suppress_owned *l, suppress_origin_fn *each,
    void *ctx)
{
	uint32_t end = suppress_origins_end(l->origins);

	for (uint32_t i = 0; i < end; i++) {
		const struct suppress_origin *o = suppress_origins_get(
		    l->origins, i);

		if (o != NULL && o->entries > 0)
			each(ctx, o->reason, o->source, o->entries);
	}
}
