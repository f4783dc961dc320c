/* SPDX-License-Identifier: Apache-2.0 */
/* The reading half of queue/dump.h. */
#include "queue/dump.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/mem.h"
#include "mail/waybill.h"
#include "queue/bytes.h"
#include "queue/dump_files.h"
#include "queue/dump_priv.h"
#include "queue/dump_stream.h"
#include "queue/segment_priv.h"

enum { PROGRESS_EVERY = 1000, TXN_ROWS = 1024 };

/* The types of frames in their order; those of a type are in that of keys. */
static const char order[] = { RECORD_LEDGER, RECORD_MESSAGE, RECORD_STATE,
	RECORD_OUTBOX, RECORD_HANDOVER, RECORD_BUCKET, RECORD_DOUBT,
	RECORD_POLICY, RECORD_LEASE, DUMP_FILE };

struct entry { /* a message that was loaded */
	uint64_t id;
	uint32_t rcpt_count;
};

/* A spool in the making; env NULL: the stream is only read. */
struct loader {
	const char *dir;
	struct env *env;
	struct segments *segments;
	unsigned in_txn; /* rows of the open transaction */
	struct buf row;
	struct record_ledger ledger;
	size_t rank; /* of the last frame's type, from 1; 0: none came */
	struct buf last_key;
	struct entry *roll; /* all messages, for their states */
	size_t roll_len, roll_cap, roll_at;
	dump_progress_fn *fn;
	void *ctx;
	struct dump_sums *sums;
};

/* ---- rows ---------------------------------------------------------------- */

static int
commit(struct loader *l, struct err *e)
{
	if (l->in_txn == 0)
		return 0;
	l->in_txn = 0;
	if (env_commit(l->env, e) == ENV_OK)
		return 0;
	env_rollback(l->env);
	return -1;
}

static int
put(struct loader *l, enum env_table t, struct slice key, struct slice rec,
    struct err *e)
{
	if (l->env == NULL)
		return 0;
	if (l->in_txn == 0)
		env_begin(l->env);
	l->in_txn++;
	if (env_put(l->env, t, key, rec, e) != ENV_OK)
		return -1;
	return l->in_txn == TXN_ROWS ? commit(l, e) : 0;
}

/* The ledger is written last, with the new tail. */
static int
load_ledger(struct loader *l, const struct dump_frame *f, struct err *e)
{
	if (!slice_eq(f->key, "ledger"))
		return err_set(e, "a ledger of another name");
	return record_ledger_unpack(f->key, f->data, &l->ledger, e);
}

static void
enroll(struct loader *l, uint64_t id, uint32_t rcpt_count)
{
	if (l->roll_len == l->roll_cap) {
		l->roll_cap = l->roll_cap == 0 ? 1024 : 2 * l->roll_cap;
		l->roll = mem_realloc(l->roll, l->roll_cap * sizeof(*l->roll));
	}
	l->roll[l->roll_len++] = (struct entry){ id, rcpt_count };
}

/* States come in the order of their messages. */
static bool
is_enrolled(struct loader *l, uint64_t id, uint32_t n)
{
	while (l->roll_at < l->roll_len && l->roll[l->roll_at].id < id)
		l->roll_at++;
	return l->roll_at < l->roll_len && l->roll[l->roll_at].id == id &&
	    n < l->roll[l->roll_at].rcpt_count;
}

static int
check_state(struct loader *l, const struct dump_frame *f, struct err *e)
{
	struct record_state st;

	if (record_state_unpack(f->key, f->data, &st, e) == -1)
		return -1;
	if (!is_enrolled(l, get_be64(f->key.p), get_be32(f->key.p + 8)))
		return err_set(e, "a recipient of no message");
	if (st.kind == STATE_DONE)
		l->sums->recipients--;
	return 0;
}

static int
load_row(struct loader *l, enum env_table t, const struct dump_frame *f,
    struct err *e)
{
	if (offline_check_row(t, f->key, f->data, e) == -1)
		return -1;
	if (t == TABLE_STATE && check_state(l, f, e) == -1)
		return -1;
	/* The daemon would use that number again, and lose this record. */
	if (t == TABLE_OUTBOX && get_be64(f->key.p) >= l->ledger.outbox_next)
		return err_set(e, "a record that the ledger does not know");
	return put(l, t, f->key, f->data, e);
}

/* ---- messages ------------------------------------------------------------ */

