/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as rows for a suppression list: in pieces of any size they are the
 * same rows, with lines that grow; what is kept of a reason is UTF-8 without an
 * address, and what is a subject is refused in words or has a digest.
 *
 * The first byte: csv or not, the kind of hash, the size of the pieces.
 */
#include <string.h>

#include "lib/check.h"
#include "mail/addr.h"
#include "mail/suppress_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OPT_CSV = 1 };

#define NOW INT64_C(1795000000)

struct source {
	const char *p;
	size_t len, piece;
};

static ssize_t
take(void *ctx, void *p, size_t len)
{
	struct source *s = ctx;
	size_t n = s->len < len ? s->len : len;

	n = n < s->piece ? n : s->piece;
	if (n == 0)
		return 0;
	memcpy(p, s->p, n);
	s->p += n;
	s->len -= n;
	return (ssize_t)n;
}

static void
check_note(struct region *rg, struct slice text)
{
	const char *note = suppress_note(rg, text);

	CHECK(strlen(note) <= SUPPRESS_NOTE_MAX && strchr(note, '@') == NULL);
	CHECK(addr_utf8_valid(slice_of(note)));
}

static void
check_row(struct region *rg, const struct suppress_row *row,
    struct suppress_hasher *hasher)
{
	unsigned char digest[SUPPRESS_DIGEST_MAX];
	struct err e = { "" };

	if (row->wrong != NULL) {
		CHECK(row->wrong[0] != '\0');
		return;
	}
	CHECK(row->subject.len > 0);
	CHECK(row->expires_s == 0 || row->expires_s > NOW);
	CHECK(row->created_s >= 0 && row->created_s <= NOW);
	if (suppress_subject(hasher, row->subject, rg, digest, &e) == -1)
		CHECK(e.text[0] != '\0');
	check_note(rg, row->reason);
	check_note(rg, row->source);
}

/* All that was read, as text. */
static void
read_all(struct slice text, size_t piece, uint8_t options, struct buf *out)
{
	struct source from = { text.p, text.len, piece };
	struct region *rg = region_new();
	const struct suppress_norm norm = { .hash = (enum suppress_hash)(
						(options >> 1) % 5),
		.key = SLICE_LIT("secret") };
	struct suppress_hasher *hasher;
	struct suppress_row row;
	struct suppress_input *s;
	enum suppress_next got;
	struct input in;
	uint64_t last = 0;
	struct err e = { "" };

	CHECK(suppress_hasher_new(&norm, &hasher, &e) == 0);
	input_init(&in, take, &from, 4096);
	s = suppress_input_new(&in, (options & OPT_CSV) != 0, NOW);
	while ((got = suppress_input_next(s, &row, &e)) == SUPPRESS_ROW) {
		CHECK(row.line > last);
		last = row.line;
		check_row(rg, &row, hasher);
		buf_printf(out, "%llu %s %lld %lld ",
		    (unsigned long long)row.line,
		    row.wrong == NULL ? "" : row.wrong,
		    (long long)row.created_s, (long long)row.expires_s);
		buf_add(out, row.subject.p, row.subject.len);
		buf_byte(out, '\n');
		region_reset(rg);
	}
	CHECK(got == SUPPRESS_END || e.text[0] != '\0');
	buf_str(out, e.text);
	suppress_hasher_free(&hasher);
	suppress_input_free(&s);
	input_fini(&in);
	region_free(&rg);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = { 0 }, pieces = { 0 };
	struct slice text;

	if (size < 1)
		return 0;
	text = (struct slice){ (const char *)data + 1, size - 1 };
	read_all(text, SIZE_MAX, data[0], &whole);
	read_all(text, 1 + (data[0] >> 4), data[0], &pieces);
	CHECK(whole.len == pieces.len);
	CHECK(whole.len == 0 || memcmp(whole.p, pieces.p, whole.len) == 0);
	buf_fini(&whole);
	buf_fini(&pieces);
	return 0;
}
