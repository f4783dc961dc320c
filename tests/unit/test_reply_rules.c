/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of each kind of action the first row that matches counts, a <dsn-rule> fills
 * what is left, and what large providers answer is told apart.
 */
#include "lib/clock.h"
#include "lib/mem.h"
#include "tests/support/show_hit.h"
#include "tests/tap.h"
#include "vmta/reply_rules.h"

struct rule {
	const char *pattern, *category, *actions;
	int retry_s;
};

struct made {
	struct region *rg;
	struct dsn_rules *dsn;
	struct reply_rules *rules;
};

static const char *
add_row(struct made *m, const char *pattern, const char *actions, unsigned line)
{
	struct reply_actions act;
	static struct err e;

	if (reply_actions_parse(slice_of(actions), m->rg, &act, &e) == -1 ||
	    reply_rules_add(m->rules, slice_of(pattern), &act,
		(struct reply_place){ "list", line }, &e) == -1)
		return e.text;
	return NULL;
}

static const char *
add_rule(struct made *m, const struct rule *from, unsigned line)
{
	struct dsn_rule *rule = region_new_obj(m->rg, struct dsn_rule);
	static struct err e;

	*rule = (struct dsn_rule){ .name = from->pattern,
		.category = from->category,
		.retry_us = from->retry_s * US_PER_S,
		.file = "rules",
		.line = line };
	if ((from->actions[0] != '\0' &&
		dsn_actions_parse(slice_of(from->actions), m->rg, &rule->act,
		    &e) == -1) ||
	    dsn_rules_add(m->dsn, slice_of(from->pattern), rule, &e) == -1)
		return e.text;
	return NULL;
}

/* Pairs of pattern and actions, up to NULL; and rules, up to one without. */
static struct made
make(const char *const *rows, const struct rule *rules)
{
	struct made m = { .rg = region_new() };

	m.dsn = dsn_rules_new();
	for (unsigned i = 0; rules != NULL && rules[i].pattern != NULL; i++) {
		const char *said = add_rule(&m, &rules[i], i + 1);

		if (said != NULL)
			ok(false, "%s: %s", rules[i].pattern, said);
	}
	dsn_rules_seal(m.dsn);
	m.rules = reply_rules_new(m.dsn);
	for (unsigned i = 0; rows[2 * i] != NULL; i++) {
		const char *said = add_row(&m, rows[2 * i], rows[2 * i + 1],
		    i + 1);

		if (said != NULL)
			ok(false, "%s: %s", rows[2 * i], said);
	}
	reply_rules_seal(m.rules);
	return m;
}

static void
unmake(struct made *m)
{
	reply_rules_free(&m->rules);
	dsn_rules_free(&m->dsn);
	region_free(&m->rg);
}

/* ---- what wins ----------------------------------------------------------- */

static const char *const conflict_rows[] = { "slow",
	"mode=backoff,backoff-to-normal-after=1h",             /* 1 */
	"both", "mode=normal",                                 /* 2 */
	"slow|both", "mode=backoff,defer-queue",               /* 3 */
	"next", "skip-mx",                                     /* 4 */
	"next|all", "bounce-queue,bounce-rcpt",                /* 5 */
	"off", "disable-source-ip",                            /* 6 */
	"off", "disable-source-ip,reenable-after=5m",          /* 7 */
	"again", "mode=backoff",                               /* 8 */
	"again", "mode=backoff,backoff-to-normal-after=never", /* 9 */
	"^250 ok slow", "mode=normal,defer-queue",             /* 10 */
	NULL, NULL };
static const struct rule conflict_rules[] = { { "first", "one",
						  "requeue,backoff", 60 },
	{ "first|second", "two", "bounce", 0 },
	{ "slow third", "three", "backoff,skip-mx,disable-source-ip", 0 },
	{ "all fourth", "four", "skip-mx,requeue", 3600 },
	{ "fifth", "five", "", 30 }, { .pattern = NULL } };

