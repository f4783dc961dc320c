/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock - one process at a time opens a spool.
 *
 * An open-file-description lock on DIR/LOCK, whose text is the owner's pid.
 * It goes with the process however that ends.  It is taken before anything
 * else in the spool is opened: two openers of one Berkeley DB environment
 * destroy it.
 */

#ifndef QUEUE_LOCK_H
#define QUEUE_LOCK_H

#include "lib/err.h"

struct lock;

/* -1 also when another process holds it; the text names its pid. */
int lock_take(const char *dir, struct lock **lock_r, struct err *e);
void lock_free(struct lock **lockp); /* gives it back */

#endif
