/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which fields go out of a message, which come, and where: at intake where all
 * recipients wish the same, else at delivery.
 */
#include "vmta/header_work.h"

#include "mail/canon.h"
#include "tests/conf_file.h"
#include "tests/tap.h"

#define NOW 1000000000 /* Sun, 09 Sep 2001 01:46:40 */
#define TODAY "Date: Sun, 09 Sep 2001 01:46:40 +0000\r\n"

static const char config[] =
    "host-name mx.example\nhost-id 7\n"
    "include-headers-from %s\n"
    "<virtual-mta one>\n smtp-source-host 127.0.0.1 a\n"
    " include-headers-from %s\n</virtual-mta>\n"
    "<virtual-mta two>\n smtp-source-host 127.0.0.2 b\n</virtual-mta>\n"
    "<virtual-mta-pool both>\n virtual-mta one\n virtual-mta two\n"
    " pool-overflow no\n</virtual-mta-pool>\n"
    "<domain strict.example>\n remove-header X-Mailer,X-All\n</domain>\n"
    "<domain other.example>\n remove-header X-Other\n</domain>\n"
    "<domain trace.example>\n remove-header Received\n</domain>\n"
    "<source 0/0>\n default-virtual-mta two\n process-x-virtual-mta yes\n"
    "</source>\n"
    "<source 10.0.0.1>\n remove-header x-mailer, X-Host\n"
    " add-date-header yes\n add-message-id-header yes\n</source>\n"
    "<source 10.0.0.2>\n add-date-header override\n"
    " date-header-time delivery\n</source>\n"
    "<source 10.0.0.3>\n remove-received-headers yes\n retain-x-job yes\n"
    " retain-x-virtual-mta yes\n process-x-job yes\n</source>\n"
    "<source 10.0.0.4>\n add-x-virtual-mta-header yes\n</source>\n"
    "<source 10.0.0.5>\n remove-header Date,Message-ID\n</source>\n";

enum { SUBMITTED = 1, AGAIN = 2, SEALED = 4, NEVER_LATER = 8, OTHERS = 16 };

#define LATER "(later)"

