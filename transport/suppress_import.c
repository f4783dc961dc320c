/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress import: any number of rows, which the client sends behind its
 * request.  A thread of its own reads and hashes them, so neither main nor the
 * store's owner waits for a client; what it made is given to the owner at the
 * end, or nothing.
 *
 *	main: begin -> keeper: suppress_import_begin() -> main: asks the client
 *	to send -> the thread: reads all -> main: it has ended -> keeper: the
 *	commit, or nothing was -> main: answers
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/ctl_upload.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "mail/suppress_input.h"
#include "queue/suppress_index.h"
#include "transport/suppress_priv.h"

enum { IMPORTS_MAX = 4, REFUSED_TOLD = 20, LOOK_ROWS = 1024 };

/* How often a client hears how far it is. */
#define TELL_US (US_PER_S / 2)

struct refused {
	uint64_t line;
	char why[200];
};

struct import {
	struct suppress_call call; /* its request is NULL once answered */
	LIST_ENTRY(import) link;   /* in those of main */
	bool csv, replace, skip_errors, dry_run;
	struct suppress_hasher *hasher;
	struct suppress_meta meta; /* where a row does not say */
	struct suppress_import *store;
	uint64_t before; /* entries */
	struct suppress_stats after;

	/* The thread's, then main's: */
	struct worker *worker;
	struct post work;
	struct ctl_upload upload;
	struct suppress_view *view; /* of a dry run; NULL: an empty list */
	uint64_t rows, known, refused_count;
	struct refused refused[REFUSED_TOLD];
	int64_t tell_us;
};

struct suppress_imports {
	int stop_fd; /* readable: all are to end */
	LIST_HEAD(, import) list;
	size_t count;
};

/* ---- progress ------------------------------------------------------------ */

/* A word to the client, by way of main. */
struct word {
	struct post post;
	struct import *import;
	const char *doing;
	uint64_t done, all;
};

static void
on_word(struct post *p)
{
	struct word *w = post_owner(p, struct word, post);

	if (w->import->call.request != NULL)
		ctl_item(w->import->call.request,
		    json_pack("{s:s,s:I,s:I}", "doing", w->doing, "done",
			(json_int_t)w->done, "all", (json_int_t)w->all));
	free(w);
}

static void
tell(struct import *im, const char *doing, uint64_t done, uint64_t all)
{
	int64_t now_us = clock_us();
	struct word *w;

	if (now_us < im->tell_us)
		return;
	im->tell_us = now_us + TELL_US;
	w = mem_new(struct word);
	*w = (struct word){ .post.fn = on_word,
		.import = im,
		.doing = doing,
		.done = done,
		.all = all };
	worker_post(im->call.control->opt.main, &w->post);
}

/* ---- reading, on the import's thread ------------------------------------- */

static void
refuse(struct import *im, const struct suppress_row *row, const char *why)
{
	struct refused *r;

	if (im->refused_count++ >= REFUSED_TOLD)
		return;
	r = &im->refused[im->refused_count - 1];
	r->line = row->line;
	(void)snprintf(r->why, sizeof(r->why), "%.*s%s%s",
	    (int)(row->subject.len > 80 ? 80 : row->subject.len),
	    row->subject.len == 0 ? "" : row->subject.p,
	    row->subject.len == 0 ? "" : ": ", why);
}

static void
row_meta(struct import *im, const struct suppress_row *row, struct region *rg,
    struct suppress_meta *m)
{
	*m = im->meta;
	if (row->reason.len > 0)
		m->reason = suppress_note(rg, row->reason);
	if (row->source.len > 0)
		m->source = suppress_note(rg, row->source);
	if (row->created_s != 0)
		m->created_s = row->created_s;
	if (row->expires_s == SUPPRESS_FOREVER)
		m->expires_s = 0;
	else if (row->expires_s != 0)
		m->expires_s = row->expires_s;
}

