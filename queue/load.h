/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load - hands out what the spool holds after a start, in slices between
 * batches.
 *
 * One walk over messages and states, in the order of ids, fills the catalog
 * and the live bytes.  Messages with a recipient never tried go out at once;
 * the others are kept, sorted by when they are due, and go out when the walk
 * is over.  That list is the due index: the walk is needed anyway, and as a
 * table it would cost a put and a delete for each retry, and reading the
 * messages in its order takes ten times as long (17 s for a million) as
 * reading them in their own.  Store thread.
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
