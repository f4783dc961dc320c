/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem - allocation that cannot fail, regions and slabs.
 *
 * mem_*: like malloc, but never NULL: no memory ends the process (3.5 of the
 * style: a failure of kind one).  What they return is given back by free() in
 * an x_free() function.
 *
 * region: allocations that die together (a session, a message).  No single
 * free.  Owned by one thread at a time.
 *
 * slab: many objects of one size, reused, aligned to 8 bytes (16 if the size
 * is a multiple of that), without a header per object.  Owned by one thread.
 */

#ifndef LIB_MEM_H
#define LIB_MEM_H

#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t len) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t len) __attribute__((malloc, returns_nonnull));
void *mem_array(size_t count, size_t size)
    __attribute__((malloc, returns_nonnull)); /* zeroed, overflow checked */
void *mem_realloc(void *p, size_t len) __attribute__((returns_nonnull));
void *mem_dup(const void *p, size_t len)
    __attribute__((malloc, returns_nonnull));
char *mem_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *mem_strndup(const char *s, size_t len)
    __attribute__((malloc, returns_nonnull)); /* adds the NUL */

#define mem_new(type) ((type *)mem_zalloc(sizeof(type)))

struct region;

struct region *region_new(void);
void region_free(struct region **rgp);
void region_reset(struct region *rg); /* frees all, keeps the first block */

void *region_alloc(struct region *rg, size_t len); /* 16-byte aligned */
void *region_zalloc(struct region *rg, size_t len);
void *region_array(struct region *rg, size_t count, size_t size);
/*
 * Room for one more than n items in an array that only grows by one: its
 * capacity is the next power of two, and 0 items need none yet.
 */
void *region_grow(struct region *rg, void *items, size_t n, size_t size);
void *region_dup(struct region *rg, const void *p, size_t len);
char *region_strdup(struct region *rg, const char *s);
char *region_strndup(struct region *rg, const char *s, size_t len);
/* Texts one behind the other, up to a NULL; far cheaper than "%s%s". */
char *region_join(struct region *rg, const char *const *parts);
#define REGION_JOIN(rg, ...) \
	region_join(rg, (const char *const[]){ __VA_ARGS__, NULL })
char *region_printf(struct region *rg, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define region_new_obj(rg, type) ((type *)region_zalloc((rg), sizeof(type)))

struct slab;

struct slab *slab_new(size_t size);
void slab_free(struct slab **sp); /* CHECKs that all objects came back */
void *slab_get(struct slab *s);   /* zeroed */
void slab_put(struct slab *s, void *obj);

#endif
