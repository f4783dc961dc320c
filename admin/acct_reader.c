/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/acct_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/acct_source.h"
#include "admin/progress.h"
#include "lib/check.h"

#define TICK_ROWS 4096 /* between looks at the clock: a few milliseconds */

struct wanted {
	char *column;
	bool asked_for, found;
};

struct acct_reader {
	const struct acct_files *files;
	size_t next;
	struct acct_source *source; /* of files->v[next - 1] */
	const char *path;
	struct acct_row row;
	const char **names; /* of the header */
	size_t names_cap;
	struct wanted *wanted; /* by slot */
	int *at;
	unsigned slots;
	uint64_t count, bytes; /* bytes: of the files that are done */
	size_t good, failed;
	bool broken; /* this file */
	struct progress progress;
};

struct acct_reader *
acct_reader_new(const struct acct_files *files, bool quiet)
{
	struct acct_reader *r = mem_new(struct acct_reader);
	uint64_t total = 0;
	bool known = true;

	r->files = files;
	for (size_t i = 0; i < files->n; i++) {
		total += files->v[i].size;
		known = known && !files->v[i].stream;
	}
	progress_begin(&r->progress, !quiet, known ? total : 0);
	return r;
}

void
acct_reader_free(struct acct_reader **rp)
{
	struct acct_reader *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	acct_source_close(&r->source);
	for (unsigned i = 0; i < r->slots; i++)
		free(r->wanted[i].column);
	free(r->wanted);
	free(r->at);
	free(r->names);
	free(r);
}

unsigned
acct_reader_want(struct acct_reader *r, const char *column)
{
	CHECK(r->next == 0);
	for (unsigned i = 0; i < r->slots; i++)
		if (str_eq_nocase(r->wanted[i].column, column))
			return i;
	r->wanted = mem_realloc(r->wanted, (r->slots + 1) * sizeof(*r->wanted));
	r->at = mem_realloc(r->at, (r->slots + 1) * sizeof(*r->at));
	r->wanted[r->slots] = (struct wanted){ .column = mem_strdup(column) };
	r->at[r->slots] = -1;
	return r->slots++;
}

unsigned
acct_reader_ask(struct acct_reader *r, const char *column)
{
	unsigned slot = acct_reader_want(r, column);

	r->wanted[slot].asked_for = true;
	return slot;
}

/* ---- what is told -------------------------------------------------------- */

static void
tell(struct acct_reader *r, const char *text)
{
	progress_hide(&r->progress);
	(void)fprintf(stderr, "mailrace: %s: %s\n", r->path, text);
}

static void
tell_count(struct acct_reader *r, uint64_t count, const char *what)
{
	char text[200];

	if (count == 0)
		return;
	(void)snprintf(text, sizeof(text), "%" PRIu64 " %s", count, what);
	tell(r, text);
}

static void
tell_damage(struct acct_reader *r)
{
	const struct csv_counts *c = acct_source_counts(r->source);

	tell_count(r, c->narrow,
	    "rows have fewer cells than the header; the others are empty");
	tell_count(r, c->wide,
	    "rows have more cells than the header; those are left out");
	tell_count(r, c->damaged, "damaged places are left out");
	if (c->cut)
		tell(r, "the last line is cut short and left out");
}

/* Or one would think that no record is like this. */
static void
tell_missing(struct acct_reader *r)
{
	for (unsigned i = 0; i < r->slots && r->row.header > 0; i++) {
		struct wanted *w = &r->wanted[i];

		if (w->asked_for && !w->found)
			(void)fprintf(stderr,
			    "mailrace: no file has a column \"%s\"\n",
			    w->column);
		w->found = true; /* said once */
	}
}

/* ---- files and headers --------------------------------------------------- */

static int
open_file(struct acct_reader *r, const struct acct_file *f, struct err *e)
{
	r->path = f->path;
	if (acct_source_open(f->path, &r->source, e) == 0)
		return 0;
	if (f->moved == NULL || access(f->path, F_OK) == 0)
		return -1;
	if (acct_source_open(f->moved, &r->source, e) == -1)
		return -1;
	r->path = f->moved;
	return 0;
}

/* False: no more files. */
static bool
open_next(struct acct_reader *r)
{
	while (r->next < r->files->n) {
		const struct acct_file *f = &r->files->v[r->next++];
		struct err e;

		r->broken = false;
		if (open_file(r, f, &e) == 0)
			return true;
		/* It was there when the list was made: delete-after. */
		if (!f->named && access(f->path, F_OK) == -1) {
			tell(r, "deleted meanwhile; its rows are left out");
			continue;
		}
		progress_hide(&r->progress);
		(void)fprintf(stderr, "mailrace: %s\n", e.text);
		r->failed++;
	}
	return false;
}

static void
close_source(struct acct_reader *r)
{
	tell_damage(r);
	r->bytes += acct_source_bytes(r->source);
	r->failed += r->broken;
	r->good += !r->broken;
	acct_source_close(&r->source);
}

static void
take_header(struct acct_reader *r)
{
	size_t n = acct_source_columns(r->source);

	if (n > r->names_cap) {
		r->names_cap = n;
		r->names = mem_realloc(r->names, n * sizeof(*r->names));
	}
	for (size_t i = 0; i < n; i++)
		r->names[i] = acct_source_name(r->source, i);
	for (unsigned s = 0; s < r->slots; s++) {
		r->at[s] = -1;
		for (size_t i = n; i-- > 0;)
			if (str_eq_nocase(r->names[i], r->wanted[s].column))
				r->at[s] = (int)i;
		r->wanted[s].found |= r->at[s] >= 0;
	}
	r->row = (struct acct_row){ .names = r->names,
		.columns = n,
		.header = r->row.header + 1,
		.at = r->at };
}

static const struct acct_row *
take_row(struct acct_reader *r)
{
	r->row.cells = acct_source_cells(r->source);
	if (++r->count % TICK_ROWS == 0)
		progress_tick(&r->progress,
		    r->bytes + acct_source_bytes(r->source), r->count);
	return &r->row;
}

const struct acct_row *
acct_reader_next(struct acct_reader *r)
{
	struct err e;

	for (;;) {
		if (r->source == NULL && !open_next(r)) {
			progress_hide(&r->progress);
			tell_missing(r);
			return NULL;
		}
		switch (acct_source_next(r->source, &e)) {
		case CSV_HEADER:
			take_header(r);
			break;
		case CSV_ROW:
			return take_row(r);
		case CSV_FAILED:
			tell(r, e.text);
			r->broken = true;
			close_source(r);
			break;
		case CSV_END:
			close_source(r);
			break;
		}
	}
}

size_t
acct_reader_files(const struct acct_reader *r)
{
	return r->good;
}

size_t
acct_reader_failed(const struct acct_reader *r)
{
	return r->failed;
}

void
acct_reader_hide(struct acct_reader *r)
{
	progress_hide(&r->progress);
}
