/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/acct.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "transport/acct_record.h"

/* How long rows may wait to be synced, and how many may. */
#define SYNC_AFTER_US 500000
#define WRITE_AFTER ((size_t)1 << 18)

struct acct_file {
	STAILQ_ENTRY(acct_file) link;
	char *path;
	char types[8]; /* "db" */
	int fd;
	uint64_t inode;  /* of fd */
	uint64_t length; /* what is in the file */
	struct buf rows; /* what is not yet: whole rows */
	bool headed;     /* rows begin with the header */
	bool failed;     /* said so once */
	bool kept;       /* still in the configuration, while reloading */
};

STAILQ_HEAD(acct_files, acct_file);

struct acct {
	struct worker *worker;
	struct store *store;
	char *state_path, *state_new, *dir;
	struct acct_files files;
	uint64_t next;     /* the blob to come: all before it are taken in */
	uint64_t synced;   /* all before it are durable in the files */
	bool state_failed; /* said so once */
	struct event *timer;
};

/* ---- files --------------------------------------------------------------- */

static void
file_free(struct acct_file *f)
{
	if (f->fd != -1)
		(void)close(f->fd);
	buf_fini(&f->rows);
	free(f->path);
	free(f);
}

static struct acct_file *
find(struct acct *a, const char *path)
{
	struct acct_file *f;

	STAILQ_FOREACH(f, &a->files, link)
	if (strcmp(f->path, path) == 0)
		return f;
	return NULL;
}

static int
path_open(const char *path, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

	if (fd == -1)
		return err_sys(e, "acct-file %s", path);
	return fd;
}

static void
header_first(struct acct_file *f)
{
	struct buf rows = f->rows;

	if (f->headed)
		return;
	f->headed = true;
	f->rows = (struct buf){ 0 };
	acct_csv_header(&f->rows);
	if (rows.len > 0)
		buf_add(&f->rows, rows.p, rows.len);
	buf_fini(&rows);
}

/* In place of what was open, if anything was; that stays if this fails. */
static int
file_open(struct acct_file *f, struct err *e)
{
	struct stat st;
	int fd = path_open(f->path, e);

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1) {
		(void)err_sys(e, "acct-file %s", f->path);
		(void)close(fd);
		return -1;
	}
	if (f->fd != -1)
		(void)close(f->fd);
	f->fd = fd;
	f->inode = st.st_ino;
	f->length = (uint64_t)st.st_size;
	if (f->length == 0)
		header_first(f);
	return 0;
}

/* Moved away or removed: what we have open is no longer under its name. */
static bool
file_is_gone(const struct acct_file *f)
{
	struct stat st;

	if (stat(f->path, &st) == -1)
		return errno == ENOENT;
	return st.st_ino != f->inode;
}

static void
set_types(struct acct_file *f, const struct acct_conf *conf)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->records.n && n < sizeof(f->types) - 1; i++)
		if (conf->records.v[i][1] == '\0')
			f->types[n++] = conf->records.v[i][0];
	f->types[n] = '\0';
}

static int
add_file(struct acct *a, const struct acct_conf *conf, struct err *e)
{
	struct acct_file *f = find(a, conf->path);

	if (f == NULL) {
		f = mem_new(struct acct_file);
		f->path = mem_strdup(conf->path);
		f->fd = -1;
		if (file_open(f, e) == -1) {
			file_free(f);
			return -1;
		}
		STAILQ_INSERT_TAIL(&a->files, f, link);
	}
	f->kept = true;
	set_types(f, conf);
	return 0;
}

/*
 * The rows gathered so far, or none of them: on a full disk somebody may move
 * the file away, and half a row must not be what the next one begins with.
 */
static int
file_write(struct acct_file *f, struct err *e)
{
	size_t done = 0;

	while (done < f->rows.len) {
		ssize_t n = write(f->fd, f->rows.p + done, f->rows.len - done);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			(void)err_sys(e, "acct-file %s", f->path);
			if (done == 0 ||
			    ftruncate(f->fd, (off_t)f->length) == 0)
				return -1;
			break; /* then the rest goes behind it */
		}
		done += (size_t)n;
	}
	f->length += done;
	f->headed = f->headed && done == 0;
	buf_drop(&f->rows, done);
	return f->rows.len == 0 ? 0 : -1;
}

