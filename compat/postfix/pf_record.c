/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_record.h"

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

static const char *const kinds[] = { [PF_PARAMETER] = "parameter",
	[PF_SERVICE] = "service",
	[PF_OPTION] = "option" };

static const char *
path_of(const struct pf_site *s, const char *name, const char *ending)
{
	return REGION_JOIN(s->rg, s->undo, "/", name, ending);
}

static const char *
file_of(const struct pf_site *s, const char *dir, int i)
{
	return REGION_JOIN(s->rg, dir, "/", pf_files[i]);
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

static int
sum_file(const char *path, char out[SUM_LEN], struct err *e)
{
	struct buf b = { .p = NULL };
	int rc = pf_file_read(path, &b, e);

	if (rc == 0)
		sum_of(&b, out);
	buf_fini(&b);
	return rc;
}

/* ---- writing ------------------------------------------------------------- */

bool
pf_record_is_there(const struct pf_site *s)
{
	return access(path_of(s, LIST, ""), F_OK) == 0;
}

static int
keep(const char *from, const char *to, char sum[SUM_LEN], struct err *e)
{
	struct buf b = { .p = NULL };
	int rc = pf_file_read(from, &b, e);

	if (rc == 0) {
		sum_of(&b, sum);
		rc = pf_file_write(to, (struct slice){ b.p, b.len }, from, e);
	}
	buf_fini(&b);
	return rc;
}

static int
keep_files(const struct pf_site *s, json_t *files, struct err *e)
{
	for (int i = 0; i < PF_FILES; i++) {
		char before[SUM_LEN], after[SUM_LEN];

		if (keep(file_of(s, s->dir, i), path_of(s, pf_files[i], BEFORE),
			before, e) == -1 ||
		    keep(file_of(s, s->work, i), path_of(s, pf_files[i], AFTER),
			after, e) == -1)
			return -1;
		(void)json_array_append_new(files,
		    json_pack("{s:s,s:s,s:s}", "name", pf_files[i], "before",
			before, "after", after));
	}
	return 0;
}

static json_t *
text_or_null(const char *text)
{
	return text == NULL ? json_null() : ctl_string(text);
}

static json_t *
list_of(const struct pf_plan *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->count; i++) {
		const struct pf_change *c = &p->changes[i];

		(void)json_array_append_new(list,
		    json_pack("{s:s,s:o,s:o,s:o}", "kind", kinds[c->kind],
			"name", ctl_string(c->name), "value",
			text_or_null(c->value), "before",
			text_or_null(c->before)));
	}
	return list;
}

int
pf_record_write(const struct pf_site *s, const struct pf_plan *p, struct err *e)
{
	json_t *files = json_array();
	json_t *record = json_pack("{s:i,s:o,s:o}", "version", FORMAT, "files",
	    files, "changes", list_of(p));
	int rc = mkdir(s->undo, 0700);
	char *text;

	if (rc == -1 && errno == EEXIST)
		rc = 0; /* of one that was interrupted: without the list */
	else if (rc == -1)
		(void)err_sys(e, "%s", s->undo);
	if (rc == 0)
		rc = keep_files(s, files, e);
	text = json_dumps(record, JSON_INDENT(2));
	CHECK(text != NULL);
	if (rc == 0)
		rc = pf_file_write(path_of(s, LIST, ".new"), slice_of(text),
		    file_of(s, s->dir, 0), e);
	if (rc == 0 &&
	    rename(path_of(s, LIST, ".new"), path_of(s, LIST, "")) == -1)
		rc = err_sys(e, "%s", path_of(s, LIST, ""));
	if (rc == 0)
		rc = pf_dir_sync(s->undo, e);
	free(text);
	json_decref(record);
	return rc;
}

/* ---- reading ------------------------------------------------------------- */

static int
read_change(const struct pf_site *s, const json_t *item, struct pf_change *c)
{
	const char *kind = json_string_value(json_object_get(item, "kind"));
	const char *name = json_string_value(json_object_get(item, "name"));
	const char *value = json_string_value(json_object_get(item, "value"));
	const char *before = json_string_value(json_object_get(item, "before"));
	const size_t count = sizeof(kinds) / sizeof(kinds[0]);
	size_t k = 0;

	if (kind == NULL || name == NULL)
		return -1;
	while (k < count && strcmp(kind, kinds[k]) != 0)
		k++;
	if (k == count)
		return -1;
	*c = (struct pf_change){ .kind = (enum pf_kind)k,
		.name = region_strdup(s->rg, name),
		.value = value == NULL ? NULL : region_strdup(s->rg, value),
		.before = before == NULL ? NULL :
					   region_strdup(s->rg, before) };
	return 0;
}

