/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/mailbox.h"

#include <idn2.h>
#include <stdbool.h>
#include <string.h>

#define DOMAIN_MAX 256 /* RFC 1035 section 3.1, rounded up, with a last dot */

/* p[*at] opens a quoted string: behind its end; false: it has none. */
static bool
skip_quoted(struct slice v, size_t *at)
{
	size_t i = *at + 1;

	for (; i < v.len && v.p[i] != '"'; i++)
		if (v.p[i] == '\\')
			i++;
	*at = i < v.len ? i + 1 : v.len;
	return i < v.len;
}

/* p[*at] opens a comment, which may hold others; likewise. */
static bool
skip_comment(struct slice v, size_t *at)
{
	size_t depth = 0, i = *at;

	for (; i < v.len; i++) {
		if (v.p[i] == '\\')
			i++;
		else if (v.p[i] == '(')
			depth++;
		else if (v.p[i] == ')' && --depth == 0)
			break;
	}
	*at = i < v.len ? i + 1 : v.len;
	return i < v.len;
}

/*
 * The value without comments, blanks and folds; quoted strings become one
 * '"' each, since nothing in them matters here.
 */
static struct slice
reduce(struct slice v, struct region *rg)
{
	char *out = region_alloc(rg, v.len + 1);
	size_t n = 0, at = 0;

	while (at < v.len) {
		unsigned char c = (unsigned char)v.p[at];

		if (c == '"') {
			(void)skip_quoted(v, &at);
			out[n++] = '"';
		} else if (c == '(') {
			(void)skip_comment(v, &at);
		} else {
			if (c > ' ' && c != 0x7f)
				out[n++] = (char)c;
			at++;
		}
	}
	out[n] = '\0';
	return (struct slice){ out, n };
}

static bool
is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	    c == '.' || c == '_';
}

