/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sources of a queue: local addresses that have limits of their own there
 * (source-ip-max-*), each with its windows and with the idle connections that
 * wait for its rates.
 *
 * A queue without such limits has no sources (q->sources is NULL); then any
 * address of the virtual MTA will do.  With them a new connection goes out
 * from the next one in turn that has room.  A connection whose source has no
 * token is parked there, so that others of the queue go on: the source takes
 * it back when its time has come, one at a time.
 *
 * An address that the kernel chooses is of no prefix but those of length 0.
 *
 * A source that the configuration has no limits for any more, or whose address
 * has left the virtual MTA, stays as long as something counts there: a later
 * reload may bring them back.
 */
#include "vmta/sched_priv.h"

#include <stdlib.h>

#include "lib/mem.h"
#include "vmta/sched_pin.h"
#include "vmta/source.h"

/* ---- limits -------------------------------------------------------------- */

static bool
fits(const struct net_prefix *p, const struct net_addr *a)
{
	return a->family == 0 ? p->bits == 0 : net_prefix_match(p, a);
}

static const struct rate *
rate_of(const struct conf_cidr_rates *list, const struct net_addr *a)
{
	static const struct rate none;

	for (size_t i = 0; i < list->n; i++)
		if (fits(&list->v[i].prefix, a))
			return &list->v[i].rate;
	return &none;
}

static const struct data_rate *
data_rate_of(const struct conf_cidr_data_rates *list, const struct net_addr *a)
{
	static const struct data_rate none;

	for (size_t i = 0; i < list->n; i++)
		if (fits(&list->v[i].prefix, a))
			return &list->v[i].rate;
	return &none;
}

static uint32_t
count_of(const struct conf_cidr_counts *list, const struct net_addr *a)
{
	for (size_t i = 0; i < list->n; i++)
		if (fits(&list->v[i].prefix, a))
			return list->v[i].max;
	return 0;
}

static void
set_limits(struct sched *s, struct queue_source *src,
    const struct queue_conf *c, int64_t now_us)
{
	const struct net_addr *a = &src->addr;

	slots_set(&src->scope.conns, count_of(&c->source_max_conns, a));
	scope_set_rate(&src->scope, LIMIT_CONNECT,
	    rate_of(&c->source_connect_rates, a), now_us);
	scope_set_rate(&src->scope, LIMIT_MSG, rate_of(&c->source_msg_rates, a),
	    now_us);
	scope_set_data(&src->scope, data_rate_of(&c->source_data_rates, a),
	    now_us);
	leases_enter(s, &src->scope, now_us);
}

static bool
has_limits(const struct queue_conf *c)
{
	return c->source_max_conns.n + c->source_connect_rates.n +
	    c->source_msg_rates.n + c->source_data_rates.n >
	    0;
}

/* ---- sources come and go ------------------------------------------------- */

static struct queue_source *
source_new(struct sched_queue *q, const struct net_addr *addr)
{
	struct queue_source *src = mem_new(struct queue_source);

	src->queue = q;
	src->addr = *addr;
	src->refs = 1; /* the queue's */
	scope_init(&src->scope, SCOPE_SOURCE);
	src->scope.conns.ramp = q->scope.conns.ramp;
	TAILQ_INIT(&src->parked);
	timer_init(&src->timer, TIMER_SOURCE);
	return src;
}

void
source_unref(struct sched *s, struct queue_source **srcp)
{
	struct queue_source *src = *srcp;

	*srcp = NULL;
	if (src == NULL)
		return;
	CHECK(src->refs > 0);
	src->refs--;
	if (src->refs > 0)
		return;
	CHECK(TAILQ_EMPTY(&src->parked));
	timer_set(&s->timers, &src->timer, INT64_MAX);
	scope_fini(&src->scope);
	free(src);
}

static struct queue_source *
find(const struct queue_sources *list, const struct net_addr *addr)
{
	for (size_t i = 0; i < list->all; i++)
		if (net_addr_eq(&list->v[i]->addr, addr))
			return list->v[i];
	return NULL;
}

void
sources_drop(struct sched *s, struct sched_queue *q)
{
	struct queue_sources *list = q->sources;

	q->sources = NULL;
	if (list == NULL)
		return;
	for (size_t i = 0; i < list->all; i++)
		source_unref(s, &list->v[i]);
	free(list);
}

