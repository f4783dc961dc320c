/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/acct_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/acct_source.h"
#include "admin/ctl_ask.h"
#include "lib/iso_time.h"

/*
 * A row is written after its event; who copies a file with its time may lose
 * fractions of a second.  More than both.
 */
#define MTIME_SLACK_S 3600

/* Lines that are looked at before; a few milliseconds. */
#define JSON_ROWS 500

/* ---- the list ------------------------------------------------------------ */

static struct acct_file *
add_file(struct acct_files *f, const char *path)
{
	if (f->n == f->cap) {
		f->cap = f->cap == 0 ? 64 : f->cap * 2;
		f->v = mem_realloc(f->v, f->cap * sizeof(*f->v));
	}
	f->v[f->n] = (struct acct_file){ .path = path };
	return &f->v[f->n++];
}

static void
keep_names(struct acct_files *f, struct acct_file *file,
    const struct acct_source *s)
{
	file->columns = acct_source_columns(s);
	file->names = region_array(f->rg, file->columns, sizeof(*file->names));
	for (size_t i = 0; i < file->columns; i++)
		file->names[i] = region_strdup(f->rg, acct_source_name(s, i));
}

static int64_t
time_of(const struct acct_source *s)
{
	for (size_t i = 0; i < acct_source_columns(s); i++)
		if (str_eq_nocase(acct_source_name(s, i), "timeLogged"))
			return iso_time(acct_source_cells(s)[i]);
	return ISO_TIME_NONE;
}

/*
 * The names of its columns, and the time of its first row if it has one.  JSON
 * lines leave out what is empty: only several have all columns between them.
 */
static void
look_at(struct acct_files *f, struct acct_file *file)
{
	struct acct_source *s;
	enum csv_next got;
	unsigned rows = 0;
	struct err e;

	if (acct_source_open(file->path, &s, &e) == -1)
		return; /* who reads it will say why */
	while (
	    (got = acct_source_next(s, &e)) == CSV_HEADER || got == CSV_ROW) {
		if (got == CSV_ROW && rows++ == 0 &&
		    time_of(s) != ISO_TIME_NONE)
			file->first_s = time_of(s);
		if (rows == (acct_source_is_json(s) ? JSON_ROWS : 1))
			break;
	}
	keep_names(f, file, s);
	acct_source_close(&s);
}

/* One path of two acct-files, or a link to it, counts once. */
static bool
is_known(const struct acct_files *f, const struct stat *st)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].dev == st->st_dev && f->v[i].ino == st->st_ino)
			return true;
	return false;
}

static void
consider(struct acct_files *f, const char *path, const struct acct_name *name,
    int64_t not_before_s)
{
	struct acct_file *file;
	struct stat st;

	if (stat(path, &st) == -1 || !S_ISREG(st.st_mode) || is_known(f, &st))
		return;
	if (not_before_s != INT64_MIN &&
	    st.st_mtim.tv_sec < not_before_s - MTIME_SLACK_S)
		return;
	file = add_file(f, path);
	file->name = *name;
	file->size = (uint64_t)st.st_size;
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	file->first_s = st.st_mtim.tv_sec;
	look_at(f, file);
}

/* The dated ones of a folder. */
static int
look_into(struct acct_files *f, const char *dir, const char *path,
    int64_t not_before_s)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	struct acct_name name;

	if (d == NULL && errno == ENOENT)
		return 0; /* mailraced has not written yet */
	if (d == NULL) {
		struct err e;

		(void)err_sys(&e, "%s", dir);
		(void)fprintf(stderr, "mailrace: %s\n", e.text);
		return -1;
	}
	/* One thread: nobody else has this folder. */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while ((entry = readdir(d)) != NULL)
		if (acct_name_parse(path, entry->d_name, &name))
			consider(f,
			    region_printf(f->rg, "%s/%s", dir, entry->d_name),
			    &name, not_before_s);
	(void)closedir(d);
	return 0;
}

/* move-to may take files away while others are read. */
static int
add_configured(struct acct_files *f, const struct place_acct *a,
    int64_t not_before_s)
{
	const char *slash = strrchr(a->path, '/');
	char *dir = region_strndup(f->rg, a->path,
	    slash == a->path ? 1 : (size_t)(slash - a->path));
	const struct acct_name last = { "9999-99-99", UINT64_MAX };
	size_t first = f->n;
	int rc;

	consider(f, region_strdup(f->rg, a->path), &last, not_before_s);
	rc = look_into(f, dir, a->path, not_before_s);
	for (size_t i = first; i < f->n && a->move_to != NULL; i++)
		f->v[i].moved = region_printf(f->rg, "%s%s", a->move_to,
		    strrchr(f->v[i].path, '/'));
	if (rc == 0 && a->move_to != NULL)
		rc = look_into(f, a->move_to, a->path, not_before_s);
	return rc;
}

