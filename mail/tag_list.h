/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tag_list - "v=1; a=rsa-sha256; ..." (RFC 6376 section 3.2): signatures, the
 * records of their keys, the fields of ARC.
 *
 * Read as strictly as it is written: a name with another case is another
 * name; a name that stands twice, an empty tag or a control character makes
 * the whole list invalid.  A ";" at the end is fine.  Bytes above 127 may
 * stand in values (RFC 8616).  Blanks and folds around names and values are
 * no part of them; those inside a value are.  Values are slices of the text.
 * Pure; any thread.
 */

#ifndef MAIL_TAG_LIST_H
#define MAIL_TAG_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "lib/str.h"

struct tag {
	struct slice name, value;
};

struct tag_list {
	size_t n;
	struct tag *v; /* in the order of the text */
};

/* -1: it is no such list, and e says why. */
int tag_list_parse(struct slice text, struct region *rg,
    struct tag_list *list_r, struct err *e);

/* The value, or NULL; it may be empty. */
const struct slice *tag_list_get(const struct tag_list *list, const char *name);

/* Is the value there and that one?  With regard to case. */
bool tag_list_is(const struct tag_list *list, const char *name,
    const char *value);

/* Takes the next of "a : b : c", trimmed, which may be empty; false: none. */
bool tag_item(struct slice *rest, struct slice *item_r);

/* The value without blanks and folds, as of base64; in the region. */
struct slice tag_flat(struct slice value, struct region *rg);

#endif
