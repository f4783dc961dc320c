/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_rotate - the files of one acct-file in their folder: which name comes
 * next, which of them are moved away, which are old enough to go.
 *
 * Every look reads the folder anew: what people or a crash left there counts,
 * so the last step of a rotation can be done again at any time.  Names are
 * those of mail/acct_name.h; other files are never touched.
 *
 * No state; the writer's thread, and the folders' owner besides it.
 */

#ifndef TRANSPORT_ACCT_ROTATE_H
#define TRANSPORT_ACCT_ROTATE_H

#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"

/* An acct-file; current: the name of the file that is written, "" if none. */
struct acct_place {
	const char *path;    /* of the configuration */
	const char *move_to; /* "": finished files stay */
	const char *current;
};

/*
 * Appends the path of the next file at that time: its number is behind those
 * of all files of the day that are in either folder, and the current one's; an
 * empty one that nobody wrote to is used.
 */
int acct_rotate_next(const struct acct_place *p, int64_t wall_us,
    struct buf *path_r, struct err *e);

/* Moves all that are finished to move_to; how many, -1 if one cannot be. */
int acct_rotate_move(const struct acct_place *p, struct err *e);

/* Deletes finished ones not changed since then; how many, or -1. */
int acct_rotate_expire(const struct acct_place *p, int64_t before_us,
    struct err *e);

/* Unlinks the current file if it has no row: another one takes its place. */
void acct_rotate_leave_empty(const struct acct_place *p);

/* Appends the folder of path, with its slash. */
void acct_rotate_folder(const char *path, struct buf *out);

#endif
