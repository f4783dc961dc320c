/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thresholds: errors of an hour, a share of attempts; of a queue, which goes
 * into backoff, and of a source, which is disabled while there are others.
 */
#include "tests/tap.h"
#include "tests/unit/standing_world.h"

static void
tally(struct world *w, uint32_t attempts, uint32_t errors)
{
	const struct sched_tally t = { .attempts = attempts,
		.errors = errors,
		.delivered = attempts - errors };

	sched_conn_tally(w->sched, w->last, &t, w->now);
}

static void
test_errors_hour(void)
{
	struct sched_standing_info info;
	struct world w;

	BEGIN(&w,
	    "domain * { max-errors-per-hour 10 ; backoff-to-normal-after 30m }");
	w.holds = true;
	mail(&w, 1, 1);
	pass(&w, S);
	tally(&w, 10, 10);
	pass(&w, 10 * MIN);
	is_int(w.events_n, 0, "ten errors are allowed");
	tally(&w, 1, 1);
	sched_queue_standing(w.q, w.now, &info);
	ok(info.mode == MODE_BACKOFF && info.until_us == w.now + 30 * MIN,
	    "one more is not");
	ok(strcmp(w.why,
	       "more than 10 errors in an hour (max-errors-per-hour)") == 0,
	    "%s", w.why);
	tally(&w, 10, 10);
	pass(&w, 30 * MIN);
	ok(w.events_n == 2 && w.events[1] == SCHED_NORMAL,
	    "they count once: it is normal again");
	pass(&w, 61 * MIN);
	ok(w.q->standing == NULL, "errors of long ago are forgotten");
	tally(&w, 10, 10);
	ok(w.events_n == 2 && w.q->standing != NULL, "and do not count");
	finish(&w);
}

static void
test_errors_rate(void)
{
	struct world w;

	BEGIN(&w, "domain * { backoff-upon-error-rate 30% 100/10m }");
	w.holds = true;
	mail(&w, 1, 1);
	pass(&w, S);
	tally(&w, 99, 40);
	is_int(w.events_n, 0, "of 99 attempts nothing is said yet");
	tally(&w, 100, 0);
	is_int(w.events_n, 0, "40 of 199 are too few");
	tally(&w, 30, 30);
	is_int(w.events_n, 1, "70 of 229 are not");
	finish(&w);
}

static void
test_errors_source(void)
{
	struct net_addr bad;
	struct world w;

	BEGIN(&w, TWO_SOURCES,
	    "domain * { max-errors-per-hour 10 ; reenable-source-ip-after 1h }");
	w.holds = true;
	mail(&w, 1, 1);
	pass(&w, S);
	bad = sched_conn_source(w.last)->addr;
	tally(&w, 11, 11);
	ok(w.events_n == 1 && w.events[0] == SCHED_SOURCE_OFF &&
		w.until[0] == w.now + H && standing_is_off(w.q, &bad, w.now),
	    "a source with too many errors goes off");
	is_int(sched_queue_mode(w.q), MODE_NORMAL, "and the queue goes on");
	tally(&w, 11, 11);
	is_int(w.events_n, 1, "errors of what is off already are nobody's");
	finish(&w);
}

static void
test_delivery(void)
{
	struct world w;

	BEGIN(&w, "domain * { backoff-to-normal-after-delivery yes }");
	w.holds = true;
	mail(&w, 1, 1);
	pass(&w, S);
	sched_queue_backoff(w.sched, w.q, BACKOFF_NEVER, &order, w.now);
	tally(&w, 1, 1);
	is_int(sched_queue_mode(w.q), MODE_BACKOFF, "an error does not end it");
	tally(&w, 2, 1);
	is_int(sched_queue_mode(w.q), MODE_NORMAL, "a delivery does");
	is_int(w.events[1], SCHED_NORMAL, "which is told");
	finish(&w);
}

static void
reload(struct world *w, const char *domain)
{
	struct snapshot *conf = conf_of((const char *const[]){ domain, NULL });

	sched_reload(w->sched, conf, w->now);
	snapshot_unref(&conf);
}

/* The queue is looked at some time after a reload: a result may come first. */
static void
test_reload(void)
{
	struct world w;

	BEGIN(&w, "domain * { max-errors-per-hour 10 }");
	w.holds = true;
	mail(&w, 1, 1);
	pass(&w, S);
	reload(&w, "domain * { max-errors-per-hour 20 }");
	pass(&w, S);
	sched_queue_backoff(w.sched, w.q, BACKOFF_NEVER, &order, w.now);
	reload(&w,
	    "domain * { backoff-to-normal-after-delivery yes ; "
	    "max-errors-per-hour 2 }");
	tally(&w, 5, 3);
	ok(w.events_n == 3 && w.events[1] == SCHED_NORMAL &&
		w.events[2] == SCHED_BACKOFF,
	    "what came of a grant is judged by settings of now");
	finish(&w);
}

int
main(void)
{
	test_errors_hour();
	test_errors_rate();
	test_errors_source();
	test_delivery();
	test_reload();
	is_int(fake_conf_alive(), 0, "no configuration is left");
	free(seen);
	return done_testing();
}
