/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a pickup directory: what is one, and the message that it has. */
#include <string.h>

#include "mail/pickup_file.h"
#include "tests/tap.h"

static const struct {
	const char *label, *file;
	bool un_dot;
	const char *got; /* "SENDER>RCPT,RCPT|message", or what is wrong */
} cases[] = {
	{ "a file", "x-sender: a@b.test\nx-receiver: c@d.test\nA: b\n\nx\n",
	    false, "a@b.test>c@d.test|A: b\r\n\r\nx\r\n" },
	{ "CRLF, capitals, brackets, several",
	    "X-Receiver: <c@D.test>\r\nX-SENDER:<a@b.test>\r\n"
	    "x-receiver:e@f.test \r\nA: b\r\n\r\nx",
	    false, "a@b.test>c@D.test,e@f.test|A: b\r\n\r\nx\r\n" },
	{ "the null sender", "x-sender:\nx-receiver: c@d.test\n\n", false,
	    ">c@d.test|\r\n" },
	{ "another sender",
	    "x-sender: a@b.test\nx-receiver: c@d.test\n"
	    "x-sender-override: o@b.test\n\n",
	    false, "o@b.test>c@d.test|\r\n" },
	{ "only another sender",
	    "x-receiver: c@d.test\nx-sender-override: o@b.test\n\n", false,
	    "o@b.test>c@d.test|\r\n" },
	{ "fields among them stay, the same names further down as well",
	    "x-sender: a@b.test\nX-Job: j1\nx-receiver: c@d.test\n"
	    "x-virtual-mta: v\nx-envid: e\nSubject: s\nx-receiver: z@z.test\n"
	    "\nx-receiver: y@y.test\n",
	    false,
	    "a@b.test>c@d.test|X-Job: j1\r\nx-virtual-mta: v\r\nx-envid: e\r\n"
	    "Subject: s\r\nx-receiver: z@z.test\r\n\r\n"
	    "x-receiver: y@y.test\r\n" },
	{ "dots as they are",
	    "x-sender: a@b.test\nx-receiver: c@d.test\n\n.\n..x\n", false,
	    "a@b.test>c@d.test|\r\n..\r\n...x\r\n" },
	{ "doubled dots",
	    "x-sender: a@b.test\nx-receiver: c@d.test\n\n..\n..x\ny\n.\nz\n",
	    true, "a@b.test>c@d.test|\r\n..\r\n..x\r\ny\r\n" },
	{ "a CR alone is left to the intake",
	    "x-sender: a@b.test\nx-receiver: c@d.test\n\na\rb\n", false,
	    "a@b.test>c@d.test|\r\na\rb\r\n" },
	{ "no sender", "x-receiver: c@d.test\n\n", false,
	    "there is no x-sender" },
	{ "no recipient", "x-sender: a@b.test\n\n", false,
	    "there is no x-receiver" },
	{ "no message", "x-sender: a@b.test\nx-receiver: c@d.test\n", false,
	    "there is no message" },
	{ "empty", "", false, "there is no x-sender" },
	{ "no address", "x-sender: a@b.test\nx-receiver: \"N\" <c@d.test>\n\n",
	    false, "line 2: not an address: \"N\" <c@d.test>" },
	{ "an address on two lines",
	    "x-sender: a@b.test\nx-receiver: c@d.test>\r\rRCPT\n\n", false,
	    "line 2: not an address: c@d.test>\r\rRCPT" },
	{ "no recipient in it", "x-sender: a@b.test\nx-receiver: <>\n\n", false,
	    "line 2: an empty x-receiver" },
	{ "no domain", "x-sender: a\nx-receiver: c@d.test\n\n", false,
	    "line 1: not an address: a" },
	{ "BSMTP", "helo x\nMAIL FROM:<a@b.test>\n", false,
	    "SMTP commands in a file are not understood" },
};

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct region *rg = region_new();
		struct pickup_file f;
		struct buf got = { 0 };
		struct err e;

		if (pickup_file_read(slice_of(cases[i].file), cases[i].un_dot,
			rg, &f, &e) == -1) {
			buf_str(&got, e.text);
		} else {
			buf_printf(&got, "%s>", f.sender);
			for (size_t k = 0; k < f.rcpt_count; k++)
				buf_printf(&got, "%s%s", k == 0 ? "" : ",",
				    f.rcpts[k]);
			buf_printf(&got, "|%s", buf_cstr(&f.text));
		}
		is_str(buf_cstr(&got), cases[i].got, cases[i].label);
		pickup_file_fini(&f);
		buf_fini(&got);
		region_free(&rg);
	}
}

static void
test_again(void)
{
	static const char file[] =
	    "X-Sender: <a@b.test>\r\nx-receiver: c@d.test\r\nX-Job: j\r\n"
	    "x-receiver: e@f.test\r\nx-receiver: j\xc3\xb6@f.test\r\n"
	    "A: b\r\n\r\n.x\n";
	static const size_t which[] = { 0, 2 };
	struct region *rg = region_new();
	struct pickup_file f, again;
	struct buf out = { 0 };
	struct err e;

	ok(pickup_file_read(slice_of(file), false, rg, &f, &e) == 0 && f.utf8,
	    "an address beyond ASCII");
	pickup_file_again(slice_of(file), &f, which, 2, &out);
	is_str(buf_cstr(&out),
	    "x-sender: a@b.test\nx-receiver: c@d.test\n"
	    "x-receiver: j\xc3\xb6@f.test\nX-Job: j\r\nA: b\r\n\r\n.x\n",
	    "the same for some of them");
	ok(pickup_file_read((struct slice){ out.p, out.len }, false, rg, &again,
	       &e) == 0 &&
		again.rcpt_count == 2 &&
		strcmp(buf_cstr(&again.text), buf_cstr(&f.text)) == 0,
	    "which is such a file, of the same message");
	pickup_file_fini(&again);
	pickup_file_fini(&f);
	buf_fini(&out);
	region_free(&rg);
}

int
main(void)
{
	test_cases();
	test_again();
	return done_testing();
}
