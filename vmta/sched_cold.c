/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts of messages by whom they are from, the cold virtual MTA and the queue;
 * and the queues that wait until such a count is durable.
 *
 * Few sites have any: without a cold-virtual-mta nothing here is asked.
 */
#include "vmta/sched_cold.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "vmta/daycount.h"
#include "vmta/sched_keep.h"
#include "vmta/sched_priv.h"

#define HEAD "cold:"

enum answer { ANSWER_NONE, ANSWER_KEPT, ANSWER_REFUSED };

/* A queue that waits for so many of these: few do at a time. */
struct cold_gate {
	struct table_link link;
	struct sched_queue *queue;
	uint32_t n;
};

/* The count of a message that a queue has got, and waits for. */
struct cold_wait {
	STAILQ_ENTRY(cold_wait) link;
	struct cold_gate *gate;
	uint64_t count;
	uint32_t day;
};

struct cold_count {
	struct table_link link;
	TAILQ_ENTRY(cold_count) all;
	TAILQ_ENTRY(cold_count) wanting; /* while it wants */
	TAILQ_ENTRY(cold_count) asked;   /* while there is a ticket */
	struct daycount count;
	STAILQ_HEAD(, cold_wait) waits; /* by count */
	struct cold_wait last;          /* of the last message; no gate */
	uint64_t last_id;               /* that message; UINT64_MAX: none */
	uint64_t turn;                  /* when it was */
	uint64_t max;                   /* of the day, as it was asked last */
	uint64_t ticket;                /* 0: nothing is on its way */
	enum answer answer;
	bool wants;
	bool damaged; /* what was kept: of its day nothing is left */
	char name[];  /* FROM/COLD/QUEUE */
};

/* ---- the table ----------------------------------------------------------- */

static uint64_t
count_hash(const struct table_link *link)
{
	const struct cold_count *c = (const void *)((const char *)link -
	    offsetof(struct cold_count, link));

	return table_hash_bytes(c->name, strlen(c->name));
}

static bool
count_is(const struct table_link *link, const void *key)
{
	const struct cold_count *c = (const void *)((const char *)link -
	    offsetof(struct cold_count, link));

	return strcmp(c->name, key) == 0;
}

static const struct table_ops count_ops = { count_hash, count_is };

static struct cold_count *
count_get(struct sched *s, const char *name)
{
	size_t len = strlen(name) + 1;
	struct table_link *link = table_find(&s->colds.counts,
	    table_hash_bytes(name, len - 1), name);
	struct cold_count *c;

	if (link != NULL)
		return OF(cold_count, link, link);
	c = mem_zalloc(sizeof(*c) + len);
	memcpy(c->name, name, len);
	c->last_id = UINT64_MAX;
	STAILQ_INIT(&c->waits);
	table_add(&s->colds.counts, &c->link);
	TAILQ_INSERT_TAIL(&s->colds.all, c, all);
	return c;
}

static void
count_free(struct sched *s, struct cold_count **cp)
{
	struct cold_count *c = *cp;

	*cp = NULL;
	CHECK(STAILQ_EMPTY(&c->waits) && c->ticket == 0 && !c->wants);
	TAILQ_REMOVE(&s->colds.all, c, all);
	table_remove(&s->colds.counts, &c->link);
	free(c);
}

/* ---- days ---------------------------------------------------------------- */

/* Had it no mail for so long that it is new again? */
static bool
is_over(const struct cold_count *c, uint32_t today)
{
	return c->count.day != 0 && !c->count.asking &&
	    today > c->count.day + COLD_GAP_DAYS;
}

/* Brings it to today. */
static void
begin_day(struct cold_count *c, uint32_t today)
{
	if (c->damaged)
		daycount_fill(&c->count, today);
	else if (is_over(c, today))
		c->count = (struct daycount){ .day = 0 };
	c->damaged = false;
}

static uint64_t
max_of(const struct cold_count *c, const struct conf_rates *numbers,
    uint32_t today)
{
	size_t i = daycount_number(&c->count, today);

	return numbers->v[i < numbers->n ? i : numbers->n - 1].count;
}

/* ---- waiting for the disk ------------------------------------------------ */

static uint64_t
hash_of(const struct sched_queue *q)
{
	return table_hash_u64((uint64_t)(uintptr_t)q);
}

static const struct cold_gate *
of_gate(const struct table_link *l)
{
	return (
	    const void *)((const char *)l - offsetof(struct cold_gate, link));
}

static uint64_t
gate_hash(const struct table_link *l)
{
	return hash_of(of_gate(l)->queue);
}

