/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock - one process at a time opens a spool.
 *
 * An open-file-description lock on DIR/LOCK, whose text is the owner's pid, and
 * stays when that ended without lock_end_well().
 * It goes with the process however that ends.  It is taken before anything
 * else in the spool is opened: two openers of one Berkeley DB environment
 * destroy it.
 */

#ifndef QUEUE_LOCK_H
#define QUEUE_LOCK_H

#include <stdbool.h>

#include "lib/err.h"

struct lock;

/* -1 also when another process holds it; the text names its pid. */
int lock_take(const char *dir, struct lock **lock_r, struct err *e);
void lock_free(struct lock **lockp); /* gives it back */

/* Whether the owner before us said lock_end_well(); true if there was none. */
bool lock_was_ended_well(const struct lock *lock);

/* The same of who has it now, or had it last, before it is taken. */
bool lock_is_ended_well(const char *dir);

/* All is on the disk and closed; lock_free() comes next. */
void lock_end_well(struct lock *lock);

#endif
