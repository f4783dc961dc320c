/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines of a client: what is understood and what is refused how. */
#include <stdlib.h>

#include "mail/envelope.h"
#include "mail/smtp_cmd.h"
#include "mail/xtext.h"
#include "tests/tap.h"

/* reply: the first words of the refusal, or NULL. */
static const struct {
	const char *label, *line, *reply;
	enum smtp_verb verb;
	const char *addr, *domain;
} cases[] = {
	{ "MAIL", "MAIL FROM:<a@b.example>", NULL, SMTP_VERB_MAIL,
	    "a@b.example", "b.example" },
	{ "lower case, blanks", "mail from: <a@b.example> ", NULL,
	    SMTP_VERB_MAIL, "a@b.example", "b.example" },
	{ "null sender", "MAIL FROM:<>", NULL, SMTP_VERB_MAIL, "", "" },
	{ "RCPT", "RCPT TO:<a@b.example>", NULL, SMTP_VERB_RCPT, "a@b.example",
	    "b.example" },
	{ "null recipient", "RCPT TO:<>", "501 5.1.3", SMTP_VERB_RCPT, "", "" },
	{ "postmaster", "RCPT TO:<Postmaster>", NULL, SMTP_VERB_RCPT,
	    "Postmaster", "" },
	{ "sender without domain", "MAIL FROM:<root>", "501 5.1.7",
	    SMTP_VERB_MAIL, "root", "" },
	{ "no brackets", "MAIL FROM:a@b.example", "501 5.1.7", SMTP_VERB_MAIL,
	    "", "" },
	{ "MAIL TO", "MAIL TO:<a@b.example>", "501 5.5.4", SMTP_VERB_MAIL, "",
	    "" },
	{ "glued parameter", "MAIL FROM:<a@b.example>SIZE=1", "501 5.1.7",
	    SMTP_VERB_MAIL, "a@b.example", "b.example" },
	{ "unknown parameter", "MAIL FROM:<a@b.example> FOO=1", "555 5.5.4",
	    SMTP_VERB_MAIL, "a@b.example", "b.example" },
	{ "parameter of RCPT", "MAIL FROM:<a@b.example> NOTIFY=NEVER",
	    "555 5.5.4", SMTP_VERB_MAIL, "a@b.example", "b.example" },
	{ "SIZE twice", "MAIL FROM:<a@b.example> SIZE=1 SIZE=2", "501 5.5.4",
	    SMTP_VERB_MAIL, "a@b.example", "b.example" },
	{ "SIZE no number", "MAIL FROM:<a@b.example> SIZE=1k", "501 5.5.4",
	    SMTP_VERB_MAIL, "a@b.example", "b.example" },
	{ "SIZE too long", "MAIL FROM:<a@b.example> SIZE=99999999999999999999",
	    "501 5.5.4", SMTP_VERB_MAIL, "a@b.example", "b.example" },
	{ "BODY binary", "MAIL FROM:<a@b.example> BODY=BINARYMIME", "501 5.5.4",
	    SMTP_VERB_MAIL, "a@b.example", "b.example" },
	{ "VERP with a value", "MAIL FROM:<a@b.example> VERP=1", "501 5.5.4",
	    SMTP_VERB_MAIL, "a@b.example", "b.example" },
	{ "VERP twice", "MAIL FROM:<a@b.example> VERP verp", "501 5.5.4",
	    SMTP_VERB_MAIL, "a@b.example", "b.example" },
	{ "VERP of a recipient", "RCPT TO:<a@b.example> VERP", "555 5.5.4",
	    SMTP_VERB_RCPT, "a@b.example", "b.example" },
	{ "RET unknown", "MAIL FROM:<a@b.example> RET=ALL", "501 5.5.4",
	    SMTP_VERB_MAIL, "a@b.example", "b.example" },
	{ "ENVID not xtext", "MAIL FROM:<a@b.example> ENVID=a+zz", "501 5.5.4",
	    SMTP_VERB_MAIL, "a@b.example", "b.example" },
	{ "NEVER with others", "RCPT TO:<a@b.example> NOTIFY=NEVER,DELAY",
	    "501 5.5.4", SMTP_VERB_RCPT, "a@b.example", "b.example" },
	{ "NOTIFY empty word", "RCPT TO:<a@b.example> NOTIFY=DELAY,",
	    "501 5.5.4", SMTP_VERB_RCPT, "a@b.example", "b.example" },
	{ "ORCPT without type", "RCPT TO:<a@b.example> ORCPT=a@b.example",
	    "501 5.5.4", SMTP_VERB_RCPT, "a@b.example", "b.example" },
	{ "LHLO", "LHLO mta.example", NULL, SMTP_VERB_LHLO, "", "" },
	{ "EHLO literal", "EHLO [IPv6:::1]", NULL, SMTP_VERB_EHLO, "", "" },
	{ "EHLO nothing", "EHLO", "501 5.5.4", SMTP_VERB_EHLO, "", "" },
	{ "EHLO two words", "EHLO a b", "501 5.5.4", SMTP_VERB_EHLO, "", "" },
	{ "EHLO comment", "EHLO a(b)", "501 5.5.4", SMTP_VERB_EHLO, "", "" },
	{ "DATA", "DATA", NULL, SMTP_VERB_DATA, "", "" },
	{ "DATA with more", "DATA now", "501 5.5.4", SMTP_VERB_DATA, "", "" },
	{ "QUIT", "quit ", NULL, SMTP_VERB_QUIT, "", "" },
	{ "NOOP with more", "NOOP hello", NULL, SMTP_VERB_NOOP, "", "" },
	{ "VRFY", "VRFY someone", NULL, SMTP_VERB_VRFY, "", "" },
	{ "web browser", "POST / HTTP/1.1", NULL, SMTP_VERB_HTTP, "", "" },
	{ "BDAT", "BDAT 10", NULL, SMTP_VERB_BDAT, "", "" },
	{ "BDAT LAST", "bdat 0 last", NULL, SMTP_VERB_BDAT, "", "" },
	{ "BDAT without", "BDAT", "501 5.5.4", SMTP_VERB_BDAT, "", "" },
	{ "BDAT, no number", "BDAT x", "501 5.5.4", SMTP_VERB_BDAT, "", "" },
	{ "BDAT, negative", "BDAT -1", "501 5.5.4", SMTP_VERB_BDAT, "", "" },
	{ "BDAT and more", "BDAT 1 LAST x", "501 5.5.4", SMTP_VERB_BDAT, "",
	    "" },
	{ "BDAT, not LAST", "BDAT 1 FIRST", "501 5.5.4", SMTP_VERB_BDAT, "",
	    "" },
	{ "XCLIENT", "XCLIENT ADDR=192.0.2.1 LOGIN=a", NULL, SMTP_VERB_XCLIENT,
	    "", "" },
	{ "XCLIENT, no such attribute", "XCLIENT IDENT=4FX", "501 5.5.4",
	    SMTP_VERB_XCLIENT, "", "" },
	{ "PROXY", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2", NULL, SMTP_VERB_PROXY, "",
	    "" },
	{ "nonsense", "FROB", NULL, SMTP_VERB_UNKNOWN, "", "" },
	{ "nothing", "", "500 5.5.2", SMTP_VERB_UNKNOWN, "", "" },
	{ "control byte", "RCPT TO:<a\rb@c.example>", "500 5.5.2",
	    SMTP_VERB_RCPT, "", "" },
};

