/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/audit_files.h"

#include <string.h>

#include "admin/acct_reader.h"
#include "admin/ctl_ask.h"
#include "mail/acct_field.h"

struct found {
	json_int_t rows[ACCT_TYPES];
	json_int_t files;
};

/* ---- the files ----------------------------------------------------------- */

static int
count(const struct acct_files *files, bool quiet, struct found *out)
{
	struct acct_reader *rows = acct_reader_new(files, quiet);
	unsigned type = acct_reader_want(rows, "type");
	const struct acct_row *row;
	enum acct_type t;
	int rc;

	while ((row = acct_reader_next(rows)) != NULL)
		if (acct_type_find(acct_cell(row, type), &t))
			out->rows[t]++;
	out->files = (json_int_t)acct_reader_files(rows);
	rc = acct_reader_failed(rows) == 0 ? 0 : -1;
	acct_reader_free(&rows);
	return rc;
}

static int
count_of(const struct place_acct *place, bool quiet, struct found *out)
{
	struct acct_files files;
	int rc;

	if (acct_files_of(place, &files) == -1)
		return -1;
	rc = count(&files, quiet, out);
	acct_files_fini(&files);
	return rc;
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
written(const json_t *item, enum acct_type t)
{
	const json_t *rows = json_object_get(item, "rows");

	return json_integer_value(json_object_get(rows, acct_type_letter(t)));
}

static void
compare(const json_t *before, json_t *after, const struct found *found)
{
	json_int_t rows = 0, missing = 0, surplus = 0;

	for (enum acct_type t = 0; t < ACCT_TYPES; t++) {
		json_int_t least = written(before, t);
		json_int_t most = written(after, t);

		rows += found->rows[t];
		if (found->rows[t] < least)
			missing += least - found->rows[t];
		if (found->rows[t] > most)
			surplus += found->rows[t] - most;
	}
	(void)json_object_set_new(after, "in_files",
	    json_pack("{s:I,s:I,s:I,s:I}", "files", found->files, "rows", rows,
		"missing", missing, "surplus", surplus));
}

int
audit_files(const struct ctl_options *opt, const json_t *before,
    const json_t *after)
{
	struct places at;
	int rc = 0;

	if (ctl_places(opt, &at) == -1)
		return -1;
	for (size_t i = 0; rc == 0 && i < at.acct_count; i++) {
		struct found found = { 0 };
		json_t *was = item_of(before, at.accts[i].path);
		json_t *is = item_of(after, at.accts[i].path);

		/* A reload may have come between. */
		if (was == NULL || is == NULL)
			continue;
		rc = count_of(&at.accts[i], opt->json, &found);
		if (rc == 0)
			compare(was, is, &found);
	}
	places_fini(&at);
	return rc;
}
