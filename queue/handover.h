/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover - recognises what the host MTA hands over a second time.
 *
 * A key (host, queue id, first header block) is kept with the hashes of its
 * recipients for 24 hours, in the transaction that stores the message.  A
 * bucket row lists the keys of each transaction by ten minutes, so that they
 * are found again when their time is over.  Store thread only.
 */

#ifndef QUEUE_HANDOVER_H
#define QUEUE_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"
#include "queue/env.h"
#include "queue/store.h"

#define HANDOVER_KEEP_US (INT64_C(24) * 3600 * 1000000)
#define HANDOVER_BUCKET_US (INT64_C(600) * 1000000)

struct handover {
	struct env *env;
	uint64_t bucket; /* of the transaction that is open */
	struct buf keys; /* its bucket row: record's head, then keys */
	struct buf rec;
};

void handover_init(struct handover *h, struct env *v);
void handover_fini(struct handover *h);

/* All four within one transaction each. */
void handover_begin(struct handover *h, int64_t wall_us);

/* Marks a->known[]; *fresh_r recipients are new.  Needs a->has_key. */
enum env_result handover_admit(struct handover *h, struct store_accept *a,
    uint32_t *fresh_r, struct err *e);

/* Writes the bucket row; id is that of any message of the transaction. */
enum env_result handover_end(struct handover *h, uint64_t id, struct err *e);

/* Removes one bucket row that is over and its keys; false: there is none. */
enum env_result handover_expire(struct handover *h, int64_t wall_us,
    bool *more_r, struct err *e);

#endif