/* What began in one second goes by its name. */
static int
compare(const void *pa, const void *pb)
{
	const struct acct_file *a = pa, *b = pb;
	int day = strcmp(a->name.day, b->name.day);

	if (a->first_s != b->first_s)
		return a->first_s < b->first_s ? -1 : 1;
	if (day != 0)
		return day;
	if (a->name.number != b->name.number)
		return a->name.number < b->name.number ? -1 : 1;
	return strcmp(a->path, b->path);
}

static void
sort_from(struct acct_files *f, size_t first)
{
	if (f->n > first)
		qsort(f->v + first, f->n - first, sizeof(*f->v), compare);
}

static bool
overlap(const struct place_acct *a, const struct place_acct *b)
{
	return (a->types & b->types) != 0 && !(a->filtered && b->filtered);
}

/* Who adds up what stands in two files has it twice; the first two will do. */
static void
tell_overlap(const struct places *at, const size_t *counts)
{
	for (size_t i = 0; i < at->acct_count; i++)
		for (size_t k = 0; k < i; k++)
			if (counts[i] > 0 && counts[k] > 0 &&
			    overlap(&at->accts[k], &at->accts[i])) {
				(void)fprintf(stderr,
				    "mailrace: %s and %s take the same "
				    "records, which come twice; name one of "
				    "them\n",
				    at->accts[k].path, at->accts[i].path);
				return;
			}
}

static int
find_configured(const struct ctl_options *opt, int64_t not_before_s,
    struct acct_files *out)
{
	struct places at;
	size_t *counts;
	int rc = 0;

	if (ctl_places(opt, &at) == -1)
		return -1;
	counts = region_array(out->rg, at.acct_count, sizeof(*counts));
	if (at.acct_count == 0) {
		(void)fprintf(stderr,
		    "mailrace: %s has no <acct-file>; name a file, or -\n",
		    opt->config);
		rc = -1;
	}
	for (size_t i = 0; i < at.acct_count && rc == 0; i++) {
		size_t before = out->n;

		rc = add_configured(out, &at.accts[i], not_before_s);
		counts[i] = out->n - before;
	}
	tell_overlap(&at, counts);
	places_fini(&at);
	sort_from(out, 0);
	return rc;
}

/*
 * A path that no file has may be an acct-file's: it stands for all of its
 * files.  0: it is none.
 */
static int
add_acct_file(struct acct_files *f, const struct ctl_options *opt,
    const char *path, int64_t not_before_s)
{
	struct conf_errors ignored = { 0 };
	size_t first = f->n;
	struct places at;
	int rc = places_read(opt->config, &at, &ignored);

	conf_errors_fini(&ignored);
	if (rc == -1) /* a configuration is not needed to read files */
		return 0;
	for (size_t i = 0; i < at.acct_count && rc == 0; i++)
		if (strcmp(at.accts[i].path, path) == 0)
			rc = add_configured(f, &at.accts[i], not_before_s) ==
				-1 ?
			    -1 :
			    1;
	places_fini(&at);
	sort_from(f, first);
	return rc;
}

/* As it is named. */
static void
add_named(struct acct_files *f, const char *path)
{
	struct acct_file *file = add_file(f, path);
	struct stat st;

	file->named = true;
	file->stream = stat(path, &st) == -1 || !S_ISREG(st.st_mode);
	if (file->stream)
		return;
	file->size = (uint64_t)st.st_size;
	look_at(f, file);
}

int
acct_files_find(const struct ctl_options *opt, int64_t not_before_s,
    struct acct_files *out)
{
	int rc = 0;

	*out = (struct acct_files){ .rg = region_new() };
	if (opt->file_count == 0)
		rc = find_configured(opt, not_before_s, out);
	for (size_t i = 0; i < opt->file_count && rc != -1; i++) {
		const char *path = opt->files[i];

		rc = 0;
		if (path[0] == '/' && access(path, F_OK) == -1)
			rc = add_acct_file(out, opt, path, not_before_s);
		if (rc == 0)
			add_named(out, path);
	}
	rc = rc == -1 ? -1 : 0;
	if (rc == -1)
		acct_files_fini(out);
	return rc;
}

int
acct_files_of(const struct place_acct *a, struct acct_files *out)
{
	int rc;

	*out = (struct acct_files){ .rg = region_new() };
	rc = add_configured(out, a, INT64_MIN);
	if (rc == -1)
		acct_files_fini(out);
	return rc;
}

void
acct_files_fini(struct acct_files *f)
{
	region_free(&f->rg);
	free(f->v);
	*f = (struct acct_files){ 0 };
}
