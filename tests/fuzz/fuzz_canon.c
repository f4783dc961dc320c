/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Canonical forms are those of a plain reading of RFC 6376 section 3.4, and do
 * not depend on how the body comes in pieces.
 */
#include <openssl/sha.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/check.h"
#include "mail/canon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct canon_body *
hash(const uint8_t *data, size_t size, size_t piece)
{
	struct canon_body *c = canon_body_new();

	for (size_t at = 0; at < size; at += piece)
		canon_body_add(c, data + at,
		    size - at < piece ? size - at : piece);
	canon_body_finish(c);
	return c;
}

/* ---- the plain reading --------------------------------------------------- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Section 3.4.4 a: no blanks at the end of a line, else one for any number. */
static void
relax_line(struct buf *out, const char *p, size_t len)
{
	while (len > 0 && is_blank(p[len - 1]))
		len--;
	for (size_t i = 0; i < len; i++)
		if (!is_blank(p[i]))
			buf_byte(out, p[i]);
		else if (i == 0 || !is_blank(p[i - 1]))
			buf_byte(out, ' ');
}

/*
 * Lines as they are or relaxed, a CRLF at the end of the last one, and then
 * all but one of the CRLFs at the end of the body taken away; of a body that
 * is empty then, relaxed leaves nothing, simple one CRLF.
 */
static void
plain_body(struct buf *out, const char *p, size_t len, enum canon how)
{
	while (len > 0) {
		const char *end = memmem(p, len, "\r\n", 2);
		size_t line = end == NULL ? len : (size_t)(end - p);
		size_t used = end == NULL ? len : line + 2;

		if (how == CANON_RELAXED)
			relax_line(out, p, line);
		else
			buf_add(out, p, line);
		buf_str(out, "\r\n");
		p += used;
		len -= used;
	}
	while (
	    out->len >= 4 && memcmp(out->p + out->len - 4, "\r\n\r\n", 4) == 0)
		out->len -= 2;
	if (how == CANON_RELAXED && out->len == 2 &&
	    memcmp(out->p, "\r\n", 2) == 0)
		out->len = 0;
	if (how == CANON_SIMPLE && out->len == 0)
		buf_str(out, "\r\n");
}

static void
check_plain(const uint8_t *data, size_t size, struct canon_body *got)
{
	static const enum canon forms[] = { CANON_SIMPLE, CANON_RELAXED };

	for (size_t i = 0; i < 2; i++) {
		struct buf text = { 0 };
		uint8_t sum[SHA256_DIGEST_LENGTH];

		plain_body(&text, (const char *)data, size, forms[i]);
		(void)SHA256((unsigned char *)text.p, text.len, sum);
		CHECK(memcmp(sum, canon_body_hash(got, forms[i]),
			  sizeof(sum)) == 0);
		buf_fini(&text);
	}
}

/* ---- ours ---------------------------------------------------------------- */

/* Relaxing twice is relaxing once. */
static void
check_field(const uint8_t *data, size_t size, struct region *rg)
{
	struct header_list list = { 0 };
	struct buf once = { 0 }, twice = { 0 };

	header_list_add(&list, rg, SLICE_LIT("X-Any"),
	    (struct slice){ (const char *)data, size });
	canon_header(&once, &list.v[0], CANON_RELAXED);
	header_list_add(&list, rg, SLICE_LIT("x-any"),
	    (struct slice){ once.p + 6, once.len - 8 });
	canon_header(&twice, &list.v[1], CANON_RELAXED);
	if (memmem(once.p, once.len - 2, "\r\n", 2) == NULL)
		CHECK(once.len == twice.len &&
		    memcmp(once.p, twice.p, once.len) == 0);
	buf_fini(&once);
	buf_fini(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct region *rg = region_new();
	size_t piece = size == 0 ? 1 : 1 + data[0] % 7;
	struct canon_body *whole = hash(data, size, size + 1);
	struct canon_body *pieces = hash(data, size, piece);

	CHECK(memcmp(canon_body_hash(whole, CANON_SIMPLE),
		  canon_body_hash(pieces, CANON_SIMPLE), 32) == 0);
	CHECK(memcmp(canon_body_hash(whole, CANON_RELAXED),
		  canon_body_hash(pieces, CANON_RELAXED), 32) == 0);
	check_plain(data, size, whole);
	check_field(data, size, rg);
	canon_body_free(&whole);
	canon_body_free(&pieces);
	region_free(&rg);
	return 0;
}