static int
file_sync(struct acct_file *f, struct err *e)
{
	if (file_write(f, e) == -1)
		return -1;
	if (fdatasync(f->fd) == -1)
		return err_sys(e, "acct-file %s", f->path);
	return 0;
}

/* ---- state --------------------------------------------------------------- */

static int
state_write(const struct acct *a, uint64_t next, struct err *e)
{
	json_t *files = json_array();
	json_t *state;
	const struct acct_file *f;
	int fd, rc = -1;

	STAILQ_FOREACH(f, &a->files, link)
	(void)json_array_append_new(files,
	    json_pack("{s:o,s:I,s:I}", "path",
		json_stringn_nocheck(f->path, strlen(f->path)), "length",
		(json_int_t)f->length, "inode", (json_int_t)f->inode));
	state = json_pack("{s:I,s:o}", "next", (json_int_t)next, "files",
	    files);
	CHECK(state != NULL);
	fd = open(a->state_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1) {
		(void)err_sys(e, "%s", a->state_new);
		goto out;
	}
	if (json_dumpfd(state, fd, JSON_INDENT(1)) == -1 ||
	    fdatasync(fd) == -1 || rename(a->state_new, a->state_path) == -1) {
		(void)err_sys(e, "%s", a->state_new);
		goto out;
	}
	rc = 0;
out:
	if (fd != -1)
		(void)close(fd);
	json_decref(state);
	return rc;
}

/* The rename must be durable before the outbox forgets. */
static int
dir_sync(const char *dir, struct err *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	if (fd == -1)
		return err_sys(e, "%s", dir);
	if (fsync(fd) == -1)
		rc = err_sys(e, "%s", dir);
	(void)close(fd);
	return rc;
}

static int
cut_back(struct acct_file *f, uint64_t inode, uint64_t length, struct err *e)
{
	if ((inode != 0 && inode != f->inode) || f->length < length) {
		log_note(LOG_L_WARN, "acct",
		    "%s is not what it was: somebody cut or replaced it; "
		    "records go on at its end",
		    f->path);
		return 0;
	}
	if (f->length == length)
		return 0;
	if (ftruncate(f->fd, (off_t)length) == -1)
		return err_sys(e, "acct-file %s", f->path);
	f->length = length;
	if (length == 0)
		header_first(f);
	return 0;
}

static uint64_t
entry_u64(const json_t *entry, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(entry, key));
}

static int
state_read(struct acct *a, struct err *e)
{
	json_error_t why;
	json_t *state, *entry;
	size_t i;
	int rc = 0;

	if (access(a->state_path, F_OK) == -1 && errno == ENOENT)
		return 0;
	state = json_load_file(a->state_path, 0, &why);
	if (!json_is_object(state)) {
		json_decref(state);
		return err_set(e, "%s: %s", a->state_path, why.text);
	}
	a->next = (uint64_t)json_integer_value(json_object_get(state, "next"));
	a->synced = a->next;
	json_array_foreach(json_object_get(state, "files"), i, entry)
	{
		const char *path = json_string_value(
		    json_object_get(entry, "path"));
		struct acct_file *f = path == NULL ? NULL : find(a, path);

		if (f != NULL &&
		    cut_back(f, entry_u64(entry, "inode"),
			entry_u64(entry, "length"), e) == -1)
			rc = -1;
	}
	json_decref(state);
	return rc;
}

/* ---- writing ------------------------------------------------------------- */

static void
trouble(struct acct_file *f, const struct err *e)
{
	if (!f->failed)
		log_note(LOG_L_ERROR, "acct",
		    "%s; records are kept and tried again", e->text);
	f->failed = true;
}

