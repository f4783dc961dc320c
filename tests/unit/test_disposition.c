/* SPDX-License-Identifier: Apache-2.0 */
/* What an outcome means for a recipient, for its queue, and what it is called. */
#include "lib/clock.h"
#include "tests/tap.h"
#include "transport/disposition.h"

#define HOUR (3600 * US_PER_S)

static const struct {
	const char *label;
	struct outcome o;
	int64_t age_us;
	enum disposition_what what;
	const char *status, *class;
} cases[] = {
	{ "delivered",
	    { OUTCOME_DELIVERED, PHASE_DOT, 250, { 2, 6, 0 }, .text = "" }, 0,
	    DISPOSE_DELIVERED, "2.6.0 (other or undefined media error)",
	    "content-related" },
	{ "unknown mailbox",
	    { OUTCOME_REPLY, PHASE_RCPT, 550, { 5, 1, 1 },
		.text = "550 5.1.1 x" },
	    0, DISPOSE_FAIL, "5.1.1 (bad destination mailbox address)",
	    "bad-mailbox" },
	{ "a bare 550 to RCPT",
	    { OUTCOME_REPLY, PHASE_RCPT, 550, { 0 }, .text = "550 no" }, 0,
	    DISPOSE_FAIL, "5.1.1 (bad destination mailbox address)",
	    "bad-mailbox" },
	{ "called spam",
	    { OUTCOME_REPLY, PHASE_DOT, 554, { 5, 7, 1 },
		.text = "554 5.7.1 looks like SPAM" },
	    0, DISPOSE_FAIL, "5.7.1 (delivery not authorized)",
	    "spam-related" },
	{ "greylisted",
	    { OUTCOME_REPLY, PHASE_RCPT, 451, { 4, 7, 1 },
		.text = "451 later" },
	    0, DISPOSE_RETRY, "4.7.1 (delivery not authorized)",
	    "policy-related" },
	{ "greylisted for too long",
	    { OUTCOME_REPLY, PHASE_RCPT, 451, { 4, 7, 1 },
		.text = "451 later" },
	    49 * HOUR, DISPOSE_EXPIRE, "5.4.7 (delivery time expired)",
	    "message-expired" },
	{ "a 5.x.x text in a 4xx reply is not believed",
	    { OUTCOME_REPLY, PHASE_RCPT, 450, { 5, 1, 1 }, .text = "450 no" },
	    0, DISPOSE_RETRY, "4.0.0 (undefined status)", "other" },
	{ "a 554 greeting fails nobody",
	    { OUTCOME_REPLY, PHASE_GREETING, 554, { 0 }, .text = "554 go" }, 0,
	    DISPOSE_RETRY, "5.0.0 (undefined status)", "other" },
	{ "lost after the dot",
	    { OUTCOME_LOST, PHASE_DOT, 0, { 0 }, .in_doubt = true }, 0,
	    DISPOSE_RETRY, "4.4.2 (bad connection)", "bad-connection" },
	{ "no answer", { OUTCOME_TIMEOUT, PHASE_CONNECT, 0, { 0 }, .text = "" },
	    0, DISPOSE_RETRY, "4.4.1 (no answer from host)",
	    "no-answer-from-host" },
	{ "null MX", { OUTCOME_NULL_MX, PHASE_RESOLVE, 0, { 0 }, .text = "" },
	    0, DISPOSE_FAIL, "5.1.10 (recipient address has null MX)",
	    "bad-domain" },
	{ "NXDOMAIN",
	    { OUTCOME_NO_DOMAIN, PHASE_RESOLVE, 0, { 0 }, .text = "" }, 0,
	    DISPOSE_FAIL, "5.1.2 (bad destination system address)",
	    "bad-domain" },
	{ "SERVFAIL", { OUTCOME_DNS_TEMP, PHASE_RESOLVE, 0, { 0 }, .text = "" },
	    0, DISPOSE_RETRY, "4.4.3 (directory server failure)",
	    "routing-errors" },
	{ "no TLS though it is required",
	    { OUTCOME_NO_TLS, PHASE_TLS, 0, { 0 }, .text = "" }, 0,
	    DISPOSE_RETRY, "4.7.10 (encryption needed)", "policy-related" },
	{ "the server does not sign us in",
	    { OUTCOME_NO_AUTH, PHASE_AUTH, 535, { 5, 7, 8 }, .text = "" }, 0,
	    DISPOSE_RETRY, "4.7.0 (other or undefined security status)",
	    "policy-related" },
	{ "never tried", { OUTCOME_UNSENT, PHASE_MAIL, 0, { 0 }, .text = "" },
	    99 * HOUR, DISPOSE_UNUSED, "4.0.0 (undefined status)", "other" },
	{ "at the last attempt that comes in time",
	    { OUTCOME_REPLY, PHASE_RCPT, 452, { 4, 2, 2 }, .text = "452 full" },
	    47 * HOUR, DISPOSE_EXPIRE, "5.4.7 (delivery time expired)",
	    "message-expired" },
	{ "and not at the one before",
	    { OUTCOME_REPLY, PHASE_RCPT, 452, { 4, 2, 2 }, .text = "452 full" },
	    47 * HOUR - 1, DISPOSE_RETRY, "4.2.2 (mailbox full)",
	    "quota-issues" },
};

