/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"

#define ALIGN 16
#define SLAB_ALIGN 8
#define REGION_BLOCK ((size_t)4096)
#define SLAB_CHUNK ((size_t)65536)

/* ---- allocation ---------------------------------------------------------- */

void *
mem_alloc(size_t len)
{
	void *p = malloc(len == 0 ? 1 : len);

	CHECK(p != NULL);
	return p;
}

void *
mem_zalloc(size_t len)
{
	return mem_array(1, len);
}

void *
mem_array(size_t count, size_t size)
{
	void *p;

	if (count == 0 || size == 0)
		count = size = 1;
	p = calloc(count, size); /* checks the product */
	CHECK(p != NULL);
	return p;
}

void *
mem_realloc(void *p, size_t len)
{
	p = realloc(p, len == 0 ? 1 : len);
	CHECK(p != NULL);
	return p;
}

void *
mem_dup(const void *p, size_t len)
{
	void *copy = mem_alloc(len);

	if (len > 0)
		memcpy(copy, p, len);
	return copy;
}

char *
mem_strdup(const char *s)
{
	return mem_dup(s, strlen(s) + 1);
}

char *
mem_strndup(const char *s, size_t len)
{
	char *copy = mem_alloc(len + 1);

	if (len > 0)
		memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

/* ---- regions ------------------------------------------------------------- */

struct block {
	struct block *next;
	size_t size, used;
	_Alignas(ALIGN) char bytes[];
};

struct region {
	struct block *blocks; /* newest first; the last one is the first made */
};

static struct block *
block_new(size_t size)
{
	struct block *b = mem_alloc(sizeof(*b) + size);

	b->next = NULL;
	b->size = size;
	b->used = 0;
	return b;
}

struct region *
region_new(void)
{
	struct region *rg = mem_new(struct region);

	rg->blocks = block_new(REGION_BLOCK - sizeof(struct block));
	return rg;
}

void
region_reset(struct region *rg)
{
	while (rg->blocks->next != NULL) {
		struct block *b = rg->blocks;

		rg->blocks = b->next;
		free(b);
	}
	rg->blocks->used = 0;
}

void
region_free(struct region **rgp)
{
	struct region *rg = *rgp;

	*rgp = NULL;
	if (rg == NULL)
		return;
	region_reset(rg);
	free(rg->blocks);
	free(rg);
}

void *
region_alloc(struct region *rg, size_t len)
{
	struct block *b = rg->blocks;
	size_t need;
	void *p;

	CHECK(len < SIZE_MAX / 4);
	need = (len + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (b->size - b->used < need) {
		size_t size = b->size * 2;

		if (size > 65536)
			size = 65536;
		b = block_new(need > size ? need : size);
		b->next = rg->blocks;
		rg->blocks = b;
	}
	p = b->bytes + b->used;
	b->used += need;
	return p;
}

void *
region_zalloc(struct region *rg, size_t len)
{
	void *p = region_alloc(rg, len);

	memset(p, 0, len);
	return p;
}

void *
region_array(struct region *rg, size_t count, size_t size)
{
	CHECK(size == 0 || count < SIZE_MAX / 4 / size);
	return region_zalloc(rg, count * size);
}

void *
region_grow(struct region *rg, void *items, size_t n, size_t size)
{
	void *more;

	if ((n & (n - 1)) != 0)
		return items;
	more = region_array(rg, n == 0 ? 1 : n * 2, size);
	if (n > 0)
		memcpy(more, items, n * size);
	return more;
}

void *
region_dup(struct region *rg, const void *p, size_t len)
{
	void *copy = region_alloc(rg, len);

	if (len > 0)
		memcpy(copy, p, len);
	return copy;
}

char *
region_strdup(struct region *rg, const char *s)
{
	return region_dup(rg, s, strlen(s) + 1);
}

char *
region_strndup(struct region *rg, const char *s, size_t len)
{
	char *copy = region_alloc(rg, len + 1);

	if (len > 0)
		memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *
region_join(struct region *rg, const char *const *parts)
{
	size_t len = 0;
	char *out, *p;

	for (size_t i = 0; parts[i] != NULL; i++)
		len += strlen(parts[i]);
	p = out = region_alloc(rg, len + 1);
	for (; *parts != NULL; parts++)
		p = stpcpy(p, *parts);
	*p = '\0';
	return out;
}

char *
region_printf(struct region *rg, const char *fmt, ...)
{
	struct block *b = rg->blocks;
	size_t room = b->size - b->used;
	va_list ap;
	char *out = b->bytes + b->used, *here;
	int len;

	/* It nearly always fits in what the block has left. */
	va_start(ap, fmt);
	len = vsnprintf(out, room, fmt, ap);
	va_end(ap);
	CHECK(len >= 0);
	if ((size_t)len < room) {
		here = region_alloc(rg, (size_t)len + 1);
		CHECK(here == out); /* room is a multiple of ALIGN */
		return here;
	}
	out = region_alloc(rg, (size_t)len + 1);
	va_start(ap, fmt);
	(void)vsnprintf(out, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return out;
}

/* ---- slabs --------------------------------------------------------------- */

struct free_obj {
	struct free_obj *next;
};

struct chunk {
	struct chunk *next;
	_Alignas(ALIGN) char bytes[];
};

struct slab {
	size_t size, in_use;
	struct free_obj *free;
	struct chunk *chunks;
};

struct slab *
slab_new(size_t size)
{
	struct slab *s = mem_new(struct slab);

	if (size < sizeof(struct free_obj))
		size = sizeof(struct free_obj);
	s->size = (size + SLAB_ALIGN - 1) & ~(size_t)(SLAB_ALIGN - 1);
	return s;
}

void
slab_free(struct slab **sp)
{
	struct slab *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	CHECK(s->in_use == 0);
	while (s->chunks != NULL) {
		struct chunk *c = s->chunks;

		s->chunks = c->next;
		free(c);
	}
	free(s);
}

static void
slab_grow(struct slab *s)
{
	size_t count = SLAB_CHUNK / s->size;
	struct chunk *c;

	if (count < 8)
		count = 8;
	c = mem_alloc(sizeof(*c) + count * s->size);
	c->next = s->chunks;
	s->chunks = c;
	for (size_t i = count; i-- > 0;) {
		struct free_obj *f = (void *)(c->bytes + i * s->size);

		f->next = s->free;
		s->free = f;
	}
}

void *
slab_get(struct slab *s)
{
	struct free_obj *f;

	if (s->free == NULL)
		slab_grow(s);
	f = s->free;
	s->free = f->next;
	s->in_use++;
	memset(f, 0, s->size);
	return f;
}

void
slab_put(struct slab *s, void *obj)
{
	struct free_obj *f = obj;

	CHECK(s->in_use > 0);
	s->in_use--;
	f->next = s->free;
	s->free = f;
}
