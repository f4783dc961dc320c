/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_book - what DNS has said, for checks that are pure: who needs an answer
 * that is not in it yet leaves the question there, stops, and is run again when
 * somebody has found the answer.
 *
 * Names in any case, of whatever bytes; what is not in time, or nobody asked for,
 * is trouble (DNS_TEMP).  Owned by one thread at a time.
 */

#ifndef MAIL_DNS_BOOK_H
#define MAIL_DNS_BOOK_H

#include <stddef.h>

#include "lib/dns.h"

struct dns_book;

struct dns_book *dns_book_new(void);
void dns_book_free(struct dns_book **bp);

/* The book's own; NULL: it is not known yet, and wanted now. */
const struct dns_answer *dns_book_find(struct dns_book *b, const char *name,
    enum dns_type type);

/* Questions that are open. */
size_t dns_book_wanted(const struct dns_book *b);
const char *dns_book_name(const struct dns_book *b, size_t i);
enum dns_type dns_book_type(const struct dns_book *b, size_t i);

/*
 * The answer to question i, as a reference that becomes the book's; NULL: none
 * in time.  The others keep their numbers until dns_book_settle().
 */
void dns_book_take(struct dns_book *b, size_t i, struct dns_answer *answer);
/* What was answered is no longer open. */
void dns_book_settle(struct dns_book *b);

/*
 * The name under which an address is looked up in reverse: in-addr.arpa (RFC 1035
 * section 3.5) or ip6.arpa (RFC 3596 section 2.5).
 */
#define DNS_BOOK_REVERSE_CAP 80
const char *dns_book_reverse(const struct net_addr *a,
    char out[DNS_BOOK_REVERSE_CAP]);

#endif
