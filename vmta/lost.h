/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lost - source addresses that could not be bound: the host does not have them
 * any more, or for now.
 *
 * Each is tried again by one connection after five seconds, then ever later up
 * to a minute, until one could be bound.  Only what became of that connection
 * counts: others may have begun before the address was lost.  Pure on the
 * caller's clock; zeroed: none is lost.
 */

#ifndef VMTA_LOST_H
#define VMTA_LOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/net.h"

struct lost {
	size_t n, cap;
	struct lost_source *v; /* in the order of their addresses */
};

void lost_fini(struct lost *l);

/* When it is to be tried again; 0: it is not lost. */
int64_t lost_until(const struct lost *l, const struct net_addr *a);
/* The connection is going out from there; `conn` is not 0. */
void lost_try(struct lost *l, const struct net_addr *a, uint64_t conn,
    int64_t now_us);
/* Is it the one that tries it? */
bool lost_is_tried_by(const struct lost *l, const struct net_addr *a,
    uint64_t conn);
/* It could not be bound.  True: it was not lost before. */
bool lost_failed(struct lost *l, const struct net_addr *a, uint64_t conn,
    int64_t now_us);
/* It could.  True: it was lost, and is not any more. */
bool lost_worked(struct lost *l, const struct net_addr *a, uint64_t conn);

#endif
