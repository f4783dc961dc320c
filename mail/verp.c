/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/verp.h"

#include <stdbool.h>
#include <string.h>

#include "lib/str.h"

/* An address in two: the local part as it stands between quotes, if any. */
struct parts {
	struct slice local, domain;
};

/* A domain has no '@', a quoted local part may. */
static bool
take_apart(const char *addr, struct parts *p_r)
{
	const char *at = strrchr(addr, '@');

	if (at == NULL || at[1] == '\0')
		return false;
	p_r->local = (struct slice){ addr, (size_t)(at - addr) };
	if (addr[0] == '"' && at - addr >= 2) {
		p_r->local.p++;
		p_r->local.len -= 2;
	}
	p_r->domain = slice_of(at + 1);
	return true;
}

/* atext of RFC 5322 section 3.2.3, with UTF-8 (RFC 6531 section 3.3). */
static bool
is_atext(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || (c & 0x80) != 0 ||
	    (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool
is_dot_atom(struct slice s)
{
	char last = '.';

	for (size_t i = 0; i < s.len; last = s.p[i++])
		if (s.p[i] == '.' ? last == '.' : !is_atext(s.p[i]))
			return false;
	return last != '.';
}

/* A backslash or quote in it came from a quoted one, and has its own before it. */
static const char *
address(struct slice local, struct slice domain, struct region *rg)
{
	const char *quote = is_dot_atom(local) ? "" : "\"";

	return region_printf(rg, "%s%.*s%s@%.*s", quote, (int)local.len,
	    local.p, quote, (int)domain.len, domain.p);
}

const char *
verp_make(const char *sender, const char *rcpt, struct region *rg)
{
	struct parts from, to;
	const char *local, *addr;
	size_t len;

	if (!take_apart(sender, &from) || !take_apart(rcpt, &to))
		return sender;
	local = region_printf(rg, "%.*s%c%.*s%c%s", (int)from.local.len,
	    from.local.p, VERP_DELIMITERS[0], (int)to.local.len, to.local.p,
	    VERP_DELIMITERS[1], to.domain.p);
	addr = address(slice_of(local), from.domain, rg);
	len = strlen(addr);
	if (len > VERP_ADDR_MAX || len - from.domain.len - 1 > VERP_LOCAL_MAX)
		return sender;
	return addr;
}

/* What is behind the sender's local part and the first delimiter. */
static bool
behind(struct slice local, struct slice of, char delimiter, struct slice *rest)
{
	if (local.len <= of.len || memcmp(local.p, of.p, of.len) != 0 ||
	    local.p[of.len] != delimiter)
		return false;
	rest->p = local.p + of.len + 1;
	rest->len = local.len - of.len - 1;
	return true;
}

const char *
verp_split(const char *addr, const char *sender, const char *delimiters,
    struct region *rg)
{
	struct parts all, from;
	struct slice to;
	const char *last;
	size_t local;

	if (!take_apart(addr, &all) || !take_apart(sender, &from) ||
	    !slice_eq_nocase(all.domain, from.domain.p) ||
	    !behind(all.local, from.local, delimiters[0], &to))
		return NULL;
	last = memrchr(to.p, delimiters[1], to.len);
	if (last == NULL || last + 1 == to.p + to.len)
		return NULL;
	local = (size_t)(last - to.p);
	return address((struct slice){ to.p, local },
	    (struct slice){ last + 1, to.len - local - 1 }, rg);
}
