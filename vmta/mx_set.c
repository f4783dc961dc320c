/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/mx_set.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"

/* One allocation: the struct, pointers to hosts, addresses, a text as key. */
struct mx_set {
	struct table_link link;
	uint32_t refs;
	struct mx_facts facts;
	size_t key_len;
	const char *key; /* all of it, to be compared */
};

static const struct mx_set *
of_link(const struct table_link *l)
{
	return (const void *)((const char *)l - offsetof(struct mx_set, link));
}

static uint64_t
hash(const struct table_link *l)
{
	return table_hash_bytes(of_link(l)->key, of_link(l)->key_len);
}

static bool
is(const struct table_link *l, const void *key)
{
	const struct slice *k = key;

	return of_link(l)->key_len == k->len &&
	    memcmp(of_link(l)->key, k->p, k->len) == 0;
}

static const struct table_ops ops = { hash, is };

void
mx_sets_init(struct mx_sets *sets)
{
	table_init(&sets->table, &ops);
}

void
mx_sets_fini(struct mx_sets *sets)
{
	table_fini(&sets->table);
}

/* ---- the key ------------------------------------------------------------- */

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
by_address(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct net_addr));
}

/* In lower case and in order, each once and with its NUL; returns how many. */
static uint32_t
add_names(const char *const *names, size_t n, struct region *rg,
    struct buf *out)
{
	char **v = region_array(rg, n + 1, sizeof(*v));
	uint32_t added = 0;

	for (size_t i = 0; i < n; i++) {
		v[i] = region_strdup(rg, names[i]);
		str_lower(v[i]);
	}
	if (n > 1)
		qsort(v, n, sizeof(*v), by_name);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && strcmp(v[i], v[i - 1]) == 0)
			continue;
		buf_add(out, v[i], strlen(v[i]) + 1);
		added++;
	}
	return added;
}

enum { HEAD_N = 3 };

/*
 * Counts and flags, then the addresses in order, then the hosts, then their
 * other names.
 */
static void
make_key(const struct mx_facts *f, struct region *rg, struct buf *out)
{
	struct net_addr *addrs = region_array(rg, f->addr_n + 1,
	    sizeof(*addrs));
	uint32_t head[HEAD_N] = { (uint32_t)f->addr_n,
		(uint32_t)f->has_v4 | (uint32_t)f->has_v6 << 1 };
	struct buf names = { 0 };

	head[2] = add_names(f->hosts, f->n, rg, &names);
	(void)add_names(f->same, f->same_n, rg, &names);
	for (size_t i = 0; i < f->addr_n; i++) {
		memset(&addrs[i], 0, sizeof(addrs[i]));
		addrs[i] = f->addrs[i];
	}
	if (f->addr_n > 1)
		qsort(addrs, f->addr_n, sizeof(*addrs), by_address);
	buf_add(out, head, sizeof(head));
	buf_add(out, addrs, f->addr_n * sizeof(*addrs));
	if (names.len > 0)
		buf_add(out, names.p, names.len);
	buf_fini(&names);
}

static size_t
count_names(const char *p, const char *end)
{
	size_t n = 0;

	for (; p < end; p += strlen(p) + 1)
		n++;
	return n;
}

static struct mx_set *
set_new(const struct mx_facts *f, struct slice key)
{
	size_t before = HEAD_N * sizeof(uint32_t) +
	    f->addr_n * sizeof(struct net_addr);
	size_t n = count_names(key.p + before, key.p + key.len);
	size_t ptrs = n * sizeof(char *);
	struct mx_set *set = mem_zalloc(sizeof(*set) + ptrs + key.len);
	const char **names = (void *)(set + 1);
	char *bytes = (char *)(names + n), *p = bytes + before;
	uint32_t head[HEAD_N];

	memcpy(bytes, key.p, key.len);
	memcpy(head, key.p, sizeof(head));
	for (size_t i = 0; i < n; i++, p += strlen(p) + 1)
		names[i] = p;
	set->refs = 0;
	set->key = bytes;
	set->key_len = key.len;
	set->facts = (struct mx_facts){ .ok = true,
		.n = head[2],
		.hosts = names,
		.same_n = n - head[2],
		.same = names + head[2],
		.addr_n = f->addr_n,
		.addrs = (const void *)(bytes + sizeof(head)),
		.has_v4 = f->has_v4,
		.has_v6 = f->has_v6 };
	return set;
}

_Static_assert(_Alignof(struct net_addr) <= sizeof(uint32_t),
    "addresses may stand behind the head");

/* ---- public -------------------------------------------------------------- */

struct mx_set *
mx_set_get(struct mx_sets *sets, const struct mx_facts *facts)
{
	struct region *rg = region_new();
	struct buf bytes = { 0 };
	struct table_link *l;
	struct mx_set *set;
	struct slice key;

	make_key(facts, rg, &bytes);
	key = (struct slice){ bytes.p, bytes.len };
	l = table_find(&sets->table, table_hash_bytes(key.p, key.len), &key);
	if (l == NULL) {
		set = set_new(facts, key);
		table_add(&sets->table, &set->link);
	} else {
		set = (void *)((char *)l - offsetof(struct mx_set, link));
	}
	set->refs++;
	buf_fini(&bytes);
	region_free(&rg);
	return set;
}

static void
set_free(struct mx_set **setp)
{
	struct mx_set *set = *setp;

	*setp = NULL;
	CHECK(set->refs == 0);
	free(set);
}

void
mx_set_put(struct mx_sets *sets, struct mx_set **setp)
{
	struct mx_set *set = *setp;

	*setp = NULL;
	if (set == NULL)
		return;
	CHECK(set->refs > 0);
	set->refs--;
	if (set->refs > 0)
		return;
	table_remove(&sets->table, &set->link);
	set_free(&set);
}

const struct mx_facts *
mx_set_facts(const struct mx_set *set)
{
	return set == NULL ? NULL : &set->facts;
}
