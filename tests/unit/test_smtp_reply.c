/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reply is read the same however its bytes are cut into pieces; whatever is
 * not a reply breaks the parser; an EHLO reply gives extensions.
 */
#include <stdlib.h>

#include "lib/check.h"
#include "mail/ehlo.h"
#include "mail/smtp_reply.h"
#include "tests/tap.h"

static const struct {
	const char *label, *bytes;
	const char *want; /* "code dsn lines|text|rest", or "broken: why" */
} cases[] = {
	{ "one line", "250 ok\r\n", "250 0.0.0 1|250 ok|" },
	{ "LF alone", "250 ok\n", "250 0.0.0 1|250 ok|" },
	{ "no text", "250\r\n", "250 0.0.0 1|250|" },
	{ "no text but a blank", "250 \r\n", "250 0.0.0 1|250|" },
	{ "enhanced code", "550 5.1.1 no such user\r\n",
	    "550 5.1.1 1|550 5.1.1 no such user|" },
	{ "enhanced code alone", "550 5.1.1\r\n", "550 5.1.1 1|550 5.1.1|" },
	{ "enhanced code of another class", "550 4.1.1 x\r\n",
	    "550 0.0.0 1|550 4.1.1 x|" },
	{ "detail beyond a byte", "550 5.7.511 banned\r\n",
	    "550 5.7.0 1|550 5.7.511 banned|" },
	{ "no enhanced code: an address", "550 5.1.1.2 x\r\n",
	    "550 0.0.0 1|550 5.1.1.2 x|" },
	{ "no enhanced code: letters", "550 5.1.x x\r\n",
	    "550 0.0.0 1|550 5.1.x x|" },
	{ "two lines", "250-one\r\n250 two\r\n", "250 0.0.0 2|250 one two|" },
	{ "enhanced code on each line",
	    "550-5.7.1 we do\r\n550-5.7.1 not\r\n550 5.7.1 like you\r\n",
	    "550 5.7.1 3|550 5.7.1 we do not like you|" },
	{ "enhanced code on the last line only", "450-a\n450 4.2.1 b\n",
	    "450 4.2.1 2|450 a 4.2.1 b|" },
	{ "empty lines in it", "250-\r\n250-\r\n250 x\r\n",
	    "250 0.0.0 3|250 x|" },
	{ "the rest stays", "250 ok\r\n354 go\r\n",
	    "250 0.0.0 1|250 ok|354 go\r\n" },
	{ "mixed codes: worst", "250-a\r\n550-b\r\n450 c\r\n",
	    "550 0.0.0 3|550 a b c|" },
	{ "mixed codes: last of a class", "250-a\r\n354 b\r\n",
	    "354 0.0.0 2|354 a b|" },
	{ "control bytes and bad UTF-8", "550 a\x01\tb\xff\xc3\xa9\x7f\r\n",
	    "550 0.0.0 1|550 a? b?\xc3\xa9?|" },
	{ "overlong and surrogate UTF-8", "550 \xc0\xaf\xed\xa0\x80\r\n",
	    "550 0.0.0 1|550 ?????|" },
	{ "CR inside a line", "550 a\rb\r\n", "550 0.0.0 1|550 a?b|" },
	{ "unfinished line", "250 o", "more" },
	{ "unfinished reply", "250-o\r\n", "more" },
	{ "nothing", "", "more" },
	{ "letters", "hello\r\n", "broken: no reply code" },
	{ "empty line", "\r\n", "broken: no reply code" },
	{ "two digits", "25 ok\r\n", "broken: no reply code" },
	{ "first digit too low", "150 ok\r\n", "broken: no reply code" },
	{ "first digit too high", "650 ok\r\n", "broken: no reply code" },
	{ "four digits", "2500 ok\r\n",
	    "broken: no blank behind the reply code" },
	{ "a reply, then rubbish in it", "250-a\r\n\xff\xfe\r\n",
	    "broken: no reply code" },
	{ "HTTP", "HTTP/1.1 400 Bad Request\r\n", "broken: no reply code" },
};

