/* SPDX-License-Identifier: Apache-2.0 */
/* Body and header fields take the forms of RFC 6376, in pieces of any size. */
#include "mail/canon.h"

#include <openssl/evp.h>

#include "lib/base64.h"
#include "tests/tap.h"

static const struct {
	const char *label, *body, *simple, *relaxed;
} bodies[] = {
	{ "RFC 6376 section 3.4.5", " C \r\nD \t E\r\n\r\n\r\n",
	    " C \r\nD \t E\r\n", " C\r\nD E\r\n" },
	{ "empty", "", "\r\n", "" },
	{ "line ends only", "\r\n\r\n\r\n", "\r\n", "" },
	{ "blanks only", "  \r\n\t\r\n", "  \r\n\t\r\n", "" },
	{ "no final line end", "a", "a\r\n", "a\r\n" },
	{ "blanks at the very end", "a \t", "a \t\r\n", "a\r\n" },
	{ "empty lines inside", "\r\n\r\na\r\n\r\nb\r\n",
	    "\r\n\r\na\r\n\r\nb\r\n", "\r\n\r\na\r\n\r\nb\r\n" },
	{ "blank line inside", "a\r\n \t \r\nb\r\n", "a\r\n \t \r\nb\r\n",
	    "a\r\n\r\nb\r\n" },
	{ "blank lines at the end", "a\r\n \r\n\t\r\n", "a\r\n \r\n\t\r\n",
	    "a\r\n" },
	{ "one blank in front", " a b\r\n", " a b\r\n", " a b\r\n" },
	{ "many blanks in front", " \t a\r\n", " \t a\r\n", " a\r\n" },
	{ "LF alone is text", "a \n b\n\r\n", "a \n b\n\r\n", "a \n b\n\r\n" },
	{ "CR alone is text", "a\rb \r c\r\n", "a\rb \r c\r\n",
	    "a\rb \r c\r\n" },
	{ "CR CR LF", "a\r\r\n", "a\r\r\n", "a\r\r\n" },
	{ "CR at the end", "a\r\n\r", "a\r\n\r\r\n", "a\r\n\r\r\n" },
	{ "LF at the end", "a\r\n\r\n\n", "a\r\n\r\n\n\r\n",
	    "a\r\n\r\n\n\r\n" },
	{ "tab between words", "a\tb\r\n", "a\tb\r\n", "a b\r\n" },
	{ "8-bit", "\xc3\xa4  \xff\r\n", "\xc3\xa4  \xff\r\n",
	    "\xc3\xa4 \xff\r\n" },
};

static void
sha256(const void *p, size_t len, uint8_t out[32])
{
	(void)EVP_Digest(p, len, out, NULL, EVP_sha256(), NULL);
}

/* Are both hashes those of the texts when fed in pieces of that size? */
static bool
hashes_to(const char *body, size_t len, size_t piece, const uint8_t *simple,
    const uint8_t *relaxed)
{
	struct canon_body *c = canon_body_new();
	bool same;

	for (size_t at = 0; at < len; at += piece)
		canon_body_add(c, body + at,
		    len - at < piece ? len - at : piece);
	canon_body_finish(c);
	same = memcmp(canon_body_hash(c, CANON_SIMPLE), simple, 32) == 0 &&
	    memcmp(canon_body_hash(c, CANON_RELAXED), relaxed, 32) == 0;
	canon_body_free(&c);
	c = canon_body_of(body, len);
	same = same &&
	    memcmp(canon_body_hash(c, CANON_SIMPLE), simple, 32) == 0 &&
	    memcmp(canon_body_hash(c, CANON_RELAXED), relaxed, 32) == 0;
	canon_body_free(&c);
	return same;
}

