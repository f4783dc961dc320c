/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox - addresses in a From, Sender or like field.
 *
 * RFC 5322 section 3.4.  The first one is read leniently: comments (nested),
 * quoted strings, display names, source routes and groups are skipped.  Who
 * must not be led astray reads all domains (mailbox_domains()), strictly.
 * Pure.
 */

#ifndef MAIL_MAILBOX_H
#define MAIL_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/mem.h"
#include "lib/str.h"

/*
 * The domain of the first address in a field value: lower case, A-labels, in
 * the region.  NULL when there is no address, or its domain is a literal or
 * no domain name.
 */
const char *mailbox_domain(struct slice value, struct region *rg);

/*
 * The first address: LOCAL@DOMAIN, or @DOMAIN where the local part is more than
 * an ASCII dot-atom (RFC 5322 section 3.2.3); NULL as above.
 */
const char *mailbox_address(struct slice value, struct region *rg);

/*
 * The domain of every address that some reader may see in the value, lower
 * case, A-labels, in order: also of one in a display name without quotes or in
 * a source route.  In groups (RFC 6854), too; none in quotes or comments.
 * False: it is no list of addresses, at most MAILBOX_DOMAINS_MAX, each with a
 * domain name.  What readers are known to read differently is none either: a
 * domain with blanks round its dots or words behind it (that are no display
 * name), an address without a domain, a backslash or a control character outside
 * of quotes, whatever is not closed.
 */
enum { MAILBOX_DOMAINS_MAX = 100 };

struct mailbox_domains {
	size_t n; /* 0: there is no address */
	const char *v[MAILBOX_DOMAINS_MAX];
	struct slice at[MAILBOX_DOMAINS_MAX]; /* as they stand in the value */
};

bool mailbox_domains(struct slice value, struct region *rg,
    struct mailbox_domains *out);

/* The domain of a bare address: what is behind its last '@'. */
const char *mailbox_addr_domain(const char *addr, struct region *rg);

#endif