static void
read_in_pieces(const char *bytes, size_t len, size_t first, size_t each,
    char *out, size_t cap)
{
	struct reply_parser p;
	enum reply_step step = REPLY_MORE;
	char text[REPLY_TEXT_MAX + 1];
	size_t at = 0;

	reply_parser_init(&p);
	while (at < len && step == REPLY_MORE) {
		size_t n = at == 0 && first > 0 ? first : each;
		const char *piece = bytes + at;
		size_t left = n < len - at ? n : len - at;

		step = reply_parser_feed(&p, &piece, &left);
		at = (size_t)(piece - bytes);
	}
	if (step == REPLY_DONE) {
		(void)smtp_reply_text(&p.reply, text, sizeof(text));
		(void)snprintf(out, cap, "%d %d.%d.%d %u|%s|%.*s", p.reply.code,
		    p.reply.dsn[0], p.reply.dsn[1], p.reply.dsn[2],
		    p.reply.lines, text, (int)(len - at), bytes + at);
	} else {
		(void)snprintf(out, cap, "%s%s",
		    step == REPLY_MORE ? "more" : "broken: ",
		    step == REPLY_MORE ? "" : p.why);
	}
	reply_parser_fini(&p);
}

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].bytes), bad = 0;
		char got[1400];

		read_in_pieces(cases[i].bytes, len, 0, len + 1, got,
		    sizeof(got));
		is_str(got, cases[i].want, cases[i].label);
		for (size_t cut = 1; cut < len; cut++) {
			read_in_pieces(cases[i].bytes, len, cut, len, got,
			    sizeof(got));
			bad += strcmp(got, cases[i].want) != 0;
		}
		read_in_pieces(cases[i].bytes, len, 0, 1, got, sizeof(got));
		bad += strcmp(got, cases[i].want) != 0;
		ok(bad == 0, "%s: cut anywhere", cases[i].label);
	}
}

/* `count` lines, each of `len` bytes with its end; the last one is final. */
static char *
many_lines(size_t count, size_t len, size_t *total_r)
{
	char *bytes = calloc(1, count * len + 1);

	for (size_t i = 0; i < count; i++) {
		char *line = bytes + i * len;

		memset(line, 'x', len);
		memcpy(line, i + 1 < count ? "250-" : "250 ", 4);
		memcpy(line + len - 2, "\r\n", 2);
	}
	*total_r = count * len;
	return bytes;
}

static const struct {
	const char *label;
	size_t count, len;
	const char *want; /* how what was read begins */
} limits[] = {
	{ "longest line", 1, 2048, "250 0.0.0 1|" },
	{ "line too long", 1, 2049, "broken: reply line too long" },
	{ "endless line", 1, 1000000, "broken: reply line too long" },
	{ "most lines", 100, 50, "250 0.0.0 100|" },
	{ "too many lines", 101, 50, "broken: reply of too many lines" },
	{ "endless reply", 10000, 10, "broken: reply of too many lines" },
	{ "longest reply", 32, 2048, "250 0.0.0 32|" },
	{ "reply too long", 33, 2048, "broken: reply too long" },
};

static void
test_limits(void)
{
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		char got[1400];
		size_t len;
		char *bytes = many_lines(limits[i].count, limits[i].len, &len);

		read_in_pieces(bytes, len, 0, 1000, got, sizeof(got));
		ok(strncmp(got, limits[i].want, strlen(limits[i].want)) == 0,
		    "%s", limits[i].label);
		free(bytes);
	}
}

static void
test_text_is_cut(void)
{
	char bytes[1600], text[REPLY_TEXT_MAX + 1], small[8];
	struct reply_parser p;
	const char *at = bytes;
	size_t len;

	memset(bytes, 'x', sizeof(bytes));
	memcpy(bytes, "250 ", 4);
	for (size_t i = 5; i < 1500; i += 2)
		memcpy(bytes + i, "\xc3\xa9", 2);
	memcpy(bytes + 1500, "\r\n", 2);
	len = 1502;
	reply_parser_init(&p);
	ok(reply_parser_feed(&p, &at, &len) == REPLY_DONE, "a long line");
	len = smtp_reply_text(&p.reply, text, sizeof(text));
	ok(len == 999 && strlen(text) == 999, "text is cut at a character");
	len = smtp_reply_text(&p.reply, small, sizeof(small));
	is_str(small, "250 x\xc3\xa9", "text in little room");
	is_int((int64_t)len, 7, "its length");
	reply_parser_fini(&p);
}

static void
test_one_after_another(void)
{
	const char *at = "250-a\r\n250 b\r\n550 5.1.1 c\r\n354 d\r\n";
	size_t len = strlen(at);
	struct reply_parser p;
	int codes[4], n = 0;

	reply_parser_init(&p);
	while (n < 4 && reply_parser_feed(&p, &at, &len) == REPLY_DONE)
		codes[n++] = p.reply.code;
	ok(n == 3 && codes[0] == 250 && codes[1] == 550 && codes[2] == 354,
	    "three replies in one piece");
	is_int(p.reply.dsn[0], 0, "nothing is left of the one before");
	reply_parser_fini(&p);
}

