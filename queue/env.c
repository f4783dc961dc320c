/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/env.h"

#include <db.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "queue/bytes.h"

enum {
	/*
	 * Berkeley DB makes it a quarter more.  Twice as much cost 30 MB of
	 * memory and saved no measurable time (12 us of CPU a message with
	 * both): reading goes on in the kernel's cache.
	 */
	CACHE_BYTES = 24 << 20,
	LOG_BUFFER = 2 << 20, /* of more than one batch */
	/* What waits for a fold: some hundred thousand small rows at most. */
	LISTS_CACHE = 8 << 20,
	LISTS_LOG_BUFFER = 512 << 10,
	/*
	 * What a disk writes whole or not at all.  Recovery cannot repair a
	 * page of which a power cut left one half: it needs each log file
	 * since the table was made.
	 */
	PAGE_BYTES = 4096,
	GET_FIRST = 16 << 10
};

/* What one environment has. */
struct kind {
	enum env_table first, end;
	uint32_t cache_bytes, log_buffer;
};

static const struct kind of_spool = { TABLE_MESSAGE, TABLE_COUNT, CACHE_BYTES,
	LOG_BUFFER },
			 of_lists = { TABLE_LIST, ENV_TABLES, LISTS_CACHE,
				 LISTS_LOG_BUFFER };

struct env {
	const struct kind *kind;
	DB_ENV *dbenv;
	DB *tables[ENV_TABLES];   /* NULL: of the other kind */
	DBC *cursors[ENV_TABLES]; /* of the open transaction */
	DB_TXN *txn;              /* NULL: none open */
	struct buf got;           /* what env_get() returned last */
};

static const char *const names[ENV_TABLES] = {
	[TABLE_MESSAGE] = "message.db",
	[TABLE_STATE] = "state.db",
	[TABLE_LEDGER] = "ledger.db",
	[TABLE_OUTBOX] = "outbox.db",
	[TABLE_HANDOVER] = "handover.db",
	[TABLE_BUCKET] = "bucket.db",
	[TABLE_DOUBT] = "doubt.db",
	[TABLE_POLICY] = "policy.db",
	[TABLE_LEASE] = "lease.db",
	[TABLE_LIST] = "list.db",
	[TABLE_ENTRY] = "entry.db",
	[TABLE_ORIGIN] = "origin.db",
	[TABLE_EXPIRY] = "expiry.db",
};

/* ---- errors -------------------------------------------------------------- */

static enum env_result
judge(int code, const char *what, struct err *e)
{
	if (code == 0)
		return ENV_OK;
	if (code == DB_NOTFOUND)
		return ENV_ABSENT;
	if (code == DB_KEYEXIST)
		return ENV_EXISTS;
	(void)err_set(e, "%s: %s", what, db_strerror(code));
	return code == ENOSPC || code == EDQUOT ? ENV_NO_SPACE : ENV_FAILED;
}

static void
on_db_error(const DB_ENV *dbenv, const char *prefix, const char *text)
{
	(void)dbenv;
	(void)prefix;
	log_note(LOG_L_ERROR, "database", "%s", text);
}

/* ---- open and close ------------------------------------------------------ */

/* The last part of a path, which open_durably() is given whole. */
static bool
is_log_file(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL && strncmp(slash, "/log.", 5) == 0;
}

static int
sync_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = mem_strndup(path, (size_t)(slash - path));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd == -1 ? -1 : fsync(fd);

	if (fd != -1)
		(void)close(fd);
	free(dir);
	return rc;
}

/*
 * How Berkeley DB opens its files.  It syncs a log file, but not the name of
 * one that it has begun: a power cut could take away a log whose commits have
 * been answered.  Tables are made at the first start only, and store_open()
 * syncs their names.
 */
static int
open_durably(const char *path, int flags, ...)
{
	va_list ap;
	int fd, mode = 0;

	if ((flags & O_CREAT) != 0) {
		va_start(ap, flags);
		mode = va_arg(ap, int);
		va_end(ap);
	}
	fd = open(path, flags | O_CLOEXEC, (mode_t)mode);
	if (fd != -1 && (flags & O_CREAT) != 0 && is_log_file(path) &&
	    sync_folder_of(path) == -1) {
		int code = errno;

		(void)close(fd);
		errno = code;
		return -1;
	}
	return fd;
}

