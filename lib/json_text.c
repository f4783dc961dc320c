/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/json_text.h"

#include <stdbool.h>

/* Bytes that stand for themselves. */
static const bool plain[256] = {
	[0x20] = true,
	[0x21] = true,
	[0x23 ... 0x5b] = true,
	[0x5d ... 0x7f] = true,
};

/*
 * Well-formed UTF-8 (RFC 3629, 4): what may follow the first byte.
 *
 *	C2..DF  80..BF
 *	E0      A0..BF  80..BF
 *	ED      80..9F  80..BF          others of E1..EF  80..BF  80..BF
 *	F0      90..BF  80..BF  80..BF
 *	F4      80..8F  80..BF  80..BF  F1..F3  80..BF  80..BF  80..BF
 */
static size_t
length_by_first(unsigned char c)
{
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if (c >= 0xe0 && c <= 0xef)
		return 3;
	if (c >= 0xf0 && c <= 0xf4)
		return 4;
	return 0;
}

static bool
may_be_second(unsigned char first, unsigned char c)
{
	switch (first) {
	case 0xe0:
		return c >= 0xa0 && c <= 0xbf;
	case 0xed:
		return c >= 0x80 && c <= 0x9f;
	case 0xf0:
		return c >= 0x90 && c <= 0xbf;
	case 0xf4:
		return c >= 0x80 && c <= 0x8f;
	default:
		return c >= 0x80 && c <= 0xbf;
	}
}

/* Bytes of the character at the front; if bad, of what was to be one. */
static size_t
character(struct slice s, bool *good_r)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t want = length_by_first(p[0]), n = 1;

	if (want > 1 && s.len > 1 && may_be_second(p[0], p[1]))
		for (n = 2; n < want && n < s.len && (p[n] & 0xc0) == 0x80;)
			n++;
	*good_r = want > 0 && n == want;
	return n;
}

/* What stands at the front and is not plain; returns its bytes. */
static size_t
special(struct buf *out, struct slice s)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char c = (unsigned char)s.p[0];
	bool good;
	size_t n;

	if (c == '"' || c == '\\') {
		buf_byte(out, '\\');
		buf_byte(out, (char)c);
		return 1;
	}
	if (c < 0x20) {
		buf_add(out, "\\u00", 4);
		buf_byte(out, digits[c >> 4]);
		buf_byte(out, digits[c & 15]);
		return 1;
	}
	n = character(s, &good);
	if (good)
		buf_add(out, s.p, n);
	else
		buf_add(out, "\357\277\275", 3);
	return n;
}

void
json_text(struct buf *out, struct slice text)
{
	buf_byte(out, '"');
	while (text.len > 0) {
		size_t n = 0;
		char *to;

		buf_reserve(out, text.len);
		to = out->p + out->len;
		for (; n < text.len && plain[(unsigned char)text.p[n]]; n++)
			to[n] = text.p[n];
		out->len += n;
		if (n < text.len)
			n += special(out,
			    (struct slice){ text.p + n, text.len - n });
		text.p += n;
		text.len -= n;
	}
	buf_byte(out, '"');
}
