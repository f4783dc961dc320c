/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heap - a binary heap of pointers that know their place in it.
 *
 * The item keeps its index (written by ops->moved), so that any item can be
 * taken out or moved in O(log n).  The heap owns the array, never the items.
 * A zeroed heap is empty; the array shrinks with the items.  One thread.
 */

#ifndef VMTA_HEAP_H
#define VMTA_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#define HEAP_NONE UINT32_MAX /* the index of an item that is in no heap */

struct heap {
	void **v;
	uint32_t n, cap;
};

struct heap_ops {
	bool (*before)(const void *a, const void *b);
	void (*moved)(void *item, uint32_t index);
};

void heap_push(struct heap *h, const struct heap_ops *ops, void *item);
void heap_remove(struct heap *h, const struct heap_ops *ops, uint32_t index);
/* The key of the item at index has changed. */
void heap_fix(struct heap *h, const struct heap_ops *ops, uint32_t index);
void heap_fini(struct heap *h); /* CHECKs that it is empty */

/*
 * From the first item on, each before those under it: these are left out behind
 * HEAP_PAST.  True: fn has said HEAP_STOP.
 */
enum heap_look { HEAP_ON, HEAP_PAST, HEAP_STOP };
typedef enum heap_look heap_look_fn(void *ctx, const void *item);
bool heap_look(const struct heap *h, heap_look_fn *fn, void *ctx);

/* The first item, or NULL. */
static inline void *
heap_top(const struct heap *h)
{
	return h->n == 0 ? (void *)0 : h->v[0];
}

#endif
