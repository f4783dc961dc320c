/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envelope_read - the one way to a queued message's envelope.
 *
 * Only a worker reads envelopes (one that is not in memory any more comes
 * from a segment, and that may block); the scheduler's thread knows a message
 * by what sched_add() was told.  Nobody else looks at m->env.
 */

#ifndef TRANSPORT_ENVELOPE_READ_H
#define TRANSPORT_ENVELOPE_READ_H

#include "lib/err.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "mail/message.h"
#include "transport/worker_env.h"

/*
 * Strings of env_r live as long as both m and rg do.  -1: it cannot be read,
 * and env_r has no recipients.
 */
int envelope_read(struct worker_env *env, const struct message *m,
    struct region *rg, struct envelope *env_r, struct err *e);

/*
 * Likewise with the body, in one read.  *body_r is a reference of the
 * caller's; NULL: the body alone is damaged, and e says so.
 */
int envelope_read_all(struct worker_env *env, const struct message *m,
    struct region *rg, struct envelope *env_r, struct body **body_r,
    struct err *e);

/*
 * An envelope of many recipients, with the body, for who sends to a few of
 * them: a campaign in one message, or each recipient by itself (VERP), would
 * else be read and held as a whole for each of them at once.  It is in memory
 * once on a worker, as long as anybody there has it.
 */
struct envelope_shared;

/*
 * NULL: it has few recipients, or cannot be read whole.  Else env_r is valid, and
 * not to be changed, until envelope_unshare(), and *body_r is the caller's.
 */
struct envelope_shared *envelope_share(struct worker_env *env,
    struct message *m, struct envelope *env_r, struct body **body_r);
void envelope_unshare(struct envelope_shared **sp);

#endif
