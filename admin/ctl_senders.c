/* SPDX-License-Identifier: Apache-2.0 */
/* show senders: what both daemons have counted, as one table. */
#include <stdio.h>

#include "admin/ctl_ask.h"
#include "admin/ctl_cmds.h"

struct heard {
	const char *by; /* the daemon that is asked */
	json_t *rows;
	json_int_t matched;
};

static void
keep_row(void *ctx, const json_t *item)
{
	struct heard *h = ctx;
	json_t *row = json_deep_copy(item);

	(void)json_object_set_new(row, "by", json_string(h->by));
	(void)json_array_append_new(h->rows, row);
}

static int
ask_one(const struct ctl_options *opt, const char *path, const char *by,
    struct heard *h)
{
	const struct ctl_client client = { .path = path,
		.item = keep_row,
		.ctx = h };
	json_t *done;
	int rc;

	h->by = by;
	rc = ctl_ask_at(&client, opt, &done);
	h->matched += json_integer_value(json_object_get(done, "matched"));
	json_decref(done);
	return rc;
}

static void
print_table(const struct heard *h)
{
	static const struct ctl_column columns[] = { { "of", "limit of" },
		{ "name", "name" }, { "client", "client" }, { "what", "what" },
		{ "used", "used" }, { "rate", "of" }, { "refused", "refused" },
		{ "by", "by" } };
	struct ctl_table t = { .columns = columns, .count = 8 };
	size_t i;
	json_t *row;

	json_array_foreach(h->rows, i, row)
	{
		ctl_table_row(&t, row);
	}
	ctl_table_end(&t);
	(void)printf("%zu of %lld counts.\n", json_array_size(h->rows),
	    (long long)h->matched);
}

int
cmd_show_senders(const struct ctl_options *opt)
{
	struct heard h = { .rows = json_array() };
	struct places at;
	int rc, other = 0;

	if (ctl_places(opt, &at) == -1) {
		json_decref(h.rows);
		return 2;
	}
	rc = ask_one(opt, at.control, "mailraced", &h);
	if (rc == 0 && at.milter_control[0] != '\0')
		other = ask_one(opt, at.milter_control, "mailrace-milter", &h);
	places_fini(&at);
	if (opt->json) {
		json_t *all = json_pack("{s:O,s:I}", "senders", h.rows,
		    "matched", h.matched);

		ctl_print_json(all);
		json_decref(all);
	} else if (rc == 0) {
		print_table(&h);
	}
	json_decref(h.rows);
	return rc > other ? rc : other;
}
