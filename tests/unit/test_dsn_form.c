/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates of notifications: what is none, what becomes of them, and that no
 * value ends a field, begins another or leaves ASCII in a header.
 */
#include <string.h>

#include "mail/dsn_form.h"
#include "mail/encoded_word.h"
#include "tests/tap.h"

static struct region *rg;
static struct dsn_values vals;

/* ---- templates ----------------------------------------------------------- */

static const struct {
	const char *text, *wrong;
	unsigned line;
} faults[] = {
	{ "a {nobody}", "there is no variable {nobody}; {{ stands for {", 1 },
	{ "\n\n{ hostname }",
	    "there is no variable { hostname }; {{ stands "
	    "for {",
	    3 },
	{ "x\n{hostname\n}", "no \"}\" behind \"{\"; {{ stands for {", 2 },
	{ "{", "no \"}\" behind \"{\"; {{ stands for {", 1 },
	{ "a\nb\xff", "it is not UTF-8", 1 },
};

static void
test_faults(void)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct dsn_template t;
		unsigned line;
		struct err e = { "" };
		int rc = dsn_template_parse(slice_of(faults[i].text), rg, &t,
		    &line, &e);

		ok(rc == -1 && line == faults[i].line, "%s, in line %u", e.text,
		    line);
		is_str(e.text, faults[i].wrong, "why");
	}
}

static const char *
body(const char *text)
{
	struct dsn_template t;
	struct buf out = { 0 };
	const char *got;
	unsigned line;
	struct err e;

	if (dsn_template_parse(slice_of(text), rg, &t, &line, &e) == -1)
		return e.text[0] == '\0' ? "?" : region_strdup(rg, e.text);
	dsn_form_body(&t, &vals, rg, &out);
	got = region_strdup(rg, buf_cstr(&out));
	buf_fini(&out);
	return got;
}

static void
test_body(void)
{
	char wide[2000];
	const char *got;

	is_str(body("{hostname} to {ORIGINATOR}:\n{{x} {response}\r\n\nend"),
	    "mx.test to o@x.test:\r\n{x} 550 no\r\n\r\nend\r\n", "lines");
	is_str(body(""), "", "nothing");
	is_str(body("a\rb\r\r\nc"), "a\r\nb\r\n\r\nc\r\n",
	    "no CR stands alone");
	memset(wide, 'w', sizeof(wide) - 1);
	wide[sizeof(wide) - 1] = '\0';
	got = body(wide);
	ok(strcspn(got, "\r") == 900 && strlen(got) == 1999 + 6,
	    "no line is too long");
	memcpy(wide + 899, "\xc3\xa9", 2);
	got = body(wide);
	ok(strcspn(got, "\r") == 899 && (unsigned char)got[901] == 0xc3,
	    "nor ends within a character");
}

/* ---- header fields ------------------------------------------------------- */

static const char *
subject(const char *text)
{
	struct dsn_template t;
	struct buf out = { 0 };
	const char *got = "?";
	unsigned line;
	struct err e;

	if (dsn_template_parse(slice_of(text), rg, &t, &line, &e) == 0) {
		dsn_form_subject(&t, &vals, rg, &out);
		got = region_strdup(rg, buf_cstr(&out));
	}
	buf_fini(&out);
	return got;
}

static void
test_subject(void)
{
	is_str(subject("Not sent: {subject}"), "Not sent: hello\r\n", "ASCII");
	is_str(subject("a\r\nBcc: x@y.test\r\n\r\n{recipient}"),
	    "a Bcc: x@y.test r@x.test\r\n", "one line");
	is_str(subject("Unzustellbar: gr\xc3\xbc\xc3\x9f"),
	    "=?utf-8?B?VW56dXN0ZWxsYmFyOiBncsO8w58=?=\r\n", "encoded");
	is_str(subject("=?utf-8?B?eA==?="),
	    "=?utf-8?B?PT91dGYtOD9CP2VBPT0/PQ==?=\r\n",
	    "nobody is led to decode what was not encoded");
}

static const struct {
	const char *text;
	bool plain;
	const char *from; /* NULL: it is none */
} froms[] = {
	{ "bounces@x.test", false, "<bounces@x.test>\r\n" },
	{ "Mail at {hostname} <b@{hostname}>", false,
	    "\"Mail at mx.test\" <b@mx.test>\r\n" },
	{ "\"A, B \\\"C\\\"\" <b@x.test>", true,
	    "\"A, B \\\"C\\\"\" <b@x.test>\r\n" },
	{ "{x} <b@x.test>", true, "\"{x}\" <b@x.test>\r\n" },
	{ "Gr\xc3\xbc\xc3\x9f <b@x.test>", true,
	    "=?utf-8?B?R3LDvMOf?=\r\n <b@x.test>\r\n" },
	{ "{originator}", false, "<o@x.test>\r\n" },
	{ "{x} <b@x.test>", false, NULL },
	{ "nobody", true, NULL },
	{ "a@x.test, b@x.test", true, NULL },
	{ "A <a@x.test> <b@x.test", true, NULL },
	{ "A <a@x.test>, B <>", true, NULL },
	{ "A <j\xc3\xbcrg@x.test>", true, NULL },
	{ "A\xff <a@x.test>", true, NULL },
};

