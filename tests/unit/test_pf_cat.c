/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message's envelope in the records of postcat, and none for what it has
 * not; nobody writes a record of his own.
 */
#include "compat/postfix/pf_cat.h"

#include "tests/tap.h"

#define SIZES(size, rcpts) \
	"message_size: " size " " ZERO " " rcpts " " ZERO " " size " " ZERO "\n"
#define ZERO "              0"

static void
is_cat(const struct pf_cat *m, const char *want, const char *what)
{
	time_t s = m->env->arrival_us / 1000000;
	struct buf out = { 0 };
	struct tm tm;

	pf_cat_envelope(m, gmtime_r(&s, &tm), &out);
	is_str(buf_cstr(&out), want, what);
	buf_fini(&out);
}

static void
test_envelope(void)
{
	struct envelope env = envelope_blank;
	struct pf_cat m = { .id = 0x660D8FA9123F4,
		.state = LISTED_DEFERRED,
		.size = 362,
		.env = &env };

	env.arrival_us = INT64_C(1794776402) * 1000000;
	env.rcpt_count = 1;
	is_cat(&m,
	    "*** ENVELOPE RECORDS deferred/000660D8FA9123F4 ***\n" SIZES(
		"            362",
		"              1") "message_arrival_time: Sun "
				   "Nov 15 21:00:02 2026\n"
				   "sender: \n",
	    "nothing but what each has");
	env.host_id = "8885BA7210E";
	env.envid = "QQ314159";
	env.ret = RET_HDRS;
	env.sender = "a\nsender: b@c.example";
	env.src_mta = "vm (127.0.0.1)";
	env.auth_user = "bob";
	env.flags = ENVELOPE_8BIT;
	env.job = "sale";
	m.state = LISTED_HOLD;
	is_cat(&m,
	    "*** ENVELOPE RECORDS hold/000660D8FA9123F4 ***\n" SIZES(
		"            362",
		"              1") "message_arrival_time: Sun Nov 15 21:00:02 "
				   "2026\n"
				   "named_attribute: log_ident=8885BA7210E\n"
				   "named_attribute: envelope_id=QQ314159\n"
				   "named_attribute: ret_flags=2\n"
				   "sender: a?sender: b@c.example\n"
				   "named_attribute: log_message_origin=vm "
				   "(127.0.0.1)\n"
				   "named_attribute: sasl_username=bob\n"
				   "named_attribute: encoding=8bit\n"
				   "named_attribute: mailrace_job=sale\n",
	    "all there is");
}

static void
test_rcpt(void)
{
	const struct env_rcpt plain = { .addr = "x@later.example",
		.orcpt = "",
		.vmta = "" };
	const struct env_rcpt full = { .addr = "y@later.example",
		.orcpt = "rfc822;before@host.example",
		.vmta = "news",
		.notify = NOTIFY_SUCCESS | NOTIFY_FAILURE };
	struct buf out = { 0 };

	pf_cat_rcpt(&plain, true, &out);
	pf_cat_rcpt(&full, false, &out);
	is_str(buf_cstr(&out),
	    "original_recipient: x@later.example\n"
	    "recipient: x@later.example\n"
	    "named_attribute: dsn_orig_rcpt=rfc822;before@host.example\n"
	    "named_attribute: notify_flags=6\n"
	    "named_attribute: mailrace_vmta=news\n"
	    "original_recipient: before@host.example\n"
	    "done_recipient: y@later.example\n",
	    "one that waits, one that has ended");
	buf_fini(&out);
}

int
main(void)
{
	test_envelope();
	test_rcpt();
	return done_testing();
}