static const struct {
	const char *text;
	const char *shown; /* "-": nothing is said about it */
} conflicts[] = {
	{ "450 nothing", "-" },
	{ "421 slow", "backoff(1h):1 defer:3" },
	{ "421 both", "normal:2 defer:3" },
	{ "421 SLOW both", "backoff(1h):1 defer:3" },
	{ "550 next", "skip:4 rcpt:5" },
	{ "550 all", "queue:5 rcpt:5" },
	{ "550 off", "source:6" }, /* the time behind its own action only */
	{ "450 again", "backoff:8" },
	{ "450 slow next off", "backoff(1h):1 skip:4 rcpt:5 source:6 defer:3" },
	/* Rules come behind, and the first of them alone counts. */
	{ "450 first", "backoff:r1 requeue:r1 one 60s" },
	{ "450 second first", "backoff:r1 requeue:r1 one 60s" },
	{ "450 second", "bounce:r2 two 0s" },
	{ "450 slow third",
	    "backoff(1h):1 skip:r3 source:r3 defer:3 three 0s" },
	{ "450 all fourth", "queue:5 rcpt:5 four 3600s" },
	{ "450 fifth", "five 30s" },
	{ "450 slow fifth", "backoff(1h):1 defer:3 five 30s" },
	/* Success: rows with mode=normal alone, and of them the mode. */
	{ "250 ok", "-" },
	{ "250 slow", "-" },
	{ "250 ok slow", "normal:10" },
	{ "250 both", "normal:2" },
	{ "250 first fifth off all", "-" },
};

static void
check(const struct made *m, const char *text, const char *shown)
{
	struct reply_hit hit;
	struct buf b = { 0 };
	int code = (text[0] - '0') * 100;
	bool any = reply_rules_match(m->rules, text, code, &hit);

	is_str(show_hit(&b, &hit, true), strcmp(shown, "-") == 0 ? "" : shown,
	    text);
	ok(any == (strcmp(shown, "-") != 0), "is anything said");
	buf_fini(&b);
}

static void
test_conflicts(void)
{
	struct made m = make(conflict_rows, conflict_rules);

	for (size_t i = 0; i < sizeof(conflicts) / sizeof(conflicts[0]); i++)
		check(&m, conflicts[i].text, conflicts[i].shown);
	ok(reply_rules_want_2xx(m.rules), "success is worth asking about");
	unmake(&m);
}

static void
test_2xx(void)
{
	const char *const rows[] = { "", "mode=backoff", NULL };
	struct made m = make(rows, conflict_rules);

	ok(!reply_rules_want_2xx(m.rules), "no row cares for success");
	check(&m, "250 first", "-");
	check(&m, "421 x", "backoff:1");
	unmake(&m);
}

static void
test_without(void)
{
	struct reply_rules *r = reply_rules_new(NULL);
	struct reply_hit hit;

	reply_rules_seal(r);
	ok(!reply_rules_match(r, "550 no", 550, &hit) && hit.rule == NULL,
	    "no row and no rule: nothing is said");
	reply_rules_free(&r);
	reply_rules_free(&r);
	ok(r == NULL, "freed, twice");
}

/* ---- what stands in the files -------------------------------------------- */

static const struct {
	const char *text;
	const char *shown; /* or what is said, behind "!" */
} texts[] = {
	{ "450 4.2.2.*full", "450 4.2.2.*full" },
	{ "\"450 4\\.2\\.2.*Mailbox full\"", "450 4\\.2\\.2.*Mailbox full" },
	{ "  /4\\/5 x/ ", "4\\/5 x" },
	{ "/x", "!lacks its last /" },
	{ "/x/ y", "!\"y\" is too much" },
	{ "\"x", "!no closing quote" },
	{ "\"", "!no closing quote" },
	{ "\"\"", "!a pattern is missing" },
	{ "", "!a pattern is missing" },
};