static void
test_from(void)
{
	for (size_t i = 0; i < sizeof(froms) / sizeof(froms[0]); i++) {
		struct dsn_from f;
		struct buf out = { 0 };
		struct err e;
		int rc = dsn_from_parse(froms[i].text, froms[i].plain, rg, &f,
		    &e);

		ok((rc == 0) == (froms[i].from != NULL), "%s: %s",
		    froms[i].text, rc == 0 ? "it is one" : e.text);
		if (rc == 0) {
			ok(dsn_form_from(&f, &vals, false, rg, &out), "filled");
			is_str(buf_cstr(&out), froms[i].from, froms[i].text);
		}
		buf_fini(&out);
	}
}

/* Who wrote the original chose these. */
static void
test_hostile(void)
{
	static const char *const originators[] = { "", "x",
		"a@x.test>, <b@y.test", "a@x.test> (", "a b@x.test",
		"\"a\" <c@x.test", "j\xc3\xbcrg@x.test" };
	struct dsn_values bad = vals;
	struct dsn_from f;
	struct buf out = { 0 };
	struct err e;

	ok(dsn_from_parse("{subject} <{originator}>", false, rg, &f, &e) == 0,
	    "a From of values");
	for (size_t i = 0; i < sizeof(originators) / sizeof(*originators);
	     i++) {
		bad.v[DSN_ORIGINATOR] = originators[i];
		ok(!dsn_form_from(&f, &bad, false, rg, &out) && out.len == 0,
		    "\"%s\" makes no From", originators[i]);
	}
	ok(dsn_form_from(&f, &bad, true, rg, &out),
	    "beyond ASCII in a notification that may be so");
	buf_clear(&out);
	bad.v[DSN_ORIGINATOR] = "o@x.test";
	bad.v[DSN_SUBJECT] = "x\" <v@y.test>,\\";
	ok(dsn_form_from(&f, &bad, false, rg, &out), "quotes in a name");
	is_str(buf_cstr(&out), "\"x\\\" <v@y.test>,\\\\\" <o@x.test>\r\n",
	    "stay in it");
	buf_fini(&out);
}

/* ---- encoded words ------------------------------------------------------- */

static const struct {
	const char *value, *text;
} words[] = {
	{ "plain  text", "plain  text" },
	{ "=?utf-8?B?Z3LDvMOf?=", "gr\xc3\xbc\xc3\x9f" },
	{ "=?UTF-8?q?a=C3=A9_b?= c", "a\xc3\xa9 b c" },
	{ "=?iso-8859-1?Q?gr=FC?=", "gr\xc3\xbc" },
	{ "=?utf-8*de?Q?a?=", "a" },
	{ "a =?utf-8?Q?b?=  =?utf-8?Q?c?= d", "a bc d" },
	{ "=?koi8-r?B?eA==?= x", "=?koi8-r?B?eA==?= x" },
	{ "=?utf-8?Q?=FF?=", "=?utf-8?Q?=FF?=" },
	{ "=?utf-8?B?*?=", "=?utf-8?B?*?=" },
	{ "=?utf-8?X?a?=", "=?utf-8?X?a?=" },
	{ "=?utf-8?Q?=4?=", "=?utf-8?Q?=4?=" },
	{ "=?utf-8?Q?a", "=?utf-8?Q?a" },
	{ "=?utf-8?Q", "=?utf-8?Q" },
	{ "=?", "=?" },
	{ "", "" },
};

static void
test_words(void)
{
	struct buf text = { 0 }, out = { 0 };
	const char *p;
	size_t longest = 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		is_str(encoded_word_read(words[i].value, rg), words[i].text,
		    words[i].value);
	for (int i = 0; i < 100; i++)
		buf_str(&text, "a\xe2\x82\xac");
	encoded_word_add(&out, buf_cstr(&text), 60);
	for (p = buf_cstr(&out); *p != '\0'; p += strcspn(p, "\r") + 2) {
		if (strcspn(p, "\r") > longest)
			longest = strcspn(p, "\r");
		if (p[strcspn(p, "\r")] == '\0')
			break;
	}
	ok(longest <= 76, "lines of %zu characters", longest);
	for (size_t i = 0; i + 1 < out.len; i++) /* as header_value() does */
		if (out.p[i] == '\r')
			out.p[i] = out.p[i + 1] = ' ';
	p = encoded_word_read(buf_cstr(&out), rg);
	is_str(p + strspn(p, " "), buf_cstr(&text), "all of it is there again");
	buf_fini(&text);
	buf_fini(&out);
}

int
main(void)
{
	rg = region_new();
	vals = (struct dsn_values){ { "mx.test", "o@x.test", "r@x.test",
	    "hello", "10m", "4d12h", "today", "1h", "550 no" } };
	test_faults();
	test_body();
	test_subject();
	test_from();
	test_hostile();
	test_words();
	region_free(&rg);
	return done_testing();
}
