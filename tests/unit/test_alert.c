/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An alert is told at once, then not again for ten minutes, then how often and
 * the last of it; many things at once are one more mail.
 */
#include "transport/alert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/envelope.h"
#include "mail/waybill.h"
#include "tests/tap.h"
#include "transport/alert_mail.h"

#define S ((int64_t)1000000)

static char sent[4000];
static int sent_count;

static void
on_send(void *ctx, const struct alert_of *of, uint64_t more)
{
	size_t len = strlen(sent);

	(void)ctx;
	sent_count++;
	if (len < 200)
		(void)snprintf(sent + len, sizeof(sent) - len,
		    "%s: %s (%s) +%d to %zu;", of->about, of->subject, of->text,
		    (int)more, of->to->n);
}

static void
say(struct alert *a, const char *about, const char *text,
    const struct conf_strs *to, int64_t now_us)
{
	const struct alert_of of = { about, "it is so", text, to };

	alert_say(a, &of, now_us);
}

static const char *
take(void)
{
	static char was[sizeof(sent)];

	memcpy(was, sent, sizeof(sent));
	sent[0] = '\0';
	return was;
}

static void
test_quiet(void)
{
	const char *ann[] = { "ann@x.example" },
		   *both[] = { "ann@x.example", "bob@x.example" };
	const struct conf_strs to = { 1, ann }, to_both = { 2, both };
	const struct conf_strs nobody = { 0, NULL };
	struct alert *a = alert_new(on_send, NULL);

	say(a, "q", "", &nobody, 0);
	is_str(take(), "", "nobody is told");
	say(a, "q", "first", &to, 0);
	is_str(take(), "q: it is so (first) +0 to 1;", "the first at once");
	say(a, "q", "second", &to, 1 * S);
	say(a, "q", "third", &to, 599 * S);
	is_str(take(), "", "then it is quiet");
	say(a, "p", "other", &to, 599 * S);
	say(a, "q", "first", &to_both, 599 * S);
	is_str(take(),
	    "p: it is so (other) +0 to 1;q: it is so (first) +0 to 2;",
	    "not about others, nor for others");
	ok(alert_run(a, 599 * S) == 600 * S, "it says when to come");
	ok(alert_run(a, 600 * S) == 1199 * S, "and comes");
	is_str(take(), "q: it is so (third) +2 to 1;", "the last and how many");
	say(a, "q", "again", &to, 1199 * S);
	is_str(take(), "", "quiet once more");
	ok(alert_run(a, 1200 * S) == 1800 * S, "others are forgotten");
	is_str(take(), "q: it is so (again) +1 to 1;", "one more");
	ok(alert_run(a, 1800 * S) == INT64_MAX, "all are");
	say(a, "q", "late", &to, 1801 * S);
	is_str(take(), "q: it is so (late) +0 to 1;", "a new beginning");
	alert_free(&a);
}

static void
test_many(void)
{
	const char *ann[] = { "ann@x.example" };
	const struct conf_strs to = { 1, ann };
	struct alert *a = alert_new(on_send, NULL);

	sent_count = 0;
	for (int i = 0; i < 5000; i++) {
		char about[16];

		(void)snprintf(about, sizeof(about), "%d", i);
		say(a, about, "", &to, i);
	}
	is_int(sent_count, ALERT_THINGS + 1, "of 5,000 things at once");
	sent[0] = '\0';
	(void)alert_run(a, ALERT_QUIET_US + 5000);
	is_str(take(), "many: it is so () +4899 to 1;", "the others as one");
	alert_free(&a);
}

/* Whatever a server said, it is one message with one header. */
static void
test_mail(void)
{
	const char *names[] = { "ann@x.example", "bob@x.example" };
	const struct conf_strs to = { 2, names };
	const struct alert_of of = { "mode a/b",
		"Queue a.example/b is in backoff",
		"421 4.7.0 slow\r\nBcc: you\r\n\r\n\xff down (file:3)", &to };
	const struct alert_mail mail = { "mx.test", &of, 2, 0, 7 };
	struct region *rg = region_new();
	struct buf bill = { 0 };
	struct message *m = alert_mail_make(&mail, rg, &bill);
	struct envelope env;
	struct waybill w;
	const char *text;
	struct err e;

	ok(envelope_unpack(m->env, m->env_len, rg, &env, &e) == 0 &&
		env.rcpt_count == 2 && env.sender[0] == '\0',
	    "two recipients, and nobody to answer to");
	is_str(env.rcpts[1].addr, "bob@x.example", "the second");
	ok(waybill_unpack(bill.p, bill.len, rg, &w, &e) == 0 &&
		w.run_count == 1,
	    "one queue");
	is_str(w.runs[0].domain, "{dsn}", "that of notifications");
	text = region_strndup(rg, m->body->bytes, m->body->len);
	is_str(text,
	    "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"
	    "From: Mailrace <MAILER-DAEMON@mx.test>\r\n"
	    "To: <ann@x.example>,\r\n\t<bob@x.example>\r\n"
	    "Subject: Queue a.example/b is in backoff\r\n"
	    "Message-ID: <0.7.alert@mx.test>\r\n"
	    "Auto-Submitted: auto-generated\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n\r\n"
	    "This is Mailrace at mx.test, Thu, 01 Jan 1970 00:00:00 +0000."
	    "\r\n\r\n"
	    "It came 2 more times in the last 10 minutes. This is the last of "
	    "it:\r\n"
	    "Queue a.example/b is in backoff\r\n"
	    "421 4.7.0 slow Bcc: you ? down (file:3)\r\n"
	    "\r\nMore of the same within 10 minutes comes as a number.\r\n",
	    "all of it");
	buf_fini(&bill);
	message_unref(&m);
	region_free(&rg);
}

int
main(void)
{
	(void)setenv("TZ", "UTC", 1);
	test_quiet();
	test_many();
	test_mail();
	return done_testing();
}
