/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load - hands out what the spool holds after a start, in slices between
 * batches.
 *
 * One walk over messages and states fills the catalog and the live bytes and
 * hands out every message with a recipient never tried; of the others it notes
 * when they are due, and hands them out afterwards, earliest first.  The due
 * index is that list in memory, sorted once: the walk is needed anyway, and in
 * the database the index would cost a put and a delete for each retry.  Store
 * thread.
 */

#ifndef QUEUE_LOAD_H
#define QUEUE_LOAD_H

#include <stdbool.h>

#include "queue/store.h"

struct load;

struct load *load_new(struct store *s);
void load_free(struct load **lp);
bool load_slice(struct load *l); /* false: all are out */

#endif
