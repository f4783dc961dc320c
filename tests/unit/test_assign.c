/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual MTA that is asked for and is not there, or is empty: the fallback;
 * else refused; else passed over.  What is given beside a message counts before
 * its header and the pattern list.
 */
#include "vmta/assign.h"

#include <string.h>

#include "mail/canon.h"
#include "tests/conf_file.h"
#include "tests/tap.h"

#define ASKED "X-Virtual-MTA: "
#define EMPTY "5.5.0 X-Virtual-MTA is empty"
#define NONE "5.5.0 there is no virtual MTA or pool "
#define TEN "1234567890"
#define EIGHTY TEN TEN TEN TEN TEN TEN TEN TEN

/* 10.1.1.1 as it is by default. */
static const char config[] =
    "<virtual-mta a>\n</virtual-mta>\n<virtual-mta b>\n</virtual-mta>\n"
    "<virtual-mta-pool p>\nvirtual-mta a\n</virtual-mta-pool>\n"
    "<source 0/0>\ndefault-virtual-mta b\n</source>\n"
    "<source 10.0.0.0/8>\nprocess-x-virtual-mta yes\n</source>\n"
    "<source 10.1.1.2>\nreject-invalid-virtual-mta no\n</source>\n"
    "<source 10.1.1.3>\nallow-empty-x-virtual-mta yes\n"
    "process-x-schedule yes\n</source>\n";

static const struct row {
	const char *label, *client, *asked, *header;
	const char *vmta; /* NULL: refused, and */
	const char *said; /* as which; else the name that there is not, or "" */
} plain[] = {
	{ "one that there is", "10.1.1.1", NULL, ASKED "A\r\n", "a", "" },
	{ "unknown", "10.1.1.1", NULL, ASKED "nope\r\n", NULL, NONE "'nope'" },
	{ "empty", "10.1.1.1", NULL, ASKED "\r\n", NULL, EMPTY },
	{ "blank", "10.1.1.1", NULL, ASKED "\r\n \r\n", NULL, EMPTY },
	{ "unknown, not refused", "10.1.1.2", NULL, ASKED "nope\r\n", "b",
	    "nope" },
	{ "empty, not refused", "10.1.1.2", NULL, ASKED "\r\n", "b", "" },
	{ "empty, allowed", "10.1.1.3", NULL, ASKED "\r\n", "", "" },
	{ "unknown, where an empty one is", "10.1.1.3", NULL, ASKED "nope\r\n",
	    NULL, NONE "'nope'" },
	{ "the first of two counts", "10.1.1.1", NULL,
	    ASKED "a\r\n" ASKED "nope\r\n", "a", "" },
	{ "from who may not choose", "192.0.2.1", NULL, ASKED "nope\r\n", "b",
	    "" },
	{ "asked for otherwise", "192.0.2.1", "nope", ASKED "a\r\n", NULL,
	    NONE "'nope'" },
	{ "no characters that mean something", "10.1.1.1", NULL,
	    ASKED "x\xc3\xa4%s\x7f\x01\ty\r\n", NULL, NONE "'x???s???y'" },
	{ "a long one", "10.1.1.1", NULL, ASKED EIGHTY "x\r\n", NULL,
	    NONE "'" EIGHTY "'" },
	{ "before X-Schedule", "10.1.1.3", NULL,
	    ASKED "nope\r\nX-Schedule: x\r\n", NULL, NONE "'nope'" },
};

static const struct row to_pool[] = {
	{ "unknown", "10.1.1.1", NULL, ASKED "nope\r\n", "p", "nope" },
	{ "unknown, not refused", "10.1.1.2", NULL, ASKED "nope\r\n", "p",
	    "nope" },
	{ "empty", "10.1.1.1", NULL, ASKED "\r\n", "p", "" },
	{ "empty, allowed", "10.1.1.3", NULL, ASKED "\r\n", "", "" },
	{ "one that there is", "10.1.1.1", NULL, ASKED "a\r\n", "a", "" },
	{ "none asked for", "10.1.1.1", NULL, "", "b", "" },
};

static const struct row to_built_in[] = {
	{ "the built-in one", "10.1.1.1", NULL, ASKED "nope\r\n", "", "nope" },
};

