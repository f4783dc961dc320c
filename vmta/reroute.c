/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/reroute.h"

#include <stddef.h>

#include "lib/check.h"
#include "lib/str.h"

/* Turns times this are spread evenly, however many of them there are. */
#define GOLDEN UINT64_C(0x9E3779B97F4A7C15)

__extension__ typedef unsigned __int128 wide;

struct chain {
	const struct reroute_ask *ask;
	const char *passed[REROUTE_STEPS + 1]; /* the last one is where it is */
	int n;
	bool by_pool;
	bool looped;
};

static const char *
here(const struct chain *c)
{
	return c->passed[c->n - 1];
}

static bool
has_passed(const struct chain *c, const char *vmta)
{
	for (int i = 0; i < c->n; i++)
		if (str_eq_nocase(c->passed[i], vmta))
			return true;
	return false;
}

/* ---- a pool -------------------------------------------------------------- */

static bool
is_member(const struct chain *c, const char *pool, int size)
{
	const struct reroute_ask *a = c->ask;

	for (int i = 0; i < size; i++)
		if (str_eq_nocase(a->member(a->ctx, pool, i).vmta, here(c)))
			return true;
	return false;
}

struct choice {
	enum reroute_fit fit; /* as these are */
	uint64_t weight;      /* of all of them; 0: there are none */
};

/* Who could take it, of those at least as fit. */
static struct choice
best_of(struct chain *c, const char *pool, int size, enum reroute_fit least)
{
	const struct reroute_ask *a = c->ask;
	struct choice best = { least, 0 };
	bool passed = false;

	for (int i = 0; i < size; i++) {
		struct reroute_member m = a->member(a->ctx, pool, i);
		enum reroute_fit fit = a->fit(a->ctx, m.vmta);

		CHECK(m.weight > 0);
		if (fit < best.fit || str_eq_nocase(m.vmta, here(c)))
			continue;
		if (has_passed(c, m.vmta)) {
			passed = true;
			continue;
		}
		if (fit > best.fit)
			best = (struct choice){ fit, 0 };
		best.weight += m.weight;
	}
	/* It could only go back to where it has been. */
	c->looped = best.weight == 0 && passed;
	return best;
}

/* NULL: nobody can take it. */
static const char *
choose(struct chain *c, const char *pool, int size, enum reroute_fit least)
{
	const struct reroute_ask *a = c->ask;
	struct choice best = best_of(c, pool, size, least);
	uint64_t at = (uint64_t)((wide)(a->turn * GOLDEN) * best.weight >> 64);

	for (int i = 0; i < size && best.weight > 0; i++) {
		struct reroute_member m = a->member(a->ctx, pool, i);

		if (has_passed(c, m.vmta) || a->fit(a->ctx, m.vmta) != best.fit)
			continue;
		if (at < m.weight)
			return m.vmta;
		at -= m.weight;
	}
	return NULL;
}

/* ---- the chain ----------------------------------------------------------- */

/* The next one, if this way leads on from here. */
static const char *
follow(struct chain *c, const char *to, enum reroute_way way)
{
	static const enum reroute_fit least[] = {
		[REROUTE_ALWAYS] = REROUTE_NO_SOURCE,
		[REROUTE_BACKOFF] = REROUTE_GOOD,
		[REROUTE_OVERFLOW] = REROUTE_SLOW,
	};
	const struct reroute_ask *a = c->ask;
	const char *next;
	int size;

	if (to == NULL || to[0] == '\0')
		return NULL;
	size = a->pool_size(a->ctx, to);
	if (size < 0) {
		if (str_eq_nocase(to, here(c)))
			return NULL;
		c->looped = has_passed(c, to);
		if (!c->looped)
			c->by_pool = false;
		return c->looped ? NULL : to;
	}
	if (way == REROUTE_ALWAYS && is_member(c, to, size))
		return NULL;
	next = choose(c, to, size, least[way]);
	if (next != NULL)
		c->by_pool = true;
	return next;
}

static const char *
step(struct chain *c, bool always_only, enum reroute_way *way_r)
{
	const struct reroute_ask *a = c->ask;
	const char *next;

	*way_r = REROUTE_ALWAYS;
	next = follow(c, a->always(a->ctx, here(c)), *way_r);
	if (next != NULL || c->looped || always_only)
		return next;
	*way_r = REROUTE_BACKOFF;
	next = follow(c, a->backoff(a->ctx, here(c)), *way_r);
	if (next != NULL || c->looped)
		return next;
	*way_r = REROUTE_OVERFLOW;
	if (!c->by_pool || a->fit(a->ctx, here(c)) != REROUTE_NO_SOURCE)
		return NULL;
	return follow(c, a->overflow(a->ctx, here(c)), *way_r);
}

static struct reroute
run(const struct reroute_ask *a, const char *vmta, bool by_pool,
    bool always_only)
{
	struct chain c = { .ask = a, .by_pool = by_pool };
	enum reroute_way first = REROUTE_STAYS, way;
	const char *next = vmta;

	while (next != NULL && c.n <= REROUTE_STEPS) {
		c.passed[c.n++] = next;
		next = step(&c, always_only, &way);
		if (c.n == 1 && next != NULL)
			first = way;
	}
	if (next != NULL || c.looped)
		return (struct reroute){ vmta, REROUTE_STAYS, by_pool, true };
	return (struct reroute){ here(&c), first, c.by_pool, false };
}

struct reroute
reroute_always(const struct reroute_ask *a, const char *vmta, bool by_pool)
{
	return run(a, vmta, by_pool, true);
}

struct reroute
reroute_now(const struct reroute_ask *a, const char *vmta, bool by_pool)
{
	return run(a, vmta, by_pool, false);
}