static bool
gate_is(const struct table_link *l, const void *key)
{
	return of_gate(l)->queue == key;
}

static const struct table_ops gate_ops = { gate_hash, gate_is };

static struct cold_gate *
gate_get(struct sched *s, struct sched_queue *q)
{
	struct table_link *l = table_find(&s->colds.gates, hash_of(q), q);
	struct cold_gate *g;

	if (l != NULL)
		return OF(cold_gate, link, l);
	g = mem_new(struct cold_gate);
	g->queue = q;
	q->cold_waits = true;
	table_add(&s->colds.gates, &g->link);
	return g;
}

/* One of its counts is waited for no more. */
static void
gate_put(struct sched *s, struct cold_gate **gp)
{
	struct cold_gate *g = *gp;

	*gp = NULL;
	if (--g->n > 0)
		return;
	g->queue->cold_waits = false;
	sched_dirty(s, g->queue);
	table_remove(&s->colds.gates, &g->link);
	free(g);
}

static bool
is_durable(const struct cold_count *c, const struct cold_wait *w)
{
	return daycount_kept_up_to(&c->count, w->day) >= w->count;
}

static void
wait_for(struct sched *s, struct cold_count *c, struct sched_queue *q)
{
	struct cold_wait *w;

	if (is_durable(c, &c->last))
		return;
	w = mem_dup(&c->last, sizeof(*w));
	w->gate = gate_get(s, q);
	w->gate->n++;
	STAILQ_INSERT_TAIL(&c->waits, w, link);
}

static void
go_on(struct sched *s, struct cold_count *c)
{
	struct cold_wait *w;

	while ((w = STAILQ_FIRST(&c->waits)) != NULL && is_durable(c, w)) {
		STAILQ_REMOVE_HEAD(&c->waits, link);
		gate_put(s, &w->gate);
		free(w);
	}
}

static void
keep(struct sched *s, const struct cold_count *c, const struct buf *bytes,
    uint64_t ticket)
{
	struct buf name = { 0 };

	buf_printf(&name, HEAD "%s", c->name);
	SCHED_TELL(s, keep, (struct slice){ name.p, name.len },
	    (struct slice){ bytes->p, bytes->len }, ticket);
	buf_fini(&name);
}

static void
want(struct sched *s, struct cold_count *c)
{
	if (!c->wants)
		TAILQ_INSERT_TAIL(&s->colds.wanting, c, wanting);
	c->wants = true;
}

static void
want_not(struct sched *s, struct cold_count *c)
{
	TAILQ_REMOVE(&s->colds.wanting, c, wanting);
	c->wants = false;
}

static void
ask(struct sched *s, struct cold_count *c, int64_t now_us)
{
	struct buf bytes = { 0 };

	if (!daycount_wants(&c->count, c->max, s->warmups.day, now_us))
		return;
	daycount_write(&c->count, c->max, &bytes);
	if (s->owner->keep == NULL) { /* nothing outlives the process */
		daycount_kept(&c->count, true, now_us);
	} else {
		c->ticket = ++s->keeps.last_ticket;
		TAILQ_INSERT_TAIL(&s->colds.asked, c, asked);
		keep(s, c, &bytes, c->ticket);
	}
	buf_fini(&bytes);
}

void
colds_settle(struct sched *s, int64_t now_us)
{
	struct cold_count *c;

	TAILQ_FOREACH(c, &s->colds.wanting, wanting)
	{
		if (c->answer != ANSWER_NONE)
			daycount_kept(&c->count, c->answer == ANSWER_KEPT,
			    now_us);
		c->answer = ANSWER_NONE;
		go_on(s, c);
	}
}

void
colds_ask(struct sched *s, int64_t now_us)
{
	int64_t again_us = INT64_MAX;
	struct cold_count *c, *next;

	for (c = TAILQ_FIRST(&s->colds.wanting); c != NULL; c = next) {
		next = TAILQ_NEXT(c, wanting);
		ask(s, c, now_us);
		if (c->ticket != 0 || STAILQ_EMPTY(&c->waits))
			want_not(s, c);
		else if (c->count.again_us < again_us) /* it was refused */
			again_us = c->count.again_us;
	}
	if (again_us <= now_us)
		again_us = now_us + US_PER_S; /* clocks were set */
	timer_set(&s->timers, &s->colds.timer, again_us);
}

