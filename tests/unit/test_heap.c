/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A heap gives the least first and lets any item be taken out or moved;
 * timers fire in order, once, and not before their time.
 */
#include "tests/tap.h"
#include "vmta/heap.h"
#include "vmta/timer.h"

enum { COUNT = 1000 };

struct item {
	int key;
	uint32_t index;
};

static bool
before(const void *a, const void *b)
{
	return ((const struct item *)a)->key < ((const struct item *)b)->key;
}

static void
moved(void *item, uint32_t index)
{
	((struct item *)item)->index = index;
}

static const struct heap_ops ops = { before, moved };

/* Every item knows its place, and none is before the one above it. */
static bool
is_sound(const struct heap *h)
{
	for (uint32_t i = 0; i < h->n; i++) {
		const struct item *it = h->v[i];

		if (it->index != i || (i > 0 && before(it, h->v[(i - 1) / 2])))
			return false;
	}
	return true;
}

struct looked {
	int most, n, seen;
};

static enum heap_look
look(void *ctx, const void *item)
{
	struct looked *l = ctx;
	int key = ((const struct item *)item)->key;

	l->seen++;
	if (key > l->most)
		return HEAP_PAST;
	l->n++;
	return key < 0 ? HEAP_STOP : HEAP_ON;
}

static void
test_look(void)
{
	static struct item items[COUNT], stop = { .key = -1 };
	struct looked all = { COUNT, 0, 0 }, few = { 9, 0, 0 },
		      none = { -1, 0, 0 }, one = { COUNT, 0, 0 };
	struct heap h = { 0 };

	ok(!heap_look(&h, look, &all) && all.seen == 0, "nothing to look at");
	for (int i = 0; i < COUNT; i++) {
		items[i].key = i * 7919 % COUNT;
		heap_push(&h, &ops, &items[i]);
	}
	ok(!heap_look(&h, look, &all) && all.n == COUNT, "all are looked at");
	ok(!heap_look(&h, look, &few) && few.n == 10, "the first ten");
	ok(few.seen <= 21, "at the cost of %d", few.seen);
	ok(!heap_look(&h, look, &none) && none.seen == 1, "none");
	heap_push(&h, &ops, &stop);
	ok(heap_look(&h, look, &one) && one.seen == 1, "until that were all");
	while (h.n > 0)
		heap_remove(&h, &ops, 0);
	heap_fini(&h);
}

static void
test_heap(void)
{
	static struct item items[COUNT];
	struct heap h = { 0 };
	bool sound = true, sorted = true;
	uint32_t n = 1;
	int last = -1;

	ok(heap_top(&h) == NULL, "a zeroed heap is empty");
	for (int i = 0; i < COUNT; i++) {
		items[i].key = i * 7919 % 503; /* each key about twice */
		heap_push(&h, &ops, &items[i]);
	}
	ok(is_sound(&h), "pushed");
	for (int i = 0; i < COUNT; i += 3) {
		items[i].key = i * 104729 % 997;
		heap_fix(&h, &ops, items[i].index);
		sound = sound && is_sound(&h);
	}
	ok(sound, "keys that change, up and down");
	for (int i = 0; i < COUNT; i += 2) {
		heap_remove(&h, &ops, items[i].index);
		sound = sound && is_sound(&h) && items[i].index == HEAP_NONE;
	}
	ok(sound, "taken out of the middle");
	for (; h.n > 0; n++) {
		const struct item *top = heap_top(&h);

		sorted = sorted && top->key >= last;
		last = top->key;
		heap_remove(&h, &ops, 0);
	}
	ok(sorted, "the least comes first");
	is_int(n, COUNT / 2 + 1, "and all that were left come");
	ok(h.cap < 16, "the array shrank with them");
	heap_fini(&h);
}

static void
test_timer(void)
{
	struct heap timers = { 0 };
	struct timer a, b, c;

	timer_init(&a, TIMER_QUEUE);
	timer_init(&b, TIMER_SHARED);
	timer_init(&c, TIMER_CONN);
	is_int(timer_next(&timers), INT64_MAX, "none is set");
	timer_set(&timers, &a, 30);
	timer_set(&timers, &b, 10);
	timer_set(&timers, &c, 20);
	is_int(timer_next(&timers), 10, "the first of three");
	ok(timer_pop(&timers, 9) == NULL, "none before its time");
	ok(timer_pop(&timers, 10) == &b, "at its time it fires");
	ok(timer_pop(&timers, 10) == NULL, "once");
	timer_set(&timers, &a, 15);
	timer_set(&timers, &c, INT64_MAX);
	timer_set(&timers, &c, INT64_MAX);
	is_int(timer_next(&timers), 15, "earlier than it was");
	ok(timer_pop(&timers, 99) == &a && timer_pop(&timers, 99) == NULL,
	    "one that was set to never does not fire");
	heap_fini(&timers);
}

int
main(void)
{
	test_heap();
	test_look();
	test_timer();
	return done_testing();
}