static int
open_env(struct env *v, const char *home)
{
	const uint32_t flags = DB_CREATE | DB_PRIVATE | DB_THREAD |
	    DB_INIT_TXN | DB_INIT_LOG | DB_INIT_MPOOL | DB_RECOVER;
	DB_ENV *d;
	int code;

	if ((code = db_env_set_func_open(open_durably)) != 0 ||
	    (code = db_env_create(&v->dbenv, 0)) != 0)
		return code;
	d = v->dbenv;
	d->set_errcall(d, on_db_error);
	if ((code = d->set_cachesize(d, 0, v->kind->cache_bytes, 1)) != 0 ||
	    (code = d->set_lg_bsize(d, v->kind->log_buffer)) != 0 ||
	    (code = d->set_lg_max(d, (uint32_t)ENV_LOG_FILE)) != 0 ||
	    (code = d->set_flags(d, DB_TXN_NOSYNC, 1)) != 0)
		return code;
	return d->open(d, home, flags, 0600);
}

static int
open_table(struct env *v, enum env_table t)
{
	DB *db;
	int code;

	code = db_create(&v->tables[t], v->dbenv, 0);
	if (code != 0)
		return code;
	db = v->tables[t];
	/* Keys grow at one end and go at the other: no reverse splits. */
	if ((code = db->set_flags(db, DB_CHKSUM | DB_REVSPLITOFF)) != 0 ||
	    (code = db->set_pagesize(db, PAGE_BYTES)) != 0)
		return code;
	return db->open(db, NULL, names[t], NULL, DB_BTREE,
	    DB_CREATE | DB_AUTO_COMMIT | DB_THREAD, 0600);
}

static enum env_result
open_kind(const char *dir, const struct kind *kind, struct env **v_r,
    struct err *e)
{
	struct env *v;
	char home[4096];
	int code;

	*v_r = NULL;
	if (snprintf(home, sizeof(home), "%s/db", dir) >= (int)sizeof(home)) {
		(void)err_set(e, "%s: the path is too long", dir);
		return ENV_FAILED;
	}
	if (mkdir(home, 0700) == -1 && errno != EEXIST) {
		code = errno;
		(void)err_sys(e, "%s", home);
		return code == ENOSPC ? ENV_NO_SPACE : ENV_FAILED;
	}
	v = mem_new(struct env);
	v->kind = kind;
	code = open_env(v, home);
	for (int t = (int)kind->first; code == 0 && t < (int)kind->end; t++)
		code = open_table(v, (enum env_table)t);
	if (code != 0) {
		enum env_result r = judge(code, home, e);

		(void)env_close(&v);
		return r == ENV_NO_SPACE ? r : ENV_FAILED;
	}
	*v_r = v;
	return ENV_OK;
}

enum env_result
env_open(const char *dir, struct env **v_r, struct err *e)
{
	return open_kind(dir, &of_spool, v_r, e);
}

enum env_result
env_open_lists(const char *dir, struct env **v_r, struct err *e)
{
	return open_kind(dir, &of_lists, v_r, e);
}

int
env_close(struct env **vp)
{
	struct env *v = *vp;
	int rc = 0;

	*vp = NULL;
	if (v == NULL)
		return 0;
	CHECK(v->txn == NULL);
	for (int t = 0; t < ENV_TABLES; t++)
		if (v->tables[t] != NULL &&
		    v->tables[t]->close(v->tables[t], 0) != 0)
			rc = -1;
	if (v->dbenv != NULL && v->dbenv->close(v->dbenv, 0) != 0)
		rc = -1;
	buf_fini(&v->got);
	free(v);
	return rc;
}

void
env_forget_cache(const char *dir)
{
	struct buf home = { 0 };
	struct dirent *entry;
	DIR *d;

	buf_printf(&home, "%s/db", dir);
	d = opendir(home.p);
	buf_fini(&home);
	if (d == NULL)
		return; /* there is no database yet */
	/* glibc's readdir() shares nothing between two streams. */
	/* cppcheck-suppress readdirCalled */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while ((entry = readdir(d)) != NULL) {
		int fd = openat(dirfd(d), entry->d_name, O_RDONLY | O_CLOEXEC);

		if (fd == -1)
			continue;
		/* A hint: what fails has no cache. */
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		(void)close(fd);
	}
	(void)closedir(d);
}

/* ---- transactions -------------------------------------------------------- */

void
env_begin(struct env *v)
{
	CHECK(v->txn == NULL);
	CHECK(v->dbenv->txn_begin(v->dbenv, NULL, &v->txn, DB_TXN_NOSYNC) == 0);
}