static const struct {
	const char *label, *reply;
	unsigned flags;
	uint64_t size_max;
	const char *keywords, *auth;
} ehlos[] = {
	{ "all",
	    "250-mx.example.net at your service\r\n250-PIPELINING\r\n"
	    "250-SIZE 35882577\r\n250-STARTTLS\r\n250-8BITMIME\r\n250-DSN\r\n"
	    "250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8\r\n",
	    EHLO_PIPELINING | EHLO_SIZE | EHLO_STARTTLS | EHLO_8BITMIME |
		EHLO_DSN | EHLO_SMTPUTF8,
	    35882577,
	    "PIPELINING,SIZE,STARTTLS,8BITMIME,DSN,ENHANCEDSTATUSCODES,"
	    "SMTPUTF8",
	    "" },
	{ "the first line is a name", "250 PIPELINING\r\n", 0, 0, "", "" },
	{ "any case", "250-x\r\n250-pipelining\r\n250 Size\r\n",
	    EHLO_PIPELINING | EHLO_SIZE, 0, "pipelining,Size", "" },
	{ "no limit", "250-x\r\n250 SIZE 0\r\n", EHLO_SIZE, 0, "SIZE", "" },
	{ "a limit that is no number", "250-x\r\n250 SIZE 1e9\r\n", EHLO_SIZE,
	    0, "SIZE", "" },
	{ "parameters", "250-x\r\n250 AUTH LOGIN  PLAIN\r\n", EHLO_AUTH, 0,
	    "AUTH", "LOGIN PLAIN" },
	{ "mechanisms in the form of before, too",
	    "250-x\r\n250-AUTH=NTLM\r\n250-Auth X_Y LOGIN\r\n250 AUTH=A\r\n",
	    EHLO_AUTH, 0, "Auth", "X_Y LOGIN" },
	{ "mechanisms in that form alone",
	    "250-x\r\n250-AUTH=\r\n250 auth=LOGIN PLAIN\r\n", 0, 0, "",
	    "LOGIN PLAIN" },
	{ "masked by a proxy", "250-x\r\n250-XXXXXXXA\r\n250 ****\r\n", 0, 0,
	    "XXXXXXXA", "" },
	{ "not keywords",
	    "250-x\r\n250-AUTO=LOGIN\r\n250--A\r\n250 PIPELINING,"
	    "\r\n",
	    0, 0, "", "" },
};

static void
test_ehlo(void)
{
	for (size_t i = 0; i < sizeof(ehlos) / sizeof(ehlos[0]); i++) {
		const char *at = ehlos[i].reply;
		size_t len = strlen(at);
		struct reply_parser p;
		struct ehlo e;

		reply_parser_init(&p);
		ok(reply_parser_feed(&p, &at, &len) == REPLY_DONE, "EHLO: %s",
		    ehlos[i].label);
		ehlo_parse(&p.reply, &e);
		is_int(e.flags, ehlos[i].flags, "its extensions");
		is_int((int64_t)e.size_max, (int64_t)ehlos[i].size_max,
		    "its size");
		is_str(e.keywords, ehlos[i].keywords, "its keywords");
		is_str(e.auth, ehlos[i].auth, "its mechanisms");
		reply_parser_fini(&p);
	}
}

static void
test_ehlo_is_bounded(void)
{
	size_t len;
	char *bytes = many_lines(90, 70, &len);
	const char *at = bytes;
	struct reply_parser p;
	struct ehlo e;

	reply_parser_init(&p);
	ok(reply_parser_feed(&p, &at, &len) == REPLY_DONE, "90 keywords");
	ehlo_parse(&p.reply, &e);
	ok(strlen(e.keywords) < sizeof(e.keywords) && strlen(e.keywords) > 400,
	    "as many are kept as fit");
	reply_parser_fini(&p);
	free(bytes);
}

/* The first is what such a firewall made of a greeting. */
static const struct {
	const char *reply;
	bool masked;
} greetings[] = {
	{ "220 **************************************************0*2******0***"
	  "********************2002*******2***0*00\r\n",
	    true },
	{ "220-**** ****\r\n220 **20\r\n", true },
	{ "220 mx.example.net ******** ESMTP\r\n", false },
	{ "220 ***\r\n", false },
	{ "220\r\n", false },
};

static void
test_masked(void)
{
	for (size_t i = 0; i < sizeof(greetings) / sizeof(greetings[0]); i++) {
		const char *at = greetings[i].reply;
		size_t len = strlen(at);
		struct reply_parser p;

		reply_parser_init(&p);
		CHECK(reply_parser_feed(&p, &at, &len) == REPLY_DONE);
		is_int(smtp_reply_is_masked(&p.reply), greetings[i].masked,
		    greetings[i].reply);
		reply_parser_fini(&p);
	}
}

int
main(void)
{
	test_cases();
	test_limits();
	test_text_is_cut();
	test_one_after_another();
	test_ehlo();
	test_ehlo_is_bounded();
	test_masked();
	return done_testing();
}