static void
arm(struct acct *a)
{
	const struct timeval soon = { .tv_usec = SYNC_AFTER_US };

	if (!event_pending(a->timer, EV_TIMEOUT, NULL))
		CHECK(event_add(a->timer, &soon) == 0);
}

static void
well_again(struct acct_file *f)
{
	if (f->failed)
		log_note(LOG_L_INFO, "acct",
		    "acct-file %s: written again, with all that was kept",
		    f->path);
	f->failed = false;
}

static int
state_keep(struct acct *a, uint64_t next)
{
	struct err e;
	bool failed = state_write(a, next, &e) == -1 ||
	    dir_sync(a->dir, &e) == -1;

	if (failed && !a->state_failed)
		log_note(LOG_L_ERROR, "acct", "%s; tried again", e.text);
	a->state_failed = failed;
	return failed ? -1 : 0;
}

/*
 * Goes on in new files where the old ones are gone.  The state has to know
 * them before they get rows, or a replay could not cut them back.
 */
static int
follow(struct acct *a)
{
	struct acct_file *f;
	struct err e;
	bool moved = false;

	STAILQ_FOREACH(f, &a->files, link)
	{
		if (!file_is_gone(f))
			continue;
		/* What it has already must be safe: nobody replays it. */
		if (fdatasync(f->fd) == -1) {
			(void)err_sys(&e, "acct-file %s", f->path);
			trouble(f, &e);
			return -1;
		}
		if (file_open(f, &e) == -1) {
			trouble(f, &e);
			return -1;
		}
		log_note(LOG_L_INFO, "acct",
		    "acct-file %s was moved or removed: a new one is begun",
		    f->path);
		moved = true;
	}
	return moved ? state_keep(a, a->synced) : 0;
}

/* Everything taken in becomes durable, then the state that says so. */
static int
commit(struct acct *a)
{
	struct acct_file *f;
	struct err e;

	if (follow(a) == -1)
		return -1;
	STAILQ_FOREACH(f, &a->files, link)
	{
		if (file_sync(f, &e) == -1) {
			trouble(f, &e);
			return -1;
		}
		well_again(f);
	}
	if (state_keep(a, a->next) == -1)
		return -1;
	a->synced = a->next;
	return 0;
}

static void
sync_all(struct acct *a)
{
	if (commit(a) == -1)
		arm(a);
	else if (a->store != NULL && a->next > 0)
		store_outbox_done(a->store, a->next - 1);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	sync_all(arg);
}

static void
add_row(struct acct *a, const struct acct_record *r)
{
	struct acct_file *f;
	struct err e;

	STAILQ_FOREACH(f, &a->files, link)
	{
		if (strchr(f->types, r->type) == NULL)
			continue;
		acct_csv_row(r, &f->rows);
		if (f->rows.len > WRITE_AFTER && !f->failed &&
		    !file_is_gone(f) && file_write(f, &e) == -1)
			trouble(f, &e);
	}
}

struct blob {
	struct post post;
	struct acct *acct;
	uint64_t seq;
	size_t len;
	char bytes[];
};

static void
on_blob(struct post *p)
{
	struct blob *b = post_owner(p, struct blob, post);
	struct acct *a = b->acct;
	const char *at = b->bytes;
	size_t left = b->len;
	struct acct_record r;
	enum acct_next next;

	/* Replayed, though it is in the files: the outbox was not told. */
	if (b->seq < a->next) {
		free(b);
		return;
	}
	while ((next = acct_record_unpack(&at, &left, &r)) == ACCT_RECORD)
		add_row(a, &r);
	if (next == ACCT_BROKEN)
		log_note(LOG_L_ERROR, "acct",
		    "outbox entry %llu is broken: %zu bytes of it are lost",
		    (unsigned long long)b->seq, left);
	a->next = b->seq + 1;
	arm(a);
	free(b);
}