static int
close_cursors(struct env *v)
{
	int first = 0;

	for (int t = 0; t < ENV_TABLES; t++) {
		int code = 0;

		if (v->cursors[t] != NULL)
			code = v->cursors[t]->close(v->cursors[t]);
		v->cursors[t] = NULL;
		if (first == 0)
			first = code;
	}
	return first;
}

enum env_result
env_commit(struct env *v, struct err *e)
{
	DB_TXN *txn = v->txn;
	int code;

	CHECK(txn != NULL);
	code = close_cursors(v);
	if (code != 0) /* the transaction is still open */
		return judge(code, "closing a cursor", e);
	v->txn = NULL;
	return judge(txn->commit(txn, DB_TXN_NOSYNC), "commit", e);
}

void
env_rollback(struct env *v)
{
	DB_TXN *txn = v->txn;

	if (txn == NULL)
		return;
	(void)close_cursors(v);
	v->txn = NULL;
	/* What cannot be undone now is undone by recovery: leave it to that. */
	CHECK(txn->abort(txn) == 0);
}

enum env_result
env_flush(struct env *v, struct err *e)
{
	return judge(v->dbenv->log_flush(v->dbenv, NULL), "flushing the log",
	    e);
}

/* ---- rows ---------------------------------------------------------------- */

/* Berkeley DB does not write through a DBT that it only reads. */
static DBT
dbt_of(struct slice s)
{
	DBT d;

	memset(&d, 0, sizeof(d));
	memcpy(&d.data, &s.p, sizeof(d.data)); /* its type lacks the const */
	d.size = d.ulen = (uint32_t)s.len;
	d.flags = DB_DBT_USERMEM;
	return d;
}

/* One cursor for each table in a transaction: opening costs as much as a
 * put. */
static DBC *
cursor_of(struct env *v, enum env_table t)
{
	DB *db = v->tables[t];

	CHECK(v->txn != NULL);
	if (v->cursors[t] == NULL)
		CHECK(db->cursor(db, v->txn, &v->cursors[t], 0) == 0);
	return v->cursors[t];
}

enum env_result
env_get(struct env *v, enum env_table t, struct slice key, struct slice *rec_r,
    struct err *e)
{
	DB *db = v->tables[t];
	DBT k = dbt_of(key), d;
	int code;

	buf_clear(&v->got);
	buf_reserve(&v->got, GET_FIRST);
	for (;;) {
		d = dbt_of(bytes(v->got.p, v->got.cap));
		code = db->get(db, v->txn, &k, &d, 0);
		if (code != DB_BUFFER_SMALL)
			break;
		buf_reserve(&v->got, d.size);
	}
	*rec_r = bytes(v->got.p, code == 0 ? d.size : 0);
	return judge(code, names[t], e);
}

enum env_result
env_put(struct env *v, enum env_table t, struct slice key, struct slice rec,
    struct err *e)
{
	DBC *c = cursor_of(v, t);
	DBT k = dbt_of(key), d = dbt_of(rec);

	return judge(c->put(c, &k, &d, DB_KEYLAST), names[t], e);
}

enum env_result
env_add(struct env *v, enum env_table t, struct slice key, struct slice rec,
    struct err *e)
{
	DB *db = v->tables[t];
	DBT k = dbt_of(key), d = dbt_of(rec);

	CHECK(v->txn != NULL);
	return judge(db->put(db, v->txn, &k, &d, DB_NOOVERWRITE), names[t], e);
}

enum env_result
env_del(struct env *v, enum env_table t, struct slice key, struct err *e)
{
	DBC *c = cursor_of(v, t);
	DBT k = dbt_of(key), d = dbt_of(bytes(NULL, 0));
	int code;

	d.flags |= DB_DBT_PARTIAL; /* none of the bytes are wanted */
	code = c->get(c, &k, &d, DB_SET);
	if (code == 0)
		code = c->del(c, 0);
	return judge(code, names[t], e);
}

enum env_result
env_del_prefix(struct env *v, enum env_table t, struct slice prefix,
    struct err *e)
{
	DBC *c = cursor_of(v, t);
	char at[64];
	DBT k = dbt_of(bytes(at, sizeof(at)));
	DBT d = dbt_of(bytes(NULL, 0));
	int code;

