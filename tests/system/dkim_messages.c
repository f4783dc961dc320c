/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/dkim_messages.h"

#include <string.h>

#include "mail/dot_stuff.h"

#define BODY "one\r\ntwo\r\n"
#define FROM "From: A <a@example.net>\r\n"
#define COUNT(v) ((unsigned)(sizeof(v) / sizeof((v)[0])))

/* Makes what a literal is too small for. */
typedef void make_fn(struct buf *b);

static void
add_1500_fields(struct buf *b)
{
	buf_str(b, FROM);
	for (unsigned i = 0; i < 1500; i++)
		buf_printf(b, "X-%u: %u\r\nReferences: <%u@x>\r\n", i, i, i);
	buf_str(b, "\r\n" BODY);
}

static void
add_field_of(struct buf *b, size_t len)
{
	buf_str(b, FROM "Subject:");
	for (size_t i = 0; i < len; i += 7)
		buf_str(b, i % 70 == 63 ? " words\r\n" : " words,");
	buf_str(b, " end\r\n\r\n" BODY);
}

static void
add_66k_field(struct buf *b)
{
	add_field_of(b, 66000);
}

static void
add_200k_field(struct buf *b)
{
	add_field_of(b, 200000);
}

static void
add_100k_line(struct buf *b)
{
	buf_str(b, FROM "\r\n");
	for (unsigned i = 0; i < 100000; i++)
		buf_byte(b, i % 7 == 0 ? ' ' : 'x');
	buf_str(b, "\r\n");
}

static void
add_nul_bytes(struct buf *b)
{
	buf_str(b, FROM "\r\n");
	buf_add(b, "a\0b \0\r\n", 7);
}

/* What the last delivery makes of a CR or LF that stands alone. */
static void
add_mended(struct buf *b)
{
	static const char body[] = "one\ntwo \r three\r\r\nfour \n\r\nfive";
	struct slice in = { body, sizeof(body) - 1 }, run;
	struct dot_stuff d;

	buf_str(b, FROM "\r\n");
	dot_stuff_init(&d);
	while (dot_stuff_next(&d, &in, &run))
		buf_add(b, run.p, run.len);
	run = dot_stuff_end(&d);
	buf_add(b, run.p, run.len);
}

static const struct {
	const char *label, *text;
	make_fn *make;
} edges[] = {
	{ "plain",
	    FROM "To: b@d\r\nSubject: hi\r\nDate: x\r\n"
		 "Message-ID: <1@d>\r\n\r\n" BODY,
	    NULL },
	{ "empty-body", FROM "\r\n", NULL },
	{ "no-body-at-all", FROM, NULL },
	{ "one-empty-line", FROM "\r\n\r\n", NULL },
	{ "trailing-empty-lines", FROM "\r\n" BODY "\r\n\r\n\r\n", NULL },
	{ "trailing-blank-lines", FROM "\r\n" BODY " \r\n\t \r\n  \r\n", NULL },
	{ "blanks-only-body", FROM "\r\n   \r\n\t\r\n", NULL },
	{ "blanks-at-line-ends", FROM "\r\na \r\nb\t\r\nc \t \r\n", NULL },
	{ "blanks-inside", FROM "\r\na  b\tc \t d\r\n", NULL },
	{ "blanks-in-front", FROM "\r\n a\r\n\tb\r\n  c\r\n", NULL },
	{ "dots", FROM "\r\n.\r\n..\r\n.a\r\n", NULL },
	{ "fold-behind-colon", FROM "Subject:\r\n hi\r\n\r\n" BODY, NULL },
	{ "many-folds", FROM "Subject: a\r\n b\r\n\tc\r\n  d\r\n\r\n" BODY,
	    NULL },
	{ "fold-with-blanks", FROM "Subject: a \r\n \t b\t\r\n c\r\n\r\n" BODY,
	    NULL },
	{ "fold-of-blanks", FROM "Subject: a\r\n  \r\n b\r\n\r\n" BODY, NULL },
	{ "no-blank-behind-colon",
	    "From:a@example.net\r\nSubject:x\r\n\r\n" BODY, NULL },
	{ "many-blanks-behind-colon", FROM "Subject:    x  y\r\n\r\n" BODY,
	    NULL },
	{ "blank-before-colon", FROM "Subject : hi\r\n\r\n" BODY, NULL },
	{ "empty-subject", FROM "Subject:\r\n\r\n" BODY, NULL },
	{ "blank-subject", FROM "Subject:   \r\n\r\n" BODY, NULL },
	{ "upper-case-names", "FROM: a@example.net\r\nSUBJECT: X\r\n\r\n" BODY,
	    NULL },
	{ "8-bit-header", FROM "Subject: \xc3\xa4\xff  \x80\r\n\r\n" BODY,
	    NULL },
	{ "8-bit-body", FROM "\r\n\xc3\xa4 \xff  \x80\r\n", NULL },
	{ "nul-bytes", NULL, add_nul_bytes },
	{ "100-kb-line", NULL, add_100k_line },
	{ "two-subjects", FROM "Subject: 1\r\nSubject: 2\r\n\r\n" BODY, NULL },
	{ "three-to-around",
	    "To: 1@d\r\n" FROM "To: 2@d\r\nCc: c@d\r\n"
	    "To: 3@d\r\n\r\n" BODY,
	    NULL },
	{ "two-from", FROM "From: b@example.net\r\n\r\n" BODY, NULL },
	{ "no-from", "Subject: x\r\n\r\n" BODY, NULL },
	{ "bulk",
	    FROM "List-Unsubscribe: <https://x/?a=b;c=d>\r\n"
		 "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
		 "List-Id: <l.example.net>\r\nFeedback-ID: a:b:c\r\n"
		 "\r\n" BODY,
	    NULL },
	{ "mime",
	    FROM "MIME-Version: 1.0\r\n"
		 "Content-Type: multipart/mixed;\r\n\tboundary=\"x\"\r\n"
		 "Content-Transfer-Encoding: 8bit\r\n\r\n"
		 "--x\r\n\r\na\r\n--x--\r\n",
	    NULL },
	{ "other-signature",
	    "DKIM-Signature: v=1; a=rsa-sha256; d=o.example;"
	    " s=x; h=From; bh=; b=\r\n" FROM "\r\n" BODY,
	    NULL },
	{ "no-final-line-end", FROM "\r\none\r\ntwo", NULL },
	{ "1500-fields", NULL, add_1500_fields },
	{ "66-kb-field", NULL, add_66k_field },
	{ "200-kb-field", NULL, add_200k_field },
	{ "line-ends-mended", NULL, add_mended },
	{ "lf-alone", FROM "\r\none\ntwo \n three\r\n", NULL },
	{ "cr-alone", FROM "\r\none\rtwo \r three\r\n", NULL },
	{ "junk-line", FROM "no field at all\r\nTo: b\r\n\r\n" BODY, NULL },
};

