/* SPDX-License-Identifier: Apache-2.0 */
/*
 * macro-string = *( macro-expand / macro-literal )
 * macro-expand = ( "%{" macro-letter transformers *delimiter "}" )
 *              / "%%" / "%_" / "%-"
 * macro-literal = %x21-24 / %x26-7E
 * transformers = *DIGIT [ "r" ]
 * delimiter    = "." / "-" / "+" / "," / "/" / "_" / "="
 * domain-spec  = macro-string domain-end
 * domain-end   = ( "." toplabel [ "." ] ) / macro-expand
 * toplabel     = ( *alphanum ALPHA *alphanum )
 *              / ( 1*alphanum "-" *( alphanum / "-" ) alphanum )
 */
#include "mail/spf_macro.h"

#include <string.h>

#include "lib/check.h"
#include "lib/dns_name.h"

#define DELIMITERS ".-+,/_="
#define LETTERS "slodiphv"
#define TEXT_LETTERS "crt"
#define PARTS_MANY 1000 /* no value has more */

/* One step through a text. */
struct piece {
	char literal; /* 0: it is a %{letter} */
	char letter;
	bool expanded; /* a macro-expand, whatever it stands for */
	bool reverse;
	unsigned parts; /* 0: all */
	struct slice delimiters;
};

static char
lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool
is_alpha(char c)
{
	return lower(c) >= 'a' && lower(c) <= 'z';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_in(const char *set, char c)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static void
drop(struct slice *s, size_t n)
{
	s->p += n;
	s->len -= n;
}

/* ---- reading --------------------------------------------------------------- */

static const char *
read_parts(struct slice *s, unsigned *parts_r)
{
	bool any = false;
	unsigned n = 0;

	for (; s->len > 0 && is_digit(s->p[0]); drop(s, 1)) {
		any = true;
		n = n * 10 + (unsigned)(s->p[0] - '0');
		if (n > PARTS_MANY)
			n = PARTS_MANY;
	}
	*parts_r = n;
	return any && n == 0 ? "a macro with no part of its value" : NULL;
}

/* Behind "%{". */
static const char *
read_macro(struct slice *s, struct piece *out)
{
	const char *why;
	size_t n = 0;

	if (s->len == 0)
		return "a macro without its end";
	out->letter = s->p[0];
	if (!is_in(LETTERS TEXT_LETTERS, lower(out->letter)))
		return "an unknown macro";
	drop(s, 1);
	why = read_parts(s, &out->parts);
	if (why != NULL)
		return why;
	if (s->len > 0 && lower(s->p[0]) == 'r') {
		out->reverse = true;
		drop(s, 1);
	}
	while (n < s->len && is_in(DELIMITERS, s->p[n]))
		n++;
	out->delimiters = (struct slice){ s->p, n };
	drop(s, n);
	if (s->len == 0 || s->p[0] != '}')
		return "a macro without its end";
	drop(s, 1);
	return NULL;
}

static const char *
read_piece(struct slice *s, struct piece *out)
{
	char c = s->p[0];

	*out = (struct piece){ .literal = c };
	drop(s, 1);
	if (c != '%')
		return NULL;
	out->expanded = true;
	c = s->len == 0 ? '\0' : s->p[0];
	if (c == '{') {
		out->literal = '\0';
		drop(s, 1);
		return read_macro(s, out);
	}
	if (c == '_')
		out->literal = ' ';
	else if (c == '-')
		out->literal = '-'; /* stands for "%20" */
	else if (c != '%')
		return "a \"%\" that is no macro";
	drop(s, 1);
	return NULL;
}

/* ---- is it good? ----------------------------------------------------------- */

static bool
is_toplabel(struct slice s)
{
	bool alpha = false, hyphen = false;

	if (s.len == 0 || s.p[0] == '-' || s.p[s.len - 1] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_alpha(s.p[i]) && !is_digit(s.p[i]) && s.p[i] != '-')
			return false;
		alpha = alpha || is_alpha(s.p[i]);
		hyphen = hyphen || s.p[i] == '-';
	}
	return alpha || hyphen;
}

/* What stands behind the last macro-expand. */
static bool
is_domain_end(struct slice s)
{
	size_t dot;

	if (s.len > 0 && s.p[s.len - 1] == '.')
		s.len--;
	for (dot = s.len; dot > 0 && s.p[dot - 1] != '.'; dot--)
		;
	if (dot == 0)
		return false;
	drop(&s, dot);
	return is_toplabel(s);
}

