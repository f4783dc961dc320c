/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows for a suppression list are read as they stand in lines or in CSV, what
 * is wrong with one is said with its line, and no note holds an address.
 */
#include "mail/suppress_input.h"

#include <errno.h>

#include "tests/tap.h"

#define NOW INT64_C(1795000000) /* 2026-11-18 11:06:40 */

struct source {
	struct slice rest;
	size_t piece;
	bool fails; /* at the end */
};

static ssize_t
take(void *ctx, void *p, size_t len)
{
	struct source *s = ctx;
	size_t n = s->rest.len < len ? s->rest.len : len;

	n = n < s->piece ? n : s->piece;
	if (n == 0 && s->fails) {
		errno = EIO;
		return -1;
	}
	memcpy(p, s->rest.p, n);
	s->rest.p += n;
	s->rest.len -= n;
	return (ssize_t)n;
}

static void
add_row(struct buf *out, const struct suppress_row *r)
{
	buf_printf(out, "%d", (int)r->line);
	if (r->wrong != NULL) {
		buf_printf(out, "!%s;", r->wrong);
		return;
	}
	buf_printf(out, "(%.*s", (int)r->subject.len, r->subject.p);
	if (r->reason.len > 0 || r->source.len > 0)
		buf_printf(out, "|%.*s|%.*s", (int)r->reason.len, r->reason.p,
		    (int)r->source.len, r->source.p);
	if (r->created_s != 0)
		buf_printf(out, "|since %lld", (long long)r->created_s);
	if (r->expires_s == SUPPRESS_FOREVER)
		buf_str(out, "|until never");
	else if (r->expires_s != 0)
		buf_printf(out, "|until +%lld",
		    (long long)(r->expires_s - NOW));
	buf_byte(out, ')');
}

static void
read_all(struct source *s, bool csv, struct buf *out)
{
	struct input in;
	struct suppress_input *si;
	struct suppress_row row;
	struct err e;
	enum suppress_next got;

	input_init(&in, take, s, 64);
	si = suppress_input_new(&in, csv, NOW);
	while ((got = suppress_input_next(si, &row, &e)) == SUPPRESS_ROW)
		add_row(out, &row);
	if (got == SUPPRESS_FAILED)
		buf_printf(out, "X %s", e.text);
	suppress_input_free(&si);
	input_fini(&in);
}

