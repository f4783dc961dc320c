/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_rules - how long a reply takes against many rows and rules.
 *
 *	bench_rules ROWS RULES
 *
 * Rows as operators write them: codes of providers, words, alternatives, some
 * that nothing is known to need.  Each reply is asked often enough to be
 * timed.  Prints one JSON object: microseconds of the median reply, and of the
 * worst.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "tests/support/cpu_time.h"
#include "vmta/reply_rules.h"

enum { REPEAT = 5000, TEXTS_MAX = 64 };

/* Each has one number, so that no two rows are the same. */
static const char *const forms[] = {
	"^421 .*too many (connections|sessions) .*%u", "\\[TSS%02u\\]",
	"4\\.7\\.%u ", "5\\.7\\.%u .*(blocked|banned)", "\\(S%u\\)",
	"unusual rate of mail %u", "OFR\\d*_%u", "(greylist|graylist)ed %u",
	"^55[04] .*listed (at|by|in) list%u\\.example", "rate limit(ed)? %u",
	"low reputation .*c=r%u", "BL%06u", "mailbox \\w+ is full \\(%u\\)",
	"^4\\d\\d HL:[A-Z]{3} %u",
	"\\b%u\\b.*try again", /* a word that many replies have */
};

static const char *const texts[] = {
	"550 5.1.1 The email account that you tried to reach does not exist. "
	"Please try double-checking the recipient's email address for typos or "
	"unnecessary spaces. For more information, go to "
	"https://support.example/mail/?p=NoSuchUser x1-2002a05.21 - gsmtp",
	"421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to "
	"unexpected volume or user complaints - 4.16.55.1; see "
	"https://postmaster.example/error-codes",
	"451 4.7.650 The mail server [192.0.2.1] has been temporarily rate "
	"limited due to IP reputation. For e-mail delivery information, see "
	"https://postmaster.example (S775) [name.example 2026-11-21T19:30:00Z]",
	"450 4.2.0 <a@b.example>: Recipient address rejected: Greylisted, see "
	"http://postgrey.example/help/b.example.html",
	"550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. "
	"Please contact your Internet service provider since part of their "
	"network is on our block list (S3140).",
	"554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using "
	"zen.list12.example",
	"452 4.2.2 Mailbox full",
	"421 HL:ICC 163 mx1,x 192.0.2.1 too many connections",
	"554 Blocked - see https://ipcheck.example/?ip=192.0.2.1",
	"421 Try again later, too many connections from your IP, rate limit 7",
	"550 no",
};

static void
die(const char *text)
{
	(void)fprintf(stderr, "bench_rules: %s\n", text);
	exit(1);
}

/* The i-th row's expression. */
static const char *
pattern_of(struct region *rg, unsigned i)
{
	const size_t count = sizeof(forms) / sizeof(forms[0]);
	const char *form = forms[i % count];
	const char *percent = strchr(form, '%');

	/* By hand: the form of a printf() is to stand in its call. */
	return region_printf(rg, "%.*s%03u%s", (int)(percent - form), form,
	    i / (unsigned)count, strchr(percent, 'u') + 1);
}

static struct dsn_rules *
make_rules(struct region *rg, unsigned count)
{
	struct dsn_rules *rules = dsn_rules_new();
	struct err e;

	for (unsigned i = 0; i < count; i++) {
		struct dsn_rule *rule = region_new_obj(rg, struct dsn_rule);

		*rule = (struct dsn_rule){ .name = "rule",
			.category = "other",
			.act.requeue = true };
		if (dsn_rules_add(rules, slice_of(pattern_of(rg, i)), rule,
			&e) == -1)
			die(e.text);
	}
	dsn_rules_seal(rules);
	return rules;
}

static struct reply_rules *
make_rows(struct region *rg, const struct dsn_rules *rules, unsigned count)
{
	struct reply_rules *rows = reply_rules_new(rules);
	struct err e;

	for (unsigned i = 0; i < count; i++) {
		struct reply_actions act = { .backoff = i % 2 == 0,
			.disable_source = i % 2 == 1 };

		if (reply_rules_add(rows, slice_of(pattern_of(rg, i)), &act,
			(struct reply_place){ "bench", i + 1 }, &e) == -1)
			die(e.text);
	}
	reply_rules_seal(rows);
	return rows;
}

static double
time_us(const struct reply_rules *rows, const char *text)
{
	struct reply_hit hit;
	double begin = cpu_time_s();

	for (int i = 0; i < REPEAT; i++)
		(void)reply_rules_match(rows, text, 400, &hit);
	return (cpu_time_s() - begin) * 1e6 / REPEAT;
}

static int
by_time(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

int
main(int argc, char **argv)
{
	const size_t count = sizeof(texts) / sizeof(texts[0]);
	struct region *rg = region_new();
	struct dsn_rules *rules;
	struct reply_rules *rows;
	double us[TEXTS_MAX];

	if (argc != 3)
		die("usage: bench_rules ROWS RULES");
	CHECK(count <= TEXTS_MAX);
	rules = make_rules(rg, (unsigned)strtoul(argv[2], NULL, 10));
	rows = make_rows(rg, rules, (unsigned)strtoul(argv[1], NULL, 10));
	for (size_t i = 0; i < count; i++)
		us[i] = time_us(rows, texts[i]);
	qsort(us, count, sizeof(us[0]), by_time);
	(void)printf("{\"rows\": %s, \"rules\": %s, \"median_us\": %.2f, "
		     "\"worst_us\": %.2f}\n",
	    argv[1], argv[2], us[count / 2], us[count - 1]);
	reply_rules_free(&rows);
	dsn_rules_free(&rules);
	region_free(&rg);
	return 0;
}