static void
test_cases(struct region *rg)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct smtp_cmd c;
		const char *why = smtp_cmd_parse(slice_of(cases[i].line), rg,
		    &c);

		if (cases[i].reply == NULL)
			is_str(why == NULL ? "good" : why, "good",
			    cases[i].label);
		else
			ok(why != NULL &&
				strncmp(why, cases[i].reply,
				    strlen(cases[i].reply)) == 0,
			    "%s: %s", cases[i].label,
			    why == NULL ? "not refused" : why);
		ok(c.verb == cases[i].verb, "%s: verb", cases[i].label);
		is_str(c.addr.text, cases[i].addr, cases[i].label);
		is_str(c.addr.domain, cases[i].domain, cases[i].label);
	}
}

/* What stands in the place of an address that nobody can read. */
static void
test_unparsed(struct region *rg)
{
	static const struct {
		const char *line, *unparsed; /* NULL: nobody is named */
	} rcpts[] = {
		{ "RCPT TO:<a@b.example>", NULL },
		{ "RCPT TO:<a b@c>", "a b@c" },
		{ "RCPT TO:<a b@c> NOTIFY=NEVER", "a b@c" },
		{ "RCPT TO:<a@@b>>", "a@@b>" },
		{ "RCPT TO:<a@b c.example NOTIFY=NEVER", NULL },
		{ "RCPT TO:<a@b..example", "a@b..example" },
		{ "RCPT TO:a@b NOTIFY=NEVER", "a@b" },
		{ "RCPT TO:<a@b.example>x", "a@b.example>x" },
		{ "RCPT TO:<\xC3\xA4 \xFF@b>", "?? ?@b" },
		{ "RCPT TO:<>", NULL },
		{ "RCPT TO:<", "<" },
		{ "RCPT TO:", NULL },
		{ "RCPT TO:<a b@c> NOTIFY=MAYBE", NULL },
		{ "RCPT <a b@c>", NULL },
		{ "MAIL FROM:<a b@c>", NULL },
	};
	char longest[2 * ADDR_LOCAL_MAX + ADDR_DOMAIN_MAX];
	struct smtp_cmd c;

	for (size_t i = 0; i < sizeof(rcpts) / sizeof(rcpts[0]); i++) {
		(void)smtp_cmd_parse(slice_of(rcpts[i].line), rg, &c);
		is_str(c.unparsed == NULL ? "nobody" : c.unparsed,
		    rcpts[i].unparsed == NULL ? "nobody" : rcpts[i].unparsed,
		    rcpts[i].line);
	}
	memset(longest, ' ', sizeof(longest));
	memcpy(longest, "RCPT TO:<a", 10);
	longest[sizeof(longest) - 1] = '>';
	(void)smtp_cmd_parse((struct slice){ longest, sizeof(longest) }, rg,
	    &c);
	ok(c.unparsed != NULL &&
		strlen(c.unparsed) == ADDR_LOCAL_MAX + 1 + ADDR_DOMAIN_MAX,
	    "no longer than an address");
}

