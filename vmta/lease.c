/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/lease.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"

#define LEASE_PART 16             /* of a limit: what a crash may cost */
#define AFTER_REFUSAL_US US_PER_S /* the disk is full */
#define STEP_MIN_US US_PER_S      /* that a clock was set by */
#define SLOTS (LEASE_ENTRIES - 1) /* of a window, when it is merged */

/* ---- asking -------------------------------------------------------------- */

void
lease_list_init(struct lease_list *list)
{
	TAILQ_INIT(&list->all);
	TAILQ_INIT(&list->wanted);
	TAILQ_INIT(&list->asked);
	list->last_ticket = 0;
}

struct lease *
lease_new(struct lease_list *list, void *of, unsigned kind)
{
	struct lease *l = mem_new(struct lease);

	l->list = list;
	l->of = of;
	l->kind = kind;
	TAILQ_INSERT_TAIL(&list->all, l, of_all);
	return l;
}

static void
set_state(struct lease *l, enum lease_state state)
{
	if (l->state == LEASE_WANTED)
		TAILQ_REMOVE(&l->list->wanted, l, of_state);
	else if (l->state == LEASE_ASKED)
		TAILQ_REMOVE(&l->list->asked, l, of_state);
	l->state = state;
	if (state == LEASE_WANTED)
		TAILQ_INSERT_TAIL(&l->list->wanted, l, of_state);
	else if (state == LEASE_ASKED)
		TAILQ_INSERT_TAIL(&l->list->asked, l, of_state);
}

void
lease_free(struct lease **lp)
{
	struct lease *l = *lp;

	*lp = NULL;
	set_state(l, LEASE_IDLE);
	TAILQ_REMOVE(&l->list->all, l, of_all);
	free(l);
}

static void
want(struct lease *l, uint64_t n)
{
	if (l->state == LEASE_ASKED)
		return; /* who waits asks again after the answer */
	if (l->state == LEASE_IDLE)
		l->need = 0;
	if (n > l->need)
		l->need = n;
	if (l->state == LEASE_IDLE)
		set_state(l, LEASE_WANTED);
}

void
lease_begin(struct lease *l, const struct window *w)
{
	if (w->used > 0 || w->pending > 0)
		want(l, 0);
}

/* ---- spending ------------------------------------------------------------ */

static uint64_t
left(const struct lease *l, const struct lease_cover *c, uint64_t pending)
{
	uint64_t exposed = pending + (l->settled - c->settled);

	return exposed < c->cover ? c->cover - exposed : 0;
}

uint64_t
lease_room(const struct lease *l, uint64_t pending)
{
	uint64_t room = left(l, &l->durable, pending), next;

	if (l->state != LEASE_ASKED)
		return room;
	next = left(l, &l->asked, pending);
	return room < next ? room : next;
}

int64_t
lease_next(struct lease *l, const struct window *w, uint64_t n, int64_t now_us)
{
	if (lease_room(l, w->pending) >= n)
		return now_us;
	if (l->again_us > now_us)
		return l->again_us;
	want(l, n);
	return INT64_MAX;
}

uint64_t
lease_worth(const struct window *w)
{
	return w->max < LEASE_PART ? 1 : w->max / LEASE_PART;
}

void
lease_taken(struct lease *l, const struct window *w, int64_t now_us)
{
	if (w->max < LEASE_AHEAD_MIN || l->again_us > now_us)
		return;
	if (lease_room(l, w->pending) <= lease_worth(w) / 2)
		want(l, 0);
}

void
lease_settled(struct lease *l, uint64_t n)
{
	l->settled += n;
}

/* ---- the record ---------------------------------------------------------- */

/*
 * What is in the window, in at most LEASE_ENTRIES entries: neighbours become
 * one, at the later time.
 */
static void
write_entries(const struct window *w, int64_t now_us, struct lease_record *rec)
{
	int64_t width = w->used <= LEASE_ENTRIES ? 0 : w->length_us / SLOTS + 1;
	int64_t first_us = 0;

	for (uint32_t i = 0; i < w->used; i++) {
		const struct window_entry *e = window_at(w, i);
		int64_t age = e->at_us < now_us ? now_us - e->at_us : 0;
		struct lease_entry *last = &rec->entries[rec->count];

		/* The window is longer than that after a clock stepped back. */
		if (rec->count == LEASE_ENTRIES ||
		    (rec->count > 0 && e->at_us - first_us < width)) {
			last[-1].age_us = age;
			last[-1].count += e->count;
			continue;
		}
		*last = (struct lease_entry){ age, e->count };
		first_us = e->at_us;
		rec->count++;
	}
}