static void
test_row(const struct snapshot *conf, const struct row *row, struct region *rg)
{
	struct canon_body *body = canon_body_of("", 0);
	struct header_list headers;
	const struct policy_given given = { .vmta = row->asked };
	struct policy_in in = { .conf = conf,
		.given = &given,
		.sender = "a@b",
		.headers = &headers,
		.body = body };
	struct policy_out out;
	struct err e;
	size_t at;

	header_parse(row->header, strlen(row->header), rg, &headers, &at);
	ok(net_addr_parse(slice_of(row->client), &in.client, &e) == 0,
	    "client");
	policy_run(&in, rg, &out);
	if (row->vmta == NULL) {
		is_str(out.refused == NULL ? "" : out.refused, row->said,
		    row->label);
	} else {
		ok(out.refused == NULL, "%s: taken", row->label);
		is_str(out.vmta, row->vmta, row->label);
		is_str(out.unknown_vmta, row->said, "unknown");
		ok(out.dflt == (strcmp(row->vmta, "b") == 0),
		    "only of the default <domain> has the last word");
	}
	canon_body_free(&body);
}

static void
test_rows(const char *more, const struct row *rows, size_t n)
{
	struct region *rg = region_new();
	struct conf_errors errs = { 0 };
	struct snapshot *conf;

	conf_file_put("main", REGION_JOIN(rg, config, more));
	conf = snapshot_load(conf_file_path("main"), &errs);
	ok(conf != NULL, "the configuration %s", more);
	for (size_t i = 0; conf != NULL && i < n; i++)
		test_row(conf, &rows[i], rg);
	snapshot_unref(&conf);
	conf_errors_fini(&errs);
	region_free(&rg);
}

/* ---- given beside it ----------------------------------------------------- */

static const char with_list[] =
    "<pattern-list l>\n"
    "mail-from /./ virtual-mta=a,recipient-priority=7\n"
    "</pattern-list>\n"
    "<source 10.1.1.9>\npattern-list l\njobid-prefix c-\n"
    "process-x-job yes\nprocess-x-schedule yes\n</source>\n"
    "<source 10.1.1.8>\nprocess-x-virtual-mta no\n</source>\n";
static const char header[] = "X-Job: h\r\nX-Virtual-MTA: a\r\n"
			     "X-Schedule: never\r\n";
static const struct span window[] = { { 5, 9 } };
static const struct spans windows = { 1, window };

static const struct {
	const char *label, *client;
	struct policy_given given;
	const char *shown; /* virtual MTA, job, priority, windows */
} beside[] = {
	{ "all of it", "10.1.1.9", { "b", "g", 90, &windows }, "b c-g 90 1" },
	{ "times", "10.1.1.9", { NULL, NULL, 0, &windows }, "a c-h 7 1" },
	{ "a job and times", "10.1.1.9", { NULL, "g", 0, &windows },
	    "a c-g 7 1" },
	{ "a priority and times", "10.1.1.9", { NULL, NULL, 1, &windows },
	    "a c-h 1 1" },
	{ "where the header may say nothing", "10.1.1.8",
	    { "a", "g", 2, &windows }, "a g 2 1" },
};

static void
test_beside(void)
{
	struct region *rg = region_new();
	struct conf_errors errs = { 0 };
	struct snapshot *conf;

	conf_file_put("main", REGION_JOIN(rg, with_list, config));
	conf = snapshot_load(conf_file_path("main"), &errs);
	ok(conf != NULL, "the configuration");
	for (size_t i = 0; i < sizeof(beside) / sizeof(*beside); i++) {
		struct header_list headers;
		struct policy_in in = { .conf = conf,
			.given = &beside[i].given,
			.sender = "a@b",
			.headers = &headers };
		struct policy_out out;
		struct err e;
		size_t at;

		header_parse(header, sizeof(header) - 1, rg, &headers, &at);
		(void)net_addr_parse(slice_of(beside[i].client), &in.client,
		    &e);
		policy_assign(&in, rg, &out);
		is_str(out.refused != NULL ?
			out.refused :
			region_printf(rg, "%s %s %u %zu", out.vmta, out.job,
			    out.priority, out.spans.n),
		    beside[i].shown, beside[i].label);
	}
	snapshot_unref(&conf);
	conf_errors_fini(&errs);
	region_free(&rg);
}

#define ROWS(rows) rows, sizeof(rows) / sizeof((rows)[0])

int
main(void)
{
	conf_file_begin();
	test_rows("", ROWS(plain));
	test_rows("invalid-virtual-mta-fallback P\n", ROWS(to_pool));
	test_rows("invalid-virtual-mta-fallback {default}\n",
	    ROWS(to_built_in));
	test_beside();
	conf_file_end();
	return done_testing();
}
