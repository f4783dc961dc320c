/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/encoded_word.h"

#include <string.h>

#include "lib/base64.h"
#include "mail/addr.h"
#include "mail/dsn_text.h"

#define START "=?utf-8?B?"
#define END "?="

/* RFC 2047 section 2: of a word 75 characters, of a line 76. */
enum {
	WORD_MAX = 75,
	LINE_MAX_SHOWN = 76,
	AROUND = sizeof(START) - 1 + sizeof(END) - 1
};

bool
encoded_word_is_needed(const char *text)
{
	return !dsn_text_is_ascii(slice_of(text)) || strstr(text, "=?") != NULL;
}

/* ---- written ------------------------------------------------------------- */

/* As many octets of it as fit, in whole characters, and one at least. */
static size_t
piece_of(const char *text, size_t column)
{
	size_t room = column + WORD_MAX > LINE_MAX_SHOWN ?
	    LINE_MAX_SHOWN - column :
	    WORD_MAX;
	size_t len = strlen(text), max = (room - AROUND) / 4 * 3;

	if (len <= max)
		return len;
	while (max > 1 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}

void
encoded_word_add(struct buf *out, const char *text, size_t column)
{
	/* A line that has no room for a few characters is left. */
	if (column > LINE_MAX_SHOWN / 2) {
		buf_str(out, "\r\n ");
		column = 1;
	}
	while (*text != '\0') {
		size_t len = piece_of(text, column);

		buf_str(out, START);
		base64_add(out, text, len);
		buf_str(out, END);
		text += len;
		if (*text != '\0')
			buf_str(out, "\r\n ");
		column = 1;
	}
}

/* ---- read ---------------------------------------------------------------- */

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 2047 section 4.2. */
static bool
read_q(struct slice s, struct buf *out)
{
	for (size_t i = 0; i < s.len; i++) {
		int high, low;

		if (s.p[i] != '=') {
			buf_byte(out, s.p[i] == '_' ? ' ' : s.p[i]);
			continue;
		}
		if (i + 2 >= s.len)
			return false;
		high = hex_value(s.p[i + 1]);
		low = hex_value(s.p[i + 2]);
		if (high == -1 || low == -1)
			return false;
		buf_byte(out, (char)(high * 16 + low));
		i += 2;
	}
	return true;
}

static bool
read_b(struct slice s, struct buf *out)
{
	size_t len = s.len / 4 * 3, at = out->len;

	for (size_t i = s.len; i > 0 && s.p[i - 1] == '='; i--)
		len--;
	if (s.len == 0 || len > s.len)
		return false;
	buf_reserve(out, at + len + 1);
	if (!base64_read(s, out->p + at, len))
		return false;
	out->len = at + len;
	return true;
}

static void
add_latin1(struct buf *out, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c >= 0x80)
			buf_byte(out, (char)(0xc0 | c >> 6));
		buf_byte(out, c >= 0x80 ? (char)(0x80 | (c & 0x3f)) : (char)c);
	}
}

/* What is between "=?" and "?=", in its parts. */
struct word {
	struct slice charset, text;
	char encoding; /* 'b', 'q' */
	size_t len;    /* of all of it, with its ends */
};

static bool
find_word(const char *p, struct word *w)
{
	const char *charset = p + 2, *enc, *text, *end;

	if (strncmp(p, "=?", 2) != 0)
		return false;
	enc = strchr(charset, '?');
	if (enc == NULL || enc[1] == '\0' || enc[2] != '?')
		return false;
	text = enc + 3;
	end = strstr(text, "?=");
	if (end == NULL)
		return false;
	w->charset = (struct slice){ charset, (size_t)(enc - charset) };
	w->charset.len = strcspn(charset, "*?"); /* RFC 2231: a language */
	w->encoding = (char)(enc[1] | 0x20);
	w->text = (struct slice){ text, (size_t)(end - text) };
	w->len = (size_t)(end + 2 - p);
	return memchr(w->text.p, ' ', w->text.len) == NULL;
}

static bool
decode(const struct word *w, struct region *rg, struct buf *out)
{
	struct buf raw = { 0 };
	bool latin1 = slice_eq_nocase(w->charset, "iso-8859-1");
	bool good = latin1 || slice_eq_nocase(w->charset, "utf-8") ||
	    slice_eq_nocase(w->charset, "us-ascii");

	if (good)
		good = w->encoding == 'b' ? read_b(w->text, &raw) :
		    w->encoding == 'q'    ? read_q(w->text, &raw) :
					    false;
	if (good && latin1)
		add_latin1(out, raw.p, raw.len);
	else if (good &&
	    (good = addr_utf8_valid(
		 (struct slice){ raw.p == NULL ? "" : raw.p, raw.len })))
		buf_str(out,
		    region_strndup(rg, raw.p == NULL ? "" : raw.p, raw.len));
	buf_fini(&raw);
	return good;
}

const char *
encoded_word_read(const char *value, struct region *rg)
{
	struct buf out = { 0 };
	const char *text;
	bool after = false; /* a word: blanks before the next are none */

	while (*value != '\0') {
		size_t blanks = strspn(value, " \t");
		struct word w;

		if (find_word(value + blanks, &w)) {
			size_t at = out.len;

			if (!after)
				buf_add(&out, value, blanks);
			after = decode(&w, rg, &out);
			if (after) {
				value += blanks + w.len;
				continue;
			}
			out.len = at;
		}
		after = false;
		blanks += strcspn(value + blanks, " \t");
		buf_add(&out, value, blanks);
		value += blanks;
	}
	text = region_strndup(rg, out.p == NULL ? "" : out.p, out.len);
	buf_fini(&out);
	return text;
}
