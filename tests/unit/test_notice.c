/* SPDX-License-Identifier: Apache-2.0 */
/* Who hears what became of a recipient, and by which message. */
#include <string.h>

#include "lib/clock.h"
#include "mail/waybill.h"
#include "tests/conf_file.h"
#include "transport/notice.h"

enum { NOTHING = -1, SUCCESS = NOTIFY_SUCCESS, FAILURE = NOTIFY_FAILURE };

static const struct {
	const char *label, *sender;
	uint8_t flags, notify;
	enum disposition_what what;
	bool knows_dsn, told;
	int action;
} cases[] = {
	{ "failed", "a@b", 0, 0, DISPOSE_FAIL, .action = DSN_FAILED },
	{ "expired", "a@b", 0, 0, DISPOSE_EXPIRE, .action = DSN_FAILED },
	{ "failed, NOTIFY=FAILURE", "a@b", 0, FAILURE, DISPOSE_FAIL,
	    .action = DSN_FAILED },
	{ "failed, of a server with DSN", "a@b", 0, FAILURE, DISPOSE_FAIL,
	    .knows_dsn = true, .action = DSN_FAILED },
	{ "failed, NOTIFY=SUCCESS", "a@b", 0, SUCCESS, DISPOSE_FAIL,
	    .action = NOTHING },
	{ "failed, NOTIFY=DELAY", "a@b", 0, NOTIFY_DELAY, DISPOSE_FAIL,
	    .action = NOTHING },
	{ "failed, NOTIFY=NEVER", "a@b", 0, NOTIFY_NEVER, DISPOSE_FAIL,
	    .action = NOTHING },
	{ "failed, null sender", "", 0, 0, DISPOSE_FAIL, .action = NOTHING },
	{ "expired, null sender", "", 0, FAILURE, DISPOSE_EXPIRE,
	    .action = NOTHING },
	{ "delivered, null sender", "", 0, SUCCESS, DISPOSE_DELIVERED,
	    .action = NOTHING },
	{ "failed, suppress-local-dsn", "a@b", ENVELOPE_NO_DSN, FAILURE,
	    DISPOSE_FAIL, .action = NOTHING },
	{ "delivered", "a@b", 0, 0, DISPOSE_DELIVERED, .action = NOTHING },
	{ "delivered, NOTIFY=SUCCESS", "a@b", 0, SUCCESS | FAILURE,
	    DISPOSE_DELIVERED, .action = DSN_RELAYED },
	{ "delivered to a server with DSN", "a@b", 0, SUCCESS,
	    DISPOSE_DELIVERED, .knows_dsn = true, .action = NOTHING },
	{ "late, NOTIFY=DELAY", "a@b", 0, SUCCESS | FAILURE | NOTIFY_DELAY,
	    DISPOSE_RETRY, .action = DSN_DELAYED },
	{ "late, and nothing said of it", "a@b", 0, 0, DISPOSE_RETRY,
	    .action = NOTHING },
	{ "late, NOTIFY=FAILURE", "a@b", 0, SUCCESS | FAILURE, DISPOSE_RETRY,
	    .action = NOTHING },
	{ "late, null sender", "", 0, NOTIFY_DELAY, DISPOSE_RETRY,
	    .action = NOTHING },
	{ "suppressed", "a@b", 0, 0, DISPOSE_SUPPRESS, .action = DSN_FAILED },
	{ "suppressed, nobody to tell", "", 0, 0, DISPOSE_SUPPRESS,
	    .action = NOTHING },
	{ "deleted", "a@b", 0, FAILURE, DISPOSE_DELETE, .action = NOTHING },
	{ "deleted with --dsn", "a@b", 0, 0, DISPOSE_DELETE, .told = true,
	    .action = DSN_FAILED },
	{ "deleted with --dsn, NOTIFY=NEVER", "a@b", 0, NOTIFY_NEVER,
	    DISPOSE_DELETE, .told = true, .action = NOTHING },
};

