/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/domain_map.h"

#include <idn2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf_hosts.h"
#include "lib/net.h"
#include "lib/str.h"
#include "lib/strmap.h"

#define DOMAIN_MAX 255

struct value {
	const void *v;
	struct value *next;
};

struct values { /* those of macros, then those by name */
	struct value *first, *last_macro, *last;
	size_t n;
};

/* What is said about one name, by the form of the pattern. */
struct entry {
	const char *name;
	struct values both;  /* [*.]name */
	struct values below; /* *.name */
	struct values exact;
};

#define LENGTHS 129 /* 0 to 128 bits */
#define LITERAL_KEY (NET_ADDR_TEXT + 4)

struct domain_map {
	struct region *rg;
	struct values all;       /* * */
	struct strmap *names;    /* of struct entry */
	struct strmap *literals; /* of struct values, by network/length */
	bool lengths[LENGTHS];   /* that are in use */
	size_t longest;
};

struct domain_map *
domain_map_new(struct region *rg)
{
	struct domain_map *m = mem_new(struct domain_map);

	m->rg = rg;
	m->names = strmap_new();
	m->literals = strmap_new();
	return m;
}

void
domain_map_free(struct domain_map **mp)
{
	struct domain_map *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	strmap_free(&m->names);
	strmap_free(&m->literals);
	free(m);
}

static bool
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s >= 128)
			return false;
	return true;
}