const char *
spf_macro_fault(struct slice text, enum spf_macro_use use)
{
	struct slice end = text; /* behind the last macro */
	bool any = text.len > 0;

	while (text.len > 0) {
		struct piece p;
		const char *why = read_piece(&text, &p);

		if (why != NULL)
			return why;
		if (p.expanded)
			end = text;
		if (p.expanded && p.literal != '\0')
			continue;
		if (p.literal == '\0' && use != SPF_MACRO_TEXT &&
		    is_in(TEXT_LETTERS, lower(p.letter)))
			return "a macro that is for explanations only";
		if (p.literal == ' ' && use == SPF_MACRO_TEXT)
			continue;
		if (p.literal != '\0' && (p.literal <= ' ' || p.literal > '~'))
			return "a byte that is not printable ASCII";
	}
	if (use != SPF_MACRO_DOMAIN)
		return NULL;
	if (!any)
		return "no domain";
	return end.len == 0 || is_domain_end(end) ? NULL : "a bad domain";
}

bool
spf_macro_uses(struct slice text, char letter)
{
	while (text.len > 0) {
		struct piece p;

		if (read_piece(&text, &p) == NULL && p.literal == '\0' &&
		    lower(p.letter) == letter)
			return true;
	}
	return false;
}

/* ---- what it stands for ---------------------------------------------------- */

/* unreserved = ALPHA / DIGIT / "-" / "." / "_" / "~" (RFC 3986 section 2.3) */
static void
put(struct buf *out, char c, bool escaped)
{
	if (!escaped || is_alpha(c) || is_digit(c) || is_in("-._~", c))
		buf_byte(out, c);
	else
		buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
}

static bool
splits(const struct piece *p, char c)
{
	if (p->delimiters.len == 0)
		return c == '.';
	return memchr(p->delimiters.p, c, p->delimiters.len) != NULL;
}

static size_t
count_parts(const struct piece *p, const char *value)
{
	size_t n = 1;

	for (; *value != '\0'; value++)
		n += splits(p, *value);
	return n;
}

static void
put_forward(struct buf *out, const struct piece *p, const char *value,
    size_t first)
{
	bool escaped = p->letter != lower(p->letter);

	for (; first > 0; value++)
		first -= splits(p, *value);
	for (; *value != '\0'; value++)
		if (splits(p, *value))
			buf_byte(out, '.');
		else
			put(out, *value, escaped);
}

/* The last part first, but for so many at the right. */
static void
put_reversed(struct buf *out, const struct piece *p, const char *value,
    size_t without)
{
	bool escaped = p->letter != lower(p->letter);
	const char *start, *end = value + strlen(value);

	while (without > 0)
		without -= splits(p, *--end);
	for (;; end = start - 1) {
		for (start = end; start > value && !splits(p, start[-1]);
		     start--)
			;
		for (const char *c = start; c < end; c++)
			put(out, *c, escaped);
		if (start == value)
			return;
		buf_byte(out, '.');
	}
}

/* Its rightmost parts, once they are turned round if they are to be. */
static void
put_value(struct buf *out, const struct piece *p, const char *value)
{
	size_t n = count_parts(p, value), first = 0;

	if (p->parts != 0 && p->parts < n)
		first = n - p->parts;
	if (p->reverse)
		put_reversed(out, p, value, first);
	else
		put_forward(out, p, value, first);
}

bool
spf_macro_is_long(struct slice text, const struct spf_values *values)
{
	size_t len = 0;

	while (text.len > 0) {
		const char *value = NULL;
		struct piece p;

		CHECK(read_piece(&text, &p) == NULL);
		if (p.literal == '\0')
			value = values->of[lower(p.letter) - 'a'];
		len += value == NULL ? 1 : strlen(value);
		if (len > SPF_MACRO_MAX)
			return true;
	}
	return false;
}

const char *
spf_macro_expand(struct slice text, const struct spf_values *values,
    struct region *rg)
{
	struct buf out = { 0 };
	const char *whole;

	while (text.len > 0) {
		const char *value;
		struct piece p;

		CHECK(read_piece(&text, &p) == NULL);
		if (p.expanded && p.literal == '-') {
			buf_str(&out, "%20");
			continue;
		}
		if (p.literal != '\0') {
			buf_byte(&out, p.literal);
			continue;
		}
		value = values->of[lower(p.letter) - 'a'];
		if (value == NULL) {
			buf_fini(&out);
			return NULL;
		}
		put_value(&out, &p, value);
	}
	whole = region_strdup(rg, buf_cstr(&out));
	buf_fini(&out);
	return whole;
}

const char *
spf_macro_cut(const char *name, struct region *rg)
{
	size_t len = strlen(name);
	const char *dot;

	if (len > 0 && name[len - 1] == '.')
		name = region_strndup(rg, name, --len);
	while (len >= DNS_NAME_CAP && (dot = strchr(name, '.')) != NULL) {
		len -= (size_t)(dot + 1 - name);
		name = dot + 1;
	}
	return name;
}
