/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message as exim -Mvh prints it: each field with its length and its letter,
 * as Exim 4.96 printed them, and nobody writes a line of his own.
 */
#include "compat/exim/ex_cat.h"

#include "tests/tap.h"

static void
test_header(void)
{
	struct buf out = { 0 };

	ex_cat_header((struct slice)SLICE_LIT(
			  "Received: from [127.0.0.1] (helo=x)\n"
			  "\tby vm with esmtp (Exim 4.96)\n"
			  "Subject: x\n"
			  "Message-Id: <E1xVCZ0-0000BC-0S@vm>\n"
			  "FROM : a@own.example\n"
			  "no colon\n"
			  "x:\n"),
	    &out);
	is_str(buf_cstr(&out),
	    "066P Received: from [127.0.0.1] (helo=x)\n"
	    "\tby vm with esmtp (Exim 4.96)\n"
	    "011  Subject: x\n"
	    "035I Message-Id: <E1xVCZ0-0000BC-0S@vm>\n"
	    "021F FROM : a@own.example\n"
	    "009  no colon\n"
	    "003  x:\n",
	    "fields");
	buf_clear(&out);
	ex_cat_header((struct slice)SLICE_LIT("To: a@b\n c@d"), &out);
	is_str(buf_cstr(&out), "012T To: a@b\n c@d", "the last without an end");
	buf_clear(&out);
	ex_cat_header((struct slice){ "", 0 }, &out);
	is_str(buf_cstr(&out), "", "none");
	buf_fini(&out);
}

static void
test_envelope(void)
{
	struct buf rcpts = { 0 }, out = { 0 };
	struct ex_cat m = { .id = "1xVCZ0-0000BC-00",
		.sender = "",
		.user = "",
		.arrival_s = 1795373122,
		.rcpt_count = 2 };

	ex_cat_rcpt("b@nowhere.example", &rcpts);
	ex_cat_rcpt("\"x\ny\"@nowhere.example", &rcpts);
	m.rcpts = (struct slice){ rcpts.p, rcpts.len };
	ex_cat_envelope(&m, &out);
	is_str(buf_cstr(&out),
	    "1xVCZ0-0000BC-00-H\nmailrace 0 0\n<>\n1795373122 0\nXX\n2\n"
	    "b@nowhere.example\n\"x\\ny\"@nowhere.example\n\n",
	    "the null sender");
	buf_clear(&out);
	m.sender = "a@own.example";
	m.user = "bob";
	m.rcpts.len = m.rcpt_count = 0;
	ex_cat_envelope(&m, &out);
	is_str(buf_cstr(&out),
	    "1xVCZ0-0000BC-00-H\nmailrace 0 0\n<a@own.example>\n1795373122 0\n"
	    "-auth_id bob\nXX\n0\n\n",
	    "a user");
	buf_fini(&rcpts);
	buf_fini(&out);
}

int
main(void)
{
	test_header();
	test_envelope();
	return done_testing();
}
