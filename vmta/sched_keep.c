/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which queues have something to say that has to be kept, when it is asked
 * for, and what an earlier process has left.
 *
 * Few queues have ever failed: what is known about keeping them stands beside
 * them, in a table.
 */
#include "vmta/sched_keep.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "mail/packed.h"
#include "vmta/sched_priv.h"
#include "vmta/standing.h"

/* What can wait does for so long; so does what the disk had no room for. */
#define LATER_US (60 * US_PER_S)
/* Many that were put off together are asked for in pieces. */
#define PIECE 500
#define PIECE_US (10 * US_PER_MS)

enum pending { PENDING_NOT, PENDING_NOW, PENDING_LATER };

struct keeping {
	struct table_link link;
	TAILQ_ENTRY(keeping) of_pending; /* unless PENDING_NOT */
	TAILQ_ENTRY(keeping) of_asked;   /* while there is a ticket */
	struct sched_queue *queue;
	enum pending pending;
	int64_t due_us;  /* PENDING_LATER; INT64_MAX: not known yet */
	uint64_t ticket; /* of what was asked last; 0: it was answered */
	bool forgets;    /* that is nothing */
	bool recorded;   /* something of it may be on the disk */
	bool left;       /* what is known is of an earlier process */
};

/* ---- the table ----------------------------------------------------------- */

static uint64_t
hash_of(const struct sched_queue *q)
{
	return table_hash_u64((uint64_t)(uintptr_t)q);
}

static uint64_t
keeping_hash(const struct table_link *link)
{
	const struct keeping *k = (const void *)((const char *)link -
	    offsetof(struct keeping, link));

	return hash_of(k->queue);
}

static bool
keeping_is(const struct table_link *link, const void *key)
{
	const struct keeping *k = (const void *)((const char *)link -
	    offsetof(struct keeping, link));

	return k->queue == key;
}

static const struct table_ops keeping_ops = { keeping_hash, keeping_is };

static struct keeping *
find(const struct sched *s, const struct sched_queue *q)
{
	struct table_link *link = table_find(&s->keeps.all, hash_of(q), q);

	return link == NULL ? NULL : OF(keeping, link, link);
}

static struct keeping *
get(struct sched *s, struct sched_queue *q)
{
	struct keeping *k = find(s, q);

	if (k != NULL)
		return k;
	k = mem_new(struct keeping);
	k->queue = q;
	table_add(&s->keeps.all, &k->link);
	return k;
}

/* It is asked for in this sched_run(), or not at all. */
static void
not_pending(struct sched *s, struct keeping *k)
{
	switch (k->pending) {
	case PENDING_NOT:
		return;
	case PENDING_NOW:
		TAILQ_REMOVE(&s->keeps.now, k, of_pending);
		break;
	case PENDING_LATER:
		TAILQ_REMOVE(&s->keeps.later, k, of_pending);
		break;
	}
	k->pending = PENDING_NOT;
}

static void
not_asked(struct sched *s, struct keeping *k)
{
	if (k->ticket != 0)
		TAILQ_REMOVE(&s->keeps.asked, k, of_asked);
	k->ticket = 0;
}

static void
keeping_free(struct sched *s, struct keeping **kp)
{
	struct keeping *k = *kp;

	*kp = NULL;
	not_pending(s, k);
	not_asked(s, k);
	table_remove(&s->keeps.all, &k->link);
	free(k);
}

/* There may be nothing to know about it any more. */
static void
settle(struct sched *s, struct keeping *k)
{
	if (k->pending == PENDING_NOT && k->ticket == 0 && !k->recorded)
		keeping_free(s, &k);
}

/* ---- names and bytes ----------------------------------------------------- */

static void
add_name(struct buf *out, const struct sched_queue *q)
{
	buf_printf(out, SCHED_KEEP_QUEUE "%s/%s", q->domain->name,
	    envelope_vmta_shown(q->vmta->name));
}

/* One that is too long for a key of the store could not be found again. */
static bool
has_name(const struct sched_queue *q)
{
	return strlen(SCHED_KEEP_QUEUE) + strlen(q->domain->name) + 1 +
	    strlen(envelope_vmta_shown(q->vmta->name)) <=
	    SCHED_KEEP_NAME_MAX;
}

