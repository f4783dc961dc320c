/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct - the accounting files, written from the store's outbox.
 *
 * Exactly once: the writer keeps, in a small file of the spool, the sequence
 * number up to which each file is complete and how long it was then.  At
 * start it cuts the files back to that length, and the outbox replays what
 * came after.  Files are synced before the state is, and the state before the
 * outbox is told.  Delivery never waits for it.
 *
 * A file that was moved away or removed is noticed before the next rows are
 * synced: those begin a new file under the old name.  Rows that the old one
 * got in the moment before a crash may be replayed into the new one.
 *
 * Owned by the writer's worker; the functions marked (any) post to it.
 */

#ifndef TRANSPORT_ACCT_H
#define TRANSPORT_ACCT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/worker.h"
#include "queue/store.h"
#include "vmta/snapshot.h"

struct acct;

/*
 * Before the worker starts.  Opens the files of conf and cuts them back;
 * store may be set later, before the first blob arrives.
 */
int acct_new(struct worker *w, const struct snapshot *conf,
    const char *spool_dir, struct acct **a_r, struct err *e);
void acct_free(struct acct **ap); /* after the worker was joined */
void acct_set_store(struct acct *a, struct store *store);

void acct_blob(struct acct *a, uint64_t seq, const void *p,
    size_t len); /* (any), in order */

/* Can every file of conf be written?  Opens, and makes, each of them. */
int acct_check(const struct snapshot *conf, struct err *e); /* (any) */

/* Other files from now on. */
void acct_reload(struct acct *a, const struct snapshot *conf); /* (any) */

#endif
