/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How queues stand, in the scheduler: limits of backoff hold from the moment it
 * begins, beside the normal ones where both matter, and rise when it ends; a
 * source that is off is not used, and its connections end with their
 * transaction; thresholds do the one or the other; and what is plain again
 * takes no memory.
 */
#include "tests/tap.h"
#include "tests/unit/standing_world.h"
#include "vmta/sched_why.h"

/* ---- the mode ------------------------------------------------------------ */

static void
test_conns(void)
{
	struct sched_standing_info info;
	struct world w;

	BEGIN(&w, "domain * { max-smtp-out 8 ; backoff-max-smtp-out 25% }");
	w.holds = true;
	mail(&w, 100, 1);
	pass(&w, S);
	is_int(conns(&w), 8, "eight connections");
	sched_queue_backoff(w.sched, w.q, BACKOFF_NEVER, &row, w.now);
	pass(&w, S);
	is_int(conns(&w), 8, "those in a transaction end it in backoff");
	end_grants(&w);
	pass(&w, S);
	is_int(conns(&w), 2, "then a quarter of them is left");
	is_int(w.grants_n, 2, "which go on with mail");
	sched_queue_standing(w.q, w.now, &info);
	ok(info.mode == MODE_BACKOFF && info.since_us == NOW + S &&
		info.until_us == BACKOFF_NEVER &&
		strcmp(info.why, "421 slow down (config:7)") == 0,
	    "the row that says so is told: %s", info.why);
	sched_queue_backoff(w.sched, w.q, w.now + H, &order, w.now);
	is_int(w.events_n, 1, "who is in backoff does not go into it again");
	sched_queue_normal(w.sched, w.q, &order, w.now);
	pass(&w, S);
	is_int(conns(&w), 8, "normal again: eight");
	ok(w.events_n == 2 && w.events[0] == SCHED_BACKOFF &&
		w.events[1] == SCHED_NORMAL,
	    "both are told");
	ok(w.q->standing == NULL, "and nothing is left to say");
	finish(&w);
}

/* Windows go on: what was sent before counts in backoff. */
static void
test_same_period(void)
{
	struct world w;

	BEGIN(&w, "domain * { max-msg-rate 60/m ; backoff-max-msg-rate 10% }");
	mail(&w, 10000, 1);
	pass(&w, 10 * MIN);
	ok(total() > 550, "at the normal rate: %d", (int)total());
	sched_queue_backoff(w.sched, w.q, BACKOFF_NEVER, &order, w.now);
	seen_count = 0;
	pass(&w, 50 * S);
	is_int((int64_t)total(), 0, "what went before counts in backoff");
	pass(&w, 10 * MIN);
	ok(busiest(MIN, 999) == 6 && total() > 50, "then a tenth: %d of %d",
	    (int)busiest(MIN, 999), (int)total());
	sched_queue_normal(w.sched, w.q, &order, w.now);
	seen_count = 0;
	pass(&w, 10 * MIN);
	ok(busiest(MIN, 999) <= 60 && total() > 550, "and normal again: %d",
	    (int)total());
	finish(&w);
}

/*
 * 100/h and 10/m: many recipients at once are held by the one, and an hour of
 * them by the other; through backoff and out of it.
 */
static void
test_other_period(void)
{
	struct world w;

	BEGIN(&w,
	    "domain * { max-msg-rate 100/h ; backoff-max-msg-rate 10/m }");
	mail(&w, 40, 50);
	pass(&w, 10 * S);
	is_int((int64_t)total(), 50, "normally fifty go at once");
	pass(&w, 2 * H);
	sched_queue_backoff(w.sched, w.q, BACKOFF_NEVER, &order, w.now);
	pass(&w, 3 * H);
	is_int((int64_t)busiest(H, 999), 100, "never more than 100 in an hour");
	seen_count = 0;
	pass(&w, 3 * H);
	ok(busiest(MIN, 999) == 10 && busiest(H, 999) <= 100 && total() > 250,
	    "in backoff not more than 10 in a minute either: %d, %d",
	    (int)busiest(MIN, 999), (int)total());
	sched_queue_normal(w.sched, w.q, &order, w.now);
	pass(&w, 3 * H);
	is_int((int64_t)busiest(H, 999), 100, "nor in an hour of both");
	finish(&w);
}

