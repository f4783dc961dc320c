/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_files - files of a host MTA are changed all together, or not at all.
 *
 * Copies are edited in a folder beside them, mailrace-work, never the files
 * themselves; what was shown as a difference is put in their place as it
 * stands, by renaming; what somebody else has written meanwhile is never lost.
 * A file may be new, or go.  The folder is locked (flock) while somebody is at
 * work; of copies without a lock the owner was killed, and they go: what they
 * may be needed for is in the record (compat/host_record.h).
 *
 * Blocks; the operator's command only.
 */

#ifndef COMPAT_HOST_FILES_H
#define COMPAT_HOST_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "lib/str.h"

struct host_file {
	const char *name; /* below the folder; may have slashes */
	bool there;
	struct buf is; /* what it is, as far as we know */
};

struct host_files {
	struct region *rg;
	const char *dir;     /* where the files are */
	const char *work;    /* copies while we are at work */
	const char *undo;    /* how it was: compat/host_record.h */
	struct host_file *v; /* who leads to others first */
	size_t n;
	int lock;  /* -1: nobody is at work for us */
	bool torn; /* some are swapped, others not, and it stays so */
};

void host_files_init(struct host_files *f, const char *dir);
void host_files_fini(struct host_files *f); /* removes the copies */

/* Which of them it is; each once. */
size_t host_files_add(struct host_files *f, const char *name);
/* Of a file: the one itself; its copy. */
const char *host_files_path(const struct host_files *f, size_t i);
const char *host_files_copy_path(const struct host_files *f, size_t i);

/*
 * Before anything is asked: what is found so holds until it is changed.  Waits up to
 * a second for one who is just ending.
 */
int host_files_lock(struct host_files *f, struct err *e);
/* Of those that are there. */
int host_files_copy(struct host_files *f, struct err *e);
/* Another text for a copy, or a new one, which gets the mode of `as`. */
int host_files_write(const struct host_files *f, size_t i, struct slice text,
    const char *as, struct err *e);
/* Copies that a program has written get owner and mode of their files. */
int host_files_keep_modes(const struct host_files *f, struct err *e);
/* What the copies would change; "" nothing. */
int host_files_diff(const struct host_files *f, struct buf *out, struct err *e);

/*
 * The copies take the place of the files, which are the copies then: back, and
 * all is as it was.  The last file first, back the first first: whoever is
 * killed in between leaves things that nobody uses, never a way to one that is
 * not there.
 */
int host_files_swap(struct host_files *f, struct err *e);
int host_files_swap_back(struct host_files *f, struct err *e);

/* ---- one file ------------------------------------------------------------ */

/* All of a file, at most 16 MB. */
int host_file_read(const char *path, struct buf *out, struct err *e);
/* Of a regular file of at most max bytes, the region's; nothing is waited for. */
int host_file_text(const char *path, size_t max, struct region *rg,
    struct slice *text_r, struct err *e);
/* With owner, mode and attributes of another; NULL: for us alone.  Durable. */
int host_file_write(const char *path, struct slice text, const char *as,
    struct err *e);
/* The folders that a name with slashes needs below a folder. */
int host_file_folders(const char *dir, const char *name, struct err *e);
/* The file, and those of its folders below `dir` that are empty then. */
void host_file_remove(const char *dir, const char *name);
/* A folder of ours, with all that is in it. */
void host_tree_remove(const char *dir);
/* How one file would become the other, diff -u; one may be missing. */
int host_diff(const char *was, const char *is, struct buf *out, struct err *e);
/* What is in a folder is on the disk. */
int host_dir_sync(const char *dir, struct err *e);

#endif
