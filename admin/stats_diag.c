/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/stats_diag.h"

#include <string.h>

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Control characters, too: a row with folded text is one word after another. */
static bool
is_separator(char c)
{
	return (unsigned char)c <= ' ' || strchr("()<>[]{},;:\"'=|", c) != NULL;
}

/* One to three digits; where they end, NULL if there are none. */
static const char *
digits(const char *p, const char *end)
{
	const char *start = p;

	while (p < end && p < start + 3 && is_digit(*p))
		p++;
	return p == start ? NULL : p;
}

/* RFC 3463: 5.1.1 */
static bool
is_enhanced(const char *p, const char *end)
{
	if (end - p < 5 || strchr("245", p[0]) == NULL || p[1] != '.')
		return false;
	p = digits(p + 2, end);
	if (p == NULL || p == end || *p != '.')
		return false;
	return digits(p + 1, end) == end;
}

/* 550, 550-5.1.1 (the first lines of an answer) or 5.1.1 */
static bool
is_code(struct slice word)
{
	const char *p = word.p, *end = word.p + word.len;

	if (word.len >= 3 && strchr("245", p[0]) != NULL && is_digit(p[1]) &&
	    is_digit(p[2]))
		return word.len == 3 ||
		    (p[3] == '-' && is_enhanced(p + 4, end));
	return is_enhanced(p, end);
}

static bool
is_variable(struct slice word)
{
	for (size_t i = 0; i < word.len; i++)
		if (word.p[i] == '@' || is_digit(word.p[i]))
			return !is_code(word);
	return false;
}

struct out {
	char *p;
	size_t len;
	bool full;
};

static void
add(struct out *o, struct slice s)
{
	size_t room = STATS_DIAG_MAX - o->len;

	if (o->full)
		return;
	if (s.len > room) {
		o->full = true;
		s.len = room;
		while (s.len > 0 && ((unsigned char)s.p[s.len] & 0xc0) == 0x80)
			s.len--;
	}
	memcpy(o->p + o->len, s.p, s.len);
	o->len += s.len;
}

size_t
stats_diag(struct slice diag, char out[STATS_DIAG_MAX])
{
	struct out o = { 0 };
	size_t i = 0;

	o.p = out;
	while (i < diag.len && !o.full) {
		struct slice word = { diag.p + i, 0 };

		while (i < diag.len && !is_separator(diag.p[i]))
			i++;
		word.len = (size_t)(diag.p + i - word.p);
		add(&o, is_variable(word) ? SLICE_LIT("*") : word);
		if (i < diag.len) {
			unsigned char c = (unsigned char)diag.p[i++];

			add(&o,
			    c < ' ' ? SLICE_LIT(" ") :
				      (struct slice){ diag.p + i - 1, 1 });
		}
	}
	return o.len;
}
