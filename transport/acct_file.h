/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_file - one file that rows are appended to: what of it is durable, what
 * was written behind that, and what still waits in memory.
 *
 * When a write or a sync fails nobody knows what of it is on the disk, and the
 * next sync says nothing about it: acct_file_drop() cuts the file back to what
 * is durable, and who has the rows brings them again.  At once, so that nobody
 * who looks, or moves the file away, finds half a row.
 *
 * The writer's thread.
 */

#ifndef TRANSPORT_ACCT_FILE_H
#define TRANSPORT_ACCT_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"
#include "lib/str.h"

struct acct_file {
	char *path;
	int fd; /* -1: none is open, all else is empty */
	uint64_t inode;
	uint64_t length;  /* of what is durable */
	uint64_t written; /* bytes behind that, not yet durable */
	struct buf rows;  /* and those to be written; whole rows */
	bool torn;        /* behind length nothing is certain: to be cut off */
};

void acct_file_init(struct acct_file *f);
void acct_file_fini(struct acct_file *f);

/*
 * Makes the file, or takes an empty one that a crash left; durable under its
 * name.  In place of the one that was open, which stays if this fails.
 */
int acct_file_create(struct acct_file *f, const char *path, mode_t mode,
    struct err *e);

/*
 * Opens what was left with that inode (0: any) and at least that length, and
 * cuts it back.  0: it is not there, or is another one.
 */
int acct_file_resume(struct acct_file *f, const char *path, uint64_t inode,
    uint64_t length, struct err *e);
void acct_file_close(struct acct_file *f);

/*
 * Moved away, removed, or cut by somebody: what is open is no longer under its
 * name, or not all of it.
 */
bool acct_file_is_gone(const struct acct_file *f);

uint64_t acct_file_size(const struct acct_file *f); /* with what waits */
/* There is something to sync: rows, or what is still to be cut off. */
bool acct_file_is_dirty(const struct acct_file *f);

/* After -1 from either: acct_file_drop(). */
int acct_file_write(struct acct_file *f, struct err *e);
int acct_file_sync(struct acct_file *f, struct err *e);

/* Nothing waits; -1: it could not be cut, what is synced next does that. */
int acct_file_drop(struct acct_file *f, struct err *e);

/* What a folder has of names is durable. */
int acct_file_sync_folder(const char *path, struct err *e);

#endif
