/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/mem.h"
#include "queue/bytes.h"
#include "queue/suppress_store_priv.h"
#include "queue/suppress_write.h"

/* ---- rows ---------------------------------------------------------------- */

void
suppress_scan_seek(struct env_scan *sc, enum env_table t,
    const struct row_key *from)
{
	env_scan_init(sc, t, ENV_SCAN_SMALL);
	env_scan_seek(sc, row_key_slice(from));
}

enum env_result
suppress_scan_next(struct suppress_owned *l, struct env_scan *sc,
    struct slice *key_r, struct slice *rec_r, struct err *e)
{
	enum env_result r = env_scan_next(l->store->env, sc, key_r, rec_r, e);

	if (r == ENV_OK &&
	    (key_r->len < 4 || get_be32(key_r->p) != l->row.number))
		return ENV_ABSENT;
	return r;
}

enum env_result
suppress_scan_entry(struct suppress_owned *l, struct env_scan *sc,
    const unsigned char **digest_r, struct row_entry *row_r, struct err *e)
{
	struct slice key, rec;
	enum env_result r = suppress_scan_next(l, sc, &key, &rec, e);

	if (r != ENV_OK)
		return r;
	*digest_r = (const unsigned char *)key.p + 4;
	if (row_entry_unpack(key, rec, row_r, e) == -1)
		return ENV_FAILED;
	/* How long digests were before it was made otherwise. */
	if (key.len != 4 + (size_t)l->row.digest_len)
		row_r->mark = 0;
	return ENV_OK;
}

/* ---- counts -------------------------------------------------------------- */

static int
count_base(struct suppress_owned *l, struct err *e)
{
	const struct suppress_columns *c = &l->base->columns;

	for (uint64_t i = 0; i < c->count; i++) {
		struct suppress_origin *o = suppress_origins_get(l->origins,
		    suppress_columns_at(c, i).origin);

		if (o == NULL)
			return err_set(e,
			    "%s: a reason of its entries is unknown", l->path);
		o->entries++;
	}
	l->entries = c->count;
	return 0;
}

static int
count_row(struct suppress_owned *l, const unsigned char *digest,
    const struct row_entry *row, struct err *e)
{
	struct suppress_origin *o = suppress_origins_get(l->origins,
	    row->column.origin);
	size_t place = l->base == NULL ?
	    SUPPRESS_NOWHERE :
	    suppress_file_place(&l->base->file, digest);

	if (row->listed && o == NULL)
		return err_set(e, "%s: a reason of a change is unknown",
		    l->path);
	if (row->listed) {
		l->added++;
		l->entries++;
		o->entries++;
	} else {
		l->removed++;
	}
	if (place != SUPPRESS_NOWHERE) {
		struct suppress_column c = suppress_columns_at(
		    &l->base->columns, place);

		l->entries--;
		suppress_origins_get(l->origins, c.origin)->entries--;
	}
	return 0;
}

static int
count_rows(struct suppress_owned *l, struct err *e)
{
	const struct row_key from = row_key_entry(l->row.number, NULL, 0);
	const unsigned char *digest;
	struct row_entry row;
	struct env_scan sc;
	enum env_result r;

	suppress_scan_seek(&sc, TABLE_ENTRY, &from);
	while ((r = suppress_scan_entry(l, &sc, &digest, &row, e)) == ENV_OK) {
		if (!suppress_row_counts(l, &row))
			l->is_sweeping = true;
		else if (count_row(l, digest, &row, e) == -1)
			r = ENV_FAILED;
		if (r != ENV_OK)
			break;
	}
	env_scan_fini(&sc);
	return r == ENV_ABSENT ? 0 : -1;
}

static int
count(struct suppress_owned *l, struct err *e)
{
	suppress_origins_zero(l->origins);
	l->entries = l->added = l->removed = 0;
	l->is_sweeping = false;
	l->sweep_from = row_key_entry(l->row.number, NULL, 0);
	if (l->base != NULL && count_base(l, e) == -1)
		return -1;
	return count_rows(l, e);
}

/* ---- origins ------------------------------------------------------------- */

static int
load_origins(struct suppress_owned *l, struct err *e)
{
	const struct row_key from = row_key_entry(l->row.number, NULL, 0);
	struct slice key, rec, reason, source;
	struct env_scan sc;
	enum env_result r;

	suppress_origins_free(&l->origins);
	l->origins = suppress_origins_new();
	suppress_scan_seek(&sc, TABLE_ORIGIN, &from);
	while ((r = suppress_scan_next(l, &sc, &key, &rec, e)) == ENV_OK)
		if (key.len != 8 ||
		    row_origin_unpack(key, rec, &reason, &source, e) == -1 ||
		    suppress_origins_set(l->origins, get_be32(key.p + 4),
			reason, source, e) == -1) {
			r = ENV_FAILED;
			break;
		}
	env_scan_fini(&sc);
	return r == ENV_ABSENT ? 0 : -1;
}

/* ---- the base ------------------------------------------------------------ */

void
suppress_load_fault(struct suppress_owned *l, const char *text)
{
	free(l->fault);
	l->fault = text == NULL ? NULL : mem_strdup(text);
}

/*
 * A base was about to be published when we ended, or when its rename said that
 * it failed: what is there tells.  The row says so with its next commit; until
 * then every look comes to the same.  Nothing may follow from a rename that a
 * power cut can undo.
 */
