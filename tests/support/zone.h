/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zone - answers of DNS from a text, for tests of what asks a dns_book.
 *
 * Lines "NAME TYPE VALUE", with TYPE one of A, AAAA, MX (the host alone), PTR,
 * TXT; or "NAME TEMP", and whatever is asked about it is trouble, or "NAME TYPE
 * TEMP" for one type.  A name that no line has does not exist.  Names are told
 * apart by case.  The text is the caller's.
 */

#ifndef TESTS_SUPPORT_ZONE_H
#define TESTS_SUPPORT_ZONE_H

#include "lib/dns.h"
#include "mail/dns_book.h"

/* A reference of the caller's. */
struct dns_answer *zone_answer(const char *zone, const char *name,
    enum dns_type type);

/* Answers all that the book wants; how many that were. */
size_t zone_fill(const char *zone, struct dns_book *book);

#endif
