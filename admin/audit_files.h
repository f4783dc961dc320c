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
 * To each acct-file that is a file in `after` (the list of the second answer):
 * "in_files", an object of "files", "rows", "missing" (written and not there:
 * their files were deleted or taken away) and "surplus" (there and not
 * written: in files older than the count).  -1: files cannot be read, and it
 * was said why.
 */
int audit_files(const struct ctl_options *opt, const json_t *before,
    const json_t *after);

#endif