/* The longer one in backoff: what was sent before counts as far as known. */
static void
test_longer_period(void)
{
	struct world w;

	BEGIN(&w, "domain * { max-msg-rate 60/m ; backoff-max-msg-rate 90/h }");
	mail(&w, 100, 50);
	pass(&w, 5 * MIN);
	seen_count = 0;
	sched_queue_backoff(w.sched, w.q, BACKOFF_NEVER, &order, w.now);
	pass(&w, 58 * MIN);
	ok(total() <= 40, "the last minute counts in the hour: %d",
	    (int)total());
	pass(&w, 5 * H);
	ok(busiest(H, 999) <= 90 && total() > 400, "90 in an hour: %d of %d",
	    (int)busiest(H, 999), (int)total());
	ok(busiest(MIN, 999) <= 60, "and 60 in a minute: %d",
	    (int)busiest(MIN, 999));
	sched_queue_normal(w.sched, w.q, &order, w.now);
	pass(&w, MIN);
	sched_queue_backoff(w.sched, w.q, BACKOFF_NEVER, &order, w.now);
	seen_count = 0;
	pass(&w, 50 * MIN);
	ok(total() <= 40, "what went between two of them counts: %d",
	    (int)total());
	finish(&w);
}

static void
test_connects(void)
{
	struct world w;

	BEGIN(&w,
	    "domain * { max-msg-per-connection 1 ; max-connect-rate 60/m ; "
	    "backoff-max-connect-rate 6/m }");
	mail(&w, 1000, 1);
	pass(&w, 2 * MIN);
	sched_queue_backoff(w.sched, w.q, BACKOFF_NEVER, &order, w.now);
	pass(&w, 2 * MIN);
	seen_count = 0;
	pass(&w, 20 * MIN);
	ok(busiest(MIN, 999) <= 6 && total() > 100, "six connections: %d of %d",
	    (int)busiest(MIN, 999), (int)total());
	finish(&w);
}

static void
test_ends(void)
{
	struct sched_standing_info info;
	struct world w;

	BEGIN(&w,
	    "domain * { max-smtp-out 17 ; backoff-max-smtp-out 1 ; "
	    "backoff-return-interval 16m }");
	mail(&w, 200, 1);
	w.holds = true;
	pass(&w, S);
	sched_queue_backoff(w.sched, w.q, w.now + H, &order, w.now);
	end_grants(&w);
	pass(&w, 59 * MIN);
	is_int(conns(&w), 1, "backoff lasts an hour");
	pass(&w, MIN + S);
	ok(w.events_n == 2 && w.events[1] == SCHED_RETURN &&
		strcmp(w.why, "time") == 0,
	    "then its limits rise, which is told");
	is_int(conns(&w), 1, "from where they are");
	for (int i = 1; i < 16; i++) {
		pass(&w, MIN);
		if (conns(&w) != 1 + (uint32_t)i)
			break;
	}
	is_int(conns(&w), 16, "one a minute");
	sched_queue_standing(w.q, w.now, &info);
	ok(info.mode == MODE_RETURN && info.until_us > w.now, "until the last");
	pass(&w, MIN);
	ok(conns(&w) == 17 && w.events_n == 3 && w.events[2] == SCHED_NORMAL,
	    "then all of them");
	finish(&w);
}

static void
test_reload(void)
{
	struct snapshot *conf;
	struct world w;

	BEGIN(&w, "domain * { max-smtp-out 8 ; backoff-max-smtp-out 2 }");
	mail(&w, 100, 1);
	w.holds = true;
	pass(&w, S);
	sched_queue_backoff(w.sched, w.q, BACKOFF_NEVER, &order, w.now);
	end_grants(&w);
	pass(&w, S);
	conf = conf_of((const char *const[]){
	    "domain * { max-smtp-out 10 ; backoff-max-smtp-out 50% }", NULL });
	sched_reload(w.sched, conf, w.now);
	snapshot_unref(&conf);
	pass(&w, S);
	is_int(conns(&w), 5, "a reload in backoff brings backoff's new limit");
	sched_queue_normal(w.sched, w.q, &order, w.now);
	pass(&w, S);
	is_int(conns(&w), 10, "and the normal one afterwards");
	finish(&w);
}

/* ---- waits --------------------------------------------------------------- */

static int64_t
waits(struct world *w, enum retry_kind kind)
{
	int64_t until = sched_queue_failed(w->sched, w->q, kind, "x", w->now,
	    false);

	w->now = until;
	return until;
}

static void
test_retry(void)
{
	struct world w;
	int64_t t;

	BEGIN(&w,
	    "domain * { retry-after 10m,20m ; backoff-retry-after 1h,2h ; "
	    "retry-after-dns-error 2m }");
	mail(&w, 1, 1);
	pass(&w, S);
	t = w.now;
	is_int(waits(&w, RETRY_DNS) - t, 2 * MIN, "a failure of DNS: 2 min");
	t = w.now;
	is_int(waits(&w, RETRY_QUEUE) - t, 10 * MIN,
	    "which was no failure of the server: the first of the list");
	t = w.now;
	is_int(waits(&w, RETRY_QUEUE) - t, 20 * MIN, "the second");
	sched_queue_backoff(w.sched, w.q, BACKOFF_NEVER, &order, w.now);
	t = w.now;
	is_int(waits(&w, RETRY_QUEUE) - t, H, "in backoff, of its own list");
	t = w.now;
	is_int(waits(&w, RETRY_DNS) - t, 2 * MIN, "DNS as ever");
	t = w.now;
	is_int(waits(&w, RETRY_QUEUE) - t, 2 * H, "the second of backoff");
	sched_queue_normal(w.sched, w.q, &order, w.now);
	t = w.now;
	is_int(waits(&w, RETRY_QUEUE) - t, 10 * MIN, "normal: from the first");
	finish(&w);
}

