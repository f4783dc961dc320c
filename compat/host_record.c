/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/host_record.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/ctl_proto.h"

enum { FORMAT = 1, SUM_LEN = 65 };

/* How a file is called in the folder. */
#define BEFORE ".before"
#define AFTER ".after"
#define LIST "changes"
#define CLOSED "done"

static const char *
path_of(const struct host_files *f, const char *name, const char *ending)
{
	return REGION_JOIN(f->rg, f->undo, "/", name, ending);
}

/* ---- checksums ----------------------------------------------------------- */

/* SHA-256, in hex. */
static void
sum_of(const struct buf *b, char out[SUM_LEN])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	CHECK(EVP_Digest(b->p == NULL ? "" : b->p, b->len, hash, &len,
		  EVP_sha256(), NULL) == 1);
	for (unsigned i = 0; i < len; i++)
		(void)snprintf(out + 2 * (size_t)i, 3, "%02x", hash[i]);
}

/* "": it is not there. */
static int
sum_file(const char *path, char out[SUM_LEN], struct err *e)
{
	struct buf b = { .p = NULL };
	int rc = 0;

	out[0] = '\0';
	if (access(path, F_OK) == -1 && errno == ENOENT)
		return 0;
	rc = host_file_read(path, &b, e);
	if (rc == 0)
		sum_of(&b, out);
	buf_fini(&b);
	return rc;
}

/* ---- writing ------------------------------------------------------------- */

bool
host_record_is_there(const struct host_files *f)
{
	return access(path_of(f, LIST, ""), F_OK) == 0;
}

/* sum "": there is nothing to keep. */
static int
keep(const struct host_files *f, const char *from, const char *name,
    char sum[SUM_LEN], struct err *e)
{
	struct buf b = { .p = NULL };
	int rc = sum_file(from, sum, e);

	host_file_remove(f->undo, name); /* of one that was interrupted */
	if (rc == -1 || sum[0] == '\0')
		return rc;
	rc = host_file_folders(f->undo, name, e);
	if (rc == 0)
		rc = host_file_read(from, &b, e);
	if (rc == 0) {
		sum_of(&b, sum);
		rc = host_file_write(REGION_JOIN(f->rg, f->undo, "/", name),
		    (struct slice){ b.p, b.len }, from, e);
	}
	buf_fini(&b);
	return rc;
}

static json_t *
text_or_null(const char *text)
{
	return text == NULL || text[0] == '\0' ? json_null() : ctl_string(text);
}

static int
keep_files(const struct host_files *f, json_t *files, struct err *e)
{
	for (size_t i = 0; i < f->n; i++) {
		const char *name = f->v[i].name;
		char before[SUM_LEN], after[SUM_LEN];

		if (keep(f, host_files_path(f, i),
			REGION_JOIN(f->rg, name, BEFORE), before, e) == -1 ||
		    keep(f, host_files_copy_path(f, i),
			REGION_JOIN(f->rg, name, AFTER), after, e) == -1)
			return -1;
		(void)json_array_append_new(files,
		    json_pack("{s:o,s:o,s:o}", "name", ctl_string(name),
			"before", text_or_null(before), "after",
			text_or_null(after)));
	}
	return 0;
}

/* "" is a value. */
static json_t *
value_or_null(const char *text)
{
	return text == NULL ? json_null() : ctl_string(text);
}

static json_t *
list_of(const struct host_plan *p, const char *const *kinds)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->count; i++) {
		const struct host_change *c = &p->changes[i];

		(void)json_array_append_new(list,
		    json_pack("{s:s,s:o,s:o,s:o}", "kind", kinds[c->kind],
			"name", ctl_string(c->name), "value",
			value_or_null(c->value), "before",
			value_or_null(c->before)));
	}
	return list;
}

/* As a whole, or not at all. */
static int
write_whole(const struct host_files *f, const char *name, const char *text,
    struct err *e)
{
	const char *path = path_of(f, name, "");
	const char *new = path_of(f, name, ".new");

	if (host_file_write(new, slice_of(text), NULL, e) == -1)
		return -1;
	if (rename(new, path) == -1)
		return err_sys(e, "%s", path);
	return host_dir_sync(f->undo, e);
}

int
host_record_write(const struct host_files *f, const struct host_plan *p,
    const char *const *kinds, struct err *e)
{
	json_t *files = json_array();
	json_t *record = json_pack("{s:i,s:o,s:o}", "version", FORMAT, "files",
	    files, "changes", list_of(p, kinds));
	char *text;
	int rc = 0;

	if (mkdir(f->undo, 0700) == -1 && errno != EEXIST)
		rc = err_sys(e, "%s", f->undo);
	(void)unlink(path_of(f, CLOSED, ""));
	if (rc == 0)
		rc = keep_files(f, files, e);
	text = json_dumps(record, JSON_INDENT(2));
	CHECK(text != NULL);
	if (rc == 0)
		rc = write_whole(f, LIST, text, e);
	free(text);
	json_decref(record);
	return rc;
}

int
host_record_close(const struct host_files *f, struct err *e)
{
	return write_whole(f, CLOSED, "", e);
}

/* ---- reading ------------------------------------------------------------- */

static const char *
text_in(const struct host_files *f, const json_t *item, const char *key)
{
	const char *text = json_string_value(json_object_get(item, key));

	return text == NULL ? NULL : region_strdup(f->rg, text);
}

