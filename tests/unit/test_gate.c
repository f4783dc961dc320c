/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate's lines: first come, first served, messages before those who only
 * want to bring one; nobody passes who waits, nor takes more places than there
 * are; and whoever waits is answered, at the latest when the time is over.
 */
#include "transport/gate.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "tests/tap.h"
#include "tests/unit/fake_intake.h"
#include "tests/unit/loop.h"

static struct worker *worker;
static struct gauge *places;
static struct gate *gate;
static struct snapshot conf;
static struct memory_use memory = { .used = 10, .all = 100 };

/* What was answered, as "a+" or "a-" each. */
static char told[64];

struct guest {
	struct gate_ticket ticket;
	char name;
};

static int
fake_memory(struct memory_use *m, struct err *e)
{
	(void)e;
	*m = memory;
	return 0;
}

static void
renew(uint32_t max, int64_t patience_us)
{
	gate_free(&gate);
	gauge_unref(&places);
	places = gauge_new();
	memory.used = 10;
	conf.global.spool_max_rcpts = max;
	conf.global.max_memory_percent = 50;
	told[0] = '\0';
	gate = gate_new(&(struct gate_options){ .main = worker,
	    .places = places,
	    .conf = &conf.global,
	    .patience_us = patience_us,
	    .memory = fake_memory });
}

static void
on_done(struct gate_ticket *t)
{
	const struct guest *g = post_owner(t, struct guest, ticket);
	size_t len = strlen(told);

	if (len + 3 < sizeof(told)) {
		told[len] = g->name;
		told[len + 1] = t->passed ? '+' : '-';
		told[len + 2] = '\0';
	}
}

static void
come(struct guest *g, char name, enum gate_stage stage, uint32_t rcpts)
{
	*g = (struct guest){ .name = name };
	g->ticket.stage = stage;
	g->ticket.rcpts = rcpts;
	g->ticket.worker = worker;
	g->ticket.done = on_done;
	gate_wait(gate, &g->ticket);
}

static bool
is_told(const void *want)
{
	return strlen(told) >= strlen(want);
}

static void
expect(const char *want, const char *what)
{
	(void)loop_until(worker, is_told, want);
	is_str(told, want, what);
}

static bool
is_later(const void *end_us)
{
	return clock_us() > *(const int64_t *)end_us;
}

/* Longer than it takes to look for room. */
static void
pass_time(void)
{
	const int64_t end_us = clock_us() + 60000;

	(void)loop_until(worker, is_later, &end_us);
}

static uint32_t
waiting(void)
{
	struct gate_facts f;

	gate_facts(gate, &f);
	return f.waiting;
}

static void
test_order(void)
{
	struct guest a, b, c, d, e;

	renew(4, 0);
	ok(gate_pass(gate, GATE_DATA, 3, 4), "three of four places");
	ok(gate_pass(gate, GATE_MAIL, 0, 4), "one more may come");
	ok(!gate_pass(gate, GATE_DATA, 2, 4), "with two it has to wait");
	come(&a, 'a', GATE_MAIL, 0);
	come(&b, 'b', GATE_DATA, 2);
	come(&c, 'c', GATE_DATA, 1);
	come(&d, 'd', GATE_MAIL, 0);
	pass_time();
	is_str(told, "", "who is first needs two: nobody goes before him");
	ok(!gate_pass(gate, GATE_DATA, 1, 4) &&
		!gate_pass(gate, GATE_MAIL, 0, 4),
	    "nor does anybody who comes now");
	gauge_give(places, 1);
	expect("b+", "two places: he goes");
	come(&e, 'e', GATE_DATA, 1);
	gauge_give(places, 2);
	expect("b+c+e+", "two more: messages go first, in turn");
	pass_time();
	is_int(gauge_inside(places), 4, "all places are taken, none twice");
	gauge_give(places, 1);
	expect("b+c+e+a+d+", "one is free: then those who want to bring mail");
	pass_time();
	gauge_give(places, 3);
	pass_time();
	ok(gate_pass(gate, GATE_DATA, 1, 4), "then all pass again");
}

