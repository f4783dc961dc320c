/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_move - mail that goes by another virtual MTA than its own, for
 * vmta/sched*.c only; what it does and when is told in vmta/sched_move.c.
 */

#ifndef VMTA_SCHED_MOVE_H
#define VMTA_SCHED_MOVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "vmta/reroute.h"
#include "vmta/table.h"

struct sched;
struct sched_queue;
struct sched_rcpt_in;
struct sched_result;
struct sched_vmta;
struct vqueue_mover;

struct sched_moves {
	bool ways;           /* the configuration has some */
	bool pools;          /* whose mail may overflow */
	struct table queues; /* being gone through, and in the order of: */
	TAILQ_HEAD(, move) list;
	struct table notes;         /* of whose mail came to a queue */
	struct vqueue_mover *mover; /* while any is */
	uint64_t turn;
};

void sched_move_init(struct sched *s);
void sched_move_fini(struct sched *s);
void sched_move_configure(struct sched *s); /* after a reload */

/*
 * The queue that a recipient of the message enters.  When that is not the one of its virtual
 * MTA, *inp becomes `other`, which says what is different.
 */
struct sched_queue *sched_move_enter(struct sched *s, uint64_t id,
    const struct sched_rcpt_in **inp, struct sched_rcpt_in *other,
    int64_t now_us);
/* Where new mail belongs; the next one that enters has the same turn. */
struct reroute sched_move_belongs(struct sched *s, const char *domain,
    const char *vmta, bool by_pool, int64_t now_us);
/* Would mail for the queue stay with that virtual MTA, and could it go out? */
bool sched_move_takes(struct sched *s, const char *domain, const char *vmta,
    int64_t now_us);

/*
 * Something has changed about where its mail belongs: about the queue's alone,
 * or, as its mode or its sources are others, about that of all queues of its
 * domain, or of all there are.  They are looked at in the next sched_run().
 */
void sched_move_look(struct sched *s, struct sched_queue *q);
void sched_move_look_domain(struct sched *s, struct sched_queue *q);
void sched_move_look_all(struct sched *s);
/* A grant of the queue has ended, and some may have come back. */
void sched_move_back(struct sched *s, struct sched_queue *q,
    const struct sched_result *results, uint32_t n);
/* Is it for nothing to ask, as the configuration is? */
static inline bool
sched_move_is_none(const struct sched_moves *m)
{
	return !m->ways && !m->pools;
}

/* Moves a slice. */
void sched_move_run(struct sched *s, int64_t now_us);
/* The queue is about to go. */
void sched_move_forget(struct sched *s, const struct sched_queue *q);

/* Recipients that came from the queue of another virtual MTA. */
struct move_from {
	const struct sched_vmta *vmta;
	enum reroute_way way;
	uint64_t rcpts; /* so many in all */
};

/* sched_move_note.c: so many recipients have come to the queue. */
void move_notes_init(struct sched *s);
void move_note_add(struct sched *s, const struct sched_queue *to,
    const struct move_from *some);
/* Its mail would go round, or does not any more.  True: that is to be told. */
bool move_note_loop(struct sched *s, const struct sched_queue *q, bool looped);
void move_note_forget(struct sched *s, const struct sched_queue *q);
/* Who gave mail to the queue, the last one first; how many. */
size_t sched_move_from(const struct sched *s, const struct sched_queue *q,
    const struct move_from **list_r);

#endif
