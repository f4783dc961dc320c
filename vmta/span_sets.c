/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/span_sets.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"

struct span_set {
	struct table_link link;
	uint32_t number, holders;
	struct spans spans; /* its array is v */
	struct span v[];
};

static uint64_t
hash_of(const struct spans *s)
{
	return table_hash_bytes(s->v, s->n * sizeof(*s->v));
}

static const struct span_set *
of_link(const struct table_link *l)
{
	return (
	    const void *)((const char *)l - offsetof(struct span_set, link));
}

static uint64_t
hash(const struct table_link *l)
{
	return hash_of(&of_link(l)->spans);
}

static bool
is(const struct table_link *l, const void *key)
{
	return spans_equal(&of_link(l)->spans, key);
}

static const struct table_ops ops = { hash, is };

static uint32_t
new_number(struct span_sets *s)
{
	if (s->free_count > 0)
		return s->free[--s->free_count];
	if (s->used >= s->cap) {
		s->cap = s->cap == 0 ? 16 : s->cap * 2;
		s->all = mem_realloc(s->all,
		    s->cap * sizeof(struct span_set *));
	}
	return s->used++;
}

static void
free_number(struct span_sets *s, uint32_t number)
{
	s->all[number] = NULL;
	if (s->free_count == s->free_cap) {
		s->free_cap = s->free_cap == 0 ? 16 : s->free_cap * 2;
		s->free = mem_realloc(s->free, s->free_cap * sizeof(uint32_t));
	}
	s->free[s->free_count++] = number;
}

static struct span_set *
set_new(struct span_sets *s, const struct spans *spans)
{
	size_t len = spans->n * sizeof(struct span);
	struct span_set *set = mem_zalloc(sizeof(*set) + len);

	if (len > 0)
		memcpy(set->v, spans->v, len);
	set->spans = (struct spans){ spans->n, set->v };
	set->number = new_number(s);
	s->all[set->number] = set;
	table_add(&s->by_content, &set->link);
	return set;
}

static struct span_set *
at(const struct span_sets *s, uint32_t number)
{
	CHECK(number < s->used && s->all[number] != NULL);
	return s->all[number];
}

static void
set_free(struct span_sets *s, struct span_set **setp)
{
	struct span_set *set = *setp;

	*setp = NULL;
	CHECK(set->holders == 0);
	table_remove(&s->by_content, &set->link);
	free_number(s, set->number);
	free(set);
}

void
span_sets_init(struct span_sets *s)
{
	static const struct spans none;

	*s = (struct span_sets){ 0 };
	table_init(&s->by_content, &ops);
	(void)set_new(s, &none);
}

void
span_sets_fini(struct span_sets *s)
{
	struct span_set *none = at(s, 0);

	set_free(s, &none);
	table_fini(&s->by_content);
	free(s->all);
	free(s->free);
	*s = (struct span_sets){ 0 };
}

uint32_t
span_sets_hold(struct span_sets *s, const struct spans *spans)
{
	struct table_link *l;
	struct span_set *set;

	if (spans == NULL || spans->n == 0)
		return 0;
	l = table_find(&s->by_content, hash_of(spans), spans);
	set = l == NULL ? set_new(s, spans) :
			  (void *)((char *)l - offsetof(struct span_set, link));
	set->holders++;
	return set->number;
}

void
span_sets_drop(struct span_sets *s, uint32_t number)
{
	struct span_set *set;

	if (number == 0)
		return;
	set = at(s, number);
	CHECK(set->holders > 0);
	set->holders--;
	if (set->holders == 0)
		set_free(s, &set);
}

const struct spans *
span_sets_at(const struct span_sets *s, uint32_t number)
{
	return &at(s, number)->spans;
}
