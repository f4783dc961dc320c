/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times in which mail may be sent, and the wall clock: who waits for them is out
 * of memory, says so, and goes at no other time, though the clock is set.  Who
 * misses them is told apart from who is too old.
 */
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/message.h"
#include "mail/spans.h"
#include "tests/support/fake_conf.h"
#include "tests/tap.h"
#include "vmta/sched.h"
#include "vmta/sched_walk.h"
#include "vmta/sched_why.h"

#define S US_PER_S
#define AHEAD (INT64_C(1000000) * S) /* the wall clock is */

static struct world {
	struct sched *sched;
	struct sched_conn *conn;
	struct grant *grant;
	unsigned missed, expired, delayed;
	struct sched_rcpt_info info;
	struct why why;
} world;

static void
on_open(void *ctx, struct sched_conn *c)
{
	(void)ctx;
	world.conn = c;
}

static void
on_grant(void *ctx, struct sched_conn *c, struct grant *g)
{
	(void)ctx;
	(void)c;
	world.grant = g;
}

static void
on_close(void *ctx, struct sched_conn *c)
{
	(void)ctx;
	(void)c;
}

#define ON(what) \
	static void on_##what(void *ctx, struct sched_queue *q, \
	    struct message *m, uint32_t n, uint16_t attempts) \
	{ \
		(void)ctx; \
		(void)q; \
		(void)m; \
		(void)n; \
		(void)attempts; \
		world.what++; \
	}
ON(missed)
ON(expired)
ON(delayed)
#undef ON

static const struct sched_owner owner = { .open = on_open,
	.grant = on_grant,
	.close = on_close,
	.expired = on_expired,
	.missed = on_missed,
	.delayed = on_delayed };

static void
begin(const char *line)
{
	struct snapshot *conf = fake_conf_new();
	struct err e;

	ok(fake_conf_line(conf, line, &e) == 0, "%s", line);
	memset(&world, 0, sizeof(world));
	world.sched = sched_new(conf, &owner, NULL, S);
	sched_set_wall(world.sched, AHEAD);
	snapshot_unref(&conf);
}

static void
end(void)
{
	if (world.grant != NULL)
		sched_results(world.sched, &world.grant,
		    &(struct sched_result){ .fate = FATE_DONE }, S);
	if (world.conn != NULL)
		sched_closed(world.sched, &world.conn, S);
	sched_free(&world.sched);
}

/* A message that is alone, with its window as the engine's clock has it. */
static struct message *
add(int64_t from_us, int64_t to_us, int64_t now_us)
{
	const struct span span = { from_us + AHEAD, to_us + AHEAD };
	const struct spans spans = { 1, &span };
	const struct sched_rcpt_in in = { .domain = "a.example",
		.vmta = "",
		.queued_us = now_us,
		.spans = &spans };
	struct message *m = message_new("", 0);

	m->id = 7;
	m->body = body_new(10);
	sched_add(world.sched, m, &in, 1, now_us);
	return m;
}

static bool
on_rcpt(void *ctx, const struct sched_rcpt_info *info)
{
	(void)ctx;
	world.info = *info;
	return true;
}

static void
on_why(void *ctx, const struct why *w)
{
	(void)ctx;
	if (w->kind == WHY_SCHEDULED)
		world.why = *w;
}

/* Why the recipient waits. */
static void
ask(int64_t now_us)
{
	struct sched_walk walk;
	struct sched_queue *q;

	world.why = (struct why){ .kind = WHY_ROOM };
	sched_walk_begin(&walk, world.sched);
	q = sched_walk_next(&walk);
	(void)sched_walk_rcpts(&walk, on_rcpt, NULL);
	sched_why_rcpt(world.sched, q, &world.info, now_us, on_why, NULL);
	sched_walk_end(&walk);
}

static void
test_waits(void)
{
	struct message *m;

	begin("domain * { bounce-after 1h }");
	m = add(100 * S, 200 * S, S);
	is_int(atomic_load(&m->refs.count), 1,
	    "who waits for its time is not kept in memory");
	message_unref(&m);
	is_int(sched_run(world.sched, S), 100 * S, "looked at then");
	ask(S);
	is_int(world.why.kind, WHY_SCHEDULED, "it says why it waits");
	is_int(world.why.until_us, 100 * S, "and until when");
	ok(strcmp(world.why.directive, "process-x-schedule") == 0,
	    "by which directive");
	(void)sched_run(world.sched, 100 * S);
	ok(world.conn != NULL, "then it wants a connection");
	ask(100 * S);
	is_int(world.why.kind, WHY_ROOM, "and does not wait for that any more");
	end();
}

