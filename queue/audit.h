/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit - counts the recipients that are queued, record by record.
 *
 * In slices between batches, so that nobody waits; what is committed
 * meanwhile behind the place it has reached is added to or taken from the
 * count, so that ledger and count are of one moment at the end.  Questions
 * that come during a count are answered by the next one.  Store thread.
 */

#ifndef QUEUE_AUDIT_H
#define QUEUE_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/store.h"

struct audit;

struct audit *audit_new(struct store *s);
void audit_free(struct audit **ap); /* no question may be open */

void audit_ask(struct audit *a, struct store_audit_ask *ask);
/* At once, with the ledger and what is counted anyway. */
void audit_answer_brief(struct audit *a, struct store_audit_ask *ask);
void audit_change(struct audit *a, uint64_t id, int64_t rcpts);
bool audit_slice(struct audit *a); /* false: nothing more to do */

#endif