static void
test_new_mail(void)
{
	const struct sched_rcpt_in in = { .domain = "a.example",
		.vmta = "v1",
		.queued_us = NOW,
		.is_left = true };
	struct message *left;
	struct world w;

	BEGIN(&w, "domain a.example { retry-upon-new-mail yes }",
	    "domain * { retry-after 10m,1h }");
	mail(&w, 1, 1);
	pass(&w, S);
	(void)sched_queue_failed(w.sched, w.q, RETRY_QUEUE, "x", w.now, false);
	ok(sched_queue_waits(w.q, w.now), "a queue that failed waits");
	left = message_at(++w.last_id, &(struct message_loc){ 0 });
	sched_add(w.sched, left, &in, 1, w.now);
	message_unref(&left);
	ok(sched_queue_waits(w.q, w.now), "what a start finds is not new");
	mail(&w, 1, 1);
	ok(!sched_queue_waits(w.q, w.now), "new mail ends that");
	(void)sched_queue_failed(w.sched, w.q, RETRY_QUEUE, "x", w.now, false);
	ok(sched_queue_waits(w.q, w.now + 59 * MIN),
	    "its place in the list stays");
	finish(&w);
}

/* ---- sources ------------------------------------------------------------- */

static void
test_source_off(void)
{
	struct net_addr one = address(1), none = { .family = 0 };
	struct sched_source_info info;
	struct world w;

	BEGIN(&w, TWO_SOURCES, "domain * { max-smtp-out 4 }");
	w.holds = true;
	mail(&w, 100, 1);
	pass(&w, S);
	is_int(w.from[1], 2, "both sources are used");
	ok(!sched_queue_source_off(w.sched, w.q, &none, w.now + H, &order,
	       w.now),
	    "what the kernel chose cannot be disabled");
	ok(sched_queue_source_off(w.sched, w.q, &one, w.now + H, &row, w.now),
	    "the first is disabled");
	ok(!sched_queue_source_off(w.sched, w.q, &one, w.now + H, &row, w.now),
	    "once");
	is_int(conns(&w), 4, "its connections are in a transaction");
	w.from[1] = w.from[2] = 0;
	w.holds = false;
	pass(&w, S);
	ok(w.from[1] == 0 && w.from[2] > 10, "then they end: %d, %d",
	    (int)w.from[1], (int)w.from[2]);
	ok(sched_queue_source_at(w.q, 0, w.now, &info) &&
		net_addr_eq(&info.addr, &one) &&
		strcmp(info.why, "421 slow down (config:7)") == 0 &&
		!sched_queue_source_at(w.q, 1, w.now, &info),
	    "it can be asked for");
	pass(&w, H);
	mail(&w, 100, 1);
	pass(&w, S);
	ok(w.from[1] > 10, "an hour later it is back: %d", (int)w.from[1]);
	ok(w.events_n == 2 && w.events[0] == SCHED_SOURCE_OFF &&
		w.events[1] == SCHED_SOURCE_ON && w.q->standing == NULL,
	    "which is told, and nothing is left");
	finish(&w);
}

/* With limits of their own, each of their connections is one of a source. */
static void
test_source_limits(void)
{
	struct net_addr one = address(1);
	struct world w;

	BEGIN(&w, TWO_SOURCES,
	    "domain * { max-smtp-out 4 ; source-ip-max-smtp-out 0/0 2 }");
	w.holds = true;
	mail(&w, 100, 1);
	pass(&w, S);
	is_int(conns(&w), 4, "two from each");
	(void)sched_queue_source_off(w.sched, w.q, &one, STANDING_NEVER, &order,
	    w.now);
	end_grants(&w);
	pass(&w, S);
	ok(conns(&w) == 2 && w.grants_n == 2, "two from the one that is on");
	ok(sched_queue_source_on(w.sched, w.q, &one, w.now) &&
		!sched_queue_source_on(w.sched, w.q, &one, w.now),
	    "it is enabled");
	pass(&w, S);
	is_int(conns(&w), 4, "and used at once");
	finish(&w);
}

