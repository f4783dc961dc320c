/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox - the first address in a From, Sender or like field.
 *
 * RFC 5322 section 3.4, read leniently: comments (nested), quoted strings,
 * display names, source routes and groups are skipped.  Pure.
 */

#ifndef MAIL_MAILBOX_H
#define MAIL_MAILBOX_H

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

/* The same of a bare address: what is behind its last '@'. */
const char *mailbox_addr_domain(const char *addr, struct region *rg);

#endif