static int
append(struct loader *l, struct segment_item *item, struct err *e)
{
	size_t done;

	if (l->segments == NULL)
		return 0;
	if (segments_append(l->segments, item, 1, &done, e) == -1)
		return -1;
	return done == 1 ? 0 : err_set(e, "no space on the disk");
}

static int
check_parts(const struct slice *bill, const struct slice *env,
    uint32_t *rcpts_r, struct err *e)
{
	struct region *rg = region_new();
	struct waybill w;
	struct envelope en;
	int rc = waybill_unpack(bill->p, bill->len, rg, &w, e);

	if (rc == 0)
		rc = envelope_unpack(env->p, env->len, rg, &en, e);
	if (rc == 0 && w.rcpt_count != en.rcpt_count)
		rc = err_set(e, "waybill and envelope differ");
	if (rc == 0)
		*rcpts_r = w.rcpt_count;
	region_free(&rg);
	return rc;
}

static int
load_message(struct loader *l, const struct dump_frame *f, struct err *e)
{
	const char *p = f->data.p;
	struct segment_item item = { 0 };
	struct record_message m = { 0 };
	uint64_t bill_len, env_len, body_len;
	struct slice env;

	if (f->key.len != KEY_ID || f->data.len < DUMP_LENGTHS)
		return err_set(e, "no message");
	bill_len = get_be32(p);
	env_len = get_be32(p + 4);
	body_len = get_be32(p + 8);
	if (DUMP_LENGTHS + bill_len + env_len + body_len != f->data.len ||
	    env_len > SEGMENT_ENV_MAX || body_len > SEGMENT_BODY_MAX)
		return err_set(e, "the lengths of a message do not fit");
	m.waybill = bytes(p + DUMP_LENGTHS, bill_len);
	env = bytes(m.waybill.p + bill_len, env_len);
	if (check_parts(&m.waybill, &env, &m.rcpt_count, e) == -1)
		return -1;
	item.id = get_be64(f->key.p);
	/* The daemon would give that id again. */
	if (item.id >= l->ledger.id_limit)
		return err_set(e, "a message that the ledger does not know");
	item.env = env.p;
	item.env_len = (uint32_t)env_len;
	item.body = env.p + env_len;
	item.body_len = (uint32_t)body_len;
	if (append(l, &item, e) == -1)
		return -1;
	m.loc = item.loc;
	buf_clear(&l->row);
	record_message_pack(&l->row, f->key, &m);
	enroll(l, item.id, m.rcpt_count);
	l->sums->messages++;
	l->sums->recipients += m.rcpt_count;
	l->sums->bytes += env_len + body_len;
	if (l->sums->messages % PROGRESS_EVERY == 0)
		l->fn(l->ctx, l->sums->messages);
	return put(l, TABLE_MESSAGE, f->key, bytes(l->row.p, l->row.len), e);
}

/* ---- files --------------------------------------------------------------- */

static int
load_file(struct loader *l, const struct dump_frame *f, struct err *e)
{
	if (!dump_files_knows(f->key))
		return err_set(e, "a file that no spool has");
	return l->dir == NULL ? 0 : dump_files_make(l->dir, f->key, f->data, e);
}

/* ---- frames -------------------------------------------------------------- */

/* As the tables of the database are sorted. */
static int
compare(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int d = len == 0 ? 0 : memcmp(a.p, b.p, len);

	return d != 0 ? d : (a.len > b.len) - (a.len < b.len);
}

/* So nothing comes twice, and what something needs has come before it. */
static int
check_order(struct loader *l, const struct dump_frame *f, struct err *e)
{
	const char *place = memchr(order, f->type, sizeof(order));
	size_t rank;

	if (place == NULL)
		return err_set(e, "a frame of an unknown type");
	rank = (size_t)(place - order) + 1;
	if (l->rank == 0 && rank != 1)
		return err_set(e, "the ledger is not first");
	if (rank < l->rank ||
	    (rank == l->rank &&
		compare(bytes(l->last_key.p, l->last_key.len), f->key) >= 0))
		return err_set(e, "a frame that is not in its place");
	l->rank = rank;
	buf_clear(&l->last_key);
	buf_add(&l->last_key, f->key.p, f->key.len);
	return 0;
}

