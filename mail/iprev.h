/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iprev - does a client's address have a name in DNS that has that address (RFC
 * 8601 section 3)?
 *
 * At most IPREV_NAMES_MAX of its names are looked at, as in SPF.  Pure on what
 * the book says; strings are in the region.
 */

#ifndef MAIL_IPREV_H
#define MAIL_IPREV_H

#include <stdbool.h>

#include "lib/mem.h"
#include "lib/net.h"
#include "mail/dns_book.h"

#define IPREV_NAMES_MAX 10

enum iprev_result {
	IPREV_PASS,
	IPREV_FAIL,      /* no name of it has the address */
	IPREV_TEMPERROR, /* DNS could not say now */
	IPREV_PERMERROR  /* it has no name */
};

struct iprev {
	enum iprev_result result;
	const char *name;   /* that has the address, or "" */
	const char *reason; /* of other than pass */
};

/* false: the book wants answers; then again. */
bool iprev_check(const struct net_addr *client, struct dns_book *book,
    struct region *rg, struct iprev *out);

/* A word of RFC 8601 section 2.7.3. */
const char *iprev_result_text(enum iprev_result r);

#endif
