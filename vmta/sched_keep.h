/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_keep - what a queue's standing with the other side is outlives the
 * process (vmta/standing.h): what the owner of a sched has to know.
 *
 * The owner is asked to keep values by name: "queue:DOMAIN/VMTA" is a queue's
 * wait after a failure with why it failed, its mode, its sources that are off
 * and its errors of late (those of a group are in that of the queue of its
 * name); those of new source addresses are in vmta/sched_warmup.h,
 * those of new virtual MTAs in vmta/sched_cold.h.
 * A wait of a minute or more, a mode, a source and
 * what an operator ordered are asked for in the same sched_run(); all else once
 * in a minute at most for each queue, and at the end.
 *
 * At the start, after sched_restored() and before any mail:
 * sched_restore_kept() for each value that was kept.  That makes its queue,
 * which stays as long as there is something to say.  A clean stop ends with
 * sched_keep_end().
 */

#ifndef VMTA_SCHED_KEEP_H
#define VMTA_SCHED_KEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"

struct sched;

/* Bytes of a name; a queue whose name were longer is not kept. */
enum { SCHED_KEEP_NAME_MAX = 600 };
/* Names of what is kept of queues begin with this. */
#define SCHED_KEEP_QUEUE "queue:"
/* Is it one of the names of values that the owner is asked to keep? */
bool sched_keep_is_name(struct slice name);

/* The answer to owner->keep; kept false: what was there before still stands. */
void sched_kept(struct sched *s, uint64_t ticket, bool kept);

/*
 * elapsed_us: how long ago it was kept, as lease_elapsed() says.  -1: it is
 * damaged, and the queue is as if it had never failed.
 */
struct sched_was_kept {
	struct slice name, bytes;
	int64_t elapsed_us;
};
int sched_restore_kept(struct sched *s, const struct sched_was_kept *what,
    int64_t now_us, struct err *e);

/* owner->keep is called for the last time; connections are closed. */
void sched_keep_end(struct sched *s, int64_t now_us);

#endif
