/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit: does the ledger balance, do the accounting files agree with it, and who
 * may get a message twice.
 */
#include <stdio.h>
#include <string.h>

#include "admin/audit_files.h"
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

/* ---- accounting ---------------------------------------------------------- */

static const char *
agreement(const json_t *item)
{
	const json_t *agrees = json_object_get(item, "agrees");

	if (json_is_true(agrees))
		return "yes";
	return json_is_false(agrees) ? "NO" : "-";
}

/* An item as a row of the table. */
static json_t *
acct_row(json_t *item)
{
	json_t *row = json_copy(item);
	json_int_t sum = 0;
	const char *type;
	const json_t *n;

	json_object_foreach(json_object_get(item, "rows"), type, n)
	    sum += json_integer_value(n);
	(void)json_object_set_new(row, "sum", json_integer(sum));
	(void)json_object_set_new(row, "agrees", json_string(agreement(item)));
	return row;
}

static json_int_t
in_files(const json_t *item, const char *key)
{
	return json_integer_value(
	    json_object_get(json_object_get(item, "in_files"), key));
}

/* --files */
static void
print_in_files(const json_t *item)
{
	json_int_t rows = in_files(item, "rows");
	json_int_t missing = in_files(item, "missing");
	json_int_t surplus = in_files(item, "surplus");
	char scratch[32];

	if (json_object_get(item, "in_files") == NULL)
		return;
	(void)ctl_print(ctl_text(item, "path", scratch, sizeof(scratch)));
	(void)printf(": %lld of %lld rows are in files that are there (%lld)",
	    (long long)(rows - surplus), (long long)(rows - surplus + missing),
	    (long long)in_files(item, "files"));
	if (surplus > 0)
		(void)printf(", and %lld that were not counted when they were "
			     "written",
		    (long long)surplus);
	(void)printf("\n");
}

static void
print_accounting(const json_t *list)
{
	static const struct ctl_column columns[] = { { "path", "acct-file" },
		{ "kind", "kind" }, { "sum", "rows" },
		{ "waiting_bytes", "waiting" }, { "dropped", "dropped" },
		{ "agrees", "agrees" }, { "error", "error" } };
	struct ctl_table t = { .columns = columns, .count = 7 };
	json_t *item;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	(void)printf("\naccounting (rows written; bytes that wait; records "
		     "dropped; does it agree with the ledger?)\n");
	json_array_foreach(list, i, item)
	{
		json_t *row = acct_row(item);

		ctl_table_row(&t, row);
		json_decref(row);
	}
	ctl_table_end(&t);
	json_array_foreach(list, i, item) print_in_files(item);
}

static bool
all_agree(const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i,
	    item) if (json_is_false(json_object_get(item,
			  "agrees"))) return false;
	return true;
}

/* ---- all together -------------------------------------------------------- */

static void
print_audit(const struct answer *a, bool balances, bool agrees)
{
	(void)printf("recipients\n");
	ctl_print_ledger(a->done);
	ctl_print_field(a->done, "queued", "queued");
	print_unrecorded(a->done);
	(void)printf("%s\n",
	    balances ? "The ledger balances: every accepted recipient "
		       "is delivered, ended or queued." :
		       "THE LEDGER DOES NOT BALANCE.");
	print_accounting(json_object_get(a->done, "accounting"));
	if (!agrees)
		(void)printf(
		    "ACCOUNTING FILES DO NOT AGREE WITH THE LEDGER.\n");
	print_doubts(a->items);
}

/* Files are read between two answers, of which the second is shown. */
static int
look_into_files(const struct ctl_options *opt, struct answer *a)
{
	json_t *counted = audit_files_count(opt);
	struct answer second;
	int rc;

	if (counted == NULL)
		return 2;
	rc = ctl_ask(opt, &second);
	if (rc == 0)
		audit_files_compare(counted,
		    json_object_get(a->done, "accounting"),
		    json_object_get(second.done, "accounting"));
	json_decref(counted);
	ctl_answer_fini(a);
	*a = second;
	return rc;
}

static int
judge(const struct ctl_options *opt, struct answer *a)
{
	bool balances = json_is_true(json_object_get(a->done, "balances"));
	bool agrees = all_agree(json_object_get(a->done, "accounting"));

	(void)json_object_set(a->done, "doubts", a->items);
	if (opt->json)
		ctl_print_json(a->done);
	else
		print_audit(a, balances, agrees);
	return balances && agrees ? 0 : 1;
}

int
cmd_audit(const struct ctl_options *opt)
{
	struct answer a;
	int rc = ctl_ask(opt, &a);

	if (rc == 0 && opt->values[OPT_FILES] != NULL)
		rc = look_into_files(opt, &a);
	if (rc == 0)
		rc = judge(opt, &a);
	ctl_answer_fini(&a);
	return rc;
}
