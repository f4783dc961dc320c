/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump_files - files of a spool that go into its dump beside the database: how
 * far accounting is, and what waits in its buffers for programs and networks.
 *
 * By name in the spool: "acct-state", "acct/ID/name", "acct/ID/00000017.csv"
 * (transport/acct_state.h, acct_buffer.h).  One thread.
 */

#ifndef QUEUE_DUMP_FILES_H
#define QUEUE_DUMP_FILES_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/str.h"

typedef int dump_file_fn(void *ctx, struct slice name, struct slice bytes,
    struct err *e);

/* Calls fn for each, in the order of names, until it fails. */
int dump_files_each(const char *dir, dump_file_fn *fn, void *ctx,
    struct err *e);

/* Is that the name of one? */
bool dump_files_knows(struct slice name);

/* Makes one, synced; folders that are not there are made. */
int dump_files_make(const char *dir, struct slice name, struct slice bytes,
    struct err *e);

typedef void dump_folder_fn(void *ctx, const char *path);

/* Calls fn for each folder that they are in, the inner ones first. */
void dump_files_folders(const char *dir, dump_folder_fn *fn, void *ctx);

#endif
