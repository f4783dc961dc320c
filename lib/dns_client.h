/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_client - sends questions to the name servers and judges replies; the
 * only user of c-ares, for lib/dns.c.
 *
 * One for each worker, used on its thread only.  No cache: who asks twice,
 * asks twice.  Every question ends in exactly one call of the function, with
 * an answer, within about ten seconds.
 *
 * c-ares 1.18 is kept to moving bytes: it hides SERVFAIL, switches EDNS off
 * for ever after one FORMERR, and does not let us say which server is next.
 * So each server has channels of its own, for UDP (truncation ignored) and TCP,
 * with one try each; which server, when, and whether again over TCP or without
 * EDNS is decided here.
 */

#ifndef LIB_DNS_CLIENT_H
#define LIB_DNS_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/dns.h"
#include "lib/worker.h"

#define DNS_SERVERS_MAX 8

struct dns_server {
	struct net_addr addr;
	uint16_t port;
};

struct dns_servers {
	size_t n;
	struct dns_server v[DNS_SERVERS_MAX];
};

/*
 * "IP", "IP:PORT" or "[IPv6]:PORT"; with count 0 those of the system.  Before
 * other threads start: it clears environment variables that would change
 * what is asked (LOCALDOMAIN, RES_OPTIONS, HOSTALIASES).
 */
int dns_servers_read(struct dns_servers *s, const char *const *list,
    size_t count, struct err *e);

struct dns_client;

/* Takes the answer; never called from inside dns_client_ask(). */
typedef void dns_client_fn(void *ctx, const char *name, enum dns_type type,
    struct dns_answer *a);

struct dns_client *dns_client_new(struct worker *w, const struct dns_servers *s,
    dns_client_fn *fn, void *ctx, struct err *e);
void dns_client_free(struct dns_client **cp); /* open questions just end */

/* name is clean (dns_name.h). */
void dns_client_ask(struct dns_client *c, const char *name, enum dns_type type);

#endif