static void
test_all_off(void)
{
	struct net_addr one = address(1), two = address(2);
	struct sched_standing_info info;
	struct sched_totals t;
	struct world w;

	BEGIN(&w, TWO_SOURCES,
	    "domain * { bounce-after 2h ; "
	    "backoff-upon-all-sources-disabled yes }");
	mail(&w, 1, 1);
	pass(&w, S);
	(void)sched_queue_source_off(w.sched, w.q, &one, w.now + 3 * H, &order,
	    w.now);
	(void)sched_queue_source_off(w.sched, w.q, &two, w.now + H, &order,
	    w.now);
	ok(w.events_n == 4 && w.events[2] == SCHED_ALL_OFF &&
		w.until[2] == w.now + H && w.events[3] == SCHED_BACKOFF,
	    "all are off: told, and the queue is in backoff");
	seen_count = 0;
	mail(&w, 10, 1);
	sched_queue_standing(w.q, w.now, &info);
	ok(info.all_off && info.back_us == w.now + H && info.sources_off == 2,
	    "until the first is back");
	pass(&w, 59 * MIN);
	ok(conns(&w) == 0 && seen_count == 0, "nothing starts");
	pass(&w, 2 * MIN);
	is_int((int64_t)total(), 10, "then all of it goes");
	(void)sched_queue_source_off(w.sched, w.q, &two, STANDING_NEVER, &order,
	    w.now);
	sched_queue_normal(w.sched, w.q, &order, w.now);
	(void)sched_queue_source_off(w.sched, w.q, &one, STANDING_NEVER, &order,
	    w.now);
	mail(&w, 10, 1);
	pass(&w, 2 * H + MIN);
	sched_totals(w.sched, &t);
	is_int((int64_t)t.rcpts, 0, "what gets too old does not wait for ever");
	finish(&w);
}

struct said {
	unsigned backoff, off;
	char limit[64], reason[64];
};

static void
on_why(void *ctx, const struct why *w)
{
	struct said *s = ctx;

	s->off += w->kind == WHY_SOURCES_OFF;
	s->backoff += w->kind == WHY_BACKOFF;
	if (w->kind == WHY_LIMIT)
		(void)snprintf(s->limit, sizeof(s->limit), "%s", w->directive);
	if (w->kind == WHY_BACKOFF || w->kind == WHY_SOURCES_OFF)
		(void)snprintf(s->reason, sizeof(s->reason), "%s", w->text);
}

static struct said
ask_why(struct world *w)
{
	struct said s = { 0 };

	sched_why_queue(w->sched, w->q, w->now, on_why, &s);
	return s;
}

static void
test_why(void)
{
	struct net_addr one = address(1), two = address(2);
	struct said s;
	struct world w;

	BEGIN(&w, TWO_SOURCES,
	    "domain * { max-msg-rate 100/h ; backoff-max-msg-rate 1/m }");
	mail(&w, 9, 1);
	pass(&w, S);
	s = ask_why(&w);
	ok(strcmp(s.limit, "max-msg-rate") == 0 && s.backoff == 0,
	    "normally it is the normal limit: %s", s.limit);
	sched_queue_backoff(w.sched, w.q, BACKOFF_NEVER, &row, w.now);
	pass(&w, 50 * S);
	s = ask_why(&w);
	ok(strcmp(s.limit, "backoff-max-msg-rate") == 0 && s.backoff == 1 &&
		strcmp(s.reason, "421 slow down (config:7)") == 0,
	    "in backoff that of backoff, with why: %s, %s", s.limit, s.reason);
	(void)sched_queue_source_off(w.sched, w.q, &one, STANDING_NEVER, &order,
	    w.now);
	s = ask_why(&w);
	is_int(s.off, 0, "while there is another source none is in the way");
	(void)sched_queue_source_off(w.sched, w.q, &two, STANDING_NEVER, &order,
	    w.now);
	s = ask_why(&w);
	is_int(s.off, 2, "without any each of them is told");
	finish(&w);
}

/* A queue without mail is remembered as long as it has a standing. */
static void
test_forget(void)
{
	struct sched_totals t;
	struct world w;

	BEGIN(&w, "domain * { backoff-max-msg-rate 1/m }");
	mail(&w, 1, 1);
	pass(&w, S);
	sched_queue_backoff(w.sched, w.q, w.now + 10 * MIN, &order, w.now);
	pass(&w, 9 * MIN);
	sched_totals(w.sched, &t);
	is_int((int64_t)t.queues, 1, "it stays as long as it is in backoff");
	pass(&w, 3 * MIN);
	sched_totals(w.sched, &t);
	is_int((int64_t)t.queues, 0, "and goes then");
	finish(&w);
}

int
main(void)
{
	test_conns();
	test_same_period();
	test_other_period();
	test_longer_period();
	test_connects();
	test_ends();
	test_reload();
	test_retry();
	test_new_mail();
	test_source_off();
	test_source_limits();
	test_all_off();
	test_why();
	test_forget();
	is_int(fake_conf_alive(), 0, "no configuration is left");
	free(seen);
	return done_testing();
}
