/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/ctl_ask.h"

#include <stdio.h>
#include <string.h>

/* ---- asking -------------------------------------------------------------- */

void
ctl_print_errors(const struct conf_errors *errs)
{
	for (size_t i = 0; i < errs->n; i++)
		(void)fprintf(stderr, "%s%s\n", errs->v[i].text,
		    errs->v[i].warning ? " (warning)" : "");
}

int
ctl_places(const struct ctl_options *opt, struct places *out)
{
	struct conf_errors errs = { 0 };
	int rc = places_read(opt->config, out, &errs);

	if (rc == -1)
		ctl_print_errors(&errs);
	conf_errors_fini(&errs);
	return rc;
}

static void
keep_item(void *ctx, const json_t *item)
{
	(void)json_array_append_new(ctx, json_deep_copy(item));
}

static int
call(const struct ctl_client *client, json_t *request, json_t **done_r)
{
	struct err e;

	if (ctl_send(client, request, done_r, &e) == 0)
		return 0;
	(void)fprintf(stderr, "mailrace: %s\n", e.text);
	return *done_r == NULL ? 2 : 1;
}

int
ctl_ask_at(const struct ctl_client *client, const struct ctl_options *opt,
    json_t **done_r)
{
	json_t *request = ctl_request(opt);
	int rc = call(client, request, done_r);

	json_decref(request);
	return rc;
}

int
ctl_ask_each(const struct ctl_options *opt, ctl_item_fn *fn, void *ctx,
    json_t **done_r)
{
	struct ctl_client client = { .item = fn, .ctx = ctx };
	struct places at;
	int rc;

	*done_r = NULL;
	if (ctl_places(opt, &at) == -1)
		return 2;
	client.path = at.control;
	rc = ctl_ask_at(&client, opt, done_r);
	places_fini(&at);
	return rc;
}

int
ctl_ask(const struct ctl_options *opt, struct answer *a_r)
{
	a_r->items = json_array();
	return ctl_ask_each(opt, keep_item, a_r->items, &a_r->done);
}

int
ctl_ask_this(const struct ctl_options *opt, json_t *request, struct answer *a_r)
{
	struct ctl_client client = { .item = keep_item };
	struct places at;
	int rc;

	a_r->items = json_array();
	a_r->done = NULL;
	if (ctl_places(opt, &at) == -1)
		return 2;
	client.path = at.control;
	client.ctx = a_r->items;
	rc = call(&client, request, &a_r->done);
	places_fini(&at);
	return rc;
}

void
ctl_answer_fini(struct answer *a)
{
	json_decref(a->items);
	json_decref(a->done);
}

/* ---- printing ------------------------------------------------------------ */

void
ctl_print_json(json_t *done)
{
	(void)json_object_del(done, "done");
	(void)json_dumpf(done, stdout, JSON_INDENT(2));
	(void)printf("\n");
}

void
ctl_print_field(const json_t *object, const char *key, const char *label)
{
	char scratch[32];

	(void)printf("  %-22s ", label);
	(void)ctl_print(ctl_text(object, key, scratch, sizeof(scratch)));
	(void)printf("\n");
}

void
ctl_print_ledger(const json_t *done)
{
	static const char *const keys[] = { "accepted", "delivered", "failed",
		"expired", "suppressed", "deleted" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		ctl_print_field(done, keys[i], keys[i]);
}

/* ---- listings ------------------------------------------------------------ */

static void
print_row(struct ctl_listing *l, const json_t *item)
{
	json_t *row = l->row == NULL ? NULL : l->row(item);

	ctl_table_row(&l->table, row == NULL ? item : row);
	json_decref(row);
}

static void
on_listed(void *ctx, const json_t *item)
{
	struct ctl_listing *l = ctx;

	if (!l->json) {
		print_row(l, item);
	} else {
		(void)printf(l->items == 0 ? "{\n  \"%s\": [\n" : ",\n",
		    l->name);
		(void)json_dumpf(item, stdout, JSON_COMPACT);
	}
	l->items++;
}

/* The members of the last object behind the rows. */
static void
end_json(const struct ctl_listing *l, json_t *done)
{
	const char *key;
	json_t *value;

	if (l->items == 0)
		(void)printf("{\n  \"%s\": [", l->name);
	(void)printf("\n  ]");
	(void)json_object_del(done, "done");
	json_object_foreach(done, key, value)
	{
		(void)printf(",\n  \"%s\": ", key);
		(void)json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
	}
	(void)printf("\n}\n");
}

static void
end_table(struct ctl_listing *l, const json_t *done)
{
	char shown[32], matched[32];

	ctl_table_end(&l->table);
	if (json_is_null(json_object_get(done, "matched"))) {
		(void)printf("%s %s; there may be more.\n",
		    ctl_text(done, "shown", shown, sizeof(shown)), l->words);
		return;
	}
	if (l->all) {
		(void)printf("Total of %s %s.\n",
		    ctl_text(done, "shown", shown, sizeof(shown)), l->words);
		return;
	}
	(void)printf("%s of %s %s.\n",
	    ctl_text(done, "shown", shown, sizeof(shown)),
	    ctl_text(done, "matched", matched, sizeof(matched)), l->words);
}

int
ctl_list(const struct ctl_options *opt, struct ctl_listing *l)
{
	json_t *done;
	int rc;

	l->json = opt->json;
	rc = ctl_ask_each(opt, on_listed, l, &done);
	if (rc == 0 && l->json)
		end_json(l, done);
	else if (rc == 0)
		end_table(l, done);
	else
		json_decref(l->table.held);
	json_decref(done);
	return rc;
}