/* Why the queue failed last, then its standing; nothing, if that is nothing. */
static void
add_bytes(struct buf *out, const struct sched_queue *q, int64_t now_us)
{
	struct sched_standing *st = standing_named(q);
	struct buf standing = { 0 };

	standing_pack(st == NULL ? NULL : &st->st, &q->retry, now_us,
	    &standing);
	if (standing.len > 0) {
		packed_add_str(out, sched_queue_last_error(q));
		buf_add(out, standing.p, standing.len);
	}
	buf_fini(&standing);
}

static void
tell(struct sched *s, const struct sched_queue *q, const struct buf *bytes,
    uint64_t ticket)
{
	struct buf name = { 0 };

	add_name(&name, q);
	SCHED_TELL(s, keep, (struct slice){ name.p, name.len },
	    (struct slice){ bytes->p, bytes->len }, ticket);
	buf_fini(&name);
}

/* ---- questions and answers ----------------------------------------------- */

static void
ask(struct sched *s, struct keeping *k, int64_t now_us)
{
	struct buf bytes = { 0 };

	not_pending(s, k);
	add_bytes(&bytes, k->queue, now_us);
	k->forgets = bytes.len == 0;
	if (!k->forgets || k->recorded) {
		not_asked(s, k);
		k->recorded = true;
		k->ticket = ++s->keeps.last_ticket;
		TAILQ_INSERT_TAIL(&s->keeps.asked, k, of_asked);
		tell(s, k->queue, &bytes, k->ticket);
	}
	buf_fini(&bytes);
	settle(s, k);
}

static void
put_off(struct sched *s, struct keeping *k)
{
	k->pending = PENDING_LATER;
	k->due_us = INT64_MAX;
	TAILQ_INSERT_TAIL(&s->keeps.later, k, of_pending);
}

void
sched_keep_dirty(struct sched *s, struct sched_queue *q, bool at_once)
{
	struct keeping *k;

	if (s->owner->keep == NULL || !has_name(q))
		return;
	k = get(s, q);
	if (!at_once && k->pending == PENDING_NOT)
		put_off(s, k);
	if (!at_once || k->pending == PENDING_NOW)
		return;
	not_pending(s, k);
	k->pending = PENDING_NOW;
	TAILQ_INSERT_TAIL(&s->keeps.now, k, of_pending);
}

void
keeps_ask(struct sched *s, int64_t now_us)
{
	struct keeping *k;

	while ((k = TAILQ_FIRST(&s->keeps.now)) != NULL)
		ask(s, k, now_us);
	k = TAILQ_LAST(&s->keeps.later, keeping_list);
	if (k == NULL || k->due_us < INT64_MAX)
		return;
	for (; k != NULL && k->due_us == INT64_MAX;
	     k = TAILQ_PREV(k, keeping_list, of_pending))
		k->due_us = now_us + LATER_US;
	timer_set(&s->timers, &s->keeps.timer,
	    TAILQ_FIRST(&s->keeps.later)->due_us);
}

void
keeps_run(struct sched *s, int64_t now_us)
{
	struct keeping *k;
	int64_t next;

	for (int i = 0; i < PIECE; i++) {
		k = TAILQ_FIRST(&s->keeps.later);
		if (k == NULL || k->due_us > now_us)
			break;
		sched_keep_dirty(s, k->queue, true);
	}
	k = TAILQ_FIRST(&s->keeps.later);
	next = k == NULL ? INT64_MAX : k->due_us;
	if (next <= now_us)
		next = now_us + PIECE_US;
	timer_set(&s->timers, &s->keeps.timer, next);
}

void
sched_kept(struct sched *s, uint64_t ticket, bool kept)
{
	struct keeping *k = TAILQ_FIRST(&s->keeps.asked);

	CHECK(!s->in_callback);
	if (warmup_kept(s, ticket, kept) || cold_kept(s, ticket, kept))
		return;
	/* Answers come in order; what was asked for anew has a later one. */
	if (k == NULL || k->ticket != ticket)
		return;
	not_asked(s, k);
	if (kept && k->forgets)
		k->recorded = false;
	if (!kept && k->pending == PENDING_NOT)
		put_off(s, k);
	settle(s, k);
}

void
sched_keep_end(struct sched *s, int64_t now_us)
{
	struct keeping *k;

	CHECK(!s->in_callback);
	keeps_ask(s, now_us);
	while ((k = TAILQ_FIRST(&s->keeps.later)) != NULL)
		ask(s, k, now_us);
	warmups_keep_end(s);
	colds_keep_end(s);
}

void
keep_forget(struct sched *s, const struct sched_queue *q)
{
	static const struct buf nothing;
	struct keeping *k = find(s, q);

	if (k == NULL)
		return;
	if (k->recorded)
		tell(s, q, &nothing, 0);
	keeping_free(s, &k);
}