static void
test_bodies(void)
{
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		size_t len = strlen(bodies[i].body), wrong = 0;
		uint8_t simple[32], relaxed[32];

		sha256(bodies[i].simple, strlen(bodies[i].simple), simple);
		sha256(bodies[i].relaxed, strlen(bodies[i].relaxed), relaxed);
		for (size_t piece = 1; piece <= len + 1; piece++)
			if (!hashes_to(bodies[i].body, len, piece, simple,
				relaxed))
				wrong++;
		is_int((int64_t)wrong, 0, bodies[i].label);
	}
}

/* Is the length in both forms that of the texts, whole and in pieces? */
static void
test_lengths(void)
{
	size_t wrong = 0;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		size_t len = strlen(bodies[i].body);
		struct canon_body *whole = canon_body_of(bodies[i].body, len);
		struct canon_body *fed = canon_body_new();

		for (size_t at = 0; at < len; at++)
			canon_body_add(fed, bodies[i].body + at, 1);
		canon_body_finish(fed);
		wrong += canon_body_len(whole, CANON_SIMPLE) !=
			strlen(bodies[i].simple) ||
		    canon_body_len(whole, CANON_RELAXED) !=
			strlen(bodies[i].relaxed) ||
		    canon_body_len(fed, CANON_SIMPLE) !=
			strlen(bodies[i].simple) ||
		    canon_body_len(fed, CANON_RELAXED) !=
			strlen(bodies[i].relaxed);
		canon_body_free(&whole);
		canon_body_free(&fed);
	}
	is_int((int64_t)wrong, 0, "lengths are those of the canonical bodies");
}

static void
test_empty_hashes(void)
{
	struct canon_body *c = canon_body_new();
	struct buf text = { 0 };

	canon_body_finish(c);
	base64_add(&text, canon_body_hash(c, CANON_SIMPLE), 32);
	is_str(buf_cstr(&text), "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=",
	    "an empty body, simple: the value of RFC 6376 section 3.4.3");
	buf_clear(&text);
	base64_add(&text, canon_body_hash(c, CANON_RELAXED), 32);
	is_str(buf_cstr(&text), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
	    "an empty body, relaxed: the value of RFC 6376 section 3.4.4");
	buf_fini(&text);
	canon_body_free(&c);
}

/* A large body, clean and unclean lines mixed, whole and in odd pieces. */
static void
test_large(void)
{
	struct buf body = { 0 }, relaxed = { 0 };
	uint8_t a[32], b[32];

	for (int i = 0; i < 3000; i++) {
		bool odd = i % 3 == 0;

		buf_printf(&body, "line %d is%s there%s\r\n", i,
		    odd ? " \t " : " ", odd ? "  " : "");
		buf_printf(&relaxed, "line %d is there\r\n", i);
	}
	for (int i = 0; i < 100000; i++) {
		buf_byte(&body, 'x');
		buf_byte(&relaxed, 'x');
	}
	buf_str(&relaxed, "\r\n");
	buf_str(&body, "\r\n");
	sha256(body.p, body.len, a);
	sha256(relaxed.p, relaxed.len, b);
	for (int i = 0; i < 5000; i++)
		buf_str(&body, "\r\n");
	ok(hashes_to(body.p, body.len, body.len, a, b), "large, in one piece");
	ok(hashes_to(body.p, body.len, 4099, a, b), "in pieces of 4,099");
	ok(hashes_to(body.p, body.len, 3, a, b), "in pieces of 3");
	buf_fini(&body);
	buf_fini(&relaxed);
}

/* RFC 6376 section 3.4.4 letter by letter. */
static void
relax_slowly(const char *p, size_t len, struct buf *out)
{
	size_t kept = 0;

	for (size_t i = 0; i < len; i++) {
		size_t was = out->len;
		bool crlf = p[i] == '\r' && i + 1 < len && p[i + 1] == '\n';

		if (p[i] == ' ' || p[i] == '\t') {
			size_t next = i + 1;

			while (
			    next < len && (p[next] == ' ' || p[next] == '\t'))
				next++;
			if (next < len &&
			    !(p[next] == '\r' && next + 1 < len &&
				p[next + 1] == '\n'))
				buf_byte(out, ' ');
			i = next - 1;
		} else {
			buf_byte(out, p[i]);
			if (crlf)
				buf_byte(out, p[++i]);
		}
		if (out->len > was && !crlf)
			kept = out->len;
	}
	out->len = kept;
	if (kept > 0)
		buf_str(out, "\r\n");
}

