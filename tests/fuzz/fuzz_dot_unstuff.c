/* SPDX-License-Identifier: Apache-2.0 */
/*
 * End of data: in pieces (the first byte says how long those are) the same
 * comes out as from a plain reading of RFC 5321, byte by byte.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "mail/dot_unstuff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	struct buf text;
	size_t used;
	bool ended, bare;
};

/* Line by line, where only CRLF ends a line; what is unfinished is left. */
static void
read_plain(const char *p, size_t len, struct result *r)
{
	while (r->used < len) {
		const char *line = p + r->used;
		size_t left = len - r->used;
		const char *end = memmem(line, left, "\r\n", 2);
		size_t n = end == NULL ? left : (size_t)(end - line);

		if (end != NULL && n == 1 && line[0] == '.') {
			r->used += 3;
			r->ended = true;
			return;
		}
		r->used += end == NULL ? n : n + 2;
		for (size_t i = 0; i < n; i++)
			if (line[i] == '\n' ||
			    (line[i] == '\r' && i + 1 < left))
				r->bare = true;
		if (n > 0 && line[0] == '.') {
			line++;
			n--;
		}
		buf_add(&r->text, line, n);
		if (end != NULL)
			buf_add(&r->text, "\r\n", 2);
	}
}

static void
read_ours(const char *p, size_t len, size_t step, struct result *r)
{
	enum dot_result rc = DOT_MORE;
	struct dot_unstuff d;

	dot_unstuff_init(&d);
	while (len > 0 && rc == DOT_MORE) {
		size_t piece = len < step ? len : step, was = piece;
		char *copy = mem_dup(p, piece);
		const char *at = copy;

		rc = dot_unstuff_feed(&d, &at, &piece, &r->text);
		CHECK(rc == DOT_END || piece == 0);
		free(copy);
		r->used += was - piece;
		p += was - piece;
		len -= was - piece;
	}
	r->ended = rc == DOT_END;
	r->bare = d.bare;
	/* A CR at the very end is still held back. */
	if (d.state == DOT_CR || d.state == DOT_DOT_CR)
		buf_byte(&r->text, '\r');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result want = { 0 }, got = { 0 };

	if (size == 0)
		return 0;
	read_plain((const char *)data + 1, size - 1, &want);
	read_ours((const char *)data + 1, size - 1, (size_t)data[0] + 1, &got);
	CHECK(want.ended == got.ended && want.used == got.used);
	CHECK(want.bare == got.bare);
	CHECK(want.text.len == got.text.len);
	CHECK(want.text.len == 0 ||
	    memcmp(want.text.p, got.text.p, want.text.len) == 0);
	buf_fini(&want.text);
	buf_fini(&got.text);
	return 0;
}
