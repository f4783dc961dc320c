/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue that has taken in mail of others has a note of whose, for who asks;
 * so has one whose mail would go round, that it was told.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "vmta/sched_priv.h"

struct move_note {
	struct table_link link;
	const struct sched_queue *queue;
	bool told_loop; /* its mail would go round, which was told */
	size_t n;
	struct move_from *v; /* the last one that gave some comes first */
};

static uint64_t
hash_of(const struct sched_queue *q)
{
	return table_hash_u64((uint64_t)(uintptr_t)q);
}

static const struct move_note *
of_note(const struct table_link *l)
{
	return (
	    const void *)((const char *)l - offsetof(struct move_note, link));
}

static uint64_t
note_hash(const struct table_link *l)
{
	return hash_of(of_note(l)->queue);
}

static bool
note_is(const struct table_link *l, const void *key)
{
	return of_note(l)->queue == key;
}

static const struct table_ops note_ops = { note_hash, note_is };

void
move_notes_init(struct sched *s)
{
	table_init(&s->moves.notes, &note_ops);
}

static struct move_note *
note_find(const struct sched *s, const struct sched_queue *q)
{
	struct table_link *l = s->moves.notes.n == 0 ?
	    NULL :
	    table_find(&s->moves.notes, hash_of(q), q);

	return l == NULL ? NULL : OF(move_note, link, l);
}

static struct move_note *
note_get(struct sched *s, const struct sched_queue *q)
{
	struct move_note *note = note_find(s, q);

	if (note != NULL)
		return note;
	note = mem_new(struct move_note);
	note->queue = q;
	table_add(&s->moves.notes, &note->link);
	return note;
}

void
move_note_forget(struct sched *s, const struct sched_queue *q)
{
	struct move_note *note = note_find(s, q);

	if (note == NULL)
		return;
	table_remove(&s->moves.notes, &note->link);
	free(note->v);
	free(note);
}

void
move_note_add(struct sched *s, const struct sched_queue *to,
    const struct move_from *some)
{
	struct move_note *note = note_get(s, to);
	struct move_from sum = *some;
	size_t i = 0;

	while (i < note->n &&
	    (note->v[i].vmta != some->vmta || note->v[i].way != some->way))
		i++;
	if (i == note->n) {
		note->n++;
		note->v = mem_realloc(note->v, note->n * sizeof(*note->v));
	} else {
		sum.rcpts += note->v[i].rcpts;
	}
	memmove(&note->v[1], &note->v[0], i * sizeof(*note->v));
	note->v[0] = sum;
}

size_t
sched_move_from(const struct sched *s, const struct sched_queue *q,
    const struct move_from **list_r)
{
	const struct move_note *note = note_find(s, q);

	*list_r = note == NULL ? NULL : note->v;
	return note == NULL ? 0 : note->n;
}

bool
move_note_loop(struct sched *s, const struct sched_queue *q, bool looped)
{
	struct move_note *note = looped ? note_get(s, q) : note_find(s, q);

	if (note == NULL || note->told_loop == looped)
		return false;
	note->told_loop = looped;
	return looped;
}