static void
test_wanted(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct env_rcpt rcpt = { .notify = cases[i].notify };
		const struct envelope env = { .sender = cases[i].sender,
			.flags = cases[i].flags,
			.rcpt_count = 1,
			.rcpts = &rcpt };
		const struct outcome o = { .knows_dsn = cases[i].knows_dsn };
		struct notice_rcpt r = { .outcome = &o,
			.disposition = { .what = cases[i].what } };
		bool wanted = notice_wanted(&env, &r, cases[i].told);

		ok(wanted == (cases[i].action != NOTHING) &&
			(!wanted || (int)r.action == cases[i].action),
		    "%s", cases[i].label);
	}
}

/* ---- the message --------------------------------------------------------- */

static struct snapshot *
load(const char *text)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;

	conf_file_put("main", text);
	s = snapshot_load(conf_file_path("main"), &errs);
	conf_errors_fini(&errs);
	if (s == NULL)
		abort();
	return s;
}

static const struct outcome refused = { .kind = OUTCOME_REPLY,
	.phase = PHASE_RCPT,
	.code = 550,
	.text = "550 5.1.1 no",
	.mx = "mx.example.net",
	.wall_us = US_PER_S };
static const struct outcome taken = { .kind = OUTCOME_DELIVERED,
	.phase = PHASE_DOT,
	.code = 250,
	.text = "250 ok",
	.mx = "mx.example.net",
	.wall_us = US_PER_S };

static struct notice
make(struct region *rg, struct snapshot *conf, enum dsn_action action)
{
	static struct env_rcpt rcpts[] = {
		{ .addr = "a@x.example",
		    .domain = "x.example",
		    .vmta = "",
		    .orcpt = "" },
		{ .addr = "b@x.example",
		    .domain = "x.example",
		    .vmta = "",
		    .orcpt = "" },
		{ .addr = "c@x.example",
		    .domain = "x.example",
		    .vmta = "",
		    .orcpt = "" },
	};
	static const struct envelope env = { .sender = "s@sender.example",
		.envid = "",
		.host_id = "",
		.src_mta = "",
		.ret = RET_FULL,
		.rcpt_count = 3,
		.rcpts = rcpts };
	const struct notice_rcpt list[] = {
		{ 0, DSN_FAILED, &refused, { DISPOSE_FAIL, .dsn = { 5, 1, 1 } },
		    0 },
		{ 1, DSN_RELAYED, &taken,
		    { DISPOSE_DELIVERED, .dsn = { 2, 0, 0 } }, 0 },
		{ 2, DSN_FAILED, &refused, { DISPOSE_FAIL, .dsn = { 5, 1, 1 } },
		    0 },
	};
	struct body *body = body_new(14);
	const struct notice_of of = { rg, conf, 0xabc, &env, body };
	struct notice n = { 0 };

	memcpy(body->bytes, "A: b\r\n\r\nbody\r\n", 14);
	(void)notice_make(&of, action, list, 3, &n);
	body_unref(&body);
	return n;
}

static bool
has(const struct message *m, const char *what)
{
	return memmem(m->body->bytes, m->body->len, what, strlen(what)) != NULL;
}

static void
test_message(void)
{
	struct region *rg = region_new();
	struct snapshot *conf = load("host-name mta.example\n");
	struct notice f = make(rg, conf, DSN_FAILED);
	struct notice r = make(rg, conf, DSN_RELAYED);
	const struct message *failed = f.msg, *relayed = r.msg;
	struct waybill bill;
	struct envelope env;
	struct err e;

	ok(make(rg, conf, DSN_DELAYED).msg == NULL,
	    "none of a kind that is not");
	is_int(envelope_unpack(failed->env, failed->env_len, rg, &env, &e), 0,
	    "its envelope");
	is_str(env.sender, "", "from nobody");
	ok(env.rcpt_count == 1 &&
		strcmp(env.rcpts[0].addr, "s@sender.example") == 0,
	    "to the sender");
	is_str(env.rcpts[0].domain, "{dsn}", "in the host's queue");
	ok(has(failed, "rfc822; a@x.example") &&
		has(failed, "rfc822; c@x.example") &&
		!has(failed, "b@x.example"),
	    "those that failed");
	ok(has(relayed, "rfc822; b@x.example") && !has(relayed, "a@x.example"),
	    "the one that was relayed");
	ok(has(failed, "\r\n\r\nbody\r\n") && !has(relayed, "\nbody\r\n"),
	    "the message only when it failed");
	ok(has(failed, "Reporting-MTA: dns; mta.example\r\n"), "who says it");
	ok(has(failed, "mx.example.net") && has(failed, "550 5.1.1 no"),
	    "and why");
	ok(waybill_unpack(f.waybill.p, f.waybill.len, rg, &bill, &e) == 0 &&
		bill.rcpt_count == 1 &&
		strcmp(bill.runs[0].domain, "{dsn}") == 0,
	    "and its waybill");
	notice_fini(&f);
	notice_fini(&r);
	snapshot_unref(&conf);
	region_free(&rg);
}

