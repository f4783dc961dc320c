/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_hosts.h"

#include <string.h>

#define HOSTS_MAX 1000
#define LOOKUP_MX "lookup-mx:"

bool
conf_is_host_name(struct slice s)
{
	if (s.len == 0 || s.len > 253 || s.p[0] == '.' || s.p[0] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '-' || c == '_' || c >= 128;

		if (c == '.')
			good = i + 1 == s.len || s.p[i + 1] != '.';
		if (!good)
			return false;
	}
	return true;
}

bool
conf_is_address(struct slice s)
{
	size_t at = s.len;

	while (at > 0 && s.p[at - 1] != '@')
		at--;
	if (at < 2 || s.len > 320)
		return false;
	for (size_t i = 0; i < at - 1; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f ||
		    strchr("\"<>,;", s.p[i]) != NULL)
			return false;
	return conf_is_host_name((struct slice){ s.p + at, s.len - at });
}

static bool
starts_with(struct slice s, const char *text)
{
	return s.len >= strlen(text) && memcmp(s.p, text, strlen(text)) == 0;
}

bool
conf_is_domain_pattern(struct slice s)
{
	struct net_prefix prefix;
	struct err ignored;
	size_t skip = starts_with(s, "[*.]") ? 4 : starts_with(s, "*.") ? 2 : 0;

	if (slice_eq(s, "*"))
		return true;
	if (s.len > 2 && skip == 0 && s.p[0] == '[' && s.p[s.len - 1] == ']')
		return net_prefix_parse((struct slice){ s.p + 1, s.len - 2 },
			   &prefix, &ignored) == 0;
	if (s.len > 2 && s.p[0] == '{' && s.p[s.len - 1] == '}')
		return true;
	return conf_is_host_name((struct slice){ s.p + skip, s.len - skip });
}

static int
parse_port(struct slice s, uint16_t *port_r, struct err *e)
{
	uint64_t port;

	if (str_to_u64(s, &port, e) == -1)
		return -1;
	if (port == 0 || port > 65535)
		return err_set(e, "\"%.*s\" is not a port", (int)s.len, s.p);
	*port_r = (uint16_t)port;
	return 0;
}

/* Where the host ends and ":port" begins; in brackets colons do not count. */
static int
split_port(struct slice s, struct slice *host, uint16_t *port_r, struct err *e)
{
	const char *close = NULL, *colon;

	*host = s;
	*port_r = 0;
	if (s.len > 0 && s.p[0] == '[') {
		close = memchr(s.p, ']', s.len);
		if (close == NULL)
			return err_set(e, "\"%.*s\" lacks a \"]\"", (int)s.len,
			    s.p);
		host->len = (size_t)(close - s.p) + 1;
		if (host->len == s.len)
			return 0;
		if (close[1] != ':')
			return err_set(e, "\"%.*s\" is no host", (int)s.len,
			    s.p);
		colon = close + 1;
	} else {
		colon = memchr(s.p, ':', s.len);
		if (colon == NULL)
			return 0;
		host->len = (size_t)(colon - s.p);
	}
	return parse_port(
	    (struct slice){ colon + 1, s.len - (size_t)(colon - s.p) - 1 },
	    port_r, e);
}

static bool
is_v4(struct slice s, struct net_addr *addr_r)
{
	struct err ignored;

	return net_addr_parse(s, addr_r, &ignored) == 0 &&
	    addr_r->family == AF_INET;
}

static int
parse_host(struct slice s, struct region *rg, struct conf_host *out,
    struct err *e)
{
	struct slice host;
	char *name;

	if (s.len > strlen(LOOKUP_MX) &&
	    slice_eq_nocase((struct slice){ s.p, strlen(LOOKUP_MX) },
		LOOKUP_MX)) {
		out->lookup_mx = true;
		s = slice_trim((struct slice){ s.p + strlen(LOOKUP_MX),
		    s.len - strlen(LOOKUP_MX) });
	}
	if (split_port(s, &host, &out->port, e) == -1)
		return -1;
	if (host.len > 0 && host.p[0] == '[') {
		struct slice inside = { host.p + 1, host.len - 2 };

		if (net_addr_parse(inside, &out->addr, e) == -1)
			return -1;
	} else if (!is_v4(host, &out->addr)) {
		out->addr = (struct net_addr){ 0 };
		if (!conf_is_host_name(host))
			return err_set(e, "\"%.*s\" is no host", (int)s.len,
			    s.p);
		name = region_strndup(rg, host.p, host.len);
		str_lower(name);
		out->name = name;
	}
	if (out->lookup_mx && out->name == NULL)
		return err_set(e, "lookup-mx: needs a name, not an address");
	return 0;
}

/* Takes what stands before the next "," or ";". */
static struct slice
take_host(struct slice *rest, bool *next_group)
{
	struct slice item = { rest->p, 0 };

	while (item.len < rest->len && item.p[item.len] != ',' &&
	    item.p[item.len] != ';')
		item.len++;
	*next_group = item.len < rest->len && item.p[item.len] == ';';
	rest->p += item.len;
	rest->len -= item.len;
	if (rest->len > 0) {
		rest->p++;
		rest->len--;
	}
	return slice_trim(item);
}

int
conf_hosts_parse(struct slice text, struct region *rg, struct conf_hosts *out,
    struct err *e)
{
	struct slice rest = slice_trim(text);
	uint16_t pref = 0;
	size_t most = 1;

	*out = (struct conf_hosts){ 0 };
	if (rest.len == 0)
		return 0;
	for (size_t i = 0; i < rest.len; i++)
		most += rest.p[i] == ',' || rest.p[i] == ';';
	if (most > HOSTS_MAX)
		return err_set(e, "more than %d hosts", HOSTS_MAX);
	out->v = region_array(rg, most, sizeof(out->v[0]));
	while (rest.len > 0) {
		struct conf_host *h = &out->v[out->n];
		bool next_group;
		struct slice item = take_host(&rest, &next_group);

		if (item.len == 0)
			return err_set(e, "a host is missing");
		if (parse_host(item, rg, h, e) == -1)
			return -1;
		h->pref = pref;
		out->n++;
		pref = (uint16_t)(pref + next_group);
	}
	return 0;
}
