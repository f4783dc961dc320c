/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_cache - answers kept for their time, and who waits for one.
 *
 * Keyed by a clean name (dns_name.h) and a type.  The first who asks for
 * something unknown is told to send the question; all others wait with it.
 * An MX that could not be refreshed goes on being served for an hour: mail for
 * a domain must not stop because its name servers do.  Holds at most `max`
 * answers; the least recently used one goes first, questions under way never.
 *
 * One owner thread; no I/O; now_us is the caller's clock.
 */

#ifndef LIB_DNS_CACHE_H
#define LIB_DNS_CACHE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/dns.h"

#define DNS_STALE_US (INT64_C(3600) * 1000000)

struct dns_cache;

/* Embedded in what waits. */
struct dns_waiter {
	STAILQ_ENTRY(dns_waiter) link;
};

STAILQ_HEAD(dns_waiters, dns_waiter);

enum dns_cache_result {
	DNS_CACHE_HIT,  /* *answer_r is a reference of the caller's */
	DNS_CACHE_WAIT, /* the waiter is in; the question is under way */
	DNS_CACHE_SEND  /* the waiter is in; the caller sends the question */
};

struct dns_cache *dns_cache_new(size_t max);
void dns_cache_free(struct dns_cache **cp); /* forgets waiters */

enum dns_cache_result dns_cache_ask(struct dns_cache *c, const char *name,
    enum dns_type type, int64_t now_us, struct dns_waiter *w,
    struct dns_answer **answer_r);

/*
 * The question is answered.  Takes a; moves those who wait to *out; returns a
 * reference to what they are to get, which may be an old answer.
 */
struct dns_answer *dns_cache_put(struct dns_cache *c, const char *name,
    enum dns_type type, struct dns_answer *a, int64_t now_us,
    struct dns_waiters *out);

size_t dns_cache_count(const struct dns_cache *c); /* answers held */

#endif