static int
load_frame(struct loader *l, const struct dump_frame *f, struct err *e)
{
	if (check_order(l, f, e) == -1)
		return -1;
	if (f->type == RECORD_LEDGER)
		return load_ledger(l, f, e);
	if (f->type == RECORD_MESSAGE)
		return load_message(l, f, e);
	if (f->type == DUMP_FILE)
		return load_file(l, f, e);
	for (int t = 0; t < TABLE_COUNT; t++)
		if (f->type == dump_types[t])
			return load_row(l, (enum env_table)t, f, e);
	return err_set(e, "a frame of an unknown type");
}

static int
check_balance(const struct loader *l, struct err *e)
{
	const struct store_ledger *r = &l->ledger.sums;
	uint64_t ended = store_ledger_ended(r);

	if (l->rank == 0)
		return err_set(e, "there is no ledger in the dump");
	if (r->accepted != ended + l->sums->recipients)
		return err_set(e,
		    "the dump does not balance: %llu accepted, %llu ended, "
		    "%llu queued",
		    (unsigned long long)r->accepted, (unsigned long long)ended,
		    (unsigned long long)l->sums->recipients);
	return 0;
}

static int
load_stream(struct loader *l, FILE *f, struct err *e)
{
	struct dump_reader r;
	struct dump_frame frame;
	int more = -1;

	if (dump_reader_init(&r, f, e) == 0)
		while ((more = dump_read(&r, &frame, e)) == 1) {
			uint64_t at = r.at;

			if (load_frame(l, &frame, e) == 0)
				continue;
			(void)err_where(e, "the frame before byte %llu",
			    (unsigned long long)at);
			more = -1;
			break;
		}
	dump_reader_fini(&r);
	return more == 0 ? check_balance(l, e) : -1;
}

/* ---- the spool ----------------------------------------------------------- */

static int
finish(struct loader *l, struct err *e)
{
	struct slice key = SLICE_LIT("ledger");
	unsigned char rec[RECORD_LEDGER_LEN];

	if (segments_sync(l->segments, e) == -1)
		return -1;
	l->ledger.tail = segments_tail(l->segments, &l->ledger.tail_len);
	record_ledger_pack(rec, key, &l->ledger);
	if (put(l, TABLE_LEDGER, key, bytes(rec, sizeof(rec)), e) == -1 ||
	    commit(l, e) == -1)
		return -1;
	return env_flush(l->env, e) == ENV_OK &&
		env_checkpoint(l->env, 0, 0, e) == ENV_OK ?
	    0 :
	    -1;
}

static int
sync_folder(const char *dir, const char *sub, struct err *e)
{
	struct buf path = { 0 };
	int fd, rc = 0;

	buf_printf(&path, "%s%s%c", dir, sub, '\0');
	fd = open(path.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || fsync(fd) == -1)
		rc = err_sys(e, "syncing %s", path.p);
	if (fd != -1)
		(void)close(fd);
	buf_fini(&path);
	return rc;
}

typedef void file_fn(int folder, const char *name, const struct stat *owner);

static void
remove_file(int folder, const char *name, const struct stat *owner)
{
	(void)owner;
	(void)unlinkat(folder, name, 0);
}

/* Root makes a spool for whom the folder belongs to. */
static void
give_file(int folder, const char *name, const struct stat *owner)
{
	if (fchownat(folder, name, owner->st_uid, owner->st_gid,
		AT_SYMLINK_NOFOLLOW) == -1)
		return; /* we are not root: then it is ours already */
}

static void
each_file(const char *dir, file_fn *fn, const struct stat *owner)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	/* glibc's readdir() shares nothing between two streams. */
	/* cppcheck-suppress readdirCalled */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (d != NULL && (entry = readdir(d)) != NULL)
		if (strcmp(entry->d_name, "..") != 0)
			fn(dirfd(d), entry->d_name, owner);
	if (d != NULL)
		(void)closedir(d);
}

struct walk {
	file_fn *fn;
	const struct stat *owner;
};

static void
each_of_folder(void *ctx, const char *path)
{
	const struct walk *w = ctx;

	each_file(path, w->fn, w->owner);
	if (w->fn == remove_file)
		(void)rmdir(path);
}

static void
each_file_of_spool(const char *dir, file_fn *fn, const struct stat *owner)
{
	static const char *const parts[] = { "/db", "/seg", "" };
	struct walk w = { fn, owner };

	dump_files_folders(dir, each_of_folder, &w);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct buf path = { 0 };

		buf_printf(&path, "%s%s%c", dir, parts[i], '\0');
		each_of_folder(&w, path.p);
		buf_fini(&path);
	}
}

