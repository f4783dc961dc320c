/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_files - compares the rows of accounting files with what the writer
 * says that it has written.
 *
 * The writer is asked before and after the files are read: while mail flows,
 * what it has written lies between the two.  One thread.
 */

#ifndef ADMIN_AUDIT_FILES_H
#define ADMIN_AUDIT_FILES_H

#include <jansson.h>

#include "admin/ctl_parse.h"

/*
 * The rows of each acct-file of the configuration: an object by path; NULL: they
 * cannot be read, and it was said why.
 */
json_t *audit_files_count(const struct ctl_options *opt);

/*
 * To each acct-file of `after` (the list of the second answer) that was counted
 * between: "in_files", an object of "files", "rows", "missing" (written and not
 * there: their files were deleted or taken away) and "surplus" (there and not
 * counted when they were written).
 */
void audit_files_compare(const json_t *counted, const json_t *before,
    const json_t *after);

#endif