/* Connections that are there already count, too, even beyond the limit. */
static void
attach(struct sched_queue *q)
{
	struct sched_conn *c;

	TAILQ_FOREACH(c, &q->all_conns, of_queue)
	{
		if (c->from != NULL)
			continue;
		c->from = find(q->sources, &c->source->addr);
		if (c->from == NULL)
			continue;
		c->from->refs++;
		c->from->scope.conns.used++;
		c->from->closing += c->state == CONN_CLOSING;
	}
}

/* The addresses of the virtual MTA, as far as they have limits. */
static void
add_current(struct sched *s, struct sched_queue *q, struct queue_sources *list,
    int64_t now_us)
{
	const struct global_conf *global = snapshot_global(s->conf);

	for (size_t i = 0; i < list->n; i++) {
		const struct net_addr *addr =
		    &source_pick(q->vmta->conf, global, i)->addr;
		struct queue_source *src = find(list, addr);

		if (src == NULL && q->sources != NULL)
			src = find(q->sources, addr);
		if (src == NULL)
			src = source_new(q, addr);
		else
			src->refs++;
		set_limits(s, src, &q->conf->conf, now_us);
		list->v[list->all++] = src;
	}
}

/* Those of before where something counts, or that a connection is from. */
static void
add_former(struct sched *s, struct sched_queue *q, struct queue_sources *list,
    int64_t now_us)
{
	const struct queue_sources *old = q->sources;

	for (size_t i = 0; old != NULL && i < old->all; i++) {
		struct queue_source *src = old->v[i];

		if (find(list, &src->addr) != NULL)
			continue;
		set_limits(s, src, &q->conf->conf, now_us);
		if (src->refs == 1 && scope_end(&src->scope) <= now_us) {
			leases_forget(s, &src->scope);
			continue;
		}
		src->refs++;
		list->v[list->all++] = src;
	}
}

void
sources_configure(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	const struct global_conf *global = snapshot_global(s->conf);
	size_t n = 0, former = q->sources == NULL ? 0 : q->sources->all;
	struct queue_sources *list = NULL;

	sources_unpark(q);
	if (has_limits(&q->conf->conf))
		n = source_count(q->vmta->conf, global);
	if (n + former == 0)
		return;
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
	list = mem_zalloc(sizeof(*list) + (n + former) * sizeof(list->v[0]));
	list->n = n;
	add_current(s, q, list, now_us);
	add_former(s, q, list, now_us);
	sources_drop(s, q);
	if (list->all == 0) {
		free(list);
		return;
	}
	q->sources = list;
	if (n > 0)
		attach(q);
}

void
sources_forget_leases(struct sched *s, const struct sched_queue *q)
{
	const struct queue_sources *list = q->sources;

	for (size_t i = 0; list != NULL && i < list->all; i++)
		leases_forget(s, &list->v[i]->scope);
}

int64_t
sources_end(const struct sched_queue *q)
{
	const struct queue_sources *list = q->sources;
	int64_t end = 0;

	for (size_t i = 0; list != NULL && i < list->all; i++) {
		int64_t t = scope_end(&list->v[i]->scope);

		end = t > end ? t : end;
	}
	return end;
}

/* ---- opening ------------------------------------------------------------- */

/* When a connection may be opened from there. */
static int64_t
source_next(const struct queue_source *src, uint64_t bytes, int64_t now_us)
{
	const struct sched_queue *q = src->queue;
	const struct scope *c = &src->scope;
	int64_t at, t;

	if (slots_room(&c->conns) == 0)
		return slots_next(&c->conns);
	if (c->conns.used >=
	    scope_useful(c, (int64_t)q->setup_us + q->busy_us, 1.0, bytes))
		return INT64_MAX;
	at = scope_next(c, LIMIT_CONNECT, 1, now_us);
	t = scope_lead(scope_next(c, LIMIT_MSG, 1, now_us), q->setup_us,
	    now_us);
	at = t > at ? t : at;
	t = scope_lead(scope_next(c, LIMIT_DATA, bytes, now_us), q->setup_us,
	    now_us);
	return t > at ? t : at;
}

/* May it be used, beside those that suit best?  Time alone changes nothing. */
static bool
is_usable(struct sched *s, const struct queue_source *src,
    enum choice_grade best, int64_t now_us)
{
	enum choice_grade g;

	g = choice_grade(s, src->queue, &src->addr, now_us);
	return g <= best && !choice_is_no(best);
}

