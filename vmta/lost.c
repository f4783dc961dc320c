/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/lost.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/mem.h"

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

		if (compare(&l->v[mid], a) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static bool
is_at(const struct lost *l, size_t i, const struct net_addr *a)
{
	return i < l->n && compare(&l->v[i], a) == 0;
}

void
lost_fini(struct lost *l)
{
	free(l->v);
	*l = (struct lost){ 0 };
}

bool
lost_has(const struct lost *l, const struct net_addr *a)
{
	return is_at(l, place_of(l, a), a);
}

bool
lost_add(struct lost *l, const struct net_addr *a)
{
	size_t i = place_of(l, a);

	if (is_at(l, i, a))
		return false;
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 8 : 2 * l->cap;
		l->v = mem_realloc(l->v, l->cap * sizeof(*l->v));
	}
	memmove(&l->v[i + 1], &l->v[i], (l->n - i) * sizeof(*l->v));
	l->v[i] = *a;
	l->n++;
	return true;
}

bool
lost_remove(struct lost *l, const struct net_addr *a)
{
	size_t i = place_of(l, a);

	if (!is_at(l, i, a))
		return false;
	l->n--;
	memmove(&l->v[i], &l->v[i + 1], (l->n - i) * sizeof(*l->v));
	return true;
}
