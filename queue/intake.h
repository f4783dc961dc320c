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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/str.h"
#include "queue/env.h"
#include "queue/ledger.h"
#include "queue/segment_priv.h"
#include "queue/store.h"

/* Decides which can be kept, gives them ids and appends their bodies. */
void intake_append(struct store *s, struct store_accept **list, size_t count);

/* Commits those without sync; the answers are set. */
void intake_commit(struct store *s, struct store_accept **list, size_t count);

/* ---- one message, whoever brought it ------------------------------------- */

/* Gives it an id; what has to be appended. */
void intake_item(struct store *s, struct message *m,
    struct segment_item *item_r);

/* Its row, within a transaction; rec is a buffer to work in. */
enum env_result intake_put_row(struct store *s, const struct message *m,
    struct slice waybill, struct buf *rec, struct err *e);

/* Rows of messages that others cause; counted in next, within a transaction. */
enum env_result intake_put_mails(struct store *s,
    const struct store_mail *mails, size_t count, struct ledger *next,
    struct err *e);

/* It is committed, with so many recipients left; all: none has ended. */
void intake_kept(struct store *s, const struct message *m, uint32_t left,
    bool all);
void intake_kept_mails(struct store *s, const struct store_mail *mails,
    size_t count);

#endif
