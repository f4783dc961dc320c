/* SPDX-License-Identifier: Apache-2.0 */
/*
 * field_pick - the fields that an h= names, as a signature counts them: each
 * further one of a name is the next above (RFC 6376 section 5.4.2).
 *
 * For lists and headers of any size: a name is looked up, not searched for.
 * Pure; the memory is the region's, but for the table that _free() frees.
 */

#ifndef MAIL_FIELD_PICK_H
#define MAIL_FIELD_PICK_H

#include "lib/mem.h"
#include "mail/header.h"

struct field_pick;

struct field_pick *field_pick_new(const struct header_list *headers,
    struct region *rg);
void field_pick_free(struct field_pick **pp);

/* The next of that name from the bottom, or NULL: there are no more. */
const struct header *field_pick_next(struct field_pick *p, struct slice name);

#endif
