/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/pins.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/mem.h"

/* More addresses than that nobody uses for one queue: mail goes on unpinned. */
#define PINS_MAX 1024

/* The number of a free one, after those there are if need be; 0: too many. */
static uint16_t
free_number(struct pins **pp)
{
	struct pins *p = *pp;
	uint16_t n = p == NULL ? 0 : p->cap, cap;

	for (uint16_t i = 0; i < n; i++)
		if (p->v[i].groups == 0)
			return (uint16_t)(i + 1);
	if (n == PINS_MAX)
		return 0;
	cap = n == 0 ? 2 : (uint16_t)(2 * n);
	p = mem_realloc(p, sizeof(*p) + cap * sizeof(p->v[0]));
	if (n == 0)
		p->used = 0;
	for (uint16_t i = n; i < cap; i++)
		p->v[i] = (struct pin){ 0 };
	p->cap = cap;
	*pp = p;
	return (uint16_t)(n + 1);
}

uint16_t
pins_take(struct pins **pp, const struct net_addr *a, int64_t until_us)
{
	uint16_t number = 0;
	struct pin *pin;

	for (uint16_t i = 0; *pp != NULL && i < (*pp)->cap; i++)
		if ((*pp)->v[i].groups > 0 && net_addr_eq(&(*pp)->v[i].addr, a))
			number = (uint16_t)(i + 1);
	if (number == 0)
		number = free_number(pp);
	if (number == 0)
		return 0;
	pin = &(*pp)->v[number - 1];
	if (pin->groups == 0) {
		*pin = (struct pin){ .addr = *a };
		(*pp)->used++;
	}
	pin->groups++;
	if (until_us > pin->until_us)
		pin->until_us = until_us;
	return number;
}

void
pins_drop(struct pins **pp, uint16_t number)
{
	struct pins *p = *pp;

	CHECK(p != NULL && number > 0 && number <= p->cap);
	CHECK(p->v[number - 1].groups > 0);
	p->v[number - 1].groups--;
	if (p->v[number - 1].groups > 0)
		return;
	p->used--;
	if (p->used > 0)
		return;
	free(p);
	*pp = NULL;
}
