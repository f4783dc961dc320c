/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/names.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"

struct name {
	struct table_link link;
	uint32_t number, holders;
	char text[];
};

static const struct name *
of_link(const struct table_link *l)
{
	return (const void *)((const char *)l - offsetof(struct name, link));
}

static uint64_t
hash(const struct table_link *l)
{
	return table_hash_bytes(of_link(l)->text, strlen(of_link(l)->text));
}

static bool
is(const struct table_link *l, const void *key)
{
	return strcmp(of_link(l)->text, key) == 0;
}

static const struct table_ops ops = { hash, is };

void
names_init(struct names *n)
{
	*n = (struct names){ .used = 1 };
	table_init(&n->by_text, &ops);
}

void
names_fini(struct names *n)
{
	table_fini(&n->by_text);
	free(n->all);
	free(n->free);
	*n = (struct names){ 0 };
}

static uint32_t
new_number(struct names *n)
{
	if (n->free_count > 0)
		return n->free[--n->free_count];
	if (n->used >= n->cap) {
		n->cap = n->cap == 0 ? 16 : n->cap * 2;
		n->all = mem_realloc(n->all, n->cap * sizeof(struct name *));
	}
	return n->used++;
}

static void
free_number(struct names *n, uint32_t number)
{
	n->all[number] = NULL;
	if (n->free_count == n->free_cap) {
		n->free_cap = n->free_cap == 0 ? 16 : n->free_cap * 2;
		n->free = mem_realloc(n->free, n->free_cap * sizeof(uint32_t));
	}
	n->free[n->free_count++] = number;
}

static struct name *
name_new(struct names *n, const char *text)
{
	size_t len = strlen(text) + 1;
	struct name *name = mem_zalloc(sizeof(*name) + len);

	memcpy(name->text, text, len);
	name->number = new_number(n);
	n->all[name->number] = name;
	table_add(&n->by_text, &name->link);
	return name;
}

uint32_t
names_hold(struct names *n, const char *text)
{
	struct table_link *l;
	struct name *name;

	if (text == NULL || text[0] == '\0')
		return 0;
	l = table_find(&n->by_text, table_hash_bytes(text, strlen(text)), text);
	if (l == NULL)
		name = name_new(n, text);
	else
		name = (void *)((char *)l - offsetof(struct name, link));
	name->holders++;
	return name->number;
}

static void
name_free(struct name **namep)
{
	free(*namep);
	*namep = NULL;
}

void
names_drop(struct names *n, uint32_t number)
{
	struct name *name;

	if (number == 0)
		return;
	CHECK(number < n->used && n->all[number] != NULL);
	name = n->all[number];
	if (--name->holders > 0)
		return;
	table_remove(&n->by_text, &name->link);
	free_number(n, number);
	name_free(&name);
}

const char *
names_text(const struct names *n, uint32_t number)
{
	if (number == 0)
		return "";
	CHECK(number < n->used && n->all[number] != NULL);
	return n->all[number]->text;
}
