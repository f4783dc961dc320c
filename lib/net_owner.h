/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net_owner - whose socket listens at an address of this host.
 *
 * A port above 1023 may be anybody's: who trusts what answers there asks this
 * first.  The kernel says it (/proc/net/tcp and tcp6, proc(5)): the user who made
 * the socket, of our network namespace.  It may be another one a moment later.
 * Blocks; any thread.
 */

#ifndef LIB_NET_OWNER_H
#define LIB_NET_OWNER_H

#include <sys/types.h>

#include "lib/net.h"

/* 1: somebody, in uid_r.  0: nobody listens there.  -1: it cannot be read. */
int net_owner(const struct net_addr *a, uint16_t port, uid_t *uid_r,
    struct err *e);

#endif
