/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/mailbox.h"

#include <idn2.h>
#include <stdbool.h>
#include <string.h>

#define DOMAIN_MAX 255 /* RFC 1035 section 3.1, rounded up */

/* p[at] opens a quoted string; the place behind its end. */
static size_t
skip_quoted(struct slice v, size_t at)
{
	for (at++; at < v.len && v.p[at] != '"'; at++)
		if (v.p[at] == '\\')
			at++;
	return at < v.len ? at + 1 : v.len;
}

/* p[at] opens a comment, which may hold others. */
static size_t
skip_comment(struct slice v, size_t at)
{
	size_t depth = 0;

	for (; at < v.len; at++) {
		if (v.p[at] == '\\')
			at++;
		else if (v.p[at] == '(')
			depth++;
		else if (v.p[at] == ')' && --depth == 0)
			return at + 1;
	}
	return v.len;
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
			at = skip_quoted(v, at);
			out[n++] = '"';
		} else if (c == '(') {
			at = skip_comment(v, at);
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
static const char *
domain_name(struct slice s, struct region *rg)
{
	char *name, *ascii = NULL;
	bool utf8 = false;

	if (s.len > 0 && s.p[s.len - 1] == '.')
		s.len--;
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
	for (const char *p = name; *p != '\0'; p++)
		if (!is_name_byte(*p) ||
		    (*p == '.' && (p == name || p[1] == '.')))
			return NULL;
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
