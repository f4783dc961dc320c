/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_packet - DNS messages: bytes of a question out, an answer from bytes in.
 *
 * The walker takes any bytes: names that point in circles, counts that lie,
 * records that end early.  A reply that cannot be read whole (its answer and,
 * where it is needed, its authority section) is DNS_TEMP, never half an
 * answer.  Pure; RFC 1035 section 4, RFC 2181 section 8, RFC 2308 section 5,
 * RFC 6840 section 5.7, RFC 6891.
 */

#ifndef LIB_DNS_PACKET_H
#define LIB_DNS_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dns.h"

#define DNS_QUERY_CAP 300     /* header, name, type and class, OPT */
#define DNS_PAYLOAD 1232      /* what we take in one UDP datagram */
#define DNS_RECORDS_MAX 512   /* more in one answer are not looked at */
#define DNS_CNAME_CHAIN_MAX 8 /* aliases followed within one reply */
#define DNS_TXT_MAX 8192      /* a longer text is left out */

/*
 * A question with RD and AD set, with an OPT record if edns.  name is one
 * that dns_name_clean() made.  Returns the length.
 */
size_t dns_packet_query(uint8_t out[DNS_QUERY_CAP], const char *name,
    enum dns_type type, uint16_t id, bool edns);

/* What the header says; for the choice of what to do next. */
struct dns_packet_head {
	uint16_t id;
	uint8_t rcode;
	bool truncated;
};

/* False: not even a header of a reply. */
bool dns_packet_head(const uint8_t *p, size_t len, struct dns_packet_head *h_r);

#define DNS_RCODE_FORMERR 1

/* The answer to this question; never NULL. */
struct dns_answer *dns_packet_answer(const uint8_t *p, size_t len,
    const char *name, enum dns_type type, int64_t now_us);

#endif