/* What was kept must be what it was; then: is the file one of the two? */
static int
check_file(const struct pf_site *s, const json_t *item, bool *edited,
    struct err *e)
{
	const char *name = json_string_value(json_object_get(item, "name"));
	const char *before = json_string_value(json_object_get(item, "before"));
	const char *after = json_string_value(json_object_get(item, "after"));
	char now[SUM_LEN], kept[SUM_LEN];

	if (name == NULL || before == NULL || after == NULL)
		return err_set(e, "%s is damaged", path_of(s, LIST, ""));
	if (sum_file(path_of(s, name, BEFORE), kept, e) == -1 ||
	    sum_file(REGION_JOIN(s->rg, s->dir, "/", name), now, e) == -1)
		return -1;
	if (strcmp(kept, before) != 0)
		return err_set(e, "%s is not what was kept there",
		    path_of(s, name, BEFORE));
	if (strcmp(now, before) != 0 && strcmp(now, after) != 0)
		*edited = true;
	return 0;
}

static int
read_all(const struct pf_site *s, const json_t *record, struct pf_record *out,
    struct err *e)
{
	const json_t *files = json_object_get(record, "files");
	const json_t *list = json_object_get(record, "changes"), *item;
	size_t i;

	if (json_integer_value(json_object_get(record, "version")) != FORMAT ||
	    json_array_size(files) != PF_FILES || !json_is_array(list))
		return err_set(e, "%s is damaged, or of another version",
		    path_of(s, LIST, ""));
	out->changes = region_array(s->rg, json_array_size(list) + 1,
	    sizeof(*out->changes));
	json_array_foreach(list, i,
	    item) if (read_change(s, item, &out->changes[out->count++]) ==
	    -1) return err_set(e, "%s is damaged", path_of(s, LIST, ""));
	json_array_foreach(files, i,
	    item) if (check_file(s, item, &out->edited, e) == -1) return -1;
	return 0;
}

int
pf_record_read(const struct pf_site *s, struct pf_record *out, struct err *e)
{
	const char *path = path_of(s, LIST, "");
	json_error_t why;
	json_t *record = json_load_file(path, 0, &why);
	int rc;

	*out = (struct pf_record){ .count = 0 };
	if (record == NULL)
		return err_set(e, "%s: %s", path, why.text);
	rc = read_all(s, record, out, e);
	json_decref(record);
	return rc;
}

int
pf_record_restore(const struct pf_site *s, struct err *e)
{
	for (int i = 0; i < PF_FILES; i++) {
		const char *kept = path_of(s, pf_files[i], BEFORE);
		struct buf b = { .p = NULL };
		int rc = pf_file_read(kept, &b, e);

		if (rc == 0)
			rc = pf_file_write(file_of(s, s->work, i),
			    (struct slice){ b.p, b.len }, kept, e);
		buf_fini(&b);
		if (rc == -1)
			return -1;
	}
	return 0;
}

int
pf_record_diff(const struct pf_site *s, struct buf *out, struct err *e)
{
	for (int i = 0; i < PF_FILES; i++)
		if (pf_diff(path_of(s, pf_files[i], AFTER),
			file_of(s, s->dir, i), out, e) == -1)
			return -1;
	return 0;
}

int
pf_record_remove(const struct pf_site *s, struct err *e)
{
	/* First the list: without it the rest means nothing. */
	if (unlink(path_of(s, LIST, "")) == -1 && errno != ENOENT)
		return err_sys(e, "%s", path_of(s, LIST, ""));
	for (int i = 0; i < PF_FILES; i++) {
		(void)unlink(path_of(s, pf_files[i], BEFORE));
		(void)unlink(path_of(s, pf_files[i], AFTER));
	}
	(void)rmdir(s->undo);
	return pf_dir_sync(s->dir, e);
}
