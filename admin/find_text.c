/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/find_text.h"

#include <ctype.h>

#include "lib/mem.h"
#include "mail/addr.h"

#define REPLACEMENT "\xef\xbf\xbd"

static unsigned char
byte_at(struct slice s, size_t i)
{
	return i < s.len ? (unsigned char)s.p[i] : 0;
}

/* C0, DEL, and C1 as UTF-8: how many bytes; 0: it is none. */
static size_t
control_length(struct slice s, size_t i)
{
	unsigned char c = byte_at(s, i), next = byte_at(s, i + 1);

	if (c < ' ' || c == 0x7f)
		return 1;
	return c == 0xc2 && next >= 0x80 && next < 0xa0 ? 2 : 0;
}

void
find_text_shown(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.len;) {
		size_t n = control_length(s, i);

		buf_byte(out, n == 0 ? s.p[i] : '?');
		i += n == 0 ? 1 : n;
	}
}

void
find_text_tsv(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		switch (s.p[i]) {
		case '\t':
			buf_str(out, "\\t");
			break;
		case '\n':
			buf_str(out, "\\n");
			break;
		case '\r':
			buf_str(out, "\\r");
			break;
		case '\\':
			buf_str(out, "\\\\");
			break;
		default:
			buf_byte(out, s.p[i]);
		}
	}
}

/* ---- XML ----------------------------------------------------------------- */

/* What an ASCII character is written as, or NULL: itself. */
static const char *
entity(unsigned char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\r': /* else a reader makes a line feed of it */
		return "&#13;";
	case '\t':
	case '\n':
		return NULL;
	default:
		return c < ' ' || c == 0x7f ? REPLACEMENT : NULL;
	}
}

/* U+0080 to U+009F, U+FFFE and U+FFFF: how many bytes; 0: none of them. */
static size_t
unwanted_length(struct slice s, size_t i)
{
	if (byte_at(s, i) == 0xef && byte_at(s, i + 1) == 0xbf &&
	    byte_at(s, i + 2) >= 0xbe)
		return 3;
	return byte_at(s, i) == 0xc2 ? control_length(s, i) : 0;
}

void
find_text_xml(struct buf *out, struct slice s)
{
	bool valid = addr_utf8_valid(s);

	for (size_t i = 0; i < s.len;) {
		unsigned char c = (unsigned char)s.p[i];
		size_t unwanted = unwanted_length(s, i);
		const char *as = c < 0x80 ? entity(c) : NULL;

		if (c >= 0x80 && (!valid || unwanted > 0))
			as = REPLACEMENT;
		if (as != NULL)
			buf_str(out, as);
		else
			buf_byte(out, (char)c);
		i += valid && unwanted > 0 ? unwanted : 1;
	}
}

char *
find_text_element(struct slice column)
{
	char *name = mem_zalloc(column.len + 2), *to = name;

	if (column.len == 0 ||
	    (!isalpha((unsigned char)column.p[0]) && column.p[0] != '_'))
		*to++ = '_';
	for (size_t i = 0; i < column.len; i++) {
		unsigned char c = (unsigned char)column.p[i];

		*to++ = isalnum(c) || c == '-' || c == '.' ? (char)c : '_';
	}
	return name;
}