/* ---- what an earlier process has left ------------------------------------ */

/* The two halves of a queue's name, each to be freed; -1: it is none. */
static int
split(struct slice name, char **domain_r, char **vmta_r)
{
	const struct slice head = SLICE_LIT(SCHED_KEEP_QUEUE);
	const char *end = name.p + name.len, *slash;

	*domain_r = *vmta_r = NULL;
	if (name.len <= head.len || memcmp(name.p, head.p, head.len) != 0)
		return -1;
	name.p += head.len;
	name.len -= head.len;
	slash = memchr(name.p, '/', name.len);
	if (slash == NULL || slash == name.p || slash + 1 == end ||
	    memchr(name.p, '\0', name.len) != NULL)
		return -1;
	*domain_r = mem_strndup(name.p, (size_t)(slash - name.p));
	*vmta_r = mem_strndup(slash + 1, (size_t)(end - slash - 1));
	if (strcmp(*vmta_r, envelope_vmta_shown("")) == 0)
		(*vmta_r)[0] = '\0';
	return 0;
}

struct left {
	struct retry wait;
	const char *last_error; /* borrowed */
	struct standing standing;
};

static int
read_left(const struct sched_was_kept *what, int64_t now_us, struct left *l,
    struct err *e)
{
	struct packed in = { what->bytes.p, what->bytes.len, false };

	l->last_error = packed_str(&in);
	if (in.bad)
		return err_set(e, "what is kept of a queue is damaged");
	return standing_unpack((struct slice){ in.p, in.left },
	    what->elapsed_us, now_us, &l->standing, &l->wait, e);
}

bool
sched_keep_is_name(struct slice name)
{
	const struct slice head = SLICE_LIT(SCHED_KEEP_QUEUE);

	return warmup_is_name(name) || cold_is_name(name) ||
	    (name.len > head.len && memcmp(name.p, head.p, head.len) == 0);
}

/*
 * Into a queue's place.  What its row says of a group is the group's: it was
 * written before the queue was in it, and is written again without.
 */
static void
restore(struct sched *s, struct sched_queue *q, struct left *l, int64_t now_us)
{
	struct sched_standing *st;

	q->retry = l->wait;
	sched_keep_error(q, l->last_error);
	standing_put(s, q, &l->standing, now_us);
	st = standing_of(q);
	if (st == NULL || st->queue == q || st->group == NULL)
		return;
	if (find(s, st->queue) == NULL)
		get(s, st->queue)->left = true;
	sched_keep_dirty(s, st->queue, true);
	sched_keep_dirty(s, q, true);
}

int
sched_restore_kept(struct sched *s, const struct sched_was_kept *what,
    int64_t now_us, struct err *e)
{
	struct sched_queue *q;
	const struct keeping *k;
	char *domain, *vmta;
	struct left l;

	CHECK(!s->in_callback);
	if (warmup_is_name(what->name))
		return warmup_restore(s, what->name, what->bytes, e);
	if (cold_is_name(what->name))
		return cold_restore(s, what->name, what->bytes, e);
	if (split(what->name, &domain, &vmta) == -1)
		return err_set(e, "this is no name of a queue");
	if (read_left(what, now_us, &l, e) == -1) {
		free(domain);
		free(vmta);
		return -1;
	}
	q = sched_queue_get(s, domain, vmta, now_us);
	/* Or an operator was faster than the disk: what he said holds. */
	k = find(s, q);
	if (k == NULL || k->left)
		restore(s, q, &l, now_us);
	get(s, q)->recorded = true;
	standing_fini(&l.standing);
	sched_dirty(s, q);
	free(domain);
	free(vmta);
	return 0;
}

/* ---- new and free -------------------------------------------------------- */

void
keeps_init(struct sched *s)
{
	table_init(&s->keeps.all, &keeping_ops);
	TAILQ_INIT(&s->keeps.now);
	TAILQ_INIT(&s->keeps.later);
	TAILQ_INIT(&s->keeps.asked);
	timer_init(&s->keeps.timer, TIMER_KEEPS);
}

void
keeps_fini(struct sched *s)
{
	struct table_link *link;

	timer_set(&s->timers, &s->keeps.timer, INT64_MAX);
	while ((link = table_any(&s->keeps.all)) != NULL) {
		struct keeping *k = OF(keeping, link, link);

		keeping_free(s, &k);
	}
	table_fini(&s->keeps.all);
}