/* Lower case, ASCII form, no final dot.  False: no domain at all. */
static bool
normalise(const char *domain, char out[DOMAIN_MAX + 1])
{
	char *ascii = NULL;
	size_t len;

	if (!is_ascii(domain)) {
		if (idn2_to_ascii_8z(domain, &ascii,
			IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
			return false;
		domain = ascii;
	}
	len = strlen(domain);
	if (len > 1 && domain[len - 1] == '.')
		len--;
	if (len == 0 || len > DOMAIN_MAX) {
		idn2_free(ascii);
		return false;
	}
	memcpy(out, domain, len);
	out[len] = '\0';
	str_lower(out);
	idn2_free(ascii);
	return true;
}

/* Macro values first, then those by name, each in order. */
static void
add_value(struct domain_map *m, struct values *list, bool from_macro,
    const void *v)
{
	struct value *new = region_new_obj(m->rg, struct value);
	struct value **at = &list->first;

	if (!from_macro && list->last != NULL)
		at = &list->last->next;
	else if (list->last_macro != NULL)
		at = &list->last_macro->next;
	*new = (struct value){ v, *at };
	*at = new;
	if (from_macro)
		list->last_macro = new;
	if (new->next == NULL)
		list->last = new;
	if (++list->n > m->longest)
		m->longest = list->n;
}

/* The network that the address is in, with that length, as text. */
static void
network_key(const struct net_addr *addr, unsigned bits, char out[LITERAL_KEY])
{
	struct net_addr a = *addr;
	char text[NET_ADDR_TEXT];

	for (unsigned i = 0; i < sizeof(a.a); i++)
		if (i * 8 >= bits)
			a.a[i] = 0;
		else if (i * 8 + 8 > bits)
			a.a[i] &= (uint8_t)(0xff00U >> (bits - i * 8));
	(void)snprintf(out, LITERAL_KEY, "%s/%u", net_addr_text(&a, text),
	    bits);
}

static struct values *
find_literal(struct domain_map *m, const struct net_prefix *prefix)
{
	char key[LITERAL_KEY];
	struct values *list;

	network_key(&prefix->addr, prefix->bits, key);
	list = strmap_get(m->literals, key);
	if (list == NULL) {
		list = region_new_obj(m->rg, struct values);
		strmap_put(m->literals, region_strdup(m->rg, key), list);
		m->lengths[prefix->bits] = true;
	}
	return list;
}

static struct entry *
find_name(struct domain_map *m, const char *name)
{
	struct entry *en = strmap_get(m->names, name);

	if (en == NULL) {
		en = region_new_obj(m->rg, struct entry);
		en->name = region_strdup(m->rg, name);
		strmap_put(m->names, en->name, en);
	}
	return en;
}

static struct values *
literal_values(struct domain_map *m, const char *pattern, struct err *e)
{
	struct slice s = slice_of(pattern);
	struct net_prefix prefix;

	s = (struct slice){ s.p + 1, s.len - 1 };
	if (s.len == 0 || s.p[s.len - 1] != ']') {
		(void)err_set(e, "\"%s\" lacks a \"]\"", pattern);
		return NULL;
	}
	s.len--;
	if (net_prefix_parse(s, &prefix, e) == -1)
		return NULL;
	return find_literal(m, &prefix);
}

/* Where the values of a pattern are or go to; NULL: it is none. */
static struct values *
pattern_values(struct domain_map *m, const char *pattern, struct err *e)
{
	bool both = strncmp(pattern, "[*.]", 4) == 0;
	bool below = strncmp(pattern, "*.", 2) == 0;
	const char *domain = pattern + (both ? 4 : below ? 2 : 0);
	char name[DOMAIN_MAX + 1];
	struct entry *en;

	if (strcmp(pattern, "*") == 0)
		return &m->all;
	if (!both && pattern[0] == '[')
		return literal_values(m, pattern, e);
	/* {bounce} and their like are queues too. */
	if (!normalise(domain, name) ||
	    (name[0] != '{' && !conf_is_host_name(slice_of(name)))) {
		(void)err_set(e, "\"%s\" is not a domain pattern", pattern);
		return NULL;
	}
	en = find_name(m, name);
	return both ? &en->both : below ? &en->below : &en->exact;
}

int
domain_map_add(struct domain_map *m, const char *pattern, bool from_macro,
    const void *value, struct err *e)
{
	struct values *list = pattern_values(m, pattern, e);

	if (list == NULL)
		return -1;
	add_value(m, list, from_macro, value);
	return 0;
}

const void *
domain_map_get(struct domain_map *m, const char *pattern)
{
	struct err ignored;
	const struct values *list = pattern_values(m, pattern, &ignored);

	return list == NULL || list->first == NULL ? NULL : list->first->v;
}

/* ---- matching ------------------------------------------------------------ */

static void
emit(const struct values *list, domain_map_fn *fn, void *ctx)
{
	for (const struct value *v = list->first; v != NULL; v = v->next)
		fn(ctx, v->v);
}

static void
emit_network(const struct domain_map *m, const struct net_addr *addr,
    unsigned bits, domain_map_fn *fn, void *ctx)
{
	char key[LITERAL_KEY];
	const struct values *list;

	network_key(addr, bits, key);
	list = strmap_get(m->literals, key);
	if (list != NULL)
		emit(list, fn, ctx);
}

static void
match_literal(const struct domain_map *m, const char *domain, domain_map_fn *fn,
    void *ctx)
{
	static const struct net_addr any = { .family = AF_INET };
	struct slice s = slice_of(domain);
	struct net_addr addr;
	struct err ignored;
	unsigned most;

	if (s.len < 3 || s.p[s.len - 1] != ']')
		return;
	s = (struct slice){ s.p + 1, s.len - 2 };
	if (net_addr_parse(s, &addr, &ignored) == -1)
		return;
	/* [0/0] stands for all of them, IPv6 too. */
	if (addr.family != AF_INET && m->lengths[0])
		emit_network(m, &any, 0, fn, ctx);
	most = addr.family == AF_INET ? 32 : 128;
	for (unsigned bits = 0; bits <= most; bits++)
		if (m->lengths[bits])
			emit_network(m, &addr, bits, fn, ctx);
}

void
domain_map_match(const struct domain_map *m, const char *domain,
    domain_map_fn *fn, void *ctx)
{
	const struct entry *found[DOMAIN_MAX / 2 + 1];
	char name[DOMAIN_MAX + 1];
	size_t n = 0;

	emit(&m->all, fn, ctx);
	if (domain[0] == '[') {
		match_literal(m, domain, fn, ctx);
		return;
	}
	if (strmap_count(m->names) == 0 || !normalise(domain, name))
		return;
	/* The name and its parents, longest first. */
	for (const char *p = name; p != NULL && n < DOMAIN_MAX / 2 + 1;) {
		found[n++] = strmap_get(m->names, p);
		p = strchr(p, '.');
		if (p != NULL)
			p++;
	}
	for (size_t i = n; i > 0; i--)
		if (found[i - 1] != NULL)
			emit(&found[i - 1]->both, fn, ctx);
	for (size_t i = n; i > 1; i--)
		if (found[i - 1] != NULL)
			emit(&found[i - 1]->below, fn, ctx);
	if (found[0] != NULL)
		emit(&found[0]->exact, fn, ctx);
}

void
domain_map_exact(const struct domain_map *m, const char *domain,
    domain_map_fn *fn, void *ctx)
{
	char name[DOMAIN_MAX + 1];
	const struct entry *found;

	if (!normalise(domain, name))
		return;
	found = strmap_get(m->names, name);
	if (found != NULL)
		emit(&found->exact, fn, ctx);
}

static void
set_true(void *ctx, const void *value)
{
	(void)value;
	*(bool *)ctx = true;
}

bool
domain_map_has(const struct domain_map *m, const char *domain)
{
	bool found = false;

	domain_map_match(m, domain, set_true, &found);
	return found;
}

bool
domain_map_is_empty(const struct domain_map *m)
{
	return m->all.first == NULL && strmap_count(m->names) == 0 &&
	    strmap_count(m->literals) == 0;
}

size_t
domain_map_longest(const struct domain_map *m)
{
	return m->longest;
}
