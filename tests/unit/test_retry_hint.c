/* SPDX-License-Identifier: Apache-2.0 */
/* The time that a reply names is found, and nothing else is taken for one. */
#include "lib/clock.h"
#include "lib/str.h"
#include "mail/retry_hint.h"
#include "tests/tap.h"

static const struct {
	const char *text;
	int seconds; /* 0: it names none */
} cases[] = {
	/* As postgrey, sqlgrey, milter-greylist, policyd and others write. */
	{ "450 4.2.0 <a@b.example>: Recipient address rejected: Greylisted for "
	  "181 seconds",
	    181 },
	{ "450 4.7.1 <a@b.example>: Recipient address rejected: Greylisted for "
	  "300 seconds (see http://example.org/help/b.example.html)",
	    300 },
	{ "450 Greylisted for 5 minutes", 300 },
	{ "450 4.2.0 Sender address rejected: Greylisted for 45 sec.", 45 },
	{ "451 4.7.1 Greylisting in action, please come back in 00:04:59",
	    299 },
	{ "451 4.7.1 Greylisting in action, please come back in 12:00:00",
	    43200 },
	{ "451 Greylisting enabled, try again in 1 minutes", 60 },
	{ "450 Hotkey Greylisting in progress ... Please try again after 2 "
	  "minutes",
	    120 },
	{ "450 Greylisting in action. Please try delivery again in 240 "
	  "seconds.",
	    240 },
	{ "451 Greylisted, please try again in 900 seconds", 900 },
	{ "450 4.7.1 greylisted, try again in 60s", 60 },
	{ "451 greylisting in progress, mail will be accepted in 300s", 300 },
	{ "451 Greylisted: greylisting in progress... retry after 120 seconds",
	    120 },
	{ "451 recipient <a@b.example> greylisted for 77 seconds", 77 },
	{ "451 4.7.1 Greylisted: 5 minutes", 300 },
	{ "451 4.7.1 Graylisted for another 10 min", 600 },
	/* What others say who put mail off. */
	{ "421 too many connections, retry in 1h", 3600 },
	{ "421 4.7.0 Please wait at least 15 minutes", 900 },
	{ "450 please wait 1 hour and 30 minutes before the next try", 5400 },
	{ "450 Retry in 1h30m", 5400 },
	{ "450 try again in 2 hours, 5 minutes, 10 seconds", 7510 },
	{ "450 TRY AGAIN IN 10 MINUTES", 600 },
	{ "452 try again in 5 minutes, 2 messages are waiting", 300 },
	{ "451 retry in about 20-minutes", 1200 },
	{ "450 deferred for 30 m", 1800 },
	/* The bounds. */
	{ "450 try again in 10 seconds", 10 },
	{ "450 try again in 9 seconds", 0 },
	{ "450 try again in 12 hours", 43200 },
	{ "450 try again in 13 hours", 0 },
	{ "450 come back in 12:00:01", 0 },
	{ "450 try again in 99999999999999999999 seconds", 0 },
	{ "450 try again in 0 minutes", 0 },
	{ "450 Greylisted for 2 seconds, please try again in 5 minutes", 0 },
	/* No time is named. */
	{ "450 4.2.0 Greylisted, see http://example.org/help/b.example.html",
	    0 },
	{ "451 4.7.1 Greylisting in action, please come back later", 0 },
	{ "450 please try again in a few minutes", 0 },
	{ "450 try again in 300", 0 },
	{ "450 try again in 2 days", 0 },
	{ "450 try again in 5 minuteslong", 0 },
	{ "", 0 },
	/* A limit is none, nor what concerns our address. */
	{ "421 4.7.28 no more than 50 messages in 10 minutes, try again later",
	    0 },
	{ "4.2.1 You sent to many mails from different domains in the last 10 "
	  "minutes",
	    0 },
	{ "450 Try again. In 10 minutes you sent 500 messages", 0 },
	{ "550 Your IP address is blocked for 2 hours", 0 },
	{ "421 limit of 100 recipients per 1 hour", 0 },
	/* What looks like one. */
	{ "450 try again after 05:30:00", 0 },
	{ "450 try again in 00:61:00", 0 },
	{ "450 try again in 00:01:00:00", 0 },
	{ "450 try again in 2001:00:01:00", 0 },
	{ "450 greylisted for 10.0.0.1", 0 },
	{ "450 retry in mx5m", 0 },
	{ "450 greylisted a@b.example: id 12 m", 0 },
};

/* A reply that is nothing but times takes no longer than another one. */
static void
test_long(void)
{
	struct buf b = { 0 };
	int64_t us = -1, begin;

	for (int i = 0; i < 60000; i++)
		buf_str(&b, "1s ");
	begin = clock_us();
	ok(!retry_hint(buf_cstr(&b), &us), "many times, none to come back in");
	ok(clock_us() - begin < 2 * US_PER_S, "and it does not take long");
	buf_fini(&b);
}

int
main(void)
{
	test_long();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t us = -1;

		if (retry_hint(cases[i].text, &us))
			is_int(us, cases[i].seconds * US_PER_S, cases[i].text);
		else
			ok(cases[i].seconds == 0 && us == -1, "%s: none",
			    cases[i].text);
	}
	return done_testing();
}