size_t
dkim_edge_count(void)
{
	return COUNT(edges);
}

const char *
dkim_edge(size_t i, struct buf *text)
{
	if (edges[i].make != NULL)
		edges[i].make(text);
	else
		buf_str(text, edges[i].text);
	return edges[i].label;
}

/* ---- random -------------------------------------------------------------- */

unsigned
dkim_below(uint64_t *state, unsigned n)
{
	uint64_t s = *state;

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	*state = s;
	return (unsigned)((s >> 11) % n);
}

static const char *
one_of(uint64_t *s, const char *const *v, unsigned n)
{
	return v[dkim_below(s, n)];
}

static void
add_words(uint64_t *s, struct buf *b, bool header)
{
	static const char *const words[] = { "a", "word", "\xc3\xa4",
		"=?utf-8?q?x?=", "\"", ";", ":", "\x80\xff", "0123456789",
		"<x@y>", ".", "b=", "=3D", "From:", "\x01" };
	static const char *const blanks[] = { " ", " ", " ", "\t", "  ", " \t",
		"\t\t \t", "" };
	static const char *const folds[] = { "\r\n\t", " \r\n  ", "\r\n ",
		"\t\r\n \t" };
	unsigned n = dkim_below(s, dkim_below(s, 8) == 0 ? 60 : 12);

	for (unsigned i = 0; i < n; i++) {
		if (header && dkim_below(s, 5) == 0)
			buf_str(b, one_of(s, folds, COUNT(folds)));
		else
			buf_str(b, one_of(s, blanks, COUNT(blanks)));
		buf_str(b, one_of(s, words, COUNT(words)));
	}
	if (dkim_below(s, 3) == 0)
		buf_str(b, one_of(s, blanks, COUNT(blanks)));
}

static void
add_field(uint64_t *s, struct buf *b)
{
	static const char *const names[] = { "Subject", "To", "Cc", "X-Any",
		"Received", "Reply-To", "Message-ID", "List-Help", "date",
		"Content-TYPE", "Resent-To", "Sender", "References", "subject",
		"X-!#$%&'*+-.^_`|~", "X-a=b", "x", "LIST-UNSUBSCRIBE",
		"Feedback-Id", "Authentication-Results", "X-Any-More",
		"Return-Path", "DKIM-Signature-Not", "Comments" };

	buf_str(b, one_of(s, names, COUNT(names)));
	buf_byte(b, ':');
	add_words(s, b, true);
	buf_str(b, "\r\n");
}

static void
add_fields(uint64_t *s, struct buf *b)
{
	static const char *const froms[] = { FROM, FROM,
		"from:a@example.net\r\n",
		"FROM:  \"A  B\"\t<a@example.net> (x)\r\n",
		"From:\r\n =?utf-8?q?=C3=A4?=\r\n\t<a@example.net>\r\n",
		"From: \xc3\xa4 <a@example.net>\r\n" };
	unsigned most = dkim_below(s, 20) == 0 ? 200 : 9;
	unsigned before = dkim_below(s, most), after = dkim_below(s, most);

	for (unsigned i = 0; i < before; i++)
		add_field(s, b);
	buf_str(b, one_of(s, froms, COUNT(froms)));
	for (unsigned i = 0; i < after; i++)
		add_field(s, b);
}

/* A message on the wire ends in a CRLF, whatever it holds. */
static void
add_body(uint64_t *s, struct buf *b)
{
	unsigned lines = dkim_below(s, 20);

	if (dkim_below(s, 10) == 0)
		lines = 0;
	if (dkim_below(s, 50) == 0)
		lines = 2000 + dkim_below(s, 4000);
	for (unsigned i = 0; i < lines; i++) {
		if (dkim_below(s, 3) != 0)
			add_words(s, b, false);
		buf_str(b, "\r\n");
	}
	if (dkim_below(s, 12) == 0) {
		unsigned n = dkim_below(s,
		    dkim_below(s, 8) == 0 ? 60000 : 3000);

		for (unsigned i = 0; i < n; i++)
			buf_str(b, dkim_below(s, 2) == 0 ? "xy " : "\tz");
		buf_str(b, "\r\n");
	}
	for (unsigned i = dkim_below(s, 4); i > 1; i--)
		buf_str(b, dkim_below(s, 3) == 0 ? " \r\n" : "\r\n");
}

void
dkim_random(uint64_t seed, struct buf *text)
{
	uint64_t s = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);

	(void)dkim_below(&s, 2);
	add_fields(&s, text);
	buf_str(text, "\r\n");
	add_body(&s, text);
}