/* Lower case A-labels of what must be a domain name, or NULL. */
static char *
dotted_name(struct slice s, struct region *rg)
{
	char *name, *ascii = NULL;
	bool utf8 = false;

	if (s.len == 0 || s.len > DOMAIN_MAX)
		return NULL;
	name = region_strndup(rg, s.p, s.len);
	str_lower(name);
	for (size_t i = 0; i < s.len; i++)
		utf8 = utf8 || (name[i] & 0x80) != 0;
	if (utf8) {
		if (idn2_to_ascii_8z(name, &ascii,
			IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
			return NULL;
		name = region_strdup(rg, ascii);
		idn2_free(ascii);
	}
	if (name[0] == '\0')
		return NULL; /* of characters that stand for none */
	for (const char *p = name; *p != '\0'; p++)
		if (!is_name_byte(*p) ||
		    (*p == '.' && (p == name || p[1] == '.')))
			return NULL;
	return name;
}

static bool
ends_in_dot(const char *name)
{
	return name[strlen(name) - 1] == '.';
}

/* That without its last dot, which may have been one of another script. */
static const char *
domain_name(struct slice s, struct region *rg)
{
	char *name = dotted_name(s, rg);

	if (name != NULL && ends_in_dot(name))
		name[strlen(name) - 1] = '\0';
	return name;
}

/* The domain that starts at v.p[at], up to what ends an address. */
static const char *
domain_at(struct slice v, size_t at, struct region *rg)
{
	size_t end = at;

	while (end < v.len && strchr("<>,;:@\"", v.p[end]) == NULL)
		end++;
	return domain_name((struct slice){ v.p + at, end - at }, rg);
}

/*
 * A place is looked for where an address may start: behind '<', behind a
 * group's "name:", at the start.  In "<@a,@b:user@c>" it is the last '@'
 * before the '>' that counts, and without brackets the first one.  NULL: none.
 */
static const char *
find_at(struct slice v)
{
	const char *open = v.len == 0 ? NULL : memchr(v.p, '<', v.len);
	const char *at = NULL;

	if (open != NULL) {
		size_t from = (size_t)(open - v.p) + 1;
		const char *close = memchr(v.p + from, '>', v.len - from);
		size_t len = close == NULL ? v.len - from :
					     (size_t)(close - open) - 1;

		if (memchr(v.p, ',', from) == NULL)
			at = memrchr(v.p + from, '@', len);
	}
	return at != NULL || v.len == 0 ? at : memchr(v.p, '@', v.len);
}

const char *
mailbox_domain(struct slice value, struct region *rg)
{
	struct slice v = reduce(value, rg);
	const char *at = find_at(v);

	return at == NULL ? NULL : domain_at(v, (size_t)(at - v.p) + 1, rg);
}

static bool
is_atom_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') ||
	    (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~.", c) != NULL);
}

const char *
mailbox_address(struct slice value, struct region *rg)
{
	struct slice v = reduce(value, rg);
	const char *at = find_at(v), *local = at, *domain;

	if (at == NULL)
		return NULL;
	domain = domain_at(v, (size_t)(at - v.p) + 1, rg);
	if (domain == NULL)
		return NULL;
	while (local > v.p && is_atom_byte(local[-1]))
		local--;
	if (local > v.p && strchr("<,;:", local[-1]) == NULL)
		local = at; /* it goes on with what is none */
	return region_printf(rg, "%.*s@%s", (int)(at - local), local, domain);
}

const char *
mailbox_addr_domain(const char *addr, struct region *rg)
{
	const char *at = strrchr(addr, '@');

	return at == NULL ? NULL : domain_name(slice_of(at + 1), rg);
}

/* ---- all domains, strictly ------------------------------------------------ */

/*
 *	list    = [element] *("," [element])
 *	element = name ":" list ";" / [name] "<" [route ":"] address ">" / address
 *
 * What matters of it is where domains are and that each element has one, so
 * that nobody completes an address in a way of his own.
 */
struct strict {
	struct slice v;
	size_t at;
	bool angle;  /* inside of <> */
	bool group;  /* inside of a group */
	bool named;  /* something stands in the element, or in the <> */
	bool domain; /* likewise, with a domain */
	bool more;   /* something stands behind the domain */
	bool behind; /* the element had its <> */
	struct region *rg;
	struct mailbox_domains *out;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Blanks and comments; false: one has no end. */
static bool
skip_blanks(struct strict *x)
{
	while (x->at < x->v.len) {
		if (x->v.p[x->at] == '(') {
			if (!skip_comment(x->v, &x->at))
				return false;
		} else if (is_blank(x->v.p[x->at])) {
			x->at++;
		} else {
			break;
		}
	}
	return true;
}

/* A word, which only a display name may have behind an address. */
static bool
take_word(struct strict *x)
{
	x->named = true;
	x->more = x->domain;
	return !x->behind && !(x->angle && x->more);
}

static bool
take_quoted(struct strict *x)
{
	return skip_quoted(x->v, &x->at) && take_word(x);
}

/* Behind an '@': up to a blank or what ends an address. */
static bool
take_domain(struct strict *x)
{
	const char *name;
	struct slice text;
	size_t from;

	x->at++;
	if (!skip_blanks(x))
		return false;
	from = x->at;
	while (x->at < x->v.len && x->v.p[x->at] != '\0' &&
	    !is_blank(x->v.p[x->at]) &&
	    strchr("<>,;:@\"(", x->v.p[x->at]) == NULL)
		x->at++;
	text = (struct slice){ x->v.p + from, x->at - from };
	name = dotted_name(text, x->rg);
	if (name == NULL || ends_in_dot(name) || !skip_blanks(x) ||
	    (x->at < x->v.len && strchr(".@", x->v.p[x->at]) != NULL) ||
	    x->behind || x->out->n == MAILBOX_DOMAINS_MAX)
		return false;
	x->out->at[x->out->n] = text;
	x->out->v[x->out->n++] = name;
	x->named = x->domain = true;
	return true;
}

/* ',', ';' or the end. */
static bool
end_element(struct strict *x)
{
	bool whole = !x->angle && x->named == x->domain && !x->more;

	x->named = x->domain = x->more = x->behind = false;
	return whole;
}

static bool
open_angle(struct strict *x)
{
	if (x->angle || x->behind)
		return false;
	x->angle = true;
	x->named = x->domain = x->more = false;
	return true;
}

static bool
close_angle(struct strict *x)
{
	if (!x->angle || !x->domain)
		return false;
	x->angle = false;
	x->behind = true;
	return true;
}

/* Behind a part of the route that stands before an address. */
static bool
end_hop(struct strict *x)
{
	bool whole = x->domain;

	x->domain = false;
	return whole;
}

/* Of that, or of a group's name. */
static bool
take_colon(struct strict *x)
{
	if (x->angle)
		return end_hop(x);
	if (x->group || !x->named || x->domain || x->behind)
		return false;
	x->group = true;
	x->named = false;
	return true;
}

static bool
end_group(struct strict *x)
{
	bool whole = x->group && end_element(x);

	x->group = false;
	return whole;
}

/* Goes on by one thing; false: it cannot be there. */
static bool
take_one(struct strict *x)
{
	unsigned char c = (unsigned char)x->v.p[x->at];

	if (c == '"')
		return take_quoted(x);
	if (c == '@')
		return take_domain(x);
	x->at++;
	switch (c) {
	case '<':
		return open_angle(x);
	case '>':
		return close_angle(x);
	case ':':
		return take_colon(x);
	case ';':
		return end_group(x);
	case ',':
		return x->angle ? end_hop(x) : end_element(x);
	default:
		return take_word(x) && c > ' ' && c != 0x7f &&
		    strchr("\\)", c) == NULL;
	}
}

bool
mailbox_domains(struct slice value, struct region *rg,
    struct mailbox_domains *out)
{
	struct strict x = { .v = value, .rg = rg, .out = out };

	out->n = 0;
	for (;;) {
		if (!skip_blanks(&x))
			return false;
		if (x.at >= x.v.len)
			return end_element(&x) && !x.group;
		if (!take_one(&x))
			return false;
	}
}