/* What is odd may stand anywhere in the long steps of the quick form. */
static void
test_random(void)
{
	static const char few[] = " \t\r\na", many[] = "abcdefghij klmnop";
	uint32_t seed = 4711;
	size_t wrong = 0;

	for (int round = 0; round < 20000; round++) {
		struct buf body = { 0 }, relaxed = { 0 };
		struct canon_body *c;
		uint8_t want[32];
		size_t len;

		seed = seed * 1103515245 + 12345;
		len = (seed >> 16) % 90;
		for (size_t i = 0; i < len; i++) {
			seed = seed * 1103515245 + 12345;
			if ((seed >> 16) % (round % 40 + 1) == 0)
				buf_byte(&body, few[(seed >> 8) % 5]);
			else
				buf_byte(&body, many[(seed >> 8) % 17]);
			if ((seed >> 20) % 8 == 0)
				buf_str(&body, "\r\n");
		}
		buf_byte(&body, '\0');
		body.len--;
		relax_slowly(body.p, body.len, &relaxed);
		sha256(buf_cstr(&relaxed), relaxed.len, want);
		c = canon_body_of(body.p, body.len);
		wrong += memcmp(canon_body_hash(c, CANON_RELAXED), want, 32) !=
		    0;
		canon_body_free(&c);
		buf_fini(&body);
		buf_fini(&relaxed);
	}
	is_int((int64_t)wrong, 0, "20,000 random bodies, relaxed");
}

static const struct {
	const char *label, *name, *value, *relaxed, *simple;
} fields[] = {
	{ "RFC 6376 section 3.4.5: A", "A", " X", "a:X\r\n", "A: X\r\n" },
	{ "RFC 6376 section 3.4.5: B", "B", " Y\t\r\n\tZ  ", "b:Y Z\r\n",
	    "B: Y\t\r\n\tZ  \r\n" },
	{ "fold right behind the colon", "Subject", "\r\n hi", "subject:hi\r\n",
	    "Subject:\r\n hi\r\n" },
	{ "several folds", "To", " a,\r\n b,\r\n\t c", "to:a, b, c\r\n",
	    "To: a,\r\n b,\r\n\t c\r\n" },
	{ "fold of blanks only", "X", " a\r\n \r\n b", "x:a b\r\n",
	    "X: a\r\n \r\n b\r\n" },
	{ "nothing", "X", "", "x:\r\n", "X:\r\n" },
	{ "blanks only", "X", " \t ", "x:\r\n", "X: \t \r\n" },
	{ "no blank", "X", "y", "x:y\r\n", "X:y\r\n" },
	{ "CR alone", "X", " a\rb", "x:a\rb\r\n", "X: a\rb\r\n" },
	{ "8-bit", "X", " \xc3\xa4  b", "x:\xc3\xa4 b\r\n",
	    "X: \xc3\xa4  b\r\n" },
};

static void
test_fields(void)
{
	struct region *rg = region_new();

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct header_list list = { 0 };
		struct buf out = { 0 };

		header_list_add(&list, rg, slice_of(fields[i].name),
		    slice_of(fields[i].value));
		canon_header(&out, &list.v[0], CANON_RELAXED);
		is_str(buf_cstr(&out), fields[i].relaxed, fields[i].label);
		buf_clear(&out);
		canon_header(&out, &list.v[0], CANON_SIMPLE);
		is_str(buf_cstr(&out), fields[i].simple, "its simple form");
		buf_fini(&out);
	}
	region_free(&rg);
}

int
main(void)
{
	test_bodies();
	test_lengths();
	test_random();
	test_empty_hashes();
	test_large();
	test_fields();
	return done_testing();
}
