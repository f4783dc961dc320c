/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_fast - the fast path: a service of Postfix where clients sign in and
 * submit, and whose mail goes straight through to us (smtpd_proxy_filter),
 * without a queue file of Postfix.
 *
 * It is like the service where users sign in now, with its options.  As whom
 * they have signed in is put in front of their mail, by a table that stands in
 * the service itself (Postfix 3.7).  Whoever could speak for another there
 * (XFORWARD) would have his mail taken as it is, with that field in it, so
 * nobody can.  Pure.
 */

#ifndef COMPAT_POSTFIX_PF_FAST_H
#define COMPAT_POSTFIX_PF_FAST_H

#include <stdbool.h>

#include "compat/postfix/pf_change.h"
#include "compat/postfix/pf_conf.h"
#include "lib/net.h"

/*
 * "10587" or "127.0.0.1:10587": where a client of this host finds it.  False: it
 * is neither.
 */
bool pf_fast_place(const char *port, struct net_addr *addr_r, uint16_t *port_r);

/*
 * inject and milter: sockets, relative to the queue directory; milter NULL: none.
 */
void pf_fast(const char *port, const char *inject, const char *milter,
    const struct pf_conf *h, struct host_plan *p);

/* Is it such a service, of ours? */
bool pf_is_fast(const struct pf_conf *h, const struct pf_service *s);

#endif