static int
damaged(const struct host_files *f, struct err *e)
{
	return err_set(e, "%s is damaged, or of another version",
	    path_of(f, LIST, ""));
}

static int
read_change(const struct host_files *f, const json_t *item,
    const char *const *kinds, struct host_change *c)
{
	const char *kind = text_in(f, item, "kind");
	int k = 0;

	*c = (struct host_change){ .name = text_in(f, item, "name"),
		.value = text_in(f, item, "value"),
		.before = text_in(f, item, "before") };
	if (kind == NULL || c->name == NULL)
		return -1;
	while (kinds[k] != NULL && strcmp(kind, kinds[k]) != 0)
		k++;
	c->kind = k;
	return kinds[k] == NULL ? -1 : 0;
}

static bool
is_sum(const char *sum, const char *wanted)
{
	return strcmp(sum, wanted == NULL ? "" : wanted) == 0;
}

/* What was kept must be what it was; then: is the file one of the two? */
static int
check_file(const struct host_files *f, const json_t *item, bool *edited,
    struct err *e)
{
	const char *name = text_in(f, item, "name");
	const char *before = text_in(f, item, "before");
	const char *after = text_in(f, item, "after");
	char now[SUM_LEN], kept[SUM_LEN];

	if (name == NULL || (before == NULL && after == NULL))
		return damaged(f, e);
	if (sum_file(path_of(f, name, BEFORE), kept, e) == -1 ||
	    sum_file(REGION_JOIN(f->rg, f->dir, "/", name), now, e) == -1)
		return -1;
	if (!is_sum(kept, before))
		return err_set(e, "%s is not what was kept there",
		    path_of(f, name, BEFORE));
	if (!is_sum(now, before) && !is_sum(now, after))
		*edited = true;
	return 0;
}

static int
read_all(const struct host_files *f, const json_t *record,
    const char *const *kinds, struct host_record *out, struct err *e)
{
	const json_t *files = json_object_get(record, "files");
	const json_t *list = json_object_get(record, "changes");

	if (!json_is_array(list))
		return damaged(f, e);
	out->changes = region_array(f->rg, json_array_size(list) + 1,
	    sizeof(*out->changes));
	while (out->count < json_array_size(list)) {
		if (read_change(f, json_array_get(list, out->count), kinds,
			&out->changes[out->count]) == -1)
			return damaged(f, e);
		out->count++;
	}
	for (size_t i = 0; i < json_array_size(files); i++)
		if (check_file(f, json_array_get(files, i), &out->edited, e) ==
		    -1)
			return -1;
	return 0;
}

static json_t *
load(const struct host_files *f, struct err *e)
{
	const char *path = path_of(f, LIST, "");
	json_error_t why;
	json_t *record = json_load_file(path, 0, &why);

	if (record == NULL) {
		(void)err_set(e, "%s: %s", path, why.text);
	} else if (json_integer_value(json_object_get(record, "version")) !=
	    FORMAT) {
		json_decref(record);
		record = NULL;
		(void)damaged(f, e);
	}
	return record;
}

int
host_record_files(struct host_files *f, struct err *e)
{
	json_t *record = load(f, e);
	const json_t *files = json_object_get(record, "files");
	int rc = record == NULL ? -1 : 0;

	for (size_t i = 0; i < json_array_size(files) && rc == 0; i++) {
		const char *name = text_in(f, json_array_get(files, i), "name");

		/* Never anything beside or above the folder. */
		if (name == NULL || name[0] == '/' ||
		    strstr(name, "..") != NULL)
			rc = damaged(f, e);
		else
			(void)host_files_add(f, name);
	}
	json_decref(record);
	return rc;
}

int
host_record_read(const struct host_files *f, const char *const *kinds,
    struct host_record *out, struct err *e)
{
	json_t *record = load(f, e);
	int rc = -1;

	*out = (struct host_record){ .count = 0 };
	out->whole = access(path_of(f, CLOSED, ""), F_OK) == 0;
	if (record != NULL)
		rc = read_all(f, record, kinds, out, e);
	json_decref(record);
	return rc;
}

int
host_record_restore(const struct host_files *f, struct err *e)
{
	for (size_t i = 0; i < f->n; i++) {
		const char *kept = path_of(f, f->v[i].name, BEFORE);
		struct buf b = { .p = NULL };
		int rc = 0;

		if (access(kept, F_OK) == -1 && errno == ENOENT) {
			host_file_remove(f->work, f->v[i].name);
			continue;
		}
		rc = host_file_read(kept, &b, e);
		if (rc == 0)
			rc = host_files_write(f, i,
			    (struct slice){ b.p, b.len }, kept, e);
		buf_fini(&b);
		if (rc == -1)
			return -1;
	}
	return 0;
}

int
host_record_diff(const struct host_files *f, struct buf *out, struct err *e)
{
	for (size_t i = 0; i < f->n; i++)
		if (host_diff(path_of(f, f->v[i].name, AFTER),
			host_files_path(f, i), out, e) == -1)
			return -1;
	return 0;
}

int
host_record_remove(const struct host_files *f, struct err *e)
{
	/* First the list: without it the rest means nothing. */
	if (unlink(path_of(f, LIST, "")) == -1 && errno != ENOENT)
		return err_sys(e, "%s", path_of(f, LIST, ""));
	host_tree_remove(f->undo);
	return host_dir_sync(f->dir, e);
}
