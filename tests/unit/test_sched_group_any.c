/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever happens to queues (orders, reloads, other MX hosts, restarts), those
 * of a group have one standing, and its limits are those of its mode.
 */
#include "tests/unit/group_world.h"

static uint32_t
random_below(uint32_t n)
{
	static uint64_t state = 7;

	state = state * 6364136223846793005U + 1442695040888963407U;
	return (uint32_t)(state >> 33) % n;
}

static const char *
some_domain(void)
{
	static const char *const domains[] = { "a.example", "b.example",
		"c.example", "d.example", "e.example", "big.rollup" };

	return domains[random_below(6)];
}

static const char *
some_conf(void)
{
	static const char *const confs[] = { SOURCES BY_MX LIMITS,
		SOURCES BIG BY_MX LIMITS, SOURCES LIMITS };

	return confs[random_below(3)];
}

static void
answer_one(struct world *w)
{
	char domain[16];

	if (w->unanswered_n == 0)
		return;
	memcpy(domain, w->unanswered[--w->unanswered_n], sizeof(domain));
	facts(w, domain,
	    random_below(3) == 0 ? "mx.other.test" : "mx.big.test");
}

static void
order_one(struct world *w)
{
	static const struct sched_reason why = { .text = "an order" };
	struct net_addr addr = { AF_INET,
		{ 192, 0, 2, (uint8_t)(1 + random_below(2)) } };
	struct sched_queue *q = queue(w, some_domain());
	int64_t until = w->now + (int64_t)random_below(3600) * S;

	if (q == NULL)
		return;
	switch (random_below(4)) {
	case 0:
		slow(w, q, until);
		break;
	case 1:
		sched_queue_normal(w->sched, q, &why, w->now);
		break;
	case 2:
		(void)sched_queue_source_off(w->sched, q, &addr, until, &why,
		    w->now);
		break;
	default:
		(void)sched_queue_source_on(w->sched, q, &addr, w->now);
	}
}

/* Another process, with what this one has kept. */
static void
restart(struct world *w)
{
	struct world old;
	struct err e;

	sched_keep_end(w->sched, w->now);
	end_sched(w);
	old = *w; /* moved */
	begin(w, some_conf());
	sched_hold(w->sched, false, w->now);
	w->now = old.now;
	for (unsigned i = 0; i < old.rows_n; i++) {
		const struct row *r = &old.rows[i];

		if (r->bytes.len > 0)
			CHECK(sched_restore_kept(w->sched,
				  &(struct sched_was_kept){ slice_of(r->name),
				      { r->bytes.p, r->bytes.len }, 0 },
				  w->now, &e) == 0);
	}
	end_rows(&old);
}

static void
close_some(struct world *w)
{
	struct sched_conn *c = TAILQ_FIRST(&w->sched->conns);

	if (c == NULL)
		return;
	(void)sched_queue_failed(w->sched, sched_conn_queue(c), RETRY_QUEUE,
	    "x", w->now, false);
	sched_closed(w->sched, &c, w->now);
}

/* Of a queue that is as the configuration is now. */
static bool
is_sound(struct world *w, struct sched_queue *q)
{
	const struct sched_named *group;
	const struct sched_standing *st;

	sched_refresh(w->sched, q, w->now);
	group = q->lane->group;
	if (group == NULL)
		return q->standing == NULL || q->standing->group == NULL;
	st = group->standing;
	if (q->standing != NULL && !standing_is_plain(&q->standing->st))
		return false;
	if (st != NULL &&
	    (st->group != group || st->queue->lane->group != group ||
		standing_named(st->queue) != st))
		return false;
	return slots_max(&group->shared.scope.conns) ==
	    (sched_queue_mode(q) == MODE_NORMAL ?
		    8U :
		    2U + backoff_share(&st->st.backoff, w->now) * 6 / 16);
}

static void
test_anything(void)
{
	bool sound = true;
	struct world w;

	begin(&w, some_conf());
	sched_hold(w.sched, false, w.now);
	for (int i = 0; i < 20000 && sound; i++) {
		struct sched_queue *q;

		w.told[0] = '\0';
		switch (random_below(40)) {
		case 0:
			reload(&w, some_conf());
			break;
		case 1:
			restart(&w);
			break;
		case 2:
		case 3:
			pass(&w, (int64_t)random_below(1000) * S);
			break;
		default:
			if (random_below(2) == 0)
				(void)mail(&w, some_domain());
			else
				order_one(&w);
			answer_one(&w);
			close_some(&w);
		}
		(void)sched_run(w.sched, w.now);
		TAILQ_FOREACH(q, &w.sched->all, all)
		sound = sound && is_sound(&w, q);
	}
	ok(sound, "whatever happens, a group has one standing");
	end(&w);
}

int
main(void)
{
	conf_file_begin();
	test_anything();
	conf_file_end();
	return done_testing();
}
