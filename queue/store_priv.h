/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_priv - the parts of the store, for the files of this folder that make
 * it up.  Everything belongs to the store thread, but the few things said to
 * be any thread's.
 */

#ifndef QUEUE_STORE_PRIV_H
#define QUEUE_STORE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/worker.h"
#include "queue/catalog.h"
#include "queue/env.h"
#include "queue/handover.h"
#include "queue/ledger.h"
#include "queue/outbox.h"
#include "queue/segment_priv.h"
#include "queue/store.h"

struct audit;
struct checkpoint;
struct commit;
struct compact;
struct event;
struct inflight;
struct load;
struct lock;
struct reserve;
struct slotsync;

struct store {
	char *dir;
	struct store_owner owner;
	void *ctx;
	struct worker *worker; /* posts from any thread */

	struct lock *lock;
	struct reserve *reserve; /* its file is its state: any thread */
	struct env *env;         /* env_checkpoint(): any thread */
	struct segments *segments;
	struct inflight *inflight; /* parts: their workers */
	struct catalog *catalog;
	struct ledger ledger;
	struct gauge *places; /* any thread */
	struct outbox outbox;
	struct handover handover;

	struct commit *commit;
	struct load *load; /* NULL before store_load() and when it is done */
	struct audit *audit;
	struct compact *compact;
	struct checkpoint *checkpoint;
	struct slotsync *slotsync;

	struct event *slice; /* work done a little at a time, between batches */
	bool expiring;       /* hand-overs, by slices */

	uint64_t first_id;   /* of this run; those below are the load's */
	size_t doubts_found; /* by this start */
	bool called;         /* store_load() was: callbacks may come */
	bool loaded;         /* the catalog and the live bytes are complete */
	bool ends_well;      /* the last checkpoint is on the disk */
	enum store_space space, space_told;

	uint64_t batches, syncs;
};

/* Ends the process: a flush failed, or what cannot be left half done. */
_Noreturn void store_die(const char *what, const struct err *e);

/* Asks for slices until there is no more work for them. */
void store_kick(struct store *s);

/* Told by the checkpoint thread between batches. */
void store_space_is(struct store *s, enum store_space space);

/*
 * Gives up the reserve so that outcomes can be written; false: it is gone.
 */
bool store_use_reserve(struct store *s);

#endif
