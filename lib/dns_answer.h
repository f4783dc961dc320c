/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_answer - how answers are made; for lib/dns*.c only.
 *
 * An answer is filled by its only owner and immutable once it is shared.
 * dns_answer_ref() and dns_answer_unref() are in dns.h.
 */

#ifndef LIB_DNS_ANSWER_H
#define LIB_DNS_ANSWER_H

#include <stdint.h>

#include "lib/dns.h"

/* How long answers live, whatever the TTL says. */
#define DNS_TTL_MIN_S 5
#define DNS_TTL_MAX_S 86400
#define DNS_TTL_NEGATIVE_MAX_S 3600
#define DNS_TTL_NO_SOA_S 30 /* negative, and nobody says how long */
#define DNS_TTL_FAILED_S 15 /* DNS_TEMP */

const char *dns_type_name(enum dns_type type);

/* An empty one. */
struct dns_answer *dns_answer_new(enum dns_status status);

/* "no answer for NAME (TYPE): WHY", good for DNS_TTL_FAILED_S. */
struct dns_answer *dns_answer_temp(const char *name, enum dns_type type,
    const char *why, int64_t now_us);

/* DNS_BAD_NAME; name is what was asked for, of any length and bytes. */
struct dns_answer *dns_answer_bad_name(const char *name, int64_t now_us);

/* ttl_s is cut to what the status allows. */
void dns_answer_set_ttl(struct dns_answer *a, uint32_t ttl_s, int64_t now_us);

#endif
