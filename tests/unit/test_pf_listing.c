/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue in Postfix's forms: to the byte what postqueue 3.7 with long queue
 * ids printed of these messages, and what it reads from showq.
 */
#include "compat/postfix/pf_listing.h"

#include "compat/postfix/pf_showq.h"
#include "tests/tap.h"

#define L "host mx.example.net[192.0.2.1] said: 451 4.7.1 " X40 X40 X40
#define X40 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define AT47 "                                               "

static const struct listed_rcpt two[] = { { "b@x.example", "" },
	{ "c@x.example", "" } };
static const struct listed_rcpt four[] = {
	{ "b@x.example", "why one" },
	{ "c@x.example", "why one" },
	{ "d@x.example", "why \"two\" \x01\t\\" },
	{ "e@x.example", L },
};
static const struct listed_rcpt quoted[] = { { "\"b c\"@x.example", "" } };

static const struct {
	struct listed m;
	const char *text, *json;
} cases[] = {
	{ { .id = 0x6505ABCDEF012345,
	      .host_id = "",
	      .arrival_s = 1795340000,
	      .size = 1234,
	      .state = LISTED_ACTIVE,
	      .sender = "a@example.org",
	      .rcpts = two,
	      .rcpt_count = 2 },
	    "6505ABCDEF012345*     1234 Sun Nov 22 09:33:20 a@example.org\n" AT47
	    "b@x.example\n" AT47 "c@x.example\n\n",
	    "{\"queue_name\": \"active\", \"queue_id\": \"6505ABCDEF012345\", "
	    "\"arrival_time\": 1795340000, \"message_size\": 1234, "
	    "\"forced_expire\": false, \"sender\": \"a@example.org\", "
	    "\"recipients\": [{\"address\": \"b@x.example\"}, "
	    "{\"address\": \"c@x.example\"}]}\n" },
	{ { .id = 0x6505ABCDEF012346,
	      .host_id = "",
	      .arrival_s = 1795340001,
	      .size = 12345678,
	      .state = LISTED_DEFERRED,
	      .sender = "",
	      .rcpts = four,
	      .rcpt_count = 4 },
	    "6505ABCDEF012346  12345678 Sun Nov 22 09:33:21 MAILER-DAEMON\n"
	    "                                                               "
	    "      (why one)\n" AT47 "b@x.example\n" AT47 "c@x.example\n"
	    "                                                               "
	    "(why \"two\" ?"
	    "?\\)\n" AT47 "d@x.example\n"
	    "(" L ")\n" AT47 "e@x.example\n\n",
	    "{\"queue_name\": \"deferred\", \"queue_id\": "
	    "\"6505ABCDEF012346\", \"arrival_time\": 1795340001, "
	    "\"message_size\": 12345678, \"forced_expire\": false, "
	    "\"sender\": \"MAILER-DAEMON\", \"recipients\": "
	    "[{\"address\": \"b@x.example\", \"delay_reason\": \"why one\"}, "
	    "{\"address\": \"c@x.example\", \"delay_reason\": \"why one\"}, "
	    "{\"address\": \"d@x.example\", \"delay_reason\": "
	    "\"why \\\"two\\\" ?"
	    "?\\\\\"}, "
	    "{\"address\": \"e@x.example\", \"delay_reason\": \"" L "\"}]}\n" },
	{ { .id = 0x6505ABCDEF012347,
	      .host_id = "",
	      .arrival_s = 1794776402,
	      .size = 9,
	      .state = LISTED_HOLD,
	      .sender = "x y@example",
	      .rcpts = quoted,
	      .rcpt_count = 1 },
	    "6505ABCDEF012347!        9 Sun Nov 15 21:00:02 x y@example\n" AT47
	    "\"b c\"@x.example\n\n",
	    "{\"queue_name\": \"hold\", \"queue_id\": \"6505ABCDEF012347\", "
	    "\"arrival_time\": 1794776402, \"message_size\": 9, "
	    "\"forced_expire\": false, \"sender\": \"x y@example\", "
	    "\"recipients\": [{\"address\": "
	    "\"\\\"b c\\\"@x.example\"}]}\n" },
};

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

static void
test_messages(void)
{
	for (size_t i = 0; i < CASES; i++) {
		const struct listed *m = &cases[i].m;
		time_t s = (time_t)m->arrival_s;
		struct buf out = { 0 };
		struct tm tm;

		pf_listing_message(m, gmtime_r(&s, &tm), &out);
		is_str(buf_cstr(&out), cases[i].text, "postqueue -p");
		buf_clear(&out);
		pf_listing_json(m, &out);
		is_str(buf_cstr(&out), cases[i].json, "postqueue -j");
		buf_fini(&out);
	}
}

static void
test_head_and_sum(void)
{
	static const struct {
		uint64_t kbytes, requests;
		const char *text;
	} sums[] = {
		{ 0, 0, "Mail queue is empty\n" },
		{ 0, 1, "-- 0 Kbytes in 1 Request.\n" },
		{ 12057, 4, "-- 12057 Kbytes in 4 Requests.\n" },
	};
	uint64_t kbytes, requests;
	struct buf out = { 0 };

	pf_listing_head(&out);
	is_str(buf_cstr(&out),
	    "----Queue ID----- --Size-- ---Arrival Time---- "
	    "--Sender/Recipient------\n",
	    "the head");
	for (size_t i = 0; i < 3; i++) {
		buf_clear(&out);
		pf_listing_sum(sums[i].kbytes, sums[i].requests, &out);
		is_str(buf_cstr(&out), sums[i].text, "the last line");
		ok(pf_listing_read_sum((struct slice){ out.p, out.len - 1 },
		       &kbytes, &requests) &&
			kbytes == sums[i].kbytes &&
			requests == sums[i].requests,
		    "is read again");
	}
	ok(!pf_listing_read_sum(slice_of("-- 1 Kbytes in 2 Requests"), &kbytes,
	       &requests),
	    "cut");
	ok(!pf_listing_read_sum(slice_of("-- x Kbytes in 2 Requests."), &kbytes,
	       &requests),
	    "no number");
	ok(!pf_listing_read_sum(slice_of("6505ABCDEF012345*  1 Sun"), &kbytes,
	       &requests),
	    "a message");
	buf_fini(&out);
}

/* With | for NUL. */
static void
test_showq(void)
{
	struct buf out = { 0 };

	pf_showq_begin(&out);
	pf_showq_message(&cases[1].m, &out);
	pf_showq_message(&cases[2].m, &out);
	pf_showq_end(&out);
	for (size_t i = 0; i < out.len; i++)
		if (out.p[i] == '\0')
			out.p[i] = '|';
	is_str(buf_cstr(&out),
	    "protocol|mail_queue_list_protocol||"
	    "queue_name|deferred|queue_id|6505ABCDEF012346|time|1795340001|"
	    "size|12345678|forced_expire|0|sender|MAILER-DAEMON|"
	    "recipient|b@x.example|reason|why one|"
	    "recipient|c@x.example|reason|why one|"
	    "recipient|d@x.example|reason|why \"two\" \x01\t\\|"
	    "recipient|e@x.example|reason|" L "||"
	    "queue_name|hold|queue_id|6505ABCDEF012347|time|1794776402|"
	    "size|9|forced_expire|0|sender|x y@example|"
	    "recipient|\"b c\"@x.example|reason|||"
	    "|",
	    "attributes");
	buf_fini(&out);
}

int
main(void)
{
	test_messages();
	test_head_and_sum();
	test_showq();
	return done_testing();
}