static void
test_causes(void)
{
	struct guest a, b;

	renew(0, 0);
	ok(gate_pass(gate, GATE_DATA, 3000000000, 0), "no limit of places");
	memory.used = 60;
	gate_reload(gate, &conf.global);
	come(&a, 'a', GATE_MAIL, 0);
	come(&b, 'b', GATE_DATA, 1);
	expect("b+", "short of memory: what is there goes on to the disk");
	memory.used = 10;
	expect("b+a+", "and more comes when there is some");
	gate_space(gate, STORE_SPACE_LOW);
	ok(!gate_pass(gate, GATE_MAIL, 0, 0), "a disk without space: at once");
	come(&a, 'c', GATE_MAIL, 0);
	come(&b, 'd', GATE_DATA, 1);
	pass_time();
	is_str(told, "b+a+", "nothing comes in");
	gate_space(gate, STORE_SPACE_OK);
	expect("b+a+d+c+", "until it has");
}

static void
test_patience(void)
{
	struct guest a, b, c;
	struct gate_facts f;
	int64_t begin_us;

	renew(1, 100000);
	gauge_add(places, 1);
	begin_us = clock_us();
	come(&a, 'a', GATE_MAIL, 0);
	come(&b, 'b', GATE_DATA, 1);
	expect("a-b-", "they do not wait for ever");
	ok(clock_us() - begin_us >= 100000, "but as long as they should");
	b.ticket.done = on_done;
	gate_wait(gate, &b.ticket); /* its time is over */
	expect("a-b-b-", "nor anew");
	gate_refused(gate);
	gate_facts(gate, &f);
	is_int((int64_t)f.refused, 4, "all are counted");
	is_int((int64_t)f.delayed, 2, "those who waited as well");
	renew(5, 0);
	gauge_add(places, 5);
	come(&c, 'c', GATE_DATA, 3);
	pass_time();
	conf.global.spool_max_rcpts = 2;
	gate_reload(gate, &conf.global);
	expect("c-", "a reload after which there is never room for it");
	gate_cancel(gate, &c.ticket);
	come(&a, 'a', GATE_MAIL, 0);
	come(&b, 'b', GATE_DATA, 1);
	pass_time();
	gate_cancel(gate, &a.ticket);
	expect("c-a-", "one who does not want to wait; c was answered");
	gate_cancel(gate, &b.ticket);
	expect("c-a-b-", "and a message of a client that is gone");
	is_int(waiting(), 0, "nobody waits");
}

/* The last is one too many. */
static void
test_bounds(void)
{
	struct guest *all = mem_array(GATE_LINE + 1, sizeof(*all));
	struct guest big, bigger;

	renew(1, 0);
	gauge_add(places, 1);
	for (size_t i = 0; i < GATE_LINE; i++)
		come(&all[i], '.', GATE_MAIL, 0);
	come(&all[GATE_LINE], 'x', GATE_MAIL, 0);
	expect("x-", "so many may wait and no more");
	is_int(waiting(), GATE_LINE, "they do");
	for (size_t i = 0; i < GATE_LINE; i++)
		gate_cancel(gate, &all[i].ticket);
	pass_time();
	is_int(waiting(), 0, "they do not want to any more");
	free(all);

	renew(1, 0);
	gauge_add(places, 1);
	come(&big, 'b', GATE_DATA, 1);
	big.ticket.bytes = GATE_BYTES + 1U;
	pass_time();
	come(&bigger, 'c', GATE_DATA, 1);
	bigger.ticket.bytes = 1;
	expect("c-", "one large message may wait, and no other beside it");
	gauge_give(places, 1);
	expect("c-b+", "it gets its place");
}

static void
test_closed(void)
{
	struct guest a, b, c, d;

	renew(1, 0);
	gauge_add(places, 1);
	come(&a, 'a', GATE_MAIL, 0);
	come(&b, 'b', GATE_DATA, 1);
	pass_time();
	gate_close(gate);
	expect("a-", "closed: who wants to bring mail need not wait");
	come(&c, 'c', GATE_MAIL, 0);
	expect("a-c-", "nor who comes later");
	gauge_give(places, 1);
	expect("a-c-b+", "a message that has come in gets its place");
	gauge_give(places, 1);
	ok(!gate_pass(gate, GATE_MAIL, 0, 1), "closed, with all that room");
	gate_open(gate);
	ok(gate_pass(gate, GATE_MAIL, 0, 1), "and open");
	come(&d, 'd', GATE_MAIL, 0);
	expect("a-c-b+d+", "to who was on his way, too");
}

int
main(void)
{
	struct err e;

	log_set_level(LOG_L_ERROR);
	worker = worker_new("test", &e);
	CHECK(worker != NULL);
	test_order();
	test_causes();
	test_patience();
	test_bounds();
	test_closed();
	gate_free(&gate);
	gauge_unref(&places);
	worker_free(&worker);
	return done_testing();
}
