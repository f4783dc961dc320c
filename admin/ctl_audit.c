/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit: does the ledger balance, and who may get a message twice.
 */
#include <stdio.h>
#include <string.h>

#include "admin/ctl_ask.h"
#include "admin/ctl_cmds.h"

/* Ended without a record: told only where that happens. */
static void
print_unrecorded(const json_t *done)
{
	const json_t *un = json_object_get(done, "unrecorded");
	json_int_t d = json_integer_value(json_object_get(un, "d"));
	json_int_t b = json_integer_value(json_object_get(un, "b"));

	if (d + b > 0)
		(void)printf("  %-22s %lld (%lld delivered)\n",
		    "ended without record", (long long)(d + b), (long long)d);
}

static void
print_doubts(const json_t *items)
{
	static const struct ctl_column columns[] = { { "id", "message" },
		{ "recipient", "no" }, { "to", "to" }, { "queue", "queue" },
		{ "session", "session" }, { "time", "time" } };
	struct ctl_table t = { .columns = columns, .count = 6 };
	const json_t *item;
	size_t i;

	if (json_array_size(items) == 0)
		return;
	(void)printf("\nin doubt (the final dot was sent and no answer seen: "
		     "may get it twice):\n");
	json_array_foreach(items, i, item) ctl_table_row(&t, item);
	ctl_table_end(&t);
}

static void
print_audit(const struct answer *a, bool balances)
{
	(void)printf("recipients\n");
	ctl_print_ledger(a->done);
	ctl_print_field(a->done, "queued", "queued");
	print_unrecorded(a->done);
	(void)printf("%s\n",
	    balances ? "The ledger balances: every accepted recipient "
		       "is delivered, ended or queued." :
		       "THE LEDGER DOES NOT BALANCE.");
	print_doubts(a->items);
}

int
cmd_audit(const struct ctl_options *opt)
{
	struct answer a;
	bool balances;
	int rc = ctl_ask(opt, &a);

	if (rc == 0) {
		balances = json_is_true(json_object_get(a.done, "balances"));
		(void)json_object_set(a.done, "doubts", a.items);
		if (opt->json)
			ctl_print_json(a.done);
		else
			print_audit(&a, balances);
		rc = balances ? 0 : 1;
	}
	ctl_answer_fini(&a);
	return rc;
}
