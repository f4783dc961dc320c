/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/acct.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <libgen.h>
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
#include "mail/acct_row.h"
#include "transport/acct_state.h"

/* How long rows may wait to be synced, and how many may. */
#define SYNC_AFTER_US 500000
#define WRITE_AFTER ((size_t)1 << 18)

struct acct_file {
	STAILQ_ENTRY(acct_file) link;
	char *path;
	unsigned
	    types; /* ACCT_BIT() of each; 0 once it left the configuration */
	const struct acct_layout *layout; /* of a->conf, if it has types */
	struct buf header;                /* of that layout */
	int fd;
	uint64_t inode;  /* of fd */
	uint64_t length; /* of what is durable in the file, and in the state */
	struct buf rows; /* what comes behind that: whole rows */
	size_t written;  /* of them: they are in the file, not yet durable */
	bool headed;     /* rows begin with the header */
	bool torn;       /* behind length nothing is certain: to be cut off */
	bool failed;     /* said so once */
	bool kept;       /* still in the configuration, while reloading */
};

STAILQ_HEAD(acct_files, acct_file);

struct acct {
	struct worker *worker;
	struct store *store;
	struct acct_state *state;
	struct acct_files files;
	struct snapshot *conf;
	struct acct_rows rows;
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
	buf_fini(&f->header);
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

/* What a new file holds is not durable before its name is. */
static int
sync_name(const char *path, struct err *e)
{
	char *copy = mem_strdup(path);
	/* glibc's dirname() keeps nothing of its own. */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	if (fd == -1 || fsync(fd) == -1)
		rc = err_sys(e, "the folder of acct-file %s", path);
	if (fd != -1)
		(void)close(fd);
	free(copy);
	return rc;
}

static void
header_first(struct acct_file *f)
{
	struct buf rows = f->rows;

	if (f->headed)
		return;
	f->headed = true;
	f->rows = (struct buf){ 0 };
	buf_add(&f->rows, f->header.p, f->header.len);
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
	if (f->length > 0)
		return 0;
	header_first(f);
	return sync_name(f->path, e);
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
set_conf(struct acct_file *f, const struct acct_conf *conf)
{
	f->types = conf->types;
	f->layout = conf->layout;
	buf_clear(&f->header);
	acct_row_header(f->layout, &f->header);
}

static int
add_file(struct acct *a, const struct acct_conf *conf, struct err *e)
{
	struct acct_file *f = find(a, conf->path);

	if (f == NULL) {
		f = mem_new(struct acct_file);
		f->path = mem_strdup(conf->path);
		f->fd = -1;
		set_conf(f, conf);
		if (file_open(f, e) == -1) {
			file_free(f);
			return -1;
		}
		STAILQ_INSERT_TAIL(&a->files, f, link);
	}
	f->kept = true;
	set_conf(f, conf);
	return 0;
}

/*
 * Back to what is durable; the rows behind it are written again.  At once, so
 * that nobody who looks, or moves the file away, finds half a row.
 */
static int
file_cut(struct acct_file *f)
{
	f->written = 0;
	f->torn = ftruncate(f->fd, (off_t)f->length) == -1;
	return f->torn ? -1 : 0;
}

static int
file_write(struct acct_file *f, struct err *e)
{
	if (f->torn && file_cut(f) == -1)
		return err_sys(e, "acct-file %s", f->path);
	while (f->written < f->rows.len) {
		ssize_t n = write(f->fd, f->rows.p + f->written,
		    f->rows.len - f->written);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			(void)err_sys(e, "acct-file %s", f->path);
			(void)file_cut(f);
			return -1;
		}
		f->written += (size_t)n;
	}
	return 0;
}

/*
 * When a sync fails nobody knows what of it is on the disk, and the next sync
 * says nothing about it: all since the last good one is written again.
 */
static int
file_sync(struct acct_file *f, struct err *e)
{
	if (file_write(f, e) == -1)
		return -1;
	if (fdatasync(f->fd) == 0)
		return 0;
	(void)err_sys(e, "acct-file %s", f->path);
	(void)file_cut(f);
	return -1;
}

static void
file_synced(struct acct_file *f)
{
	f->length += f->written;
	f->headed = f->headed && f->written == 0;
	buf_drop(&f->rows, f->written);
	f->written = 0;
}

/* ---- state --------------------------------------------------------------- */

static int
state_write(const struct acct *a, uint64_t next, struct err *e)
{
	const struct acct_file *f;

	acct_state_begin(a->state, next);
	STAILQ_FOREACH(f, &a->files, link)
	acct_state_add(a->state, f->path,
	    &(struct acct_state_file){ f->length, f->inode });
	return acct_state_write(a->state, e);
}

static int
cut_back(struct acct_file *f, const struct acct_state_file *was, struct err *e)
{
	if (was->inode != f->inode || f->length < was->length) {
		log_note(LOG_L_WARN, "acct",
		    "%s is not what it was: somebody cut or replaced it; "
		    "records go on at its end",
		    f->path);
		return 0;
	}
	if (f->length == was->length)
		return 0;
	f->length = was->length;
	if (file_cut(f) == -1)
		return err_sys(e, "acct-file %s", f->path);
	if (f->length == 0)
		header_first(f);
	return 0;
}

static int
state_read(struct acct *a, struct err *e)
{
	struct acct_state_file was;
	struct acct_file *f;
	int rc = 0;

	a->next = a->synced = acct_state_next(a->state);
	STAILQ_FOREACH(f, &a->files, link)
	if (acct_state_find(a->state, f->path, &was) &&
	    cut_back(f, &was, e) == -1)
		rc = -1;
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
	bool failed = state_write(a, next, &e) == -1;

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
		/* What the state does not say it has goes to the new one. */
		if ((f->written > 0 || f->torn) && file_cut(f) == -1) {
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
	STAILQ_FOREACH(f, &a->files, link)
	file_synced(f);
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
add_row(struct acct *a, const struct acct_record *r, const struct acct_id *id)
{
	struct acct_file *f;
	struct err e;

	STAILQ_FOREACH(f, &a->files, link)
	{
		if ((f->types & ACCT_BIT(r->type)) == 0)
			continue;
		acct_row_add(&a->rows, f->layout, r, id, &f->rows);
		if (f->rows.len - f->written > WRITE_AFTER && !f->failed &&
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
	struct acct_id id = { .seq = b->seq };
	struct acct_record r;
	enum acct_next next;

	/* Replayed, though it is in the files: the outbox was not told. */
	if (b->seq < a->next) {
		free(b);
		return;
	}
	while ((next = acct_record_unpack(&at, &left, a->rows.rg, &r)) ==
	    ACCT_RECORD) {
		add_row(a, &r, &id);
		region_reset(a->rows.rg);
		id.index++;
	}
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

	for (size_t i = 0; i < snapshot_acct_count(conf); i++) {
		const struct acct_conf *c = snapshot_acct_at(conf, i);

		if (c->kind == ACCT_FILE && add_file(a, c, e) == -1)
			rc = -1;
	}
	return rc;
}

int
acct_check(const struct snapshot *conf, struct err *e)
{
	for (size_t i = 0; i < snapshot_acct_count(conf); i++) {
		const struct acct_conf *c = snapshot_acct_at(conf, i);
		int fd;

		if (c->kind != ACCT_FILE)
			continue;
		fd = path_open(c->path, e);
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

	*a_r = NULL;
	a->worker = w;
	a->conf = snapshot_ref(conf);
	acct_rows_init(&a->rows);
	STAILQ_INIT(&a->files);
	a->timer = event_new(worker_base(w), -1, 0, on_timer, a);
	CHECK(a->timer != NULL);
	/* The state is written at once, so that new files are in it too. */
	if (take_conf(a, conf, e) == 0 &&
	    acct_state_open(spool_dir, &a->state, e) == 0 &&
	    state_read(a, e) == 0 && state_write(a, a->next, e) == 0)
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
	acct_state_free(&a->state);
	acct_rows_fini(&a->rows);
	snapshot_unref(&a->conf);
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
	bool behind;
	struct err e;

	/* Files that could not be written, the disk is full, stay for later. */
	behind = commit(a) == -1;
	STAILQ_FOREACH(f, &a->files, link)
	{
		f->kept = behind;
		f->types = 0;
	}
	if (take_conf(a, r->conf, &e) == -1)
		log_note(LOG_L_ERROR, "acct", "%s", e.text);
	drop_unkept(a);
	/* New files must be in the state before rows are. */
	sync_all(a);
	snapshot_unref(&a->conf);
	a->conf = r->conf;
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