/* -1: the store does not take it: the end. */
static int
take_row(struct import *im, const struct suppress_row *row, struct region *rg)
{
	unsigned char digest[SUPPRESS_DIGEST_MAX];
	struct suppress_entry entry = { .digest = digest };
	struct err e;

	if (row->wrong != NULL) {
		refuse(im, row, row->wrong);
		return 0;
	}
	if (suppress_subject(im->hasher, row->subject, rg, digest, &e) == -1) {
		refuse(im, row, e.text);
		return 0;
	}
	im->rows++;
	if (im->dry_run) {
		im->known += im->view != NULL &&
		    suppress_view_has(im->view, digest);
		return 0;
	}
	row_meta(im, row, rg, &entry.meta);
	return suppress_import_add(im->store, &entry, &im->call.error);
}

static int
take_all(struct import *im, struct suppress_input *in, struct region *rg)
{
	struct err *e = &im->call.error;
	struct suppress_row row;
	enum suppress_next got;

	while ((got = suppress_input_next(in, &row, e)) == SUPPRESS_ROW) {
		if (take_row(im, &row, rg) == -1)
			return -1;
		if ((im->rows + im->refused_count) % LOOK_ROWS == 0)
			tell(im, "read", im->rows, 0);
		region_reset(rg);
	}
	return got == SUPPRESS_END ? 0 : -1;
}

static void on_read(struct post *p);

static void
read_rows(struct post *p)
{
	struct import *im = post_owner(p, struct import, work);
	struct region *rg = region_new();
	struct suppress_input *rows;
	struct input in;

	input_init(&in, ctl_upload_read, &im->upload, SUPPRESS_INPUT_WINDOW);
	rows = suppress_input_new(&in, im->csv, im->meta.created_s);
	if (take_all(im, rows, rg) == -1)
		CHECK(im->call.error.text[0] != '\0');
	suppress_input_free(&rows);
	input_fini(&in);
	region_free(&rg);
	im->call.home.fn = on_read;
	worker_post(im->call.control->opt.main, &im->call.home);
}

/* ---- the end, on main ---------------------------------------------------- */

static void
import_free(struct import *im)
{
	struct suppress_imports *all = im->call.control->imports;

	LIST_REMOVE(im, link);
	all->count--;
	if (im->store != NULL) /* at the end of the process */
		suppress_import_abort(&im->store);
	suppress_hasher_free(&im->hasher);
	if (im->view != NULL)
		suppress_view_unref(&im->view);
	suppress_call_free(&im->call);
}

static void
tell_refused(const struct import *im)
{
	size_t n = im->refused_count < REFUSED_TOLD ? im->refused_count :
						      REFUSED_TOLD;

	for (size_t i = 0; i < n; i++)
		ctl_item(im->call.request,
		    json_pack("{s:I,s:o}", "line",
			(json_int_t)im->refused[i].line, "refused",
			ctl_string(im->refused[i].why)));
}

/* Rows that were not there before; the others were, or came twice. */
static uint64_t
count_new(const struct import *im)
{
	uint64_t now = im->after.entries;

	if (im->dry_run)
		return im->rows - im->known;
	if (im->replace)
		return now < im->rows ? now : im->rows;
	return now < im->before ? 0 : now - im->before;
}

static void
answer(struct import *im)
{
	struct ctl_request *r = im->call.request;
	uint64_t fresh = count_new(im);

	im->call.request = NULL;
	if (im->call.error.text[0] != '\0') {
		ctl_fail(r, "%s; the list is as it was", im->call.error.text);
		return;
	}
	if (im->refused_count > 0 && !im->skip_errors) {
		ctl_fail(r,
		    "%" PRIu64 " of %" PRIu64 " rows are refused; the list is "
		    "as it was",
		    im->refused_count, im->refused_count + im->rows);
		return;
	}
	ctl_done(r,
	    json_pack("{s:s,s:I,s:I,s:I,s:I,s:I}", "list", im->call.list->name,
		"rows", (json_int_t)im->rows, "added", (json_int_t)fresh,
		"there", (json_int_t)(im->rows - fresh), "refused",
		(json_int_t)im->refused_count, "entries",
		(json_int_t)im->after.entries));
}

static void
on_end(struct post *p)
{
	struct import *im = post_owner(p, struct import, call.home);

	if (im->call.error.text[0] == '\0' && !im->dry_run)
		log_note(LOG_L_INFO, "suppress",
		    "list %s: %" PRIu64
		    " rows imported by the operator, %" PRIu64 " entries",
		    im->call.list->name, im->rows, im->after.entries);
	if (im->call.request != NULL)
		answer(im);
	import_free(im);
}

