/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/addr.h"

#include <idn2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/net.h"

enum { LABEL_MAX = 63 };

/* ---- characters ---------------------------------------------------------- */

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

/* atext of RFC 5322 section 3.2.3, and the dot. */
static bool
is_atext(char c)
{
	return is_alnum(c) ||
	    (c != '\0' && strchr(".!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool
is_8bit(char c)
{
	return (c & 0x80) != 0;
}

/* How many bytes a sequence has that starts so; 0: none starts so. */
static size_t
utf8_len(unsigned char c)
{
	if (c < 0x80)
		return 1;
	if (c >= 0xC2 && c <= 0xDF)
		return 2;
	if ((c & 0xF0) == 0xE0)
		return 3;
	return c >= 0xF0 && c <= 0xF4 ? 4 : 0;
}

bool
addr_utf8_valid(struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t n;

	for (size_t i = 0; i < s.len; i += n) {
		n = utf8_len(p[i]);
		if (n == 0 || s.len - i < n || p[i] == '\0')
			return false;
		for (size_t k = 1; k < n; k++)
			if ((p[i + k] & 0xC0) != 0x80)
				return false;
		/* Overlong forms, surrogates, beyond U+10FFFF. */
		if ((p[i] == 0xE0 && p[i + 1] < 0xA0) ||
		    (p[i] == 0xED && p[i + 1] > 0x9F) ||
		    (p[i] == 0xF0 && p[i + 1] < 0x90) ||
		    (p[i] == 0xF4 && p[i + 1] > 0x8F))
			return false;
	}
	return true;
}

static bool
has_8bit(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (is_8bit(s.p[i]))
			return true;
	return false;
}

/* ---- domain -------------------------------------------------------------- */

static bool
is_ascii_domain(const char *s, size_t len)
{
	size_t label = 0;

	if (len == 0 || len > ADDR_DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		if (!is_alnum(s[i]) && s[i] != '-' && s[i] != '_')
			return false;
		if (++label > LABEL_MAX)
			return false;
	}
	return label > 0;
}

static const char *
idn_domain(struct slice s, struct region *rg)
{
	const char *out = NULL;
	uint8_t *ascii = NULL;
	char *u8;

	/* Four bytes make at most one letter: no long work for nonsense. */
	if (s.len > 4 * (size_t)ADDR_DOMAIN_MAX || !addr_utf8_valid(s))
		return NULL;
	u8 = region_strndup(rg, s.p, s.len);
	if (idn2_lookup_u8((const uint8_t *)u8, &ascii,
		IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return NULL;
	if (is_ascii_domain((const char *)ascii, strlen((const char *)ascii))) {
		char *copy = region_strdup(rg, (const char *)ascii);

		str_lower(copy);
		out = copy;
	}
	idn2_free(ascii);
	return out;
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]", in one way of writing. */
static const char *
literal_domain(struct slice s, struct region *rg)
{
	struct slice in = { s.p + 1, s.len - 2 };
	char text[NET_ADDR_TEXT];
	struct net_addr a;
	struct err e;
	uint8_t want = AF_INET;

	if (in.len > 5 && slice_eq_nocase((struct slice){ in.p, 5 }, "IPv6:")) {
		in.p += 5;
		in.len -= 5;
		want = AF_INET6;
	}
	if (in.len >= NET_ADDR_TEXT || net_addr_parse(in, &a, &e) == -1 ||
	    a.family != want)
		return NULL;
	return region_printf(rg, "[%s%s]", want == AF_INET6 ? "IPv6:" : "",
	    net_addr_text(&a, text));
}

/* Normal form of a domain or literal; NULL: it is none. */
static const char *
normal_domain(struct slice s, struct region *rg)
{
	char *copy;

	if (s.len >= 2 && s.p[0] == '[' && s.p[s.len - 1] == ']')
		return literal_domain(s, rg);
	if (has_8bit(s))
		return idn_domain(s, rg);
	if (!is_ascii_domain(s.p, s.len))
		return NULL;
	copy = region_strndup(rg, s.p, s.len);
	str_lower(copy);
	return copy;
}

/* ---- local part ---------------------------------------------------------- */

/* Length of a quoted string with both quotes; 0: it is none. */
static size_t
quoted_len(struct slice s)
{
	for (size_t i = 1; i < s.len; i++) {
		if (s.p[i] == '"')
			return i + 1;
		if (s.p[i] == '\\' && ++i == s.len)
			return 0;
		if (!is_8bit(s.p[i]) && (s.p[i] < ' ' || s.p[i] > '~'))
			return 0;
	}
	return 0;
}

static size_t
local_len(struct slice s)
{
	size_t n = 0;

	if (s.len > 0 && s.p[0] == '"')
		return quoted_len(s);
	while (n < s.len && (is_atext(s.p[n]) || is_8bit(s.p[n])))
		n++;
	return n;
}

/* ---- mailbox and path ---------------------------------------------------- */

enum addr_status
addr_parse(struct slice s, struct region *rg, struct addr *a_r)
{
	size_t local = local_len(s);
	struct slice domain;

	*a_r = (struct addr){ "", "", false };
	if (local == 0 || (local < s.len && s.p[local] != '@'))
		return ADDR_SYNTAX;
	if (local > ADDR_LOCAL_MAX ||
	    s.len - local > 4 * (size_t)ADDR_DOMAIN_MAX)
		return ADDR_TOO_LONG;
	a_r->utf8 = has_8bit(s);
	if (a_r->utf8 && !addr_utf8_valid(s))
		return ADDR_SYNTAX;
	a_r->text = region_strndup(rg, s.p, s.len);
	if (local == s.len)
		return ADDR_NO_DOMAIN;
	domain = (struct slice){ s.p + local + 1, s.len - local - 1 };
	a_r->domain = normal_domain(domain, rg);
	if (a_r->domain != NULL)
		return ADDR_OK;
	a_r->domain = "";
	return domain.len > ADDR_DOMAIN_MAX ? ADDR_TOO_LONG : ADDR_BAD_DOMAIN;
}

/* Where the closing bracket is; s.len: there is none. */
static size_t
find_close(struct slice s)
{
	bool quoted = false;

	for (size_t i = 1; i < s.len; i++) {
		if (quoted && s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			quoted = !quoted;
		else if (!quoted && s.p[i] == '>')
			return i;
	}
	return s.len;
}

/* "@one.example,@two.example:" is read over; false if it is broken. */
static bool
skip_route(struct slice *s)
{
	const char *colon;

	if (s->len == 0 || s->p[0] != '@')
		return true;
	colon = memchr(s->p, ':', s->len);
	if (colon == NULL)
		return false;
	for (const char *p = s->p; p < colon; p++)
		if (!is_alnum(*p) && strchr("@,.-_", *p) == NULL)
			return false;
	s->len -= (size_t)(colon + 1 - s->p);
	s->p = colon + 1;
	return s->len > 0;
}

enum addr_status
addr_path(struct slice s, struct region *rg, struct addr *a_r, size_t *used_r)
{
	struct slice in;
	size_t end;

	*a_r = (struct addr){ "", "", false };
	*used_r = 0;
	if (s.len < 2 || s.p[0] != '<')
		return ADDR_SYNTAX;
	end = find_close(s);
	if (end == s.len)
		return ADDR_SYNTAX;
	*used_r = end + 1;
	in = (struct slice){ s.p + 1, end - 1 };
	if (in.len == 0)
		return ADDR_OK;
	if (!skip_route(&in))
		return ADDR_SYNTAX;
	return addr_parse(in, rg, a_r);
}
