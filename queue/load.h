/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load - hands out what the spool holds after a start, in slices between
 * batches.
 *
 * One walk over messages and states, in the order of ids, fills the catalog
 * and the live bytes.  Each slice goes out as one piece, and the walk waits
 * while too many are out: so a million of them are never in memory twice.
 * The scheduler puts them in order of when they are due.  (As a table that
 * order would cost a put and a delete for each retry, and a walk along it
 * takes ten times as long: 17 s for a million.)  Store thread.
 */

#ifndef QUEUE_LOAD_H
#define QUEUE_LOAD_H

#include "queue/store.h"

struct load;

struct load *load_new(struct store *s);
void load_free(struct load **lp);

enum load_more {
	LOAD_MORE,  /* call again */
	LOAD_WAITS, /* after load_returned() */
	LOAD_DONE   /* all are out, and taken */
};
enum load_more load_slice(struct load *l);

/* A piece came back. */
void load_returned(struct load *l);
void load_arrivals_free(struct store_arrivals **ap); /* any thread */

#endif
