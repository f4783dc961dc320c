/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settle - the outcomes of a batch, in one transaction with their outbox
 * blob.
 *
 * A recipient that has no outcome to wait for (unknown, or ended before) is
 * logged and left out of the ledger, so a repeated outcome is counted once.
 * Messages that outcomes cause are accepted in the same transaction.
 * A full disk costs the reserve; what still cannot be written ends the
 * process.  Store thread.
 */

#ifndef QUEUE_SETTLE_H
#define QUEUE_SETTLE_H

#include <stddef.h>

#include "queue/store.h"

/*
 * Gives ids to the messages that the outcomes cause, and appends their
 * bodies; before the segments are synced.
 */
void settle_append(struct store *s, struct store_settle **list, size_t count);

/* Their blob, if there is one, is sent by outbox_send() after the flush. */
void settle_commit(struct store *s, struct store_settle **list, size_t count);

#endif
