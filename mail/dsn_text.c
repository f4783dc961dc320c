/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/dsn_text.h"

#include <string.h>

#include "mail/addr.h"

enum {
	WIDTH = 76,    /* where lines are wrapped */
	WORD_MAX = 900 /* of a line there may be 998 (RFC 5322, 2.1.1) */
};

bool
dsn_text_is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

/* Not in the middle of a character. */
static size_t
cut_at(const char *s, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max > 0 && ((unsigned char)s[max] & 0xc0) == 0x80)
		max--;
	return max;
}

/* U+0080 to U+009F: control characters too. */
static bool
is_c1(const char *s)
{
	return (unsigned char)s[0] == 0xc2 && (unsigned char)s[1] < 0xa0;
}

const char *
dsn_text_safe(const char *s, size_t max, bool utf8, struct region *rg)
{
	bool keep = utf8 && addr_utf8_valid(slice_of(s));
	size_t len = cut_at(s, strlen(s), max);
	char *out = region_strndup(rg, s, len);

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < ' ' || c == 0x7f)
			out[i] = ' ';
		else if (c >= 0x80 && !keep)
			out[i] = '?';
		else if (c >= 0x80 && i + 1 < len && is_c1(s + i))
			out[i] = out[i + 1] = ' ', i++;
	}
	return out;
}

/* A word that is longer than any line may be is broken. */
static void
add_word(struct buf *out, const char *word, size_t len, const char *indent)
{
	while (len > WORD_MAX) {
		size_t part = cut_at(word, len, WORD_MAX);

		buf_add(out, word, part);
		buf_str(out, "\r\n");
		buf_str(out, indent);
		word += part;
		len -= part;
	}
	buf_add(out, word, len);
}

void
dsn_text_wrap(struct buf *out, const char *safe, size_t column,
    const char *indent)
{
	bool first = true;

	for (;;) {
		size_t len;

		safe += strspn(safe, " ");
		len = strcspn(safe, " ");
		if (len == 0)
			return;
		if (!first && column + 1 + len > WIDTH) {
			buf_str(out, "\r\n");
			buf_str(out, indent);
			column = strlen(indent);
		} else if (!first) {
			buf_byte(out, ' ');
			column++;
		}
		add_word(out, safe, len, indent);
		column += len;
		safe += len;
		first = false;
	}
}