/* What a transaction says of its connection. */
static const struct {
	const char *label;
	struct outcome o;
	enum disposition_conn what;
} conns[] = {
	{ "delivered: it works",
	    { OUTCOME_DELIVERED, PHASE_DOT, 250, { 0 }, .text = "" },
	    CONN_WORKED },
	{ "a refusal is work",
	    { OUTCOME_REPLY, PHASE_RCPT, 550, { 0 }, .text = "" },
	    CONN_WORKED },
	{ "421 to MAIL", { OUTCOME_REPLY, PHASE_MAIL, 421, { 0 }, .text = "" },
	    CONN_BROKE },
	{ "lost after MAIL", { OUTCOME_LOST, PHASE_MAIL, 0, { 0 }, .text = "" },
	    CONN_BROKE },
	{ "lost in the body: it may be the message",
	    { OUTCOME_LOST, PHASE_BODY, 0, { 0 }, .text = "" }, CONN_WORKED },
	{ "never tried", { OUTCOME_UNSENT, PHASE_MAIL, 0, { 0 }, .text = "" },
	    CONN_UNTRIED },
};

static struct judgement
judge(const struct outcome *o, const struct queue_conf *conf, int64_t age_us)
{
	const struct judging by = { .conf = conf, .age_us = age_us };
	struct judgement j;

	disposition_judge(o, &by, &j);
	return j;
}

/* Half of the time allowed would be too early. */
static void
test_long_retry(void)
{
	int64_t day = 24 * HOUR;
	const struct queue_conf conf = { .bounce_after_us = 48 * HOUR,
		.retry_rcpt_after = { 1, &day } };
	const struct outcome o = { .kind = OUTCOME_REPLY,
		.phase = PHASE_RCPT,
		.code = 452,
		.text = "452 full" };

	is_int(judge(&o, &conf, 25 * HOUR).rcpt.what, DISPOSE_RETRY,
	    "a recipient that is tried seldom is not given up early");
	is_int(judge(&o, &conf, 48 * HOUR).rcpt.what, DISPOSE_EXPIRE,
	    "but in time");
}

/* Before MAIL and behind the body, each kind by its own row. */
static void
test_kinds(void)
{
	static const char want[] = /* called, worked or broke, tries the next */
	    "cw- cwn cbn cbn c-n c-n --- --- --- --- --- --- --- --- --- --- --- --- "
	    "cw- cw- cw- cw- c-- c-- --- --- --- --- --- --- --- --- --- --- --- --- ";
	static const enum outcome_phase phases[] = { PHASE_EHLO, PHASE_DOT };
	static const struct effects nothing;
	char got[sizeof(want)];
	size_t n = 0;

	for (size_t i = 0; i < 2; i++)
		for (int k = 0; k <= OUTCOME_SUPPRESSED; k++) {
			const struct outcome o = { .kind = (enum outcome_kind)k,
				.phase = phases[i] };

			got[n++] = disposition_was_called(&o) ? 'c' : '-';
			got[n++] = "wb-"[disposition_conn(&o)];
			got[n++] = disposition_tries_next(&o, &nothing) ? 'n' :
									  '-';
			got[n++] = ' ';
		}
	got[n] = '\0';
	is_str(got, want, "kinds of outcome");
}

