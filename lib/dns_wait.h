/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_wait - answers of the resolver for a thread that may wait: one of
 * libmilter's, which serves one message at a time.
 *
 * All names are asked at once by a worker of the set; the caller sleeps until
 * all are answered or its time is over.  Any thread but the workers of the
 * set.  The cache is that of lib/dns.h.
 */

#ifndef LIB_DNS_WAIT_H
#define LIB_DNS_WAIT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/dns.h"

void dns_wait(struct dns *d, struct worker *w, enum dns_type type,
    struct dns_want *v, size_t n, int64_t timeout_us);

#endif
