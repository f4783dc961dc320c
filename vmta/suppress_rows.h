/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_rows - what a suppression list has in the configuration: addresses,
 * local parts, patterns, domains, each with the line where it stands.
 *
 *	row = address / "*@" domain / local-part	of `address`, of a file
 *	    / "/" regex "/"				of `address`
 *	    / domain pattern				of `domain`
 *
 * Addresses and local parts are kept as the list compares them, in one block
 * with a table of where each begins: some 55 bytes for each of a million.  Of
 * those that are there twice the first counts.
 *
 * Filled and sealed by one thread, then asked by any number.  Pure.
 */

#ifndef VMTA_SUPPRESS_ROWS_H
#define VMTA_SUPPRESS_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/conf_types.h"
#include "lib/err.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "mail/suppress_norm.h"

struct suppress_rows;

struct suppress_row { /* where one stands */
	const char *file;
	unsigned line;
};

/* An address that is looked for; NULL: it has no such form. */
struct suppress_probe {
	const char *text;    /* as the list compares it, or a local part */
	const char *pattern; /* what patterns see: not quoted, all the rest */
	struct slice given;  /* and as it came */
};

/* Domain patterns live in the region; it outlives the rows. */
struct suppress_rows *suppress_rows_new(struct region *rg);
void suppress_rows_free(struct suppress_rows **rp);

/* at->file is borrowed, and outlives the rows. */
int suppress_rows_add(struct suppress_rows *r, const struct suppress_norm *n,
    struct slice text, const struct suppress_row *at, struct err *e);
int suppress_rows_add_pattern(struct suppress_rows *r, struct slice pattern,
    const struct suppress_row *at, struct err *e);
int suppress_rows_add_domain(struct suppress_rows *r, const char *pattern,
    bool from_macro, const struct suppress_row *at, struct err *e);

/*
 * A whole address-file: an address or local part in each line; blanks around
 * it, empty lines and those that begin with "#" do not count.  Each mistake is
 * told with its line, the first twenty of them.
 */
void suppress_rows_add_text(struct suppress_rows *r,
    const struct suppress_norm *n, struct slice text, const char *file,
    struct conf_errors *errs);
void suppress_rows_seal(struct suppress_rows *r);

size_t suppress_rows_count(const struct suppress_rows *r); /* all kinds */
size_t suppress_rows_patterns(const struct suppress_rows *r);

bool suppress_rows_find(const struct suppress_rows *r,
    const struct suppress_probe *p, struct suppress_row *row_r);

#endif