/* What goes out at intake; LATER in front where wishes are left for then. */
static const struct {
	const char *label, *client, *rcpts, *in, *out;
	int how;
} cases[] = {
	{ "nothing but the file at the top", "10.9.9.9", "x@y.example",
	    "From: a@b\r\nBcc: c\r\nReturn-Path: <d>\r\n",
	    "X-All: 1\r\nFrom: a@b\r\nBcc: c\r\nReturn-Path: <d>\r\n", 0 },
	{ "a submission: Date and Message-ID come, Bcc goes", "10.9.9.9",
	    "x@y.example",
	    "From: a@b\r\nBCC: c\r\nreturn-path: <d>\r\nBcc:\r\n e\r\n"
	    "Content-Length: 3\r\nResent-Bcc: f\r\n",
	    "X-All: 1\r\n" TODAY "Message-ID: <3b9aca00.7.@mx.example>\r\n"
	    "From: a@b\r\n",
	    SUBMITTED },
	{ "a submission that has them", "10.9.9.9", "x@y.example",
	    "date: 1\r\nMESSAGE-ID: <1@b>\r\n",
	    "X-All: 1\r\ndate: 1\r\nMESSAGE-ID: <1@b>\r\n", SUBMITTED },
	{ "the source: any case, all of them, folded and 8-bit", "10.0.0.1",
	    "x@y.example",
	    "X-MAILER: a\r\nX-Host: b\r\n c\r\nX-Mailers: d\r\n"
	    "x-mailer: \xC3\xA9\r\nX-Host : e\r\nDate: 1\r\n",
	    "X-All: 1\r\nMessage-ID: <3b9aca00.7.@mx.example>\r\n"
	    "X-Mailers: d\r\nDate: 1\r\n",
	    0 },
	{ "the source: a Date where there is none", "10.0.0.1", "x@y.example",
	    "Message-ID: <1@b>\r\n",
	    "X-All: 1\r\n" TODAY "Message-ID: <1@b>\r\n", 0 },
	{ "in place of what goes, on a submission", "10.0.0.5", "x@y.example",
	    "Message-ID: <1@b>\r\nDate: 1\r\nDate: 2\r\n",
	    "X-All: 1\r\n" TODAY "Message-ID: <3b9aca00.7.@mx.example>\r\n",
	    SUBMITTED },
	{ "Received, X-Job and X-Virtual-MTA", "10.0.0.3", "x@y.example",
	    "Received: a\r\nX-Job: j\r\nX-Virtual-MTA: two\r\nReceived: b\r\n",
	    "X-All: 1\r\nX-Job: j\r\nX-Virtual-MTA: two\r\n", 0 },
	{ "they go from other sources", "10.0.0.1", "x@y.example",
	    "X-Job: j\r\nX-Virtual-MTA: two\r\nDate: 1\r\nMessage-ID: 2\r\n",
	    "X-All: 1\r\nDate: 1\r\nMessage-ID: 2\r\n", 0 },
	{ "a Date of delivery: at intake one of now", "10.0.0.2", "x@y.example",
	    "Date: 1\r\nDate: 2\r\n", LATER TODAY, 0 },
	{ "which stays where it cannot be later", "10.0.0.2", "x@y.example",
	    "Date: 1\r\n", "X-All: 1\r\n" TODAY, NEVER_LATER },
	{ "the domain's, whoever put it there", "10.9.9.9", "x@strict.example",
	    "X-MAILER: a\r\nX-All: b\r\nX-Other: c\r\n",
	    "X-All: 1\r\nX-Other: c\r\n", 0 },
	{ "two of the same wish", "10.9.9.9",
	    "x@strict.example,y@strict.example", "X-Mailer: a\r\n",
	    "X-All: 1\r\n", 0 },
	{ "two that differ", "10.9.9.9", "x@strict.example,y@y.example",
	    "X-Mailer: a\r\nX-Other: b\r\n",
	    LATER "X-Mailer: a\r\nX-Other: b\r\n", 0 },
	{ "who cannot be later: what either wants removed", "10.9.9.9",
	    "x@strict.example,y@other.example",
	    "X-Mailer: a\r\nX-Other: b\r\nX: c\r\n", "X-All: 1\r\nX: c\r\n",
	    NEVER_LATER },
	{ "under a seal", "10.9.9.9", "x@strict.example,y@other.example",
	    "X-Mailer: a\r\nX-Other: b\r\nX: c\r\n", "X-All: 1\r\nX: c\r\n",
	    SEALED },
	{ "Received, which the milter does not see: later", "10.9.9.9",
	    "x@trace.example", "Received: a\r\n", LATER "Received: a\r\n", 0 },
	{ "the virtual MTA's file", "10.9.9.9", "x@y.example",
	    "X-Virtual-MTA: one\r\nSubject: s\r\n",
	    "X-All: 1\r\nX-One: 1\r\n 2\r\nReply-To: r@b.example\r\n"
	    "Subject: s\r\n",
	    0 },
	{ "what may be there once is there", "10.9.9.9", "x@y.example",
	    "X-Virtual-MTA: one\r\nreply-to: s@b\r\nX-One: 0\r\n",
	    "X-All: 1\r\nX-One: 1\r\n 2\r\nreply-to: s@b\r\nX-One: 0\r\n", 0 },
	{ "what passes a second time", "10.9.9.9", "x@y.example",
	    "X-all: 1\r\nX-One:1\r\n 2\r\nX-Virtual-MTA: one\r\n"
	    "Reply-To: r@b.example\r\n",
	    "X-all: 1\r\nX-One:1\r\n 2\r\nReply-To: r@b.example\r\n", 0 },
	{ "members of a pool that differ", "10.9.9.9", "x@y.example",
	    "X-Virtual-MTA: both\r\n", LATER, 0 },
	{ "its name", "10.0.0.4", "x@y.example",
	    "X-Virtual-MTA: two\r\nX-Virtual-MTA: forged\r\nA: b\r\n",
	    "X-All: 1\r\nX-Virtual-MTA: two\r\nA: b\r\n", 0 },
	{ "of a pool's member: later", "10.0.0.4", "x@y.example",
	    "X-Virtual-MTA: both\r\n", LATER, 0 },
	{ "the transport will do it", "10.0.0.1", "x@strict.example",
	    "X-Mailer: a\r\nBcc: b\r\n", "X-Mailer: a\r\nBcc: b\r\n", AGAIN },
	{ "mail that is not ours", "10.0.0.1", "", "X-Mailer: a\r\n",
	    "X-Mailer: a\r\n", OTHERS },
};

static struct region *rg;

/* The header as it goes out, chance in a Message-ID taken out. */
static const char *
shown(const struct header_list *in, const struct policy_out *out)
{
	const struct header_edit edit = { .headers = in,
		.remove = out->remove,
		.add_count = out->add_count,
		.add = out->add };
	struct header_list list;
	struct header_later later;
	char *text, *id;

	header_edit_outgoing(&edit, rg, &list);
	(void)header_later_read(out->later_text, &later);
	text = region_strdup(rg, out->sign_later && later.wishes ? LATER : "");
	for (size_t i = 0; i < list.n; i++)
		text = region_printf(rg, "%s%.*s\r\n", text,
		    (int)list.v[i].whole.len, list.v[i].whole.p);
	id = strstr(text, "<3b9aca00.7.");
	if (id != NULL && strspn(id + 12, "0123456789abcdef") == 16)
		memmove(id + 12, id + 28, strlen(id + 28) + 1);
	return text;
}

static size_t
split(const char *list, const char **out)
{
	size_t n = 0;

	for (const char *p = list; *p != '\0'; p += *p == ',') {
		size_t len = strcspn(p, ",");

		out[n++] = region_strndup(rg, p, len);
		p += len;
	}
	return n;
}

