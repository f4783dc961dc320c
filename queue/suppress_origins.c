/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/suppress_origins.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/strmap.h"
#include "queue/suppress_store.h"

struct suppress_origins {
	struct suppress_origin *items;
	uint32_t count, cap, used;
	uint32_t free_from;   /* no number before it is free */
	struct strmap *named; /* by key, to number + 1 */
	struct buf key;
};

struct suppress_origins *
suppress_origins_new(void)
{
	struct suppress_origins *o = mem_new(struct suppress_origins);

	o->named = strmap_new();
	return o;
}

static void
clear(struct suppress_origin *item)
{
	free(item->reason);
	free(item->source);
	free(item->key);
	*item = (struct suppress_origin){ .reason = NULL };
}

void
suppress_origins_free(struct suppress_origins **op)
{
	struct suppress_origins *o = *op;

	*op = NULL;
	if (o == NULL)
		return;
	strmap_free(&o->named);
	for (uint32_t i = 0; i < o->count; i++)
		clear(&o->items[i]);
	free(o->items);
	buf_fini(&o->key);
	free(o);
}

/* No text has a line feed. */
static const char *
key_of(struct suppress_origins *o, const char *reason, const char *source)
{
	buf_clear(&o->key);
	buf_str(&o->key, reason);
	buf_byte(&o->key, '\n');
	buf_str(&o->key, source);
	return buf_cstr(&o->key);
}

/* A map keeps numbers where others keep pointers. */
static void *
value_of(uint32_t number)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
	return (void *)((uintptr_t)number + 1);
}

static void
fill(struct suppress_origins *o, uint32_t number, const char *reason,
    const char *source)
{
	struct suppress_origin *item = &o->items[number];

	item->reason = mem_strdup(reason);
	item->source = mem_strdup(source);
	item->key = mem_strdup(key_of(o, reason, source));
	strmap_put(o->named, item->key, value_of(number));
	o->used++;
}

static void
reach(struct suppress_origins *o, uint32_t count)
{
	if (count > o->cap) {
		o->cap = count + count / 2 + 16;
		o->items = mem_realloc(o->items,
		    o->cap * sizeof(struct suppress_origin));
	}
	for (; o->count < count; o->count++)
		o->items[o->count] = (struct suppress_origin){ .reason = NULL };
}

int
suppress_origins_set(struct suppress_origins *o, uint32_t number,
    struct slice reason, struct slice source, struct err *e)
{
	char *r, *s;

	if (number >= SUPPRESS_ORIGINS_MAX)
		return err_set(e, "an origin of number %u", (unsigned)number);
	reach(o, number + 1);
	if (o->items[number].reason != NULL)
		return err_set(e, "two origins of number %u", (unsigned)number);
	r = mem_strndup(reason.p, reason.len);
	s = mem_strndup(source.p, source.len);
	fill(o, number, r, s);
	free(r);
	free(s);
	return 0;
}

int
suppress_origins_put(struct suppress_origins *o, const char *reason,
    const char *source, uint32_t *number_r, bool *new_r, struct err *e)
{
	const void *value = strmap_get(o->named, key_of(o, reason, source));
	uint32_t number = o->free_from;

	*new_r = value == NULL;
	if (value != NULL) {
		*number_r = (uint32_t)((uintptr_t)value - 1);
		return 0;
	}
	if (o->used >= SUPPRESS_ORIGINS_MAX)
		return err_set(e,
		    "the list has %u different reasons and sources, as many "
		    "as there may be",
		    (unsigned)o->used);
	while (number < o->count && o->items[number].reason != NULL)
		number++;
	reach(o, number + 1);
	fill(o, number, reason, source);
	o->free_from = number + 1;
	*number_r = number;
	return 0;
}

struct suppress_origin *
suppress_origins_get(struct suppress_origins *o, uint32_t number)
{
	return number < o->count && o->items[number].reason != NULL ?
	    &o->items[number] :
	    NULL;
}

uint32_t
suppress_origins_end(const struct suppress_origins *o)
{
	return o->count;
}

void
suppress_origins_zero(struct suppress_origins *o)
{
	for (uint32_t i = 0; i < o->count; i++)
		o->items[i].entries = 0;
}

/* The map takes nothing out: it is made anew. */
int
suppress_origins_sweep(struct suppress_origins *o,
    suppress_origin_gone_fn *gone, void *ctx, struct err *e)
{
	int rc = 0;

	strmap_free(&o->named);
	o->named = strmap_new();
	o->used = o->free_from = 0;
	for (uint32_t i = 0; i < o->count; i++) {
		struct suppress_origin *item = &o->items[i];

		if (item->reason == NULL)
			continue;
		if (item->entries == 0 && rc == 0)
			rc = gone(ctx, i, e);
		if (item->entries == 0 && rc == 0) {
			clear(item);
			continue;
		}
		strmap_put(o->named, item->key, value_of(i));
		o->used++;
	}
	return rc;
}