static enum choice_grade
best_grade(struct sched *s, const struct sched_queue *q, int64_t now_us)
{
	enum choice_grade best = CHOICE_FORBIDDEN;

	for (size_t i = 0; i < q->sources->n && best > CHOICE_SUITS; i++) {
		const struct net_addr *a = &q->sources->v[i]->addr;
		enum choice_grade g = choice_grade(s, q, a, now_us);

		best = g < best ? g : best;
	}
	return best;
}

/* One that mail is pinned to, if it has room or there is no other mail. */
static bool
next_pinned(struct sched *s, struct sched_queue *q, uint64_t bytes,
    int64_t now_us, int64_t *next_r)
{
	struct queue_sources *list = q->sources;
	size_t at = pin_source(s, q, now_us);

	if (at == SIZE_MAX)
		return false;
	*next_r = source_next(list->v[at], bytes, now_us);
	if (*next_r > now_us && q->ready > 0) {
		*next_r = INT64_MAX;
		return false;
	}
	list->choice = at;
	list->until_us = *next_r > now_us ? *next_r : 0;
	return true;
}

/*
 * All sources are looked at once; until one of them changes, or its time
 * comes, the answer stands.
 */
int64_t
sources_next(struct sched *s, struct sched_queue *q, uint64_t bytes,
    int64_t now_us)
{
	struct queue_sources *list = q->sources;
	int64_t first = INT64_MAX;
	enum choice_grade best;

	if (list->n == 0)
		return now_us; /* all of them are former ones */
	/* Days of new ones begin and end without an event of the queue. */
	if (list->until_us > now_us && !s->warmups.any)
		return list->until_us;
	if (pins_wait(q) && next_pinned(s, q, bytes, now_us, &first))
		return first;
	best = best_grade(s, q, now_us);
	for (size_t i = 0; i < list->n && first > now_us; i++) {
		size_t at = (q->vmta->source_turn + i) % list->n;
		struct queue_source *src = list->v[at];
		int64_t t = is_usable(s, src, best, now_us) ?
		    source_next(src, bytes, now_us) :
		    INT64_MAX;

		if (t < first)
			first = t;
		list->choice = at;
	}
	list->until_us = first > now_us ? first : 0;
	return first;
}

void
sources_changed(struct sched_queue *q)
{
	if (q->sources != NULL)
		q->sources->until_us = 0;
}

/* ---- connections that wait for their source's rate ----------------------- */

void
source_park(struct sched *s, struct sched_conn *c, int64_t until_us)
{
	struct queue_source *src = c->from;

	CHECK(c->state == CONN_IDLE && !c->parked);
	TAILQ_REMOVE(&c->queue->idle_conns, c, idle_queue);
	TAILQ_INSERT_TAIL(&src->parked, c, idle_queue);
	c->parked = true;
	c->queue->parked++;
	timer_set(&s->timers, &src->timer, until_us);
}

void
source_unpark(struct sched_conn *c)
{
	CHECK(c->parked && c->queue->parked > 0);
	TAILQ_REMOVE(&c->from->parked, c, idle_queue);
	TAILQ_INSERT_HEAD(&c->queue->idle_conns, c, idle_queue);
	c->parked = false;
	c->queue->parked--;
}

void
sources_unpark(struct sched_queue *q)
{
	struct sched_conn *c;

	for (size_t i = 0;
	     q->parked > 0 && q->sources != NULL && i < q->sources->all; i++)
		while ((c = TAILQ_FIRST(&q->sources->v[i]->parked)) != NULL)
			source_unpark(c);
}

void
source_changed(struct sched *s, struct queue_source *src)
{
	sources_changed(src->queue);
	if (!TAILQ_EMPTY(&src->parked))
		timer_set(&s->timers, &src->timer, 0);
}

struct queue_source *
source_take(struct sched_queue *q)
{
	struct queue_source *src;

	if (q->sources == NULL || q->sources->n == 0)
		return NULL;
	src = q->sources->v[q->sources->choice];
	slots_take(&src->scope.conns);
	src->refs++;
	q->vmta->source_turn = q->sources->choice;
	return src;
}

void
source_return(struct sched *s, struct sched_conn *c)
{
	if (c->from == NULL)
		return;
	slots_return(&c->from->scope.conns);
	c->from->closing -= c->state == CONN_CLOSING;
	source_changed(s, c->from);
	source_unref(s, &c->from);
}

void
source_run(struct sched *s, struct queue_source *src)
{
	struct sched_conn *c = TAILQ_FIRST(&src->parked);

	sources_changed(src->queue);
	if (c != NULL)
		source_unpark(c);
	sched_dirty(s, src->queue);
}