static const struct {
	const char *label;
	bool csv;
	const char *text, *want;
} cases[] = {
	{ "nothing", false, "", "" },
	{ "a line each", false, "a@x\nb@x\n", "1(a@x)2(b@x)" },
	{ "without the last line end", false, "a@x\r\nb@x", "1(a@x)2(b@x)" },
	{ "what means nothing", false,
	    "\xef\xbb\xbf"
	    "a@x\n\n# b@x\n \t\n  c@x \t\r\n#d@x",
	    "1(a@x)5(c@x)" },
	{ "a mark is one in the first line only", false,
	    "a@x\n\xef\xbb\xbf"
	    "b@x\n",
	    "1(a@x)2(\xef\xbb\xbf"
	    "b@x)" },
	{ "a line that is too long", false,
	    "a@x\n"
	    "0123456789012345678901234567890123456789012345678901234567890123"
	    "4567890123456789012345678901234567890123456789012345678901234567"
	    "\nb@x\n",
	    "1(a@x)2!the line is too long;3(b@x)" },
	{ "the last line is too long", false,
	    "0123456789012345678901234567890123456789012345678901234567890123"
	    "456",
	    "1!the line is too long;" },
	{ "CSV", true, "address\na@x\n", "2(a@x)" },
	{ "columns in any order and case", true,
	    "Reason,SOURCE,Digest\nbad,fbl,0a\n,,0b\n", "2(0a|bad|fbl)3(0b)" },
	{ "quotes", true,
	    "\"address\",reason\n\"a@x\",\"no \"\"such\"\", user\"\nb@x,a\"b\n",
	    "2(a@x|no \"such\", user|)3(b@x|a\"b|)" },
	{ "times", true,
	    "address,created,expires\na@x,2026-11-01,30d\nb@x,,never\n"
	    "c@x,,2026-11-19\nd@x,1794999999,1795000060\n",
	    "2(a@x|since 1793491200|until +2592000)3(b@x|until never)4(c@x|until +46400)"
	    "5(d@x|since 1794999999|until +60)" },
	{ "times that are wrong", true,
	    "address,created,expires\na@x,soon,\nb@x,2026-11-19,\nc@x,,2026\n"
	    "d@x,,2026-11-18\ne@x,,tomorrow\nf@x,,\n",
	    "2!created: not a time that has been;"
	    "3!created: not a time that has been;"
	    "4!expires: \"2026\" is neither 30d, nor 2026-12-31 or another "
	    "time, nor never;"
	    "5!expires: \"2026-11-18\" has passed;"
	    "6!expires: \"tomorrow\" is neither 30d, nor 2026-12-31 or another "
	    "time, nor never;7(f@x)" },
	{ "cells that are missing or too many", true,
	    "address,reason\na@x\nb@x,r,s\n,r\nc@x,\n",
	    "2!1 cells, and 2 columns in the head line;"
	    "3!3 cells, and 2 columns in the head line;4!no address;5(c@x)" },
	{ "a quote that is open", true, "address\n\"a@x\nb@x\n\"c@x\"d\n",
	    "2!a quote that the line does not close;3(b@x)"
	    "4!a quote that the line does not close;" },
	{ "a head line behind what means nothing", true, "\n# x\naddress\na@x",
	    "4(a@x)" },
	{ "no head line", true, "", "X it is empty: there is no head line" },
	{ "no such column", true, "address,expiry\n",
	    "X line 1: no column is \"expiry\": the head line names address or "
	    "digest, and of reason, source, created, expires what there is" },
	{ "addresses without a head line", true, "a@x\n",
	    "X line 1: no column is \"a@x\": the head line names address or "
	    "digest, and of reason, source, created, expires what there is" },
	{ "a column twice", true, "address,digest\n",
	    "X line 1: the head line has \"digest\" twice" },
	{ "no column of addresses", true, "reason,source\n",
	    "X line 1: the head line has no column address or digest" },
	{ "a quote in the head line", true, "\"address\n",
	    "X line 1: not a head line of columns" },
};

static void
test_rows(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t piece = 1; piece <= 64; piece += 63) {
			struct source s = { slice_of(cases[i].text), piece,
				false };
			struct buf out = { 0 };

			read_all(&s, cases[i].csv, &out);
			is_str(buf_cstr(&out), cases[i].want, cases[i].label);
			buf_fini(&out);
		}
}

static void
test_failure(void)
{
	struct source s = { SLICE_LIT("a@x\nb@"), 64, true };
	struct buf out = { 0 };

	read_all(&s, false, &out);
	is_str(buf_cstr(&out), "1(a@x)X read: Input/output error",
	    "what was cut is no row");
	buf_fini(&out);
}

static const struct {
	enum suppress_hash hash;
	const char *text;
	const char *hex; /* the first bytes; NULL: refused */
} subjects[] = {
	{ SUPPRESS_MD5, " Bob@Example.COM ", "4b9bb80620f03eb3" },
	{ SUPPRESS_MD5, "4B9BB80620F03EB3719E0A061C14283D",
	    "4b9bb80620f03eb3" },
	{ SUPPRESS_MD5, "S5u4BiDwPrNxngoGHBQoPQ==", "4b9bb80620f03eb3" },
	{ SUPPRESS_MD5, "4b9bb806", NULL },
	{ SUPPRESS_SHA1, "4b9bb80620f03eb3719e0a061c14283d", NULL },
	{ SUPPRESS_MD5, "bob@", NULL },
	{ SUPPRESS_MD5, "bob", NULL },
	{ SUPPRESS_MD5, "", NULL },
	{ SUPPRESS_PLAIN,
	    "5ff860bf1190596c7188ab851db691f0f3169c453936e9e1eba2f9a47f7a0018",
	    NULL },
};