bool
cold_kept(struct sched *s, uint64_t ticket, bool kept)
{
	struct cold_count *c = TAILQ_FIRST(&s->colds.asked);

	if (c == NULL || c->ticket != ticket)
		return false;
	TAILQ_REMOVE(&s->colds.asked, c, asked);
	c->ticket = 0;
	c->answer = kept ? ANSWER_KEPT : ANSWER_REFUSED;
	want(s, c); /* it counts from the next sched_run() */
	return true;
}

/* ---- messages ------------------------------------------------------------ */

/* Who had it, and how many of a day go elsewhere. */
struct warm_one {
	const char *name; /* of a virtual MTA or a pool */
	const struct conf_strs *colds;
	const char *queue; /* or the group that it is in */
	struct qconf *conf;
};

static bool
has_numbers(const struct conf_rates *numbers)
{
	for (size_t i = 0; i < numbers->n; i++)
		if (numbers->v[i].count > 0)
			return true;
	return false;
}

static struct cold_count *
count_of(struct sched *s, const struct warm_one *from, const char *cold)
{
	struct buf name = { 0 };
	struct cold_count *c = NULL;

	buf_printf(&name, "%s/%s/%s", envelope_vmta_shown(from->name), cold,
	    from->queue);
	str_lower(name.p);
	if (strlen(HEAD) + name.len <= SCHED_KEEP_NAME_MAX)
		c = count_get(s, buf_cstr(&name));
	buf_fini(&name);
	return c;
}

static bool
has_room(struct cold_count *c, const struct conf_rates *numbers, uint32_t today)
{
	begin_day(c, today);
	c->max = max_of(c, numbers, today);
	return daycount_rest(&c->count, c->max, today) > 0;
}

/* A message for the queue of a domain, and the virtual MTA that it is of. */
struct cold_ask {
	uint64_t id;
	const char *domain, *vmta;
	bool by_pool, one_by_one;
};

struct choice {
	const char *cold;
	struct cold_count *count; /* NULL: it stays */
};

/* Is it another recipient of the last one?  Some are as so many messages. */
static bool
is_of_last(const struct cold_count *c, const struct cold_ask *a)
{
	return c->last_id == a->id && !a->one_by_one;
}

/* The one that had a message least lately, of those that take some. */
static struct choice
choose(struct sched *s, const struct cold_ask *a, const struct warm_one *from,
    int64_t now_us)
{
	const struct conf_rates *numbers = &from->conf->conf.cold_numbers;
	struct choice best = { NULL, NULL };

	for (size_t i = 0; i < from->colds->n; i++) {
		const char *cold = from->colds->v[i];
		struct cold_count *c;

		if (!sched_move_takes(s, a->domain, cold, now_us))
			continue;
		c = count_of(s, from, cold);
		if (c == NULL)
			continue;
		if (is_of_last(c, a))
			return (struct choice){ cold, c };
		if (has_room(c, numbers, s->warmups.day) &&
		    (best.count == NULL || c->turn < best.count->turn))
			best = (struct choice){ cold, c };
	}
	return best;
}

static void
count(struct sched *s, struct cold_count *c, const struct cold_ask *a,
    int64_t now_us)
{
	if (is_of_last(c, a))
		return;
	c->last_id = a->id;
	c->turn = ++s->colds.turn;
	c->last.count = daycount_count(&c->count);
	c->last.day = s->warmups.day;
	if (s->owner->keep == NULL)
		ask(s, c, now_us);
	else
		want(s, c);
}

static struct sched_queue *
take_from(struct sched *s, const struct cold_ask *a, struct warm_one *from,
    int64_t now_us)
{
	struct choice to = { NULL, NULL };
	struct sched_queue *q;

	if (from->colds->n == 0)
		return NULL;
	from->conf = qconf_get(&s->confs, s->conf, from->queue, from->name);
	if (has_numbers(&from->conf->conf.cold_numbers))
		to = choose(s, a, from, now_us);
	qconf_unref(&from->conf);
	if (to.count == NULL)
		return NULL;
	q = sched_queue_get(s, a->domain, to.cold, now_us);
	count(s, to.count, a, now_us);
	wait_for(s, to.count, q);
	return q;
}

/* By the one that new mail of the virtual MTA belongs to. */
static struct sched_queue *
take(struct sched *s, const struct cold_ask *a, int64_t now_us)
{
	const struct pool *p = a->by_pool ?
	    snapshot_first_pool(s->conf, a->vmta) :
	    NULL;
	const struct vmta *v = snapshot_vmta(s->conf, a->vmta);
	struct warm_one from = { .queue = a->domain };
	struct sched_queue *q = NULL;
	const char *group;

	if (v == NULL || (v->colds.n == 0 && (p == NULL || p->colds.n == 0)) ||
	    !place_is_known(s, a->domain, a->vmta))
		return NULL;
	group = place_group(s, a->domain, a->vmta);
	if (group != NULL)
		from.queue = group;
	if (p != NULL) {
		from.name = p->name;
		from.colds = &p->colds;
		q = take_from(s, a, &from, now_us);
	}
	if (q != NULL)
		return q;
	from.name = v->name;
	from.colds = &v->colds;
	return take_from(s, a, &from, now_us);
}