void
acct_blob(struct acct *a, uint64_t seq, const void *p, size_t len)
{
	struct blob *b = mem_alloc(sizeof(*b) + len);

	b->post.fn = on_blob;
	b->acct = a;
	b->seq = seq;
	b->len = len;
	memcpy(b->bytes, p, len);
	worker_post(a->worker, &b->post);
}

/* ---- life ---------------------------------------------------------------- */

static int
take_conf(struct acct *a, const struct snapshot *conf, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < snapshot_acct_count(conf); i++)
		if (add_file(a, snapshot_acct_at(conf, i), e) == -1)
			rc = -1;
	return rc;
}

int
acct_check(const struct snapshot *conf, struct err *e)
{
	for (size_t i = 0; i < snapshot_acct_count(conf); i++) {
		int fd = path_open(snapshot_acct_at(conf, i)->path, e);

		if (fd == -1)
			return -1;
		(void)close(fd);
	}
	return 0;
}

int
acct_new(struct worker *w, const struct snapshot *conf, const char *spool_dir,
    struct acct **a_r, struct err *e)
{
	struct acct *a = mem_new(struct acct);
	struct buf path = { 0 };

	*a_r = NULL;
	a->worker = w;
	STAILQ_INIT(&a->files);
	a->dir = mem_strdup(spool_dir);
	buf_printf(&path, "%s/acct-state", spool_dir);
	a->state_path = buf_take(&path, NULL);
	buf_printf(&path, "%s/acct-state.new", spool_dir);
	a->state_new = buf_take(&path, NULL);
	a->timer = event_new(worker_base(w), -1, 0, on_timer, a);
	CHECK(a->timer != NULL);
	/* The state is written at once, so that new files are in it too. */
	if (take_conf(a, conf, e) == 0 && state_read(a, e) == 0 &&
	    state_write(a, a->next, e) == 0 && dir_sync(a->dir, e) == 0)
		*a_r = a;
	else
		acct_free(&a);
	return *a_r == NULL ? -1 : 0;
}

void
acct_set_store(struct acct *a, struct store *store)
{
	a->store = store;
}

void
acct_free(struct acct **ap)
{
	struct acct *a = *ap;
	struct acct_file *f;

	*ap = NULL;
	if (a == NULL)
		return;
	if (a->synced != a->next)
		(void)commit(a); /* the outbox has it still, if this fails */
	while ((f = STAILQ_FIRST(&a->files)) != NULL) {
		STAILQ_REMOVE_HEAD(&a->files, link);
		file_free(f);
	}
	event_free(a->timer);
	free(a->state_path);
	free(a->state_new);
	free(a->dir);
	free(a);
}

struct reload {
	struct post post;
	struct acct *acct;
	struct snapshot *conf;
};

/* Files that the configuration no longer names. */
static void
drop_unkept(struct acct *a)
{
	STAILQ_HEAD(, acct_file) all = STAILQ_HEAD_INITIALIZER(all);
	struct acct_file *f;

	STAILQ_CONCAT(&all, &a->files);
	while ((f = STAILQ_FIRST(&all)) != NULL) {
		STAILQ_REMOVE_HEAD(&all, link);
		if (f->kept)
			STAILQ_INSERT_TAIL(&a->files, f, link);
		else
			file_free(f);
	}
}

static void
on_reload(struct post *p)
{
	struct reload *r = post_owner(p, struct reload, post);
	struct acct *a = r->acct;
	struct acct_file *f;
	struct err e;

	(void)commit(a); /* before files are closed */
	STAILQ_FOREACH(f, &a->files, link)
	f->kept = false;
	if (take_conf(a, r->conf, &e) == -1)
		log_note(LOG_L_ERROR, "acct", "%s", e.text);
	drop_unkept(a);
	/* New files must be in the state before rows are. */
	sync_all(a);
	snapshot_unref(&r->conf);
	free(r);
}

void
acct_reload(struct acct *a, const struct snapshot *conf)
{
	struct reload *r = mem_new(struct reload);

	r->post.fn = on_reload;
	r->acct = a;
	r->conf = snapshot_ref(conf);
	worker_post(a->worker, &r->post);
}