/* What Postfix sends, as recorded. */
static void
test_postfix(struct region *rg)
{
	struct smtp_cmd c;

	ok(smtp_cmd_parse(slice_of("MAIL FROM:<sender@lab.example> SIZE=301 "
				   "BODY=8BITMIME ENVID=QQ314159 RET=HDRS "
				   "SMTPUTF8"),
	       rg, &c) == NULL,
	    "Postfix's MAIL");
	ok(c.has_size && c.size == 301, "SIZE");
	ok(c.utf8 && c.ret == RET_HDRS, "SMTPUTF8, RET");
	is_str(c.envid, "QQ314159", "ENVID");
	ok(smtp_cmd_parse(slice_of("RCPT TO:<ok1@dom1.example> "
				   "ORCPT=rfc822;ok1+2Bx@dom1.example "
				   "NOTIFY=SUCCESS,DELAY"),
	       rg, &c) == NULL,
	    "Postfix's RCPT");
	is_str(c.orcpt, "rfc822;ok1+2Bx@dom1.example", "ORCPT as it came");
	is_int(c.notify, NOTIFY_SUCCESS | NOTIFY_DELAY, "NOTIFY");
	ok(!c.utf8, "no SMTPUTF8 needed");
	ok(smtp_cmd_parse(slice_of("RCPT TO:<\xC3\xA4@x.example> "
				   "ORCPT=utf-8;\xC3\xA4@x.example"),
	       rg, &c) == NULL &&
		c.utf8,
	    "here it is");
	ok(smtp_cmd_parse(slice_of("XFORWARD PROTO=ESMTP HELO=a+20b "
				   "IDENT=B7E37A8A1C8 SOURCE=LOCAL "
				   "NAME=[UNAVAILABLE]"),
	       rg, &c) == NULL,
	    "Postfix's XFORWARD");
	is_str(c.xforward.ident, "B7E37A8A1C8", "IDENT");
	is_str(c.xforward.helo, "a b", "xtext is decoded");
	is_str(c.xforward.name, "", "told to be unknown");
	ok(c.xforward.addr == NULL, "not told");
	ok(smtp_cmd_parse(slice_of("XFORWARD IDENT=a+0D+0Ab"), rg, &c) != NULL,
	    "no line break comes in by xtext");
	ok(smtp_cmd_parse(slice_of("XFORWARD FOO=a"), rg, &c) != NULL,
	    "unknown attribute");
	ok(xtext_decode(slice_of("a+00b"), rg) == NULL, "no NUL either");
	is_str(xtext_decode(slice_of("a+2Bb+3d"), rg), "a+b=", "xtext");
	is_str(xtext_encode("a+b= \xC3~", 100, rg), "a+2Bb+3D+20+C3~", "made");
	is_str(xtext_encode("ab+", 4, rg), "ab", "never half of an octet");
	is_str(xtext_encode("ab+", 5, rg), "ab+2B", "as long as it may be");
}

