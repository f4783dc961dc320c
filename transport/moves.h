/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moves - messages that compaction put elsewhere, until nobody reads the old
 * place any more.
 *
 * The scheduler takes the new place when no grant has the message; who took it
 * up before, a sweep or a reader, is waited for.  Scheduler's thread.
 */

#ifndef TRANSPORT_MOVES_H
#define TRANSPORT_MOVES_H

#include <stdint.h>
#include <sys/queue.h>

#include "mail/message.h"

struct readers;
struct sched;
struct store;
struct sweep;

struct moves_of { /* whom to tell and whom to wait for; they outlive it */
	struct store *store;
	struct sched *sched;
	struct sweep *sweep;
	const struct readers *readers;
};

struct moves {
	struct moves_of of;
	STAILQ_HEAD(, move) list;
};

struct moved {
	uint64_t id;
	uint32_t old_segment;
	struct message_loc loc;
};

void moves_init(struct moves *ms, const struct moves_of *of);
void moves_fini(struct moves *ms);

void moves_add(struct moves *ms, const struct moved *m);

/*
 * Tells the scheduler, again and again if it must, and the store of those
 * through with.  last_piece: the newest of the sweep.
 */
void moves_settle(struct moves *ms, uint64_t last_piece);

#endif
