/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_index - the domain-keys of one level: which one signs for a domain.
 *
 * A key fits a signing domain that is its own or below it; `*` fits all, and
 * signs for the domain itself.  Of those that fit, the first in the file
 * counts, not the longest (1.5 of the reference).  Immutable once it is made;
 * any thread.
 */

#ifndef VMTA_KEY_INDEX_H
#define VMTA_KEY_INDEX_H

#include <stdbool.h>

#include "lib/conf_types.h"
#include "mail/dkim_key.h"

struct key_index;

enum key_kind { KEY_ANY, KEY_RSA, KEY_ED25519 };

struct key_wish {
	const char *domain;   /* who signs */
	bool exact;           /* d= is to be that, not a parent of it */
	const char *selector; /* NULL: any */
	enum key_kind kind;
};

struct key_found {
	const struct dkim_key *key;
	const char *selector, *domain; /* s= and d= */
};

/* Borrows the list, whose keys have been read: one that was not fits nothing. */
struct key_index *key_index_new(const struct conf_dkeys *keys);
void key_index_free(struct key_index **kp);

bool key_index_is_empty(const struct key_index *k);

/*
 * false: none fits.  The strings are the configuration's; but where the key is
 * one for `*`, the domain is the wish's.
 */
bool key_index_find(const struct key_index *k, const struct key_wish *w,
    struct key_found *out);

#endif
