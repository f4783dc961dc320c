/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailq_gather - recipients, as they come from the daemon's mailq, into
 * messages.
 *
 * One of a message that has no other is passed on at once; the others wait
 * here until as many have come as the message had.  A recipient may come again
 * (vmta/sched_walk.h), and others of its message may end meanwhile: a message
 * is passed on once all the same.  So memory is that of messages with several
 * recipients, of which some have come, and 16 to 32 bytes for each message
 * that was passed on.  One thread.
 */

#ifndef ADMIN_MAILQ_GATHER_H
#define ADMIN_MAILQ_GATHER_H

#include <jansson.h>

#include "compat/listed.h"

typedef void mailq_message_fn(void *ctx, const struct listed *m);

struct mailq_gather;

struct mailq_gather *mailq_gather_new(mailq_message_fn *fn, void *ctx);
void mailq_gather_add(struct mailq_gather *g, const json_t *item);
/* Nobody else comes: what waits is passed on, some of it has left meanwhile. */
void mailq_gather_end(struct mailq_gather *g);
void mailq_gather_free(struct mailq_gather **gp);

#endif