static const struct {
	const char *text, *said; /* said NULL: it is well-formed */
} actions[] = {
	{ "requeue", NULL },
	{ "BOUNCE , skip-mx", NULL },
	{ "requeue, backoff, skip-mx, disable-source-ip", NULL },
	{ "requeue,bounce", "requeue and bounce in one rule" },
	{ "backoff,backoff", "backoff is there twice" },
	{ "mode=backoff", "is no action" },
	{ "", "an action is missing" },
	{ "\"backoff", "no closing quote" },
};

static const struct {
	const char *text;
	int seconds; /* 0: refused */
} retries[] = {
	{ "3600", 3600 },
	{ "1", 1 },
	{ "15m", 900 },
	{ "1h30m", 5400 },
	{ "0", 0 },
	{ "never", 0 },
	{ "x", 0 },
	{ "-1", 0 },
	{ "9223372036855", 0 },
	{ "18446744073709551615", 0 },
};

static void
test_texts(void)
{
	struct region *rg = region_new();
	struct slice pattern = { 0 };
	struct dsn_actions a;
	struct err e;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (dsn_pattern_parse(slice_of(texts[i].text), &pattern, &e) ==
		    0)
			is_str(region_strndup(rg, pattern.p, pattern.len),
			    texts[i].shown, texts[i].text);
		else
			ok(texts[i].shown[0] == '!' &&
				strstr(e.text, texts[i].shown + 1) != NULL,
			    "%s: %s", texts[i].text, e.text);
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (dsn_actions_parse(slice_of(actions[i].text), rg, &a, &e) ==
		    0)
			ok(actions[i].said == NULL, "%s", actions[i].text);
		else
			ok(actions[i].said != NULL &&
				strstr(e.text, actions[i].said) != NULL,
			    "%s: %s", actions[i].text, e.text);
	for (size_t i = 0; i < sizeof(retries) / sizeof(retries[0]); i++) {
		int64_t us = 0;

		if (dsn_retry_parse(slice_of(retries[i].text), &us, &e) == -1)
			us = 0;
		is_int(us, retries[i].seconds * US_PER_S, retries[i].text);
	}
	region_free(&rg);
}

/* ---- what large providers say -------------------------------------------- */

static const char *const rows[] = {
	/* Google */
	"4\\.7\\.28|unusual rate of", "mode=backoff",                /* 1 */
	"low reputation of the sending", "mode=backoff,defer-queue", /* 2 */
	/* Yahoo */
	"\\[(TSS04|TS01|TS02)\\]",
	"mode=backoff,backoff-to-normal-after=4h,defer-queue", /* 3 */
	"\\[(TS03|TSS09|TSS11|BL2[13])\\]",
	"disable-source-ip,reenable-after=1d", /* 4 */
	/* Microsoft */
	"\\(S31[45]0\\)", "disable-source-ip,reenable-after=4h",        /* 5 */
	" 4\\.7\\.65[0-2] ", "mode=backoff",                            /* 6 */
	" 5\\.7\\.6(0[6-9]|[1-4]\\d) ", "disable-source-ip",            /* 7 */
	" 4\\.7\\.([56]\\d\\d|8[5-9]\\d) ", "mode=backoff,defer-queue", /* 8 */
	/* Apple */
	"excessive volume|too many errors", "mode=backoff", /* 9 */
	/* Comcast */
	"BL0000|must have a PTR", "disable-source-ip", /* 10 */
	"too many recent messages", "mode=backoff",    /* 11 */
	/* GMX, T-Online */
	"[?&]c=r0201", "disable-source-ip",                    /* 12 */
	"rate limit", "mode=backoff",                          /* 13 */
	"^554 ip=.*\\((BL|NOWL|DIAL)\\)", "disable-source-ip", /* 14 */
	/* QQ, NetEase */
	"frequency limited|unavailable or access denied",
	"mode=backoff",                                    /* 15 */
	" (HL:(REP|ICC|IFC)|RP:[A-Z]{3})", "mode=backoff", /* 16 */
	/* Orange, Proofpoint, Barracuda */
	"OFR\\d*_1\\d\\d", "mode=backoff",             /* 17 */
	"prs\\.proofpoint\\.com", "disable-source-ip", /* 18 */
	NULL, NULL
};
static const struct rule rules[] = { { " [45]\\.7\\.(2[3-79]|3[0-2]|40) ",
					 "policy-related", "", 0 },
	{ "4\\.2\\.1 .*(too quickly|a rate that prevents)", "quota-issues",
	    "requeue", 3600 },
	{ " 5\\.2\\.2 .*(over quota|out of storage)", "quota-issues", "requeue",
	    0 },
	{ "S31[45]0|banned sending ip|\\[(TSS09|TSS11|BL2[13])\\]",
	    "spam-related", "requeue", 0 },
	{ "frequency limited|unavailable or access denied", "spam-related",
	    "requeue", 0 },
	{ "\\b5\\.(1\\.10|4\\.1) ", "bad-mailbox", "", 0 },
	{ "thread limit exceeded", "other", "", 900 },
	{ "\\[(CS01|HME1)\\]|\\[PH01\\]", "policy-related", "", 0 },
	{ .pattern = NULL } };

