/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_layout - the columns of an accounting file, from its configuration.
 *
 * Columns come in the order of first mention: types in the order of their
 * record-fields, then the others in the order of `records`, each with its
 * default ones.  Built while the snapshot is loaded, in its region; then
 * immutable, any thread.
 */

#ifndef VMTA_ACCT_LAYOUT_H
#define VMTA_ACCT_LAYOUT_H

#include "lib/mem.h"
#include "mail/acct_row.h"

/* Types in the order in which their columns are mentioned. */
struct acct_layout_of {
	const enum acct_type *types;
	size_t count;
};

const struct acct_layout *acct_layout_make(struct region *rg,
    const struct acct_layout_of *of);

#endif