/* ---- as the operator wants it --------------------------------------------- */

static void
test_forms(void)
{
	struct region *rg = region_new();
	struct snapshot *conf;
	struct notice f, r;

	conf_file_put("body", "Too bad: {recipient} ({bounceAfter})\n");
	conf = load("host-name mta.example\n"
		    "custom-dsn-from-header \"News <n@mta.example>\"\n"
		    "dsn-failed-from-template Failed <f@{hostname}>\n"
		    "dsn-failed-subject-template Not sent\n"
		    "dsn-failed-body-template-from body\n"
		    "<domain x.example>\nbounce-after 3h\n</domain>\n");
	f = make(rg, conf, DSN_FAILED);
	r = make(rg, conf, DSN_RELAYED);
	ok(has(f.msg, "\r\nFrom: \"Failed\" <f@mta.example>\r\n") &&
		has(f.msg, "\r\nSubject: Not sent\r\n"),
	    "From and Subject of what failed");
	ok(has(f.msg, "Too bad: a@x.example, c@x.example (3h)\r\n"),
	    "its text");
	ok(has(r.msg, "\r\nFrom: \"News\" <n@mta.example>\r\n") &&
		has(r.msg, "(Relay)") && !has(r.msg, "Too bad"),
	    "of others only the From");
	notice_fini(&f);
	notice_fini(&r);
	snapshot_unref(&conf);
	region_free(&rg);
}

static void
test_format(void)
{
	struct region *rg = region_new();
	struct snapshot *conf = load("host-name mta.example\n<domain "
				     "x.example>\ndsn-format plain-text\n"
				     "</domain>\n");
	struct notice f = make(rg, conf, DSN_FAILED);

	ok(has(f.msg, "Content-Type: text/plain; ") &&
		!has(f.msg, "multipart/report"),
	    "dsn-format plain-text");
	notice_fini(&f);
	snapshot_unref(&conf);
	region_free(&rg);
}

static const struct {
	const char *conf, *said;
} mistakes[] = {
	{ "\ncustom-dsn-from-header nobody\n",
	    "main:2: custom-dsn-from-header: neither NAME <ADDRESS> nor an "
	    "ASCII address" },
	{ "dsn-failed-from-template {who} <a@b.example>\n",
	    "main:1: dsn-failed-from-template: there is no variable {who}; {{ "
	    "stands for {" },
	{ "dsn-failed-subject-template {\n",
	    "main:1: dsn-failed-subject-template: no \"}\" behind \"{\"; {{ "
	    "stands for {" },
	{ "dsn-failed-body-template-from text\n",
	    "text:3: there is no variable {x}; {{ stands for {" },
	{ "dsn-failed-body-template-from none\n",
	    "none: No such file or directory" },
};

static void
test_mistakes(void)
{
	conf_file_put("text", "a\n\n{x}\n");
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct conf_errors errs = { 0 };
		struct snapshot *s;

		conf_file_put("main", mistakes[i].conf);
		s = snapshot_load(conf_file_path("main"), &errs);
		ok(s == NULL && errs.n == 1 &&
			strstr(errs.v[0].text, mistakes[i].said) != NULL,
		    "%s", errs.n == 0 ? "nothing is said" : errs.v[0].text);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

int
main(void)
{
	conf_file_begin();
	test_forms();
	test_format();
	test_mistakes();
	test_wanted();
	test_message();
	conf_file_end();
	return done_testing();
}