struct syncing {
	struct err *e;
	int rc;
};

static void
sync_one(void *ctx, const char *path)
{
	struct syncing *s = ctx;

	if (s->rc == 0)
		s->rc = sync_folder(path, "", s->e);
}

static int
sync_all(const char *dir, struct err *e)
{
	struct syncing s = { e, 0 };

	dump_files_folders(dir, sync_one, &s);
	if (s.rc == -1)
		return -1;
	return sync_folder(dir, "/db", e) == 0 &&
		sync_folder(dir, "/seg", e) == 0 ?
	    sync_folder(dir, "", e) :
	    -1;
}

/* Everything in dir, which was just made. */
static int
build(struct loader *l, FILE *f, struct err *e)
{
	int rc = -1;

	if (env_open(l->dir, &l->env, e) == ENV_OK &&
	    segments_open(l->dir, 0, 0, 0, &l->segments, e) == 0 &&
	    load_stream(l, f, e) == 0)
		rc = finish(l, e);
	if (rc == -1 && l->env != NULL && l->in_txn > 0)
		env_rollback(l->env);
	segments_free(&l->segments);
	if (env_close(&l->env) == -1 && rc == 0)
		rc = err_set(e, "closing the database");
	if (rc == 0)
		rc = sync_all(l->dir, e);
	return rc;
}

/* A rename takes the place of an empty folder, and of nothing else. */
static int
put_in_place(const char *made, const char *dir, struct err *e)
{
	struct buf parent = { 0 };
	const char *slash = strrchr(dir, '/');
	int rc;

	if (rename(made, dir) == -1)
		return errno == ENOTEMPTY || errno == EEXIST ?
		    err_set(e, "%s is not empty", dir) :
		    err_sys(e, "%s", dir);
	buf_add(&parent, dir, slash == NULL ? 0 : (size_t)(slash - dir));
	buf_str(&parent, slash == NULL ? "." : "/");
	rc = sync_folder(buf_cstr(&parent), "", e);
	buf_fini(&parent);
	return rc;
}

/* 1: there is an empty folder, 0: there is nothing. */
static int
check_empty(const char *dir, struct stat *st, struct err *e)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	int rc = 1;

	if (d == NULL)
		return errno == ENOENT ? 0 : err_sys(e, "%s", dir);
	/* cppcheck-suppress readdirCalled */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (rc == 1 && (entry = readdir(d)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			rc = err_set(e, "%s is not empty", dir);
	if (rc == 1 && fstat(dirfd(d), st) == -1)
		rc = err_sys(e, "%s", dir);
	(void)closedir(d);
	return rc;
}

static int
make_spool(struct loader *l, const char *dir, FILE *f, struct err *e)
{
	struct buf made = { 0 };
	struct stat owner;
	int rc = -1, was_there = check_empty(dir, &owner, e);

	if (was_there == -1)
		return -1;
	buf_printf(&made, "%s.loading%c", dir, '\0');
	l->dir = made.p;
	if (mkdir(made.p, 0700) == -1) {
		(void)err_sys(e, "%s", made.p);
	} else {
		rc = build(l, f, e);
		if (rc == 0 && was_there)
			each_file_of_spool(made.p, give_file, &owner);
		if (rc == 0)
			rc = put_in_place(made.p, dir, e);
		if (rc == -1)
			each_file_of_spool(made.p, remove_file, NULL);
	}
	buf_fini(&made);
	return rc;
}

/* "spool/" is made beside it as "spool" is, not in it. */
static char *
without_slashes(const char *dir)
{
	size_t len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	return mem_strndup(dir, len);
}

int
dump_load(const char *dir, FILE *f, dump_progress_fn *fn, void *ctx,
    struct dump_sums *sums_r, struct err *e)
{
	struct loader l = { .fn = fn, .ctx = ctx, .sums = sums_r };
	char *plain = dir == NULL ? NULL : without_slashes(dir);
	int rc;

	*sums_r = (struct dump_sums){ 0 };
	rc = dir == NULL ? load_stream(&l, f, e) : make_spool(&l, plain, f, e);
	free(plain);
	buf_fini(&l.row);
	buf_fini(&l.last_key);
	free(l.roll);
	return rc;
}