static void
test_lines(void)
{
	static const char text[] = "NOOP\r\n\nQUIT\r\n";
	static const char *const want[] = { "NOOP", "", "QUIT" };
	struct smtp_line *l = mem_new(struct smtp_line);

	for (size_t step = 1; step <= sizeof(text); step++) {
		size_t n = 0, left = sizeof(text) - 1;
		const char *p = text;
		bool good = true;

		while (left > 0) {
			size_t piece = left < step ? left : step, was = piece;

			if (smtp_line_feed(l, &p, &piece) == SMTP_LINE_DONE) {
				good = good && n < 3 &&
				    l->len == strlen(want[n]) &&
				    memcmp(l->text, want[n], l->len) == 0;
				n++;
			}
			left -= was - piece;
		}
		ok(good && n == 3, "lines in pieces of %zu", step);
	}
	free(l);
}

static void
test_long_lines(void)
{
	struct smtp_line *l = mem_new(struct smtp_line);
	char text[SMTP_LINE_MAX + 1];
	const char *p = text;
	size_t len = SMTP_LINE_MAX;

	memset(text, 'x', sizeof(text));
	memcpy(text + SMTP_LINE_MAX - 2, "\r\n", 2);
	ok(smtp_line_feed(l, &p, &len) == SMTP_LINE_DONE, "2048 with CRLF");
	is_int((int64_t)l->len, SMTP_LINE_MAX - 2, "all of it");
	memset(text, 'x', sizeof(text));
	p = text;
	len = sizeof(text);
	ok(smtp_line_feed(l, &p, &len) == SMTP_LINE_MORE, "no end yet");
	p = "x\nNOOP\n";
	len = 7;
	ok(smtp_line_feed(l, &p, &len) == SMTP_LINE_TOO_LONG, "too long");
	is_int((int64_t)l->len, SMTP_LINE_MAX, "its beginning is there");
	ok(smtp_line_feed(l, &p, &len) == SMTP_LINE_DONE && l->len == 4,
	    "the line behind it is good");
	free(l);
}

int
main(void)
{
	struct region *rg = region_new();

	test_cases(rg);
	test_unparsed(rg);
	test_postfix(rg);
	test_lines();
	test_long_lines();
	region_free(&rg);
	return done_testing();
}
