/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookup - the addresses of a host as this system knows it (hosts file, DNS).
 *
 * For a service of the operator's, by the name that he wrote; hosts of mail
 * are asked of lib/dns.h.  getaddrinfo(3) waits, so it has a thread of its
 * own, which ends with the answer; who is no longer interested does not wait
 * for it.
 *
 * Owned by the thread of its worker, on which signals are blocked.
 */

#ifndef LIB_LOOKUP_H
#define LIB_LOOKUP_H

#include <stddef.h>

#include "lib/err.h"
#include "lib/net.h"
#include "lib/worker.h"

#define LOOKUP_ADDRS_MAX 16

struct lookup;

struct lookup_answer {
	const char *error; /* why there is none; NULL: there is at least one */
	const struct net_addr *addrs;
	size_t count;
};

typedef void lookup_fn(void *arg, const struct lookup_answer *a);

/*
 * fn is called once, not from inside lookup_new(), and the lookup is gone
 * with it.
 */
struct lookup *lookup_new(struct worker *w, const char *host, lookup_fn *fn,
    void *arg, struct err *e);
void lookup_cancel(struct lookup **lp); /* fn will not be called */

#endif
