/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/moves.h"

#include <stdbool.h>
#include <stdlib.h>

#include "lib/mem.h"
#include "queue/store.h"
#include "transport/readers.h"
#include "transport/sweep.h"
#include "vmta/sched.h"

struct move {
	STAILQ_ENTRY(move) entry;
	struct moved moved;
	bool told; /* the scheduler uses the new place */
	/* Then: who may use the old one; sweeps and readers up to these. */
	uint64_t piece, reader;
};

void
moves_init(struct moves *ms, const struct moves_of *of)
{
	ms->of = *of;
	STAILQ_INIT(&ms->list);
}

void
moves_fini(struct moves *ms)
{
	while (!STAILQ_EMPTY(&ms->list)) {
		struct move *m = STAILQ_FIRST(&ms->list);

		STAILQ_REMOVE_HEAD(&ms->list, entry);
		free(m);
	}
}

void
moves_add(struct moves *ms, const struct moved *moved)
{
	struct move *m = mem_new(struct move);

	m->moved = *moved;
	STAILQ_INSERT_TAIL(&ms->list, m, entry);
}

static void
tell(struct moves *ms, struct move *m, uint64_t last_piece)
{
	if (!sched_message_moved(ms->of.sched, m->moved.id, &m->moved.loc))
		return;
	m->told = true;
	m->piece = last_piece;
	m->reader = ms->of.readers->count;
}

void
moves_settle(struct moves *ms, uint64_t last_piece)
{
	STAILQ_HEAD(, move) all = STAILQ_HEAD_INITIALIZER(all);
	struct move *m;

	STAILQ_CONCAT(&all, &ms->list);
	while ((m = STAILQ_FIRST(&all)) != NULL) {
		STAILQ_REMOVE_HEAD(&all, entry);
		if (!m->told)
			tell(ms, m, last_piece);
		if (m->told && sweep_is_through(ms->of.sweep, m->piece) &&
		    readers_are_through(ms->of.readers, m->reader)) {
			store_moved_done(ms->of.store, m->moved.id,
			    m->moved.old_segment);
			free(m);
		} else {
			STAILQ_INSERT_TAIL(&ms->list, m, entry);
		}
	}
}
