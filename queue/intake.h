/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake - the accepted messages of a batch: bodies into the tail segment,
 * then rows, some hundred messages by transaction.
 *
 * A full disk is an answer (STORE_NO_SPACE) and leaves nothing half done; any
 * other failure ends the process.  Store thread.
 */

#ifndef QUEUE_INTAKE_H
#define QUEUE_INTAKE_H

#include <stddef.h>

#include "queue/store.h"

/* Decides which can be kept, gives them ids and appends their bodies. */
void intake_append(struct store *s, struct store_accept **list, size_t count);

/* Commits those without sync; the answers are set. */
void intake_commit(struct store *s, struct store_accept **list, size_t count);

#endif