/* What the clock says at that moment counts. */
static void
test_clock(void)
{
	struct message *m;

	begin("domain * { bounce-after 1h }");
	m = add(100 * S, 200 * S, S);
	message_unref(&m);
	sched_set_wall(world.sched, AHEAD - 50 * S);
	(void)sched_run(world.sched, 100 * S);
	ok(world.conn == NULL, "a clock that was set back: not yet");
	(void)sched_run(world.sched, 150 * S);
	ok(world.conn != NULL, "but then");
	sched_set_wall(world.sched, AHEAD);
	sched_ready(world.sched, world.conn, 150 * S);
	ok(world.grant != NULL, "and it is sent");
	end();

	begin("domain * { bounce-after 1h }");
	m = add(100 * S, 200 * S, S);
	message_unref(&m);
	(void)sched_run(world.sched, 100 * S);
	sched_set_wall(world.sched, AHEAD - 50 * S);
	sched_ready(world.sched, world.conn, 101 * S);
	ok(world.grant == NULL, "set back while it waits its turn: not now");
	is_int(world.missed, 0, "it stays");
	sched_set_wall(world.sched, AHEAD + 200 * S);
	(void)sched_run(world.sched, 150 * S);
	is_int(world.missed, 1, "and leaves when it is over");
	is_int(world.expired, 0, "which is not too old");
	end();

	begin("domain * { bounce-after 1h }");
	sched_set_wall(world.sched, -5);
	m = add(100 * S - AHEAD, 200 * S - AHEAD, S);
	message_unref(&m);
	is_int(sched_run(world.sched, S), 100 * S,
	    "a clock before the start of the machine counts as its start");
	end();
}

static bool
is_any(void *ctx, const struct sched_rcpt_info *info)
{
	(void)ctx;
	return info->id == 7;
}

/* Who is wanted at once goes if he may. */
static void
test_order(void)
{
	const struct sched_result later = { .fate = FATE_RETRY,
		.due_us = 150 * S };
	struct sched_walk walk;
	struct message *m;

	begin("domain * { bounce-after 1h }");
	m = add(100 * S, 200 * S, S);
	message_unref(&m);
	(void)sched_run(world.sched, S);
	for (int i = 0; i < 2; i++) {
		sched_walk_begin(&walk, world.sched);
		(void)sched_walk_next(&walk);
		ok(sched_walk_free(&walk, is_any, NULL, 10), "all are asked");
		sched_walk_end(&walk);
		(void)sched_run(world.sched, 2 * S + 108 * S * i);
		ok((world.conn != NULL) == (i == 1),
		    "an order opens no window, and may be given in one");
		if (i == 1)
			break;
		(void)sched_run(world.sched, 100 * S);
		sched_ready(world.sched, world.conn, 100 * S);
		sched_results(world.sched, &world.grant, &later, 101 * S);
		sched_closed(world.sched, &world.conn, 101 * S);
		(void)sched_run(world.sched, 102 * S);
	}
	end();
}

/* Late is who has waited since it might have gone. */
static void
test_delay(void)
{
	const struct sched_result later = { .fate = FATE_RETRY,
		.due_us = 3000 * S };
	struct message *m;

	begin("domain * { notify-of-delay-every 10m }");
	m = add(3600 * S, 9000 * S, S);
	message_unref(&m);
	(void)sched_run(world.sched, 3600 * S);
	sched_ready(world.sched, world.conn, 3600 * S);
	sched_results(world.sched, &world.grant, &later, 3601 * S);
	is_int(world.delayed, 0, "it was not to go before");
	sched_closed(world.sched, &world.conn, 3601 * S);
	(void)sched_run(world.sched, 4300 * S);
	sched_ready(world.sched, world.conn, 4300 * S);
	sched_results(world.sched, &world.grant, &later, 4300 * S);
	is_int(world.delayed, 1, "now it is late");
	end();
}

int
main(void)
{
	test_waits();
	test_clock();
	test_order();
	test_delay();
	return done_testing();
}