struct sched_queue *
cold_take(struct sched *s, uint64_t id, const struct sched_rcpt_in *in,
    const char *domain, int64_t now_us)
{
	struct cold_ask a = { id, domain, envelope_vmta_shown(in->vmta),
		in->by_pool, in->one_by_one };
	struct reroute r;

	if (!s->colds.any || s->warmups.day == 0 || in->is_left)
		return NULL;
	if (s->moves.ways) {
		r = sched_move_belongs(s, domain, a.vmta, a.by_pool, now_us);
		a.vmta = r.vmta;
		a.by_pool = r.by_pool;
	}
	return take(s, &a, now_us);
}

/* ---- what is kept -------------------------------------------------------- */

void
colds_keep_end(struct sched *s)
{
	struct cold_count *c;

	if (s->owner->keep == NULL)
		return;
	TAILQ_FOREACH(c, &s->colds.all, all)
	{
		struct buf bytes = { 0 };

		if (c->count.used != c->count.durable)
			daycount_write_last(&c->count, &bytes);
		if (bytes.len > 0)
			keep(s, c, &bytes, 0);
		buf_fini(&bytes);
	}
}

bool
cold_is_name(struct slice name)
{
	return name.len > strlen(HEAD) &&
	    memcmp(name.p, HEAD, strlen(HEAD)) == 0;
}

int
cold_restore(struct sched *s, struct slice name, struct slice bytes,
    struct err *e)
{
	struct cold_count *c;
	char *key;

	if (memchr(name.p, '\0', name.len) != NULL)
		return err_set(e, "this is no name of a count");
	key = mem_strndup(name.p + strlen(HEAD), name.len - strlen(HEAD));
	c = count_get(s, key);
	free(key);
	if (daycount_restore(&c->count, bytes, e) == 0)
		return 0;
	c->damaged = true;
	return -1;
}

void
colds_new_day(struct sched *s)
{
	static const struct buf nothing;
	struct cold_count *c, *next;

	for (c = TAILQ_FIRST(&s->colds.all); c != NULL; c = next) {
		next = TAILQ_NEXT(c, all);
		if (c->wants || c->ticket != 0 || !is_over(c, s->warmups.day))
			continue;
		if (s->owner->keep != NULL)
			keep(s, c, &nothing, 0);
		count_free(s, &c);
	}
}

/* ---- facts --------------------------------------------------------------- */

size_t
sched_cold_each(struct sched *s, size_t limit, sched_cold_fn *fn, void *ctx)
{
	uint32_t today = s->warmups.day;
	struct cold_count *c;
	size_t n = 0;

	TAILQ_FOREACH(c, &s->colds.all, all)
	{
		struct sched_cold_info info = { .name = c->name,
			.number = daycount_number(&c->count, today) + 1,
			.max = c->max };

		if (c->count.day != today || c->max == 0)
			continue;
		if (n++ >= limit)
			continue;
		info.used = c->count.used < c->max ? c->count.used : c->max;
		fn(ctx, &info);
	}
	return n;
}

/* ---- new and free -------------------------------------------------------- */

void
colds_init(struct sched *s)
{
	table_init(&s->colds.counts, &count_ops);
	table_init(&s->colds.gates, &gate_ops);
	TAILQ_INIT(&s->colds.all);
	TAILQ_INIT(&s->colds.wanting);
	TAILQ_INIT(&s->colds.asked);
	timer_init(&s->colds.timer, TIMER_COLDS);
}

void
colds_fini(struct sched *s)
{
	struct cold_count *c;

	timer_set(&s->timers, &s->colds.timer, INT64_MAX);
	while ((c = TAILQ_FIRST(&s->colds.all)) != NULL) {
		struct cold_wait *w;

		while ((w = STAILQ_FIRST(&c->waits)) != NULL) {
			STAILQ_REMOVE_HEAD(&c->waits, link);
			gate_put(s, &w->gate);
			free(w);
		}
		c->wants = false;
		c->ticket = 0;
		count_free(s, &c);
	}
	table_fini(&s->colds.counts);
	table_fini(&s->colds.gates);
}
