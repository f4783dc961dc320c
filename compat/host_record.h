/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_record - how the files of a host MTA were before set-up, kept beside
 * them.
 *
 * In the folder mailrace-undo: the files as they were and as set-up made them,
 * checksums of both, and the list of changes.  It is written, and on the disk,
 * before the first file changes, so that whatever interrupts a set-up can be
 * undone.  One thread.
 */

#ifndef COMPAT_HOST_RECORD_H
#define COMPAT_HOST_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "compat/host_files.h"
#include "compat/host_plan.h"
#include "lib/err.h"

struct host_record {
	struct host_change *changes; /* in the region of the files */
	size_t count;
	bool edited; /* a file is neither what it was nor what was made of it */
	bool whole;  /* set-up came to its end */
};

bool host_record_is_there(const struct host_files *f);

/*
 * Before the swap: the files, the copies, the plan.  kinds: how each kind of
 * change is called, NULL behind them.
 */
int host_record_write(const struct host_files *f, const struct host_plan *p,
    const char *const *kinds, struct err *e);
/* Set-up has come to its end. */
int host_record_close(const struct host_files *f, struct err *e);

/* Before they are copied: the files of the record are those to be put back. */
int host_record_files(struct host_files *f, struct err *e);
int host_record_read(const struct host_files *f, const char *const *kinds,
    struct host_record *out, struct err *e);

/* The copies become the files as they were. */
int host_record_restore(const struct host_files *f, struct err *e);
/* What others have changed since set-up. */
int host_record_diff(const struct host_files *f, struct buf *out,
    struct err *e);
int host_record_remove(const struct host_files *f, struct err *e);

#endif