static void
test_case(const struct snapshot *conf, size_t i)
{
	struct canon_body *body = canon_body_of("", 0);
	const char *rcpts[8];
	struct header_list headers;
	struct policy_in in = { .conf = conf,
		.again = (cases[i].how & AGAIN) != 0,
		.sealed = (cases[i].how & SEALED) != 0,
		.submission = (cases[i].how & SUBMITTED) != 0,
		.can_sign_later = (cases[i].how & NEVER_LATER) == 0,
		.others = (cases[i].how & OTHERS) != 0 ? 1 : 0,
		.sender = "a@b",
		.rcpts = rcpts,
		.headers = &headers,
		.body = body,
		.now_s = NOW };
	struct policy_out out;
	struct err e;
	size_t at;

	(void)net_addr_parse(slice_of(cases[i].client), &in.client, &e);
	in.rcpt_count = split(cases[i].rcpts, rcpts);
	header_parse(cases[i].in, strlen(cases[i].in), rg, &headers, &at);
	policy_run(&in, rg, &out);
	is_str(shown(&headers, &out), cases[i].out, cases[i].label);
	canon_body_free(&body);
}

/* ---- at load ------------------------------------------------------------------ */

static const struct {
	const char *text, *said;
} bad[] = {
	{ "<source 0/0>\nremove-header From\n</source>\n",
	    "main:2: remove-header: no message is one without From" },
	{ "<domain *>\nremove-header X-A,fRom\n</domain>\n",
	    "main:2: remove-header: no message is one without From" },
	{ "<source 0/0>\nremove-header X-A:\n</source>\n",
	    "main:2: remove-header: \"X-A:\" is not the name" },
	{ "host-id 1\ninclude-headers-from /nowhere/at/all\n",
	    "main:2: include-headers-from: /nowhere/at/all: No such file" },
};

static void
load(const char *text, struct conf_errors *errs, struct snapshot **conf)
{
	conf_file_put("main", text);
	*conf = snapshot_load(conf_file_path("main"), errs);
}

static void
test_bad(const char *text, const char *said)
{
	struct conf_errors errs = { 0 };
	struct snapshot *conf;

	load(text, &errs, &conf);
	ok(conf == NULL && conf_file_said(&errs, said), "refused: %s", said);
	snapshot_unref(&conf);
	conf_errors_fini(&errs);
}

static void
test_bad_file(void)
{
	const char *path;

	conf_file_put("bad", "X-A: 1\n\nBuy!\n");
	path = region_strdup(rg, conf_file_path("bad"));
	test_bad(region_printf(rg, "include-headers-from %s\n", path),
	    "bad:2: an empty line would end the header");
}

static void
test_cleared(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *conf;
	struct queue_conf q;

	load("<domain *>\nremove-header X-A\n</domain>\n"
	     "<domain a.example>\nremove-header \"\"\n</domain>\n",
	    &errs, &conf);
	snapshot_queue_conf(conf, "a.example", "", &q);
	is_int((int64_t)q.remove_headers.n, 0, "\"\" clears the list");
	snapshot_queue_conf(conf, "b.example", "", &q);
	is_int((int64_t)q.remove_headers.n, 1, "which others have");
	snapshot_unref(&conf);
	conf_errors_fini(&errs);
}

static void
test_later(void)
{
	struct header_later later = { .wishes = true, .by = { true, true } };
	struct header_later again;

	for (later.trace = 0; later.trace <= 2; later.trace++) {
		const char *text = header_later_text(&later, "x", rg);
		size_t n = header_later_read(text, &again);

		is_str(text + n, "x", "what is not ours");
		ok(again.wishes && again.by.add_vmta && again.by.date &&
			again.trace == later.trace,
		    "%u fields on top are ours", later.trace);
	}
	(void)header_later_read("ttttx", &again);
	is_int(again.trace, 2, "no more than two");
}

int
main(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *conf;
	const char *all, *one;

	rg = region_new();
	conf_file_begin();
	conf_file_put("all", "X-All: 1\n");
	conf_file_put("one", "X-One: 1\n 2\nReply-To: r@b.example\n");
	all = region_strdup(rg, conf_file_path("all"));
	one = region_strdup(rg, conf_file_path("one"));
	load(region_printf(rg, config, all, one), &errs, &conf);
	if (!ok(conf != NULL, "loaded"))
		(void)conf_file_said(&errs, "");
	for (size_t i = 0; conf != NULL && i < sizeof(cases) / sizeof(cases[0]);
	     i++)
		test_case(conf, i);
	snapshot_unref(&conf);
	conf_errors_fini(&errs);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		test_bad(bad[i].text, bad[i].said);
	test_bad_file();
	test_cleared();
	conf_file_end();
	test_later();
	region_free(&rg);
	return done_testing();
}
