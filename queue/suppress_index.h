/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_index - a published suppression list, as those who ask it see it:
 * PATH is its base, PATH.delta.N what changed since the base of generation N
 * (there may be none), both of suppress_file.h, both mapped; no Berkeley DB, no
 * address.
 *
 * A view is base and delta of one moment: a base that takes the place of
 * another brings its own delta with it.  A view stays as it is, with its files
 * mapped, until its last user gives it back, whatever is published meanwhile.
 *
 * One thread opens, follows and frees an index; any may get, ask and give back
 * views.  Opening and following read each new file once, all of it: not for
 * a thread that must not wait for the disk.  Files are replaced by rename
 * only; one that is cut off in place while it is mapped ends its readers.
 */

#ifndef QUEUE_SUPPRESS_INDEX_H
#define QUEUE_SUPPRESS_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

struct suppress_index;
struct suppress_view;

/* Fails, with the file's name, if one is damaged or of another list. */
int suppress_index_open(const char *path, uint64_t list, uint32_t digest_len,
    struct suppress_index **ix_r, struct err *e);
void suppress_index_free(struct suppress_index **ixp);

/*
 * Looks for a newer base or delta: three stat() calls if there is none.  On -1
 * the view of before stays.  changed_r: there is another view now.
 */
int suppress_index_follow(struct suppress_index *ix, bool *changed_r,
    struct err *e);

/* The view of this moment; the caller owns one reference. */
struct suppress_view *suppress_index_get(struct suppress_index *ix);
void suppress_view_unref(struct suppress_view **vp);

bool suppress_view_has(const struct suppress_view *v, const void *digest);

/* Of the base; and of the delta in use, 0 if there is none. */
uint64_t suppress_view_generation(const struct suppress_view *v);
uint64_t suppress_view_delta(const struct suppress_view *v);

#endif
