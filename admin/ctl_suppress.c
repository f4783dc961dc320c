/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suppression lists as they are: suppress check, export, stats.
 */
#include "admin/ctl_cmds.h"

#include <stdio.h>
#include <string.h>

#include "admin/ctl_ask.h"
#include "lib/csv_write.h"

/* ---- check --------------------------------------------------------------- */

static const char *
text_of(const json_t *item, const char *key)
{
	const char *text = json_string_value(json_object_get(item, key));

	return text == NULL ? "" : text;
}

static void
print_if(const char *label, const char *text)
{
	if (text[0] == '\0')
		return;
	(void)printf(", %s ", label);
	(void)ctl_print(text);
}

static void
print_found(const json_t *item)
{
	const char *entry = text_of(item, "entry");

	(void)ctl_print(text_of(item, "list"));
	if (strcmp(entry, "configuration") == 0) {
		(void)printf(": listed in ");
		(void)ctl_print(text_of(item, "file"));
		(void)printf(":%lld\n",
		    (long long)json_integer_value(
			json_object_get(item, "line")));
		return;
	}
	if (strcmp(entry, "published") != 0) {
		(void)printf(": cannot be asked: ");
		(void)ctl_print(text_of(item, "error"));
		(void)printf("\n");
		return;
	}
	(void)printf(": listed");
	print_if("since", text_of(item, "since"));
	print_if("until", text_of(item, "until"));
	print_if("reason", text_of(item, "reason"));
	print_if("source", text_of(item, "source"));
	(void)printf("\n");
}

static void
print_check(const struct ctl_options *opt, struct answer *a)
{
	size_t i;
	json_t *item;

	if (opt->json) {
		(void)json_object_set(a->done, "entries", a->items);
		ctl_print_json(a->done);
		return;
	}
	json_array_foreach(a->items, i, item) print_found(item);
	if (json_is_true(json_object_get(a->done, "listed")))
		return;
	(void)ctl_print(opt->argument);
	(void)printf(" is on none of %lld list(s).\n",
	    (long long)json_integer_value(json_object_get(a->done, "asked")));
}

static json_t *
check_request(const struct ctl_options *opt)
{
	json_t *request = ctl_request(opt);

	if (opt->file_count > 0)
		(void)json_object_set_new(request, "list",
		    ctl_string(opt->files[0]));
	return request;
}

int
cmd_suppress_check(const struct ctl_options *opt)
{
	json_t *request = check_request(opt);
	struct answer a;
	int rc = ctl_ask_this(opt, request, &a);

	json_decref(request);
	if (rc == 0) {
		print_check(opt, &a);
		if (!json_is_true(json_object_get(a.done, "listed")))
			rc = json_integer_value(
				 json_object_get(a.done, "unknown")) > 0 ?
			    2 :
			    1;
	} else if (a.done != NULL) {
		rc = 2; /* 1 would say that it is on none */
	}
	ctl_answer_fini(&a);
	return rc;
}

/* ---- export -------------------------------------------------------------- */

static void
print_digest(void *ctx, const json_t *item)
{
	(void)ctx;
	(void)printf("%s\n", text_of(item, "digest"));
}

static void
print_csv(void *ctx, const json_t *item)
{
	static const char *const keys[] = { "digest", "reason", "source",
		"created", "expires" };
	struct buf line = { 0 };

	(void)ctx;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (i > 0)
			buf_byte(&line, ',');
		csv_cell(&line, slice_of(text_of(item, keys[i])));
	}
	(void)printf("%s\n", buf_cstr(&line));
	buf_fini(&line);
}

int
cmd_suppress_export(const struct ctl_options *opt)
{
	bool csv = opt->values[OPT_CSV] != NULL;
	struct ctl_listing l = { .name = "entries", .words = "entries" };
	struct ctl_client client = { .item = csv ? print_csv : print_digest };
	struct places at;
	json_t *done;
	int rc;

	if (opt->json)
		return ctl_list(opt, &l);
	if (ctl_places(opt, &at) == -1)
		return 2;
	if (csv)
		(void)printf("digest,reason,source,created,expires\n");
	client.path = at.control;
	rc = ctl_ask_at(&client, opt, &done);
	json_decref(done);
	places_fini(&at);
	return rc;
}

/* ---- stats --------------------------------------------------------------- */

static void
print_table(const struct ctl_column *columns, size_t count, const json_t *rows)
{
	struct ctl_table t = { .columns = columns, .count = count };

	for (size_t i = 0; i < json_array_size(rows); i++)
		ctl_table_row(&t, json_array_get(rows, i));
	ctl_table_end(&t);
}

int
cmd_suppress_stats(const struct ctl_options *opt)
{
	static const struct ctl_column columns[] = { { "list", "list" },
		{ "hashed", "hashed" }, { "entries", "entries" },
		{ "base", "base" }, { "added", "added" },
		{ "removed", "removed" }, { "changed", "changed" },
		{ "importing", "importing" }, { "error", "error" } };
	static const struct ctl_column reasons[] = { { "entries", "entries" },
		{ "reason", "reason" }, { "source", "source" } };
	struct answer a;
	int rc = ctl_ask(opt, &a);

	if (rc == 0 && opt->json) {
		(void)json_object_set(a.done, "lists", a.items);
		ctl_print_json(a.done);
	} else if (rc == 0) {
		print_table(columns, sizeof(columns) / sizeof(columns[0]),
		    a.items);
		if (opt->argument != NULL) {
			(void)printf("\n");
			print_table(reasons, 3,
			    json_object_get(a.done, "reasons"));
		}
	}
	ctl_answer_fini(&a);
	return rc;
}
