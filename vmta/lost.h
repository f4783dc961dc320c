/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lost - source addresses that the host does not have any more, or for now.
 *
 * A set: who looks whether one is back is not said here (the process has one
 * watch for that, transport/source_watch.h).  Pure; zeroed: none is lost.
 */

#ifndef VMTA_LOST_H
#define VMTA_LOST_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/net.h"

struct lost {
	size_t n, cap;
	struct net_addr *v; /* in order */
};

void lost_fini(struct lost *l);

bool lost_has(const struct lost *l, const struct net_addr *a);
/* True: it was not lost before; it was, and is not any more. */
bool lost_add(struct lost *l, const struct net_addr *a);
bool lost_remove(struct lost *l, const struct net_addr *a);

#endif
