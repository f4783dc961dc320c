/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pm_import - a PowerMTA configuration, read with its includes, as one of ours
 * (`mailrace import pmta`).
 *
 * The grammar is the same, so each line stays as it is, in its order and its
 * block, behind it the file and line that it comes from.  A line is written as
 * a comment, with the reason, if the tables (vmta/effect.h) know that it has
 * no effect, or if it was left out on the word of who reads the result
 * (pm_import_leave_out()).  Definitions of macros come first, and before them
 * what PowerMTA does by default and we do not.
 *
 * Everything lives in the region; the tree must stay.  One thread.
 */

#ifndef COMPAT_PMTA_PM_IMPORT_H
#define COMPAT_PMTA_PM_IMPORT_H

#include "compat/import_report.h"
#include "lib/conf_parse.h"

struct pm_import;

struct pm_import *pm_import_new(const struct conf_tree *tree,
    struct region *rg);

/*
 * The text, without secrets unless with_secrets: then they stand in lines that
 * are written, never in comments.  Which line is what is remembered.
 */
void pm_import_print(struct pm_import *p, bool with_secrets, struct buf *out);

/*
 * Leaves out what stands in that line, counted from 1, of what was printed
 * last, of a block all of it: it is a mistake, and the report calls it unsafe.
 * False: nothing is there that would be read.
 */
bool pm_import_leave_out(struct pm_import *p, unsigned line, const char *why);

/* What became of all; errs is what the reading of the tree found. */
void pm_import_tell(const struct pm_import *p, const struct conf_errors *errs,
    struct import_report *report);

#endif
