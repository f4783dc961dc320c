/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arrivals - what really happened and when, and how much of it within any
 * window: the judge of tests of rates, which shares no code with them.
 */

#ifndef TESTS_UNIT_ARRIVALS_H
#define TESTS_UNIT_ARRIVALS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/mem.h"

struct arrival {
	int64_t at_us;
	uint64_t n;
};

static struct arrival *seen;
static size_t seen_count, seen_cap;

static inline uint64_t
rnd(uint64_t below)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x % below;
}

static inline void
arrive(int64_t at_us, uint64_t n)
{
	if (seen_count == seen_cap) {
		seen_cap = seen_cap == 0 ? 1024 : 2 * seen_cap;
		seen = mem_realloc(seen, seen_cap * sizeof(*seen));
	}
	seen[seen_count++] = (struct arrival){ at_us, n };
}

static inline int
by_time(const void *a, const void *b)
{
	const struct arrival *x = a, *y = b;

	return x->at_us < y->at_us ? -1 : x->at_us > y->at_us;
}

/*
 * The most that arrived in any half-open window; one that is alone in its
 * window does not count when it is larger than `alone`.
 */
static inline uint64_t
busiest(int64_t period_us, uint64_t alone)
{
	uint64_t in = 0, most = 0;
	size_t first = 0;

	qsort(seen, seen_count, sizeof(*seen), by_time);
	for (size_t i = 0; i < seen_count; i++) {
		in += seen[i].n;
		for (; seen[i].at_us - seen[first].at_us >= period_us; first++)
			in -= seen[first].n;
		if (in > most && (first < i || in <= alone))
			most = in;
	}
	return most;
}

static inline uint64_t
total(void)
{
	uint64_t n = 0;

	for (size_t i = 0; i < seen_count; i++)
		n += seen[i].n;
	return n;
}

/* Since a time, that one not included. */
static inline uint64_t
since(int64_t after_us)
{
	uint64_t n = 0;

	for (size_t i = 0; i < seen_count; i++)
		if (seen[i].at_us > after_us)
			n += seen[i].n;
	return n;
}

#endif