static void
test_subjects(void)
{
	struct region *rg = region_new();

	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
		const struct suppress_norm n = { .hash = subjects[i].hash,
			.key = SLICE_LIT("k") };
		unsigned char d[SUPPRESS_DIGEST_MAX];
		char hex[17] = "";
		struct err e;
		struct suppress_hasher *h = NULL;
		int rc = suppress_hasher_new(&n, &h, &e);

		if (rc == 0)
			rc = suppress_subject(h, slice_of(subjects[i].text), rg,
			    d, &e);
		suppress_hasher_free(&h);

		if (subjects[i].hex == NULL) {
			ok(rc == -1, "\"%s\" is refused", subjects[i].text);
			continue;
		}
		for (int k = 0; k < 8 && rc == 0; k++)
			(void)snprintf(hex + 2 * k, 3, "%02x", d[k]);
		is_str(hex, subjects[i].hex, subjects[i].text);
	}
	region_free(&rg);
}

/* As one by one, whatever came before. */
static void
test_hasher(void)
{
	static const char *const texts[] = { "a@b.example", "", "c@d.example",
		"a@b.example" };

	for (unsigned i = SUPPRESS_PLAIN; i <= SUPPRESS_HMAC_SHA256; i++) {
		const struct suppress_norm n = { .hash = (enum suppress_hash)i,
			.key = SLICE_LIT("a key") };
		size_t len = suppress_digest_len(n.hash);
		unsigned char many[SUPPRESS_DIGEST_MAX];
		unsigned char one[SUPPRESS_DIGEST_MAX];
		struct suppress_hasher *h;
		struct err e;
		bool same = suppress_hasher_new(&n, &h, &e) == 0;

		for (size_t k = 0; k < 4 && same; k++) {
			suppress_hasher_digest(h, texts[k], many);
			same = suppress_norm_digest(&n, texts[k], one, &e) ==
				0 &&
			    memcmp(one, many, len) == 0;
		}
		ok(same, "%s", suppress_hash_name(n.hash));
		suppress_hasher_free(&h);
	}
}

static const struct {
	const char *text, *want;
} notes[] = {
	{ "", "" },
	{ "  hard   bounce ", "hard bounce" },
	{ "550 5.1.1 <bob@example.com>: no such user",
	    "550 5.1.1 *** no such "
	    "user" },
	{ "a\tb\r\nc\x7f", "a b??c?" },
	{ "Gr\xc3\xbc\xc3\x9f"
	  "e \xff \xc2\x85",
	    "Gr\xc3\xbc\xc3\x9f"
	    "e ? ??" },
};

static void
test_notes(void)
{
	struct region *rg = region_new();
	char text[2 * SUPPRESS_NOTE_MAX];

	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
		is_str(suppress_note(rg, slice_of(notes[i].text)),
		    notes[i].want, notes[i].want);
	is_str(suppress_note(rg, (struct slice){ 0 }), "", "none at all");
	/* An odd place for characters of two bytes. */
	text[0] = 'x';
	for (size_t i = 1; i + 1 < sizeof(text); i += 2) {
		text[i] = '\xc3';
		text[i + 1] = '\xbc';
	}
	is_int((int64_t)strlen(
		   suppress_note(rg, (struct slice){ text, sizeof(text) - 1 })),
	    SUPPRESS_NOTE_MAX - 1, "a long one is cut between characters");
	region_free(&rg);
}

int
main(void)
{
	test_rows();
	test_failure();
	test_subjects();
	test_hasher();
	test_notes();
	return done_testing();
}