static const struct {
	const char *text, *shown;
} replies[] = {
	/* Google */
	{ "421 4.7.28 Our system has detected an unusual rate of unsolicited "
	  "mail originating from your IP address.",
	    "backoff:1" },
	{ "550 5.7.28 There is an unusual rate of unsolicited mail from your "
	  "SPF domain [example.com]",
	    "backoff:1" },
	{ "421 4.7.0 This message is suspicious due to the very low reputation "
	  "of the sending IP address",
	    "backoff:2 defer:2" },
	{ "550 5.7.1 blocked due to the very low reputation of the sending "
	  "domain",
	    "backoff:2 defer:2" },
	{ "550 5.7.26 Unauthenticated email from example.com is not accepted",
	    "policy-related 0s" },
	{ "421 4.7.27 SPF [example.com] did not pass", "policy-related 0s" },
	{ "421 4.7.40 no DMARC record", "policy-related 0s" },
	{ "550 5.7.25 no PTR record", "policy-related 0s" },
	{ "450 4.2.1 The user you are trying to contact is receiving mail too "
	  "quickly.",
	    "requeue:r2 quota-issues 3600s" },
	{ "552 5.2.2 The recipient's inbox is out of storage space",
	    "requeue:r3 quota-issues 0s" },
	{ "550 5.1.1 The email account that you tried to reach does not exist",
	    "-" },
	{ "421 4.7.0 Try again later, closing connection.", "-" },
	/* Yahoo, AOL, AT&T, Comcast */
	{ "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due "
	  "to unexpected volume or user complaints - 4.16.55.1",
	    "backoff(4h):3 defer:3" },
	{ "421 4.7.1 [TS03] All messages from 192.0.2.1 will be permanently "
	  "deferred",
	    "source(1d):4" },
	{ "553 5.7.2 [TSS09] All messages from 192.0.2.1 will be permanently "
	  "deferred",
	    "requeue:r4 source(1d):4 spam-related 0s" },
	{ "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1",
	    "requeue:r4 source(1d):4 spam-related 0s" },
	{ "421 Max message per connection reached, closing transmission "
	  "channel",
	    "-" },
	{ "554 5.7.9 [PH01] Email not accepted for policy reasons",
	    "policy-related 0s" },
	{ "554 delivery error: dd This user doesn't have a yahoo.com account",
	    "-" },
	/* Microsoft */
	{ "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. "
	  "Please contact your Internet service provider since part of their "
	  "network is on our block list (S3140).",
	    "requeue:r4 source(4h):5 spam-related 0s" },
	{ "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate "
	  "limited due to IP reputation.",
	    "backoff:6 defer:8" },
	{ "550 5.7.606 Access denied, banned sending IP [192.0.2.1]",
	    "requeue:r4 source:7 spam-related 0s" },
	{ "550 5.7.649 Access denied, banned sending IP [192.0.2.1]",
	    "requeue:r4 source:7 spam-related 0s" },
	{ "550 5.7.650 x", "-" },
	{ "451 4.7.500 Server busy. Please try again later from [192.0.2.1].",
	    "backoff:8 defer:8" },
	{ "451 4.7.899 Access denied, please try again later",
	    "backoff:8 defer:8" },
	{ "550 5.4.1 Recipient address rejected: Access denied.",
	    "bad-mailbox 0s" },
	{ "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found",
	    "bad-mailbox 0s" },
	{ "432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded",
	    "other 900s" },
	/* Apple */
	{ "421 4.7.1 Messages to x deferred due to excessive volume",
	    "backoff:9" },
	{ "550 5.7.1 [CS01] Message rejected due to local policy.",
	    "policy-related 0s" },
	/* Comcast's old hosts */
	{ "554 resimta.example requires that all mail servers must have a PTR "
	  "record with a valid Reverse DNS entry.",
	    "source:10" },
	{ "554 192.0.2.1 blocked BL000000", "source:10" },
	{ "452 4.1.1 too many recent messages", "backoff:11" },
	/* GMX: no enhanced code; lines joined, the last one has c= */
	{ "554 Nemesis ESMTP Service not available No SMTP service IP address "
	  "is block listed. For explanation visit "
	  "https://postmaster.example/error-messages?ip=192.0.2.1&c=r0201",
	    "source:12" },
	{ "421 Rate limit reached. Please try again later.", "backoff:13" },
	/* T-Online: at connect */
	{ "554 IP=192.0.2.1 - A problem occurred. (Ask your postmaster for "
	  "help or to contact tosa@rx.t-online.de to clarify.) (NOWL)",
	    "source:14" },
	/* QQ */
	{ "550 Ip frequency limited [x IP: 192.0.2.1]",
	    "backoff:15 requeue:r5 spam-related 0s" },
	{ "550 Mailbox unavailable or access denied [x]",
	    "backoff:15 requeue:r5 spam-related 0s" },
	{ "550 Mailbox not found. http://service.example/x", "-" },
	/* NetEase */
	{ "421 HL:ICC 163 mx1,x 192.0.2.1 too many connections", "backoff:16" },
	{ "451 RP:ORQ 163 mx1,x", "backoff:16" },
	{ "450 MI:DMC 163 mx1,x", "-" },
	/* Orange, Proofpoint */
	{ "421 mwinf5c.example ME Trop de connexions, veuillez verifier votre "
	  "configuration. Too many connections, slow down. OFR004_104 [104]",
	    "backoff:17" },
	{ "554 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.1",
	    "-" },
	{ "550 5.7.0 blocked using prs.proofpoint.com", "source:18" },
};

static void
test_replies(void)
{
	struct made m = make(rows, rules);

	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++)
		check(&m, replies[i].text, replies[i].shown);
	unmake(&m);
}

/* Each row of the samples is there for a reply, so that none is idle. */
static void
test_all_rows(void)
{
	struct made m = make(rows, rules);
	size_t count = reply_rules_count(m.rules);
	bool used[40] = { false };
	unsigned idle = 0;

	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		struct reply_hit hit;

		(void)reply_rules_match(m.rules, replies[i].text, 400, &hit);
		for (size_t k = 0; k < REPLY_KINDS; k++)
			if (hit.at[k].file != NULL &&
			    strcmp(hit.at[k].file, "list") == 0)
				used[hit.at[k].line - 1] = true;
	}
	for (size_t i = 0; i < count; i++)
		idle += !used[i];
	ok(count > 0 && idle == 0, "%zu rows, each decides something", count);
	unmake(&m);
}

int
main(void)
{
	test_conflicts();
	test_2xx();
	test_without();
	test_texts();
	test_replies();
	test_all_rows();
	return done_testing();
}
