/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_fields - which fields of a message a signature covers, in what order.
 *
 * A fixed set (RFC 6376 section 5.4.1, and what bulk mail needs), more by name
 * or by /expression/, and those that nobody may add one of: they are named
 * once more than they occur (section 8.15), at the end.  From is one of them,
 * unless it is said not to be.
 *
 * Each field is named as often as it occurs, from the bottom up, as section
 * 5.4.2 counts.  Fields that change on the way cannot be asked for by name,
 * and no expression finds them.  Immutable once made; any thread.
 */

#ifndef MAIL_DKIM_FIELDS_H
#define MAIL_DKIM_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "mail/header.h"

struct dkim_fields;

/*
 * Both are lists of names and /expressions/ with commas between, or empty:
 * what is signed besides the fixed set, and what nobody may add.  An
 * expression is searched for in the names alone, without regard to case.
 */
int dkim_fields_new(struct slice more, struct slice no_adding,
    struct dkim_fields **fields_r, struct err *e);

/* Lists as above, for those who do not want all of the fixed set. */
struct dkim_pick {
	bool fixed;        /* it, or else From alone, and besides ... */
	bool open_from;    /* From may be added unless no_adding has it */
	struct slice more; /* ... these, ... */
	struct slice omit; /* ... but not these, names with wildcards
			      (lib/glob.h), no expressions; From stays */
	struct slice no_adding;
};

int dkim_fields_pick(const struct dkim_pick *pick,
    struct dkim_fields **fields_r, struct err *e);
void dkim_fields_free(struct dkim_fields **fp);

/* Is each field of that name signed, in whatever message? */
bool dkim_fields_names(const struct dkim_fields *f, const char *name);

/* One entry of h=. */
struct dkim_field {
	struct slice name;
	const struct header *header; /* NULL: named once more than it occurs */
};

/*
 * The entries for a message, in the region; their number.  f NULL: the fixed
 * set.  skip, by index of the headers, are fields that do not go out, or NULL.
 */
size_t dkim_fields_choose(const struct dkim_fields *f,
    const struct header_list *headers, const bool *skip, struct region *rg,
    struct dkim_field **v_r);

#endif
