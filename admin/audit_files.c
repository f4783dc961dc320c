/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/audit_files.h"

#include <string.h>

#include "admin/acct_reader.h"
#include "admin/ctl_ask.h"
#include "mail/acct_field.h"

/* ---- the files ----------------------------------------------------------- */

/* {"files": 3, "rows": {"d": 17}} */
static json_t *
count(const struct acct_files *files, bool quiet)
{
	struct acct_reader *rows = acct_reader_new(files, quiet);
	unsigned type = acct_reader_want(rows, "type");
	json_int_t sums[ACCT_TYPES] = { 0 };
	const struct acct_row *row;
	json_t *by_type, *out = NULL;
	enum acct_type t;

	while ((row = acct_reader_next(rows)) != NULL)
		if (acct_type_find(acct_cell(row, type), &t))
			sums[t]++;
	if (acct_reader_failed(rows) == 0) {
		by_type = json_object();
		for (t = 0; t < ACCT_TYPES; t++)
			(void)json_object_set_new(by_type, acct_type_letter(t),
			    json_integer(sums[t]));
		out = json_pack("{s:I,s:o}", "files",
		    (json_int_t)acct_reader_files(rows), "rows", by_type);
	}
	acct_reader_free(&rows);
	return out;
}

json_t *
audit_files_count(const struct ctl_options *opt)
{
	json_t *out = json_object();
	struct acct_files files;
	struct places at;

	if (ctl_places(opt, &at) == -1) {
		json_decref(out);
		return NULL;
	}
	for (size_t i = 0; out != NULL && i < at.acct_count; i++) {
		json_t *one = NULL;

		if (acct_files_of(&at.accts[i], &files) == 0) {
			one = count(&files, opt->json);
			acct_files_fini(&files);
		}
		if (one == NULL) {
			json_decref(out);
			out = NULL;
		} else {
			(void)json_object_set_new(out, at.accts[i].path, one);
		}
	}
	places_fini(&at);
	return out;
}

/* ---- the comparison ------------------------------------------------------ */

static json_t *
item_of(const json_t *list, const char *path)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *text = json_string_value(
		    json_object_get(item, "path"));

		if (text != NULL && strcmp(text, path) == 0)
			return item;
	}
	return NULL;
}

static json_int_t
rows_of(const json_t *item, enum acct_type t)
{
	const json_t *rows = json_object_get(item, "rows");

	return json_integer_value(json_object_get(rows, acct_type_letter(t)));
}

static void
compare(const json_t *found, const json_t *before, json_t *after)
{
	json_int_t rows = 0, missing = 0, surplus = 0;

	for (enum acct_type t = 0; t < ACCT_TYPES; t++) {
		json_int_t n = rows_of(found, t);
		json_int_t least = rows_of(before, t), most = rows_of(after, t);

		rows += n;
		missing += n < least ? least - n : 0;
		surplus += n > most ? n - most : 0;
	}
	(void)json_object_set_new(after, "in_files",
	    json_pack("{s:O,s:I,s:I,s:I}", "files",
		json_object_get(found, "files"), "rows", rows, "missing",
		missing, "surplus", surplus));
}

void
audit_files_compare(const json_t *counted, const json_t *before,
    const json_t *after)
{
	json_t *item;
	size_t i;

	json_array_foreach(after, i, item)
	{
		const char *path = json_string_value(
		    json_object_get(item, "path"));
		const json_t *found = path == NULL ?
		    NULL :
		    json_object_get(counted, path);
		const json_t *was = path == NULL ? NULL : item_of(before, path);
		const char *kind = json_string_value(
		    json_object_get(item, "kind"));

		/*
		 * A reload may have come between; what is delivered to others
		 * is in no file.
		 */
		if (found != NULL && was != NULL && kind != NULL &&
		    strcmp(kind, "file") == 0)
			compare(found, was, item);
	}
}
