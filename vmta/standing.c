/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/standing.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"

static char *
reason(const char *why)
{
	return mem_strndup(why, strnlen(why, STANDING_WHY_MAX));
}

static void
forget(char **whyp)
{
	free(*whyp);
	*whyp = NULL;
}

static void
forget_errors(struct errors_lately **ep)
{
	free(*ep);
	*ep = NULL;
}

/* ---- the mode ------------------------------------------------------------ */

bool
standing_enter(struct standing *st, int64_t until_us, const char *why,
    int64_t now_us)
{
	if (!backoff_enter(&st->backoff, until_us, now_us))
		return false;
	forget(&st->why);
	st->why = reason(why);
	return true;
}

bool
standing_leave(struct standing *st, int64_t return_us, int64_t now_us)
{
	if (!backoff_leave(&st->backoff, return_us, now_us))
		return false;
	forget(&st->why);
	return true;
}

/* ---- sources ------------------------------------------------------------- */

static size_t
addr_len(const struct net_addr *a)
{
	return a->family == AF_INET ? 4 : sizeof(a->a);
}

static int
compare(const struct net_addr *a, const struct net_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->a, b->a, addr_len(a));
}

static bool
is_off(const struct standing_source *src, int64_t now_us)
{
	return src->until_us != 0 && src->until_us > now_us;
}