static void
write_record(struct lease *l, struct window *w, uint64_t lease, int64_t now_us,
    struct lease_record *rec)
{
	(void)window_room(w, now_us); /* lets go of what has left */
	*rec = (struct lease_record){ .max = w->max,
		.period_us = w->period_us,
		.pending = w->pending,
		.lease = lease };
	write_entries(w, now_us, rec);
	l->recorded = true;
	l->asked = (struct lease_cover){ l->settled, w->pending + lease };
	l->ticket = ++l->list->last_ticket;
	set_state(l, LEASE_ASKED);
}

void
lease_write(struct lease *l, struct window *w, int64_t now_us,
    struct lease_record *rec)
{
	uint64_t n = lease_worth(w), need = l->need,
		 room = window_room(w, now_us);

	CHECK(l->state == LEASE_WANTED);
	/* What was needed may have gone in part; more than all goes alone. */
	if (need > room && need <= w->max)
		need = room;
	write_record(l, w, need > n ? need : n, now_us, rec);
}

void
lease_write_last(struct lease *l, struct window *w, int64_t now_us,
    struct lease_record *rec)
{
	l->durable = (struct lease_cover){ 0 };
	write_record(l, w, 0, now_us, rec);
}

struct lease *
lease_kept(struct lease_list *list, uint64_t ticket, bool kept, int64_t now_us)
{
	struct lease *l;

	/* Answers come in the order of the questions: it is the first. */
	TAILQ_FOREACH(l, &list->asked, of_state)
	if (l->ticket == ticket)
		break;
	if (l == NULL)
		return NULL;
	set_state(l, LEASE_IDLE);
	if (kept)
		l->durable = l->asked;
	else
		l->again_us = now_us + AFTER_REFUSAL_US;
	return l;
}

/* ---- after a restart ----------------------------------------------------- */

static bool
same_boot(const struct lease_stamp *a, const struct lease_stamp *b)
{
	static const unsigned char unknown[LEASE_BOOT_ID];

	return memcmp(a->boot_id, b->boot_id, LEASE_BOOT_ID) == 0 &&
	    memcmp(a->boot_id, unknown, LEASE_BOOT_ID) != 0;
}

int64_t
lease_elapsed(const struct lease_stamp *then, const struct lease_stamp *now)
{
	int64_t us = same_boot(then, now) ? now->boot_us - then->boot_us :
					    now->wall_us - then->wall_us;

	return us < 0 ? -1 : us;
}

bool
lease_is_doubtful(const struct lease_stamp *then, const struct lease_stamp *now)
{
	int64_t wall_us = now->wall_us - then->wall_us;
	int64_t boot_us = now->boot_us - then->boot_us;

	return !same_boot(then, now) || llabs(wall_us - boot_us) > STEP_MIN_US;
}

void
lease_age(struct lease_record *rec, int64_t elapsed_us)
{
	for (uint32_t i = 0; i < rec->count; i++)
		rec->entries[i].age_us = elapsed_us < 0 ?
		    0 :
		    rec->entries[i].age_us + elapsed_us;
}

void
lease_restore(struct window *w, const struct lease_record *rec,
    int64_t elapsed_us, int64_t start_us)
{
	for (uint32_t i = 0; i < rec->count; i++) {
		int64_t at = start_us, age = rec->entries[i].age_us;

		if (elapsed_us >= w->length_us || age >= w->length_us)
			continue; /* it has left */
		if (elapsed_us >= 0)
			at -= elapsed_us + age;
		window_add(w, rec->entries[i].count, at);
	}
	window_add(w, rec->pending + rec->lease, start_us);
}

int64_t
lease_end(const struct lease_record *rec, int64_t elapsed_us, int64_t start_us)
{
	struct window w;
	int64_t end;

	window_init(&w, rec->max,
	    rec->period_us > LEASE_LEFT_US ? rec->period_us : LEASE_LEFT_US);
	lease_restore(&w, rec, elapsed_us, start_us);
	end = window_end(&w);
	window_fini(&w);
	return end;
}
