/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint - the thread that looks after the spool: checkpoints and log
 * removal, disk space and the reserve, compaction, and what is over in time.
 *
 * It has no part of the store but the reserve and env_checkpoint(); it tells
 * the store thread by posts.
 */

#ifndef QUEUE_CHECKPOINT_H
#define QUEUE_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/worker.h"
#include "queue/store.h"

struct checkpoint;

/* What the space is now; was_short: less than there should be, last time. */
enum store_space checkpoint_space(const struct store *s, uint64_t min_free,
    bool was_short);

int checkpoint_new(struct store *s, uint64_t min_free, struct checkpoint **c_r,
    struct err *e);
int checkpoint_start(struct checkpoint *c, struct err *e);
void checkpoint_stop(struct checkpoint *c); /* and joins */
void checkpoint_free(struct checkpoint **cp);

struct worker *checkpoint_worker(struct checkpoint *c);
void checkpoint_set_min_free(struct checkpoint *c, uint64_t bytes);

#endif