	CHECK(prefix.len <= sizeof(at));
	memcpy(at, prefix.p, prefix.len);
	k.size = (uint32_t)prefix.len;
	d.flags |= DB_DBT_PARTIAL;
	code = c->get(c, &k, &d, DB_SET_RANGE);
	while (code == 0 && k.size >= prefix.len &&
	    memcmp(at, prefix.p, prefix.len) == 0) {
		code = c->del(c, 0);
		if (code == 0)
			code = c->get(c, &k, &d, DB_NEXT);
	}
	return code == DB_NOTFOUND ? ENV_OK : judge(code, names[t], e);
}

/* ---- scans --------------------------------------------------------------- */

void
env_scan_init(struct env_scan *sc, enum env_table t, size_t buf_len)
{
	memset(sc, 0, sizeof(*sc));
	sc->table = t;
	sc->cap = buf_len;
}

void
env_scan_seek(struct env_scan *sc, struct slice from)
{
	CHECK(from.len < sizeof(sc->from));
	if (from.len > 0)
		memcpy(sc->from, from.p, from.len);
	sc->from_len = from.len;
	sc->size = 0;
}

void
env_scan_fini(struct env_scan *sc)
{
	free(sc->buf);
	sc->buf = NULL;
	sc->size = 0;
}

static DBT
scan_dbt(const struct env_scan *sc)
{
	DBT d = dbt_of(bytes(sc->buf, sc->cap));

	d.size = (uint32_t)sc->size;
	return d;
}

/* Fills the buffer from sc->from on. */
static int
scan_fill(struct env *v, struct env_scan *sc)
{
	DB *db = v->tables[sc->table];
	unsigned char at[sizeof(sc->from)];
	DBC *c;
	DBT k, d;
	int code;

	CHECK(v->txn == NULL);
	code = db->cursor(db, NULL, &c, DB_CURSOR_BULK);
	if (code != 0)
		return code;
	if (sc->buf == NULL)
		sc->buf = mem_alloc(sc->cap);
	for (;;) {
		memcpy(at, sc->from, sc->from_len);
		k = dbt_of(bytes(at, sizeof(at)));
		k.size = (uint32_t)sc->from_len;
		d = scan_dbt(sc);
		code = c->get(c, &k, &d, DB_MULTIPLE_KEY | DB_SET_RANGE);
		if (code != DB_BUFFER_SMALL)
			break;
		/* One row is larger than all of it. */
		sc->cap = ((size_t)d.size + 65536) & ~(size_t)1023;
		sc->buf = mem_realloc(sc->buf, sc->cap);
	}
	(void)c->close(c);
	if (code != 0)
		return code;
	sc->size = sc->cap;
	d = scan_dbt(sc);
	DB_MULTIPLE_INIT(sc->at, &d);
	return 0;
}

enum env_result
env_scan_next(struct env *v, struct env_scan *sc, struct slice *key_r,
    struct slice *rec_r, struct err *e)
{
	void *key = NULL, *rec = NULL;
	size_t key_len = 0, rec_len = 0;
	int code;
	DBT d;

	sc->at = sc->size == 0 ? NULL : sc->at;
	if (sc->at != NULL) {
		d = scan_dbt(sc);
		DB_MULTIPLE_KEY_NEXT(sc->at, &d, key, key_len, rec, rec_len);
	}
	if (sc->at == NULL) { /* read on behind the last key */
		code = scan_fill(v, sc);
		if (code != 0)
			return judge(code, names[sc->table], e);
		d = scan_dbt(sc);
		DB_MULTIPLE_KEY_NEXT(sc->at, &d, key, key_len, rec, rec_len);
		CHECK(sc->at != NULL);
	}
	/* The next possible key is this one and a zero byte. */
	if (key == NULL || key_len >= sizeof(sc->from)) {
		(void)err_set(e, "%s: a key that none of ours is",
		    names[sc->table]);
		return ENV_FAILED;
	}
	memcpy(sc->from, key, key_len);
	sc->from[key_len] = 0;
	sc->from_len = key_len + 1;
	*key_r = bytes(key, key_len);
	*rec_r = bytes(rec, rec_len);
	return ENV_OK;
}

/* ---- checkpoints --------------------------------------------------------- */

enum env_result
env_checkpoint(struct env *v, uint32_t log_bytes, uint32_t minutes,
    struct err *e)
{
	DB_ENV *d = v->dbenv;
	uint32_t flags = log_bytes == 0 && minutes == 0 ? DB_FORCE : 0;
	int code;

	code = d->txn_checkpoint(d, log_bytes >> 10, minutes, flags);
	if (code == 0)
		code = d->log_archive(d, NULL, DB_ARCH_REMOVE);
	return judge(code, "checkpoint", e);
}