/* ---- the end, on the keeper's thread ------------------------------------- */

static void
count_after(struct import *im, struct suppress_store *s)
{
	struct suppress_owned *l;
	struct err e;

	if (suppress_call_owned(s, im->call.list, &l, &e) == 0)
		suppress_store_stats(l, &im->after);
}

static void
go_home(struct import *im)
{
	im->call.home.fn = on_end;
	worker_post(im->call.control->opt.main, &im->call.home);
}

static void
on_progress(void *ctx, uint64_t done, uint64_t all)
{
	tell(ctx, "sorted", done, all);
}

/* Counted once work() is behind us. */
static void
on_counted(struct suppress_errand *r, struct suppress_store *s)
{
	struct import *im = post_owner(r, struct import, call.errand);

	count_after(im, s);
	go_home(im);
}

static void
on_done(void *ctx, const struct err *e)
{
	struct import *im = ctx;

	if (e != NULL)
		im->call.error = *e;
	im->call.errand.fn = on_counted;
	im->call.errand.done = NULL;
	suppress_keeper_run(im->call.keeper, &im->call.errand);
}

static void
commit(struct suppress_errand *r, struct suppress_store *s)
{
	struct import *im = post_owner(r, struct import, call.errand);

	(void)s;
	im->tell_us = 0;
	suppress_import_commit(&im->store);
	suppress_keeper_wake(im->call.keeper);
}

static void
give_up(struct suppress_errand *r, struct suppress_store *s)
{
	struct import *im = post_owner(r, struct import, call.errand);

	if (im->store != NULL)
		suppress_import_abort(&im->store);
	count_after(im, s);
	go_home(im);
}

/* ---- the way there ------------------------------------------------------- */

static void
run(struct import *im, suppress_errand_fn *fn)
{
	im->call.errand.fn = fn;
	im->call.errand.done = NULL; /* each ends on its own */
	suppress_keeper_run(im->call.keeper, &im->call.errand);
}

static bool
is_well(struct import *im)
{
	if (im->call.control->imports_stopping)
		(void)err_set(&im->call.error, "mailraced is being stopped");
	return im->call.error.text[0] == '\0' &&
	    (im->refused_count == 0 || im->skip_errors);
}

static void
end_thread(struct import *im)
{
	worker_stop(im->worker);
	worker_join(im->worker);
	worker_free(&im->worker);
	(void)close(im->upload.fd);
}

static void
on_read(struct post *p)
{
	struct import *im = post_owner(p, struct import, call.home);

	end_thread(im);
	tell_refused(im);
	run(im, is_well(im) && !im->dry_run ? commit : give_up);
}

/* The client is asked to send; its bytes are for a thread of their own. */
static int
start_thread(struct import *im, struct err *e)
{
	im->worker = worker_new("import", e);
	if (im->worker == NULL)
		return -1;
	im->upload.stop_fd = im->call.control->imports->stop_fd;
	im->upload.fd = ctl_upload(im->call.request, e);
	if (im->upload.fd == -1) {
		worker_free(&im->worker);
		return -1;
	}
	if (worker_start(im->worker, e) == -1) {
		(void)close(im->upload.fd);
		worker_free(&im->worker);
		return -1;
	}
	im->work.fn = read_rows;
	worker_post(im->worker, &im->work);
	return 0;
}

static void
on_begun(struct post *p)
{
	struct import *im = post_owner(p, struct import, call.home);

	if (im->call.error.text[0] == '\0' && im->call.request != NULL &&
	    start_thread(im, &im->call.error) == 0)
		return;
	run(im, give_up);
}

/* What is published now, for a dry run. */
static int
open_view(struct import *im, struct err *e)
{
	const struct suppress_list *l = im->call.list;
	struct suppress_index *ix;
	const char *path = REGION_JOIN(im->call.rg,
	    suppress_keeper_dir(im->call.keeper), "/", l->store, NULL);

	if (access(path, F_OK) == -1 && errno == ENOENT)
		return 0; /* nothing is on it */
	if (suppress_index_open(path, l->id,
		(uint32_t)suppress_digest_len(l->norm.hash), &ix, e) == -1)
		return -1;
	im->view = suppress_index_get(ix);
	suppress_index_free(&ix);
	return 0;
}

