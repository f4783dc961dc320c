/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of the mode of a queue or a group.
 *
 * They are set into its own scope, so that what counts goes on counting; one of
 * backoff for another period than the normal limit beside it, into a scope that
 * holds beside (backoff_rates()).
 */
#include "lib/conf_shares.h"
#include "vmta/sched_priv.h"

/* Where the limits of a mode hold, of a queue or of a group. */
struct held {
	struct scope *own, *also;
	const struct queue_conf *conf;
	const struct backoff *mode;
	bool begins[LIMIT_RATES]; /* `also` had none of that kind */
};

/* A queue's own limits in a group are the same in all modes. */
static const struct backoff *
mode_of(const struct sched_queue *q)
{
	static const struct backoff normal = { .mode = MODE_NORMAL };

	return q->standing == NULL || q->lane->group != NULL ?
	    &normal :
	    &q->standing->st.backoff;
}

static uint32_t
max_conns(const struct queue_conf *c, const struct backoff *mode,
    int64_t now_us)
{
	return backoff_count(
	    conf_count_share(&c->backoff_max_conns, c->max_conns), c->max_conns,
	    backoff_share(mode, now_us));
}

uint32_t
standing_max_conns(const struct sched_queue *q, int64_t now_us)
{
	return max_conns(&q->conf->conf, mode_of(q), now_us);
}

/* One rate of the two scopes; one that begins to hold knows what was. */
static void
set_rate(struct held *h, enum limit_kind kind,
    const struct conf_rate_share *low, const struct rate *high, int64_t now_us)
{
	bool held = scope_has(h->also, kind);
	struct rate r = conf_rate_share(low, high), first, second;

	backoff_rates(&r, high, backoff_share(h->mode, now_us), &first,
	    &second);
	scope_set_rate(h->own, kind, &first, now_us);
	scope_set_rate(h->also, kind, &second, now_us);
	h->begins[kind] = !held && scope_has(h->also, kind);
}

static void
set_data(struct held *h, int64_t now_us)
{
	const struct data_rate *high = &h->conf->data_rate;
	bool held = scope_has(h->also, LIMIT_DATA);
	struct data_rate r = conf_data_share(&h->conf->backoff_data_rate, high),
			 first, second;

	backoff_datas(&r, high, backoff_share(h->mode, now_us), &first,
	    &second);
	scope_set_data(h->own, &first, now_us);
	scope_set_data(h->also, &second, now_us);
	h->begins[LIMIT_DATA] = !held && scope_has(h->also, LIMIT_DATA);
}

static void
set_rates(struct sched *s, struct held *h, int64_t now_us)
{
	const struct queue_conf *c = h->conf;

	set_rate(h, LIMIT_CONNECT, &c->backoff_connect_rate, &c->connect_rate,
	    now_us);
	set_rate(h, LIMIT_MSG, &c->backoff_msg_rate, &c->msg_rate, now_us);
	set_data(h, now_us);
	leases_enter(s, h->own, now_us);
	leases_enter(s, h->also, now_us);
	for (unsigned kind = 0; kind < LIMIT_RATES; kind++)
		if (h->begins[kind])
			scope_follow(h->also, h->own, (enum limit_kind)kind,
			    now_us);
}

void
standing_set_rates(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	struct sched_standing *st = q->standing;
	struct held h = { .own = &q->scope,
		.also = &st->also,
		.conf = &q->conf->conf,
		.mode = mode_of(q) };

	set_rates(s, &h, now_us);
	st->was_both = st->was_both || scope_counts(&st->also);
}

void
standing_limit_group(struct sched *s, struct sched_named *group, int64_t now_us)
{
	static const struct backoff normal = { .mode = MODE_NORMAL };
	struct held h = { .own = &group->shared.scope,
		.also = &group->backoff->shared.scope,
		.conf = &group->conf->conf,
		.mode = group->standing == NULL ?
		    &normal :
		    &group->standing->st.backoff };

	slots_set(&h.own->conns, max_conns(h.conf, h.mode, now_us));
	set_rates(s, &h, now_us);
	shared_changed(&group->shared);
	shared_changed(&group->backoff->shared);
}
