/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pins - the source addresses that mail of a queue is to be tried from again,
 * since the server knows it by them: it has named the time (greylisting).
 *
 * A group of recipients (vmta/backlog.h) knows its pin by a number; those of one
 * address share one, which lasts as long as any of them asked for.  Zeroed: there
 * is none.  Pure; part of a queue.
 */

#ifndef VMTA_PINS_H
#define VMTA_PINS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/net.h"

struct pin {
	struct net_addr addr;
	int64_t until_us;
	uint32_t groups; /* that have it; 0: it is free */
};

struct pins { /* allocated; NULL: none */
	uint16_t used, cap;
	struct pin v[]; /* number 1 is v[0] */
};

/* One group more has the pin of the address; returns its number, 0: too many. */
uint16_t pins_take(struct pins **pp, const struct net_addr *a,
    int64_t until_us);
/* One less. */
void pins_drop(struct pins **pp, uint16_t number);
static inline const struct pin *
pins_at(const struct pins *p, uint16_t number)
{
	return &p->v[number - 1];
}

#endif
