/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/heap.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/mem.h"

#define HEAP_MIN 4

static void
put(struct heap *h, const struct heap_ops *ops, void *item, uint32_t index)
{
	h->v[index] = item;
	ops->moved(item, index);
}

static void
sift_up(struct heap *h, const struct heap_ops *ops, uint32_t at)
{
	void *item = h->v[at];

	while (at > 0) {
		uint32_t up = (at - 1) / 2;

		if (!ops->before(item, h->v[up]))
			break;
		put(h, ops, h->v[up], at);
		at = up;
	}
	put(h, ops, item, at);
}

static void
sift_down(struct heap *h, const struct heap_ops *ops, uint32_t at)
{
	void *item = h->v[at];

	for (;;) {
		uint32_t down = 2 * at + 1;

		if (down >= h->n)
			break;
		if (down + 1 < h->n && ops->before(h->v[down + 1], h->v[down]))
			down++;
		if (!ops->before(h->v[down], item))
			break;
		put(h, ops, h->v[down], at);
		at = down;
	}
	put(h, ops, item, at);
}

/* Half as much again, not double: a million deferred recipients count. */
static void
resize(struct heap *h, uint32_t cap)
{
	h->v = mem_realloc(h->v, cap * sizeof(*h->v));
	h->cap = cap;
}

void
heap_push(struct heap *h, const struct heap_ops *ops, void *item)
{
	CHECK(h->n < UINT32_MAX / 4);
	if (h->n == h->cap)
		resize(h, h->cap < HEAP_MIN ? HEAP_MIN : h->cap + h->cap / 2);
	h->v[h->n] = item;
	h->n++;
	sift_up(h, ops, h->n - 1);
}

void
heap_fix(struct heap *h, const struct heap_ops *ops, uint32_t index)
{
	CHECK(index < h->n);
	if (index > 0 && ops->before(h->v[index], h->v[(index - 1) / 2]))
		sift_up(h, ops, index);
	else
		sift_down(h, ops, index);
}

void
heap_remove(struct heap *h, const struct heap_ops *ops, uint32_t index)
{
	CHECK(index < h->n);
	ops->moved(h->v[index], HEAP_NONE);
	h->n--;
	if (index < h->n) {
		put(h, ops, h->v[h->n], index);
		heap_fix(h, ops, index);
	}
	if (h->cap > HEAP_MIN && h->n < h->cap / 4)
		resize(h, h->cap / 2);
}

bool
heap_look(const struct heap *h, heap_look_fn *fn, void *ctx)
{
	uint32_t at = 0;

	for (;;) {
		enum heap_look next = at < h->n ? fn(ctx, h->v[at]) : HEAP_PAST;

		if (next == HEAP_STOP)
			return true;
		if (next == HEAP_ON) {
			at = 2 * at + 1;
			continue;
		}
		while (at > 0 && at % 2 == 0) /* the second of a pair */
			at = (at - 1) / 2;
		if (at == 0)
			return false;
		at++;
	}
}

void
heap_fini(struct heap *h)
{
	CHECK(h->n == 0);
	free(h->v);
	*h = (struct heap){ 0 };
}
