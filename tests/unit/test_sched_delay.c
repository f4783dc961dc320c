/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Senders hear that mail is late with the first failure behind each multiple
 * of notify-of-delay-every, of its own or of its queue, and never twice.
 */
#include "vmta/sched_delay.h"

#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "mail/message.h"
#include "tests/support/fake_conf.h"
#include "tests/tap.h"
#include "vmta/sched.h"

#define S US_PER_S

static struct world {
	struct sched *sched;
	struct sched_conn *conn;
	struct grant *grant;
	char told[200]; /* "id.n " of each */
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

static void
on_expired(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	(void)ctx;
	(void)q;
	(void)m;
	(void)n;
	(void)attempts;
}

static void
on_delayed(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	size_t len = strlen(world.told);

	(void)ctx;
	(void)q;
	(void)attempts;
	(void)snprintf(world.told + len, sizeof(world.told) - len, "%d.%u ",
	    (int)m->id, n);
}

static const struct sched_owner owner = { .open = on_open,
	.grant = on_grant,
	.close = on_close,
	.expired = on_expired,
	.delayed = on_delayed };

static void
begin(const char *line)
{
	struct snapshot *conf = fake_conf_new();
	struct err e;

	ok(fake_conf_line(conf, line, &e) == 0, "%s", line);
	memset(&world, 0, sizeof(world));
	world.sched = sched_new(conf, &owner, NULL, S);
	snapshot_unref(&conf);
}

/* queued_us may be long ago, as what a start reads is. */
static void
add(uint64_t id, uint32_t rcpts, int64_t queued_us, int64_t now_us)
{
	struct message *m = message_new("", 0);
	struct sched_rcpt_in in[2] = { 0 };

	m->id = id;
	m->body = body_new(10);
	for (uint32_t i = 0; i < rcpts; i++)
		in[i] = (struct sched_rcpt_in){ .n = i,
			.domain = "a.example",
			.vmta = "",
			.queued_us = queued_us };
	sched_add(world.sched, m, in, rcpts, now_us);
	message_unref(&m);
}

/* The connection that is opened then fails: who is told. */
static const char *
fail_at(int64_t now_us)
{
	static char was[sizeof(world.told)];
	struct sched_queue *q;

	world.conn = NULL;
	(void)sched_run(world.sched, now_us);
	if (world.conn == NULL)
		return "no connection";
	q = sched_conn_queue(world.conn);
	sched_closed(world.sched, &world.conn, now_us);
	(void)sched_queue_failed(world.sched, q, RETRY_QUEUE, "it is down",
	    now_us, false);
	memcpy(was, world.told, sizeof(was));
	world.told[0] = '\0';
	return was;
}

static void
test_queue(void)
{
	begin(
	    "domain a.example { notify-of-delay-every 1h ; retry-after 10m ; max-smtp-out 1 }");
	add(1, 2, 100 * S, 100 * S);
	is_str(fail_at(200 * S), "", "a young message");
	is_str(fail_at(3000 * S), "", "not yet an hour");
	is_str(fail_at(3800 * S), "1.0 1.1 ", "the first failure behind it");
	is_str(fail_at(4900 * S), "", "told");
	add(2, 2, 5000 * S, 5000 * S);
	is_str(fail_at(7400 * S), "1.0 1.1 ", "the second hour, of one");
	is_str(fail_at(8700 * S), "2.0 2.1 ", "the first of the other");
	add(3, 2, 0, 9000 * S);
	is_str(fail_at(9500 * S), "",
	    "what was late when it came back was told before");
	is_str(fail_at(10900 * S), "1.0 1.1 3.0 3.1 ", "and is again");
	sched_free(&world.sched);
}

static void
defer(int64_t now_us, int64_t due_us)
{
	const struct sched_result r = { .fate = FATE_RETRY,
		.due_us = due_us,
		.written = true };

	(void)sched_run(world.sched, now_us);
	sched_ready(world.sched, world.conn, now_us);
	(void)sched_run(world.sched, now_us);
	sched_results(world.sched, &world.grant, &r, now_us);
	sched_closed(world.sched, &world.conn, now_us);
}

static void
test_rcpts(const char *line, const char *want)
{
	begin(line);
	add(7, 1, 100 * S, 100 * S);
	for (int i = 0; i < 5; i++)
		defer((200 + 1700 * i) * S, (1900 + 1700 * i) * S);
	is_str(world.told, want, line);
	sched_free(&world.sched);
}

int
main(void)
{
	test_queue();
	/* At 1800, 3500, 5200 and 6900 s of age. */
	test_rcpts("domain a.example { notify-of-delay-every 1h }", "7.0 ");
	test_rcpts("domain a.example { notify-of-delay-every 30m }",
	    "7.0 7.0 7.0 ");
	test_rcpts("domain a.example { notify-of-delay-every never }", "");
	return done_testing();
}