/* Times in which it may be delivered count instead of its age. */
static void
test_spans(const struct queue_conf *conf)
{
	static const struct span v[] = { { 0, 10 * HOUR },
		{ 20 * HOUR, 21 * HOUR } };
	static const struct {
		const char *label;
		int64_t wall_us, after_us; /* 0: it expires */
	} times[] = {
		{ "in the same window", 5 * HOUR, HOUR },
		{ "in the next one", 10 * HOUR - 1, 10 * HOUR + 1 },
		{ "behind the last", 20 * HOUR, 0 },
		{ "just before the end", 20 * HOUR - 1, HOUR },
	};
	const struct outcome busy = { .kind = OUTCOME_REPLY,
		.phase = PHASE_RCPT,
		.code = 451,
		.text = "451 4.7.1 greylisted, try again in 3595 seconds" };
	const struct spans spans = { 2, v };

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		const struct judging by = { .conf = conf,
			.age_us = 99 * HOUR,
			.spans = &spans,
			.wall_us = times[i].wall_us };
		struct judgement j;

		disposition_judge(&busy, &by, &j);
		is_int(j.rcpt.what,
		    times[i].after_us == 0 ? DISPOSE_EXPIRE : DISPOSE_RETRY,
		    times[i].label);
		if (times[i].after_us == 0)
			continue;
		is_int(j.rcpt.retry_after_us, times[i].after_us, "then");
		ok(j.keep_source == (times[i].after_us == HOUR),
		    "from the same source only where it is soon");
	}
}

int
main(void)
{
	static const struct effects nothing;
	int64_t hour = HOUR;
	const struct queue_conf conf = { .bounce_after_us = 48 * HOUR,
		.mailbox_553 = true,
		.retry_rcpt_after = { 1, &hour } };
	char text[96];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct disposition d =
		    judge(&cases[i].o, &conf, cases[i].age_us).rcpt;

		is_int(d.what, cases[i].what, cases[i].label);
		if (d.what == DISPOSE_DELIVERED)
			continue;
		is_str(dsn_status_text(d.dsn, text, sizeof(text)),
		    cases[i].status, "status");
		is_str(bounce_class_name(d.class), cases[i].class, "class");
		if (d.what == DISPOSE_RETRY)
			is_int(d.retry_after_us, HOUR, "after an hour");
	}
	test_long_retry();
	test_spans(&conf);
	test_kinds();
	is_int(disposition_queue(&cases[7].o, &conf, false, false, false),
	    QUEUE_WAITS, "after a 554 greeting the queue waits");
	is_int(disposition_queue(&cases[10].o, &conf, true, false, false),
	    QUEUE_FAILS, "with a null MX it fails");
	is_int(disposition_queue(&cases[7].o, &conf, false, true, false),
	    QUEUE_GOES_ON, "while other connections work it does neither");
	is_int(disposition_queue(&(struct outcome){ .kind = OUTCOME_NO_FAMILY },
		   &conf, false, true, false),
	    QUEUE_IS_FINE, "no address for this source: not the queue's fault");
	is_int(
	    disposition_source(&(struct outcome){ .kind = OUTCOME_NO_FAMILY }),
	    SOURCE_NO_FAMILY, "but the source's");
	is_int(disposition_source(&(struct outcome){ .kind = OUTCOME_BIND }),
	    SOURCE_IS_LOST, "a source that cannot be bound is lost");
	is_int(disposition_source(&(struct outcome){ .kind = OUTCOME_TIMEOUT,
		   .phase = PHASE_CONNECT }),
	    SOURCE_UNREACHED, "where nobody answers one of another may do");
	is_int(disposition_source(&(struct outcome){ .kind = OUTCOME_TIMEOUT,
		   .phase = PHASE_GREETING }),
	    SOURCE_IS_FINE, "not where a server answers");
	is_int(disposition_source(&cases[7].o), SOURCE_IS_FINE,
	    "one that is greeted with 554 is not");
	is_int(disposition_queue(&(struct outcome){ .kind = OUTCOME_LOCAL_TEMP,
				     .phase = PHASE_CONNECT },
		   &conf, false, false, false),
	    QUEUE_IS_FINE, "no descriptor here: not the queue's fault");
	is_int(disposition_queue(&(struct outcome){ .kind = OUTCOME_LOCAL_TEMP,
				     .phase = PHASE_BODY },
		   &conf, false, false, false),
	    QUEUE_WAITS, "trouble of ours while it was served: it waits");
	for (size_t i = 0; i < sizeof(conns) / sizeof(conns[0]); i++)
		is_int(disposition_conn(&conns[i].o), conns[i].what,
		    conns[i].label);
	ok(disposition_tries_next(&cases[9].o, &nothing),
	    "no answer: the next address");
	ok(!disposition_tries_next(&cases[10].o, &nothing),
	    "null MX: no other");
	ok(!disposition_tries_next(&(struct outcome){ .kind = OUTCOME_BIND },
	       &nothing),
	    "our source cannot be bound: never another");
	return done_testing();
}
