/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/lost.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"

#define WAIT_FIRST_US (5 * US_PER_S)
#define WAIT_MOST_US (60 * US_PER_S)
/* What nobody has tried for so long is hardly configured any more. */
#define FORGET_US (3600 * US_PER_S)

struct lost_source {
	struct net_addr addr;
	int64_t wait_us, until_us;
	uint64_t conn; /* tries it; 0: none has */
};

static int
compare(const struct net_addr *a, const struct net_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->a, b->a, a->family == AF_INET ? 4 : sizeof(a->a));
}

/* Where it is, or belongs. */
static size_t
place_of(const struct lost *l, const struct net_addr *a)
{
	size_t from = 0, to = l->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (compare(&l->v[mid].addr, a) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static struct lost_source *
find(const struct lost *l, const struct net_addr *a)
{
	size_t i = place_of(l, a);

	return i < l->n && compare(&l->v[i].addr, a) == 0 ? &l->v[i] : NULL;
}

static void
take_out(struct lost *l, struct lost_source *x)
{
	size_t i = (size_t)(x - l->v);

	l->n--;
	memmove(x, x + 1, (l->n - i) * sizeof(*x));
}

static void
forget_old(struct lost *l, int64_t now_us)
{
	for (size_t i = l->n; i-- > 0;)
		if (l->v[i].until_us < now_us - FORGET_US)
			take_out(l, &l->v[i]);
}

static void
add(struct lost *l, const struct lost_source *x)
{
	size_t i = place_of(l, &x->addr);

	if (l->n == l->cap) {
		struct lost_source *v = l->v;

		l->cap = l->cap == 0 ? 8 : 2 * l->cap;
		l->v = mem_array(l->cap, sizeof(*l->v));
		if (l->n > 0)
			memcpy(l->v, v, l->n * sizeof(*v));
		free(v);
	}
	memmove(&l->v[i + 1], &l->v[i], (l->n - i) * sizeof(*x));
	l->v[i] = *x;
	l->n++;
}

void
lost_fini(struct lost *l)
{
	free(l->v);
	*l = (struct lost){ 0 };
}

int64_t
lost_until(const struct lost *l, const struct net_addr *a)
{
	const struct lost_source *x = find(l, a);

	return x == NULL ? 0 : x->until_us;
}

void
lost_try(struct lost *l, const struct net_addr *a, uint64_t conn,
    int64_t now_us)
{
	struct lost_source *x = find(l, a);

	CHECK(conn != 0);
	if (x == NULL)
		return;
	x->conn = conn;
	x->until_us = now_us + x->wait_us;
}

bool
lost_is_tried_by(const struct lost *l, const struct net_addr *a, uint64_t conn)
{
	const struct lost_source *x = find(l, a);

	return x != NULL && x->conn == conn;
}

bool
lost_failed(struct lost *l, const struct net_addr *a, uint64_t conn,
    int64_t now_us)
{
	struct lost_source *x = find(l, a);

	if (x == NULL) {
		forget_old(l, now_us);
		add(l,
		    &(struct lost_source){ .addr = *a,
			.wait_us = WAIT_FIRST_US,
			.until_us = now_us + WAIT_FIRST_US });
		return true;
	}
	if (x->conn == conn) {
		x->wait_us *= 2;
		if (x->wait_us > WAIT_MOST_US)
			x->wait_us = WAIT_MOST_US;
		x->until_us = now_us + x->wait_us;
		x->conn = 0;
	}
	return false;
}

bool
lost_worked(struct lost *l, const struct net_addr *a, uint64_t conn)
{
	struct lost_source *x = find(l, a);

	if (x == NULL || x->conn != conn)
		return false;
	take_out(l, x);
	return true;
}