static int
settle(struct suppress_owned *l, struct err *e)
{
	struct suppress_head head;
	int found;

	if (l->row.coming.generation == 0)
		return 0;
	found = suppress_base_peek(l->path, &head, e);
	if (found == 1 && head.generation == l->row.coming.generation &&
	    head.list == l->row.coming.id) {
		if (suppress_write_sync_folder(l->path, e) == -1)
			return -1;
		l->row.base = head.generation;
		l->row.id = head.list;
		l->row.digest_len = l->row.coming.digest_len;
		l->row.expired_s = l->row.coming.expired_s;
		if (l->row.folded < l->row.coming.mark)
			l->row.folded = l->row.coming.mark;
	}
	l->row.coming.generation = 0;
	return found == -1 ? -1 : 0;
}

/* A base by our name that the database does not know. */
static int
find_stranger(struct suppress_owned *l, struct err *e)
{
	struct suppress_head head;
	int found = suppress_base_peek(l->path, &head, e);

	if (found != 1)
		return found;
	if (l->row.next <= head.generation)
		l->row.next = head.generation + 1;
	return err_set(e, "%s: it is not of this database", l->path);
}

static int
load_base(struct suppress_owned *l, struct err *e)
{
	suppress_base_unref(&l->base);
	l->expiry_at = 0;
	l->expired_at = 0;
	if (l->row.id != l->id || l->row.digest_len != l->digest_len)
		return err_set(e, "list %s was made with other choices",
		    l->name);
	if (l->row.base == 0)
		return find_stranger(l, e);
	if (suppress_base_open(l->path, l->id, l->digest_len, &l->base, e) ==
	    -1)
		return -1;
	if (l->base->file.head.generation != l->row.base)
		return err_set(e, "%s: it is not of this database", l->path);
	l->expiry_at = suppress_base_expiry(l->base, l->row.expired_s);
	return 0;
}

/* Nothing of it was ever published: it may hash as it is now told. */
static void
choose_anew(struct suppress_owned *l)
{
	if (l->row.base != 0 || l->row.mark > l->row.folded)
		return;
	l->row.id = l->id;
	l->row.digest_len = l->digest_len;
}

static int
read_row(struct suppress_owned *l, struct err *e)
{
	const uint64_t mark = l->row.mark, next = l->row.next;
	const uint32_t number = l->row.number;
	struct slice key = slice_of(l->name), rec;
	enum env_result r = env_get(l->store->env, TABLE_LIST, key, &rec, e);

	if (r == ENV_ABSENT)
		l->row = (struct row_list){ .number = number,
			.id = l->id,
			.digest_len = l->digest_len,
			.next = 1 };
	else if (r != ENV_OK || row_list_unpack(key, rec, &l->row, e) == -1)
		return -1;
	/* What was given is not given again. */
	if (l->row.mark < mark)
		l->row.mark = mark;
	if (l->row.next < next)
		l->row.next = next;
	return 0;
}

int
suppress_load_again(struct suppress_owned *l, struct err *e)
{
	struct err why;

	l->is_changed = false;
	suppress_load_fault(l, NULL);
	if (read_row(l, e) == -1 || settle(l, e) == -1) {
		suppress_load_fault(l, e->text);
		return -1;
	}
	choose_anew(l);
	if (load_origins(l, &why) == -1 || load_base(l, &why) == -1 ||
	    count(l, &why) == -1) {
		(void)err_set(e, "%s; import it again", why.text);
		suppress_load_fault(l, e->text);
		suppress_base_unref(&l->base);
	}
	if (l->base != NULL)
		suppress_base_rest(l->base);
	return 0;
}

/* ---- litter -------------------------------------------------------------- */

/* Behind "NAME.list.": of a base that is not ours, or never was published. */
static bool
is_litter(const char *rest, uint64_t base)
{
	static const char *const kinds[] = { "delta.", "columns.", "expiry." };

	if (strcmp(rest, "new") == 0 || strcmp(rest, "runs") == 0)
		return true;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = strlen(kinds[i]);
		char *end;
		uint64_t of;

		if (strncmp(rest, kinds[i], len) != 0 || rest[len] < '0' ||
		    rest[len] > '9')
			continue;
		of = strtoull(rest + len, &end, 10);
		return strcmp(end, ".new") == 0 || strcmp(end, ".runs") == 0 ||
		    (*end == '\0' && of != base);
	}
	return false;
}

void
suppress_load_litter(const struct suppress_owned *l)
{
	const char *file = strrchr(l->path, '/') + 1;
	size_t len = strlen(file);
	struct dirent *entry;
	DIR *d = opendir(l->store->dir);

	if (d == NULL)
		return; /* the next one finds it */
	/* glibc's readdir() shares nothing between two streams. */
	/* cppcheck-suppress readdirCalled */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while ((entry = readdir(d)) != NULL)
		if (strncmp(entry->d_name, file, len) == 0 &&
		    entry->d_name[len] == '.' &&
		    is_litter(entry->d_name + len + 1, l->row.base))
			(void)unlinkat(dirfd(d), entry->d_name, 0);
	(void)closedir(d);
}

int
suppress_load(struct suppress_owned *l, struct err *e)
{
	if (suppress_load_again(l, e) == -1)
		return -1;
	suppress_load_litter(l);
	/* A delta may be older than the last commit. */
	l->is_unpublished = l->row.base != 0;
	l->published = l->row.folded;
	return 0;
}