/* Where it is, or would be. */
static uint32_t
place_of(const struct standing *st, const struct net_addr *addr)
{
	uint32_t first = 0, end = st->count;

	while (first < end) {
		uint32_t middle = first + (end - first) / 2;

		if (compare(&st->sources[middle].addr, addr) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

static struct standing_source *
find(const struct standing *st, const struct net_addr *addr)
{
	uint32_t i = place_of(st, addr);

	if (i < st->count && compare(&st->sources[i].addr, addr) == 0)
		return &st->sources[i];
	return NULL;
}

static void
drop(struct standing *st, uint32_t i)
{
	CHECK(i < st->count);
	forget(&st->sources[i].why);
	forget_errors(&st->sources[i].errors);
	st->count--;
	memmove(&st->sources[i], &st->sources[i + 1],
	    (st->count - i) * sizeof(st->sources[0]));
	if (st->count > 0)
		return;
	free(st->sources);
	st->sources = NULL;
	st->cap = 0;
}

/* One that says something only by its errors goes before one that is off. */
static void
make_room(struct standing *st)
{
	uint32_t first = 0;

	if (st->count < STANDING_SOURCES_MAX)
		return;
	for (uint32_t i = 1; i < st->count; i++)
		if (st->sources[i].until_us < st->sources[first].until_us)
			first = i;
	drop(st, first);
}

static struct standing_source *
find_or_add(struct standing *st, const struct net_addr *addr)
{
	struct standing_source *src = find(st, addr);
	uint32_t i;

	CHECK(addr->family == AF_INET || addr->family == AF_INET6);
	if (src != NULL)
		return src;
	make_room(st);
	if (st->count == st->cap) {
		st->cap = st->cap == 0 ? 4 : st->cap * 2;
		st->sources = mem_realloc(st->sources,
		    st->cap * sizeof(st->sources[0]));
	}
	i = place_of(st, addr);
	src = &st->sources[i];
	memmove(src + 1, src, (st->count - i) * sizeof(*src));
	st->count++;
	*src = (struct standing_source){ .addr = { .family = addr->family } };
	memcpy(src->addr.a, addr->a, addr_len(addr));
	return src;
}

bool
standing_source_off(struct standing *st, const struct net_addr *addr,
    int64_t until_us, const char *why, int64_t now_us)
{
	struct standing_source *src;

	if (until_us <= now_us)
		return false; /* for no time at all */
	src = find_or_add(st, addr);
	if (is_off(src, now_us)) {
		if (until_us > src->until_us)
			src->until_us = until_us;
		return false;
	}
	src->until_us = until_us;
	forget(&src->why);
	src->why = reason(why);
	return true;
}

bool
standing_source_on(struct standing *st, const struct net_addr *addr)
{
	struct standing_source *src = find(st, addr);

	if (src == NULL || src->until_us == 0)
		return false;
	src->until_us = 0;
	forget(&src->why);
	if (src->errors == NULL)
		drop(st, (uint32_t)(src - st->sources));
	return true;
}

const struct standing_source *
standing_source_is_off(const struct standing *st, const struct net_addr *addr,
    int64_t now_us)
{
	const struct standing_source *src;

	if (st->count == 0)
		return NULL;
	src = find(st, addr);
	return src != NULL && is_off(src, now_us) ? src : NULL;
}

uint32_t
standing_sources_off(const struct standing *st, int64_t now_us)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < st->count; i++)
		n += is_off(&st->sources[i], now_us);
	return n;
}

/* On the way back a, and b normal or further on it. */
static bool
is_slower(const struct backoff *a, const struct backoff *b, int64_t now_us)
{
	return a->mode == MODE_RETURN && b->mode != MODE_BACKOFF &&
	    backoff_share(a, now_us) < backoff_share(b, now_us);
}

bool
standing_join(struct standing *st, struct standing *from, int64_t now_us)
{
	enum queue_mode before = st->backoff.mode;

	if (standing_is_plain(st)) {
		standing_fini(st);
		*st = *from;
		*from = (struct standing){ .backoff = { .mode = MODE_NORMAL } };
		return st->backoff.mode != before;
	}
	if (from->backoff.mode == MODE_BACKOFF)
		(void)standing_enter(st, from->backoff.until_us, from->why,
		    now_us);
	else if (is_slower(&from->backoff, &st->backoff, now_us))
		st->backoff = from->backoff;
	for (uint32_t i = 0; i < from->count; i++) {
		const struct standing_source *src = &from->sources[i];

		if (src->until_us != 0)
			(void)standing_source_off(st, &src->addr, src->until_us,
			    src->why, now_us);
	}
	if (st->errors == NULL) {
		st->errors = from->errors;
		from->errors = NULL;
	}
	standing_fini(from);
	return st->backoff.mode != before;
}

/* ---- errors -------------------------------------------------------------- */

struct errors_lately *
standing_errors(struct standing *st)
{
	if (st->errors == NULL)
		st->errors = mem_new(struct errors_lately);
	return st->errors;
}

struct errors_lately *
standing_source_errors(struct standing *st, const struct net_addr *addr)
{
	struct standing_source *src = find_or_add(st, addr);

	if (src->errors == NULL)
		src->errors = mem_new(struct errors_lately);
	return src->errors;
}

/* ---- time ---------------------------------------------------------------- */

bool
standing_source_back(struct standing *st, int64_t now_us,
    struct net_addr *addr_r)
{
	for (uint32_t i = 0; i < st->count; i++) {
		struct standing_source *src = &st->sources[i];

		if (src->until_us == 0 || is_off(src, now_us))
			continue;
		*addr_r = src->addr;
		return standing_source_on(st, addr_r);
	}
	return false;
}

static void
let_go(struct errors_lately **ep, int64_t now_us)
{
	if (*ep != NULL && !errors_lately_any(*ep, now_us))
		forget_errors(ep);
}

bool
standing_run(struct standing *st, int64_t return_us, int64_t now_us)
{
	bool changed = backoff_run(&st->backoff, return_us, now_us);

	if (st->backoff.mode != MODE_BACKOFF)
		forget(&st->why);
	let_go(&st->errors, now_us);
	for (uint32_t i = st->count; i-- > 0;) {
		let_go(&st->sources[i].errors, now_us);
		if (st->sources[i].errors == NULL &&
		    st->sources[i].until_us == 0)
			drop(st, i);
	}
	return changed;
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t
standing_next(const struct standing *st, int64_t now_us)
{
	int64_t next = backoff_next(&st->backoff, now_us);

	if (st->errors != NULL)
		next = sooner(next, errors_lately_end(st->errors));
	for (uint32_t i = 0; i < st->count; i++) {
		const struct standing_source *src = &st->sources[i];

		if (src->until_us != 0)
			next = sooner(next, src->until_us);
		if (src->errors != NULL)
			next = sooner(next, errors_lately_end(src->errors));
	}
	return next;
}

bool
standing_is_plain(const struct standing *st)
{
	return st->backoff.mode == MODE_NORMAL && st->count == 0 &&
	    st->errors == NULL;
}

void
standing_fini(struct standing *st)
{
	while (st->count > 0)
		drop(st, st->count - 1);
	forget(&st->why);
	forget_errors(&st->errors);
	*st = (struct standing){ .backoff = { .mode = MODE_NORMAL } };
}