static int
begin_in(struct import *im, struct suppress_store *s, struct err *e)
{
	const struct suppress_import_conf conf = {
		.mode = im->replace ? SUPPRESS_REPLACE : SUPPRESS_MERGE,
		.on_progress = on_progress,
		.on_done = on_done,
		.ctx = im,
	};
	const struct suppress_norm norm = suppress_call_norm(&im->call,
	    im->call.list);
	struct suppress_owned *l;
	struct suppress_stats st;

	if (suppress_hasher_new(&norm, &im->hasher, e) == -1 ||
	    suppress_call_owned(s, im->call.list, &l, e) == -1)
		return -1;
	if (!im->replace && suppress_store_fault(l) != NULL)
		return err_set(e, "%s", suppress_store_fault(l));
	suppress_store_stats(l, &st);
	im->before = st.entries;
	if (im->dry_run)
		return open_view(im, e);
	return suppress_import_begin(l, &conf, &im->store, e);
}

static void
begin(struct suppress_errand *r, struct suppress_store *s)
{
	struct import *im = post_owner(r, struct import, call.errand);

	if (begin_in(im, s, &im->call.error) == -1)
		CHECK(im->call.error.text[0] != '\0');
	im->call.home.fn = on_begun;
	worker_post(im->call.control->opt.main, &im->call.home);
}

/* ---- the command --------------------------------------------------------- */

static struct suppress_imports *
imports_of(struct control *c)
{
	if (c->imports == NULL) {
		c->imports = mem_new(struct suppress_imports);
		LIST_INIT(&c->imports->list);
		c->imports->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		CHECK(c->imports->stop_fd != -1);
	}
	return c->imports;
}

static bool
is_importing(const struct suppress_imports *all, const char *name)
{
	const struct import *im;

	LIST_FOREACH(im, &all->list, link)
	if (str_eq_nocase(im->call.list->name, name))
		return true;
	return false;
}

void
control_suppress_import(struct control *c, struct ctl_request *r,
    const json_t *args)
{
	struct suppress_imports *all = imports_of(c);
	const struct suppress_list *l = suppress_call_list(c, r, args);
	struct import *im;

	if (l == NULL)
		return;
	if (c->imports_stopping) {
		ctl_fail(r, "mailraced is being stopped");
		return;
	}
	if (is_importing(all, l->name)) {
		ctl_fail(r, "another import of %s is under way", l->name);
		return;
	}
	if (all->count == IMPORTS_MAX) {
		ctl_fail(r, "%d imports are under way", IMPORTS_MAX);
		return;
	}
	im = suppress_call_new(sizeof(*im), c, r, l);
	if (!suppress_call_meta(&im->call, args, &im->meta)) {
		suppress_call_free(&im->call);
		return;
	}
	im->csv = json_is_true(json_object_get(args, "csv"));
	im->replace = json_is_true(json_object_get(args, "replace"));
	im->skip_errors = json_is_true(json_object_get(args, "skip-errors"));
	im->dry_run = json_is_true(json_object_get(args, "dry-run"));
	LIST_INSERT_HEAD(&all->list, im, link);
	all->count++;
	run(im, begin);
}

void
suppress_imports_stop(struct control *c)
{
	const uint64_t one = 1;
	struct import *im;

	c->imports_stopping = true;
	if (c->imports == NULL)
		return;
	CHECK(write(c->imports->stop_fd, &one, sizeof(one)) == sizeof(one));
	/* One that is being sorted ends with the store, in whose hands it is. */
	LIST_FOREACH(im, &c->imports->list, link)
	if (im->worker == NULL && im->call.request != NULL) {
		ctl_fail(im->call.request,
		    "mailraced is being stopped; the list is as it was");
		im->call.request = NULL;
	}
}

void
suppress_imports_join(struct control *c)
{
	struct import *im;

	if (c->imports == NULL)
		return;
	LIST_FOREACH(im, &c->imports->list, link)
	if (im->worker != NULL)
		end_thread(im);
}

void
suppress_imports_free(struct control *c)
{
	if (c->imports == NULL)
		return;
	while (!LIST_EMPTY(&c->imports->list))
		import_free(LIST_FIRST(&c->imports->list));
	(void)close(c->imports->stop_fd);
	free(c->imports);
	c->imports = NULL;
}
