/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounting, as the daemon writes it: show accounting, rotate acct.
 */
#include "admin/ctl_cmds.h"

#include <stdio.h>

#include "admin/ctl_ask.h"
#include "lib/str.h"

/* "d 12 b 3", "error" in place of null. */
static json_t *
acct_row(const json_t *item)
{
	json_t *row = json_deep_copy(item);
	json_t *rows = json_object_get(row, "rows"), *count;
	struct buf text = { 0 };
	const char *type;

	json_object_foreach(rows, type, count)
	    buf_printf(&text, "%s%s %lld", text.len == 0 ? "" : " ", type,
		(long long)json_integer_value(count));
	(void)json_object_set_new(row, "rows", json_string(buf_cstr(&text)));
	buf_fini(&text);
	return row;
}

int
cmd_show_accounting(const struct ctl_options *opt)
{
	static const struct ctl_column columns[] = { { "path", "acct-file" },
		{ "kind", "kind" }, { "rows", "rows" },
		{ "waiting_bytes", "waiting" }, { "dropped", "dropped" },
		{ "error", "last error" } };
	struct ctl_listing l = { .name = "acct_files",
		.words = "acct-file(s)",
		.row = acct_row,
		.all = true,
		.table = { .columns = columns, .count = 6 } };

	return ctl_list(opt, &l);
}

int
cmd_rotate_acct(const struct ctl_options *opt)
{
	struct answer a;
	int rc = ctl_ask(opt, &a);

	if (rc == 0 && opt->json)
		ctl_print_json(a.done);
	else if (rc == 0)
		(void)printf("%lld file(s) finished.\n",
		    (long long)json_integer_value(
			json_object_get(a.done, "rotated")));
	ctl_answer_fini(&a);
	return rc;
}
