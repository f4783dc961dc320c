/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a round of the scheduler says of its queues is answered on its thread,
 * in order, and then it is in the spool behind a stamp; who waits for a round
 * is told when all of it is there.
 */
#include "transport/keeper.h"

#include "lib/worker.h"
#include "tests/tap.h"
#include "tests/unit/spool.h"
#include "transport/lessor.h"

static struct worker *scheduler;
static struct keeper *keeper;
static char answers[400]; /* the scheduler's, until spool_wait() */

static void
note(const char *what)
{
	size_t len = strlen(answers);

	if (!worker_is_self(scheduler))
		abort();
	(void)snprintf(answers + len, sizeof(answers) - len, "%s ", what);
}

static void
on_answer(void *ctx, uint64_t ticket, bool kept)
{
	char text[32];

	(void)ctx;
	(void)snprintf(text, sizeof(text), "%u%s", (unsigned)ticket,
	    kept ? "" : "?");
	note(text);
}

static void
on_waited(struct keeper_wait *w, bool kept)
{
	note(kept ? "waited" : "lost");
	(void)w;
	spool_wake('E');
}

static void
say(const char *name, const char *value, uint64_t ticket)
{
	char *n = mem_strdup(name), *v = mem_strdup(value);

	keeper_put(keeper, slice_of(n), slice_of(v), ticket);
	memset(n, 'x', strlen(n)); /* they are the keeper's no more */
	memset(v, 'x', strlen(v));
	free(n);
	free(v);
}

static struct keeper_wait wait = { .fn = on_waited };

static void
on_first(struct post *p)
{
	(void)p;
	say("queue:a", "one", 1);
	say("queue:b", "two", 0);
	say("queue:c", "three", 2);
	say("queue:a", "four", 3);
	say("queue:c", "", 4);
	keeper_wait(keeper, &wait);
}

/* Nothing is put in its round, nor on its way. */
static void
on_empty(struct post *p)
{
	(void)p;
	keeper_wait(keeper, &wait);
}

/* Nor here, but it is on its way. */
static void
on_behind(struct post *p)
{
	(void)p;
	say("queue:d", "five", 5);
	keeper_flush(keeper);
	keeper_wait(keeper, &wait);
}

static void
on_last(struct post *p)
{
	(void)p;
	say("queue:e", "last", 6);
	keeper_end(keeper);
	say("queue:f", "late", 7); /* nobody has it any more */
	keeper_wait(keeper, &wait);
}

static void
on_round(void *arg)
{
	(void)arg;
	keeper_flush(keeper);
}

static void
restart(void)
{
	struct err e;

	spool_open();
	(void)spool_load();
	answers[0] = '\0';
	scheduler = worker_new("scheduler", &e);
	keeper = keeper_new(scheduler, spool.store, on_answer, NULL);
	worker_on_round(scheduler, on_round, NULL);
	ok(worker_start(scheduler, &e) == 0, "a scheduler");
}

static void
stop(void)
{
	worker_stop(scheduler);
	worker_join(scheduler);
	store_close(&spool.store);
	keeper_free(&keeper);
	worker_free(&scheduler);
}

static void
test_rounds(void)
{
	struct post first = { .fn = on_first }, empty = { .fn = on_empty };
	struct post behind = { .fn = on_behind }, last = { .fn = on_last };

	restart();
	worker_post(scheduler, &first);
	ok(spool_wait('E'), "a round is answered");
	is_str(answers, "1 2 3 4 waited ", "each in its turn, then who waits");
	worker_post(scheduler, &empty);
	ok(spool_wait('E'), "who waits for nothing");
	worker_post(scheduler, &behind);
	ok(spool_wait('E'), "who waits for the round before");
	is_str(answers, "1 2 3 4 waited waited 5 waited ", "in order");
	worker_post(scheduler, &last);
	ok(spool_wait('E'), "the last round");
	stop();
	ok(strstr(answers, "6 waited") != NULL || strstr(answers, "6 lost"),
	    "is answered");
}

/* ---- values and stamps --------------------------------------------------- */

static struct {
	unsigned count, damaged;
	char all[400]; /* NAME=BYTES; */
} seen;

static void
on_state(void *ctx, struct slice name, struct slice value)
{
	size_t len = strlen(seen.all);
	struct lease_stamp then, now;
	struct slice bytes;
	struct err e;

	(void)ctx;
	seen.count++;
	lessor_stamp(&now);
	if (keeper_unstamp(value, &then, &bytes, &e) == -1 ||
	    memcmp(then.boot_id, now.boot_id, sizeof(then.boot_id)) != 0 ||
	    then.boot_us > now.boot_us ||
	    now.boot_us - then.boot_us > 60 * US_PER_S) {
		seen.damaged++;
		return;
	}
	(void)snprintf(seen.all + len, sizeof(seen.all) - len, "%.*s=%.*s; ",
	    (int)name.len, name.p, (int)bytes.len, bytes.p);
}

static void
on_loaded(void *ctx, size_t doubts)
{
	(void)ctx;
	(void)doubts;
	spool_wake('L');
}

static void
on_recovered(void *ctx, struct store_arrivals *a)
{
	(void)ctx;
	store_arrivals_done(&a);
}

static void
on_space(void *ctx, enum store_space space)
{
	(void)ctx;
	(void)space;
}

static void
test_values(void)
{
	const struct store_options opt = { .dir = tmpdir_path("spool"),
		.workers = 1,
		.sessions = 1 };
	const struct store_owner owner = { .state = on_state,
		.recovered = on_recovered,
		.loaded = on_loaded,
		.space = on_space };
	struct store *s;
	struct err e;

	ok(store_open(&opt, &owner, NULL, &s, &e) == 0, "the next process");
	store_load(s);
	ok(spool_wait('L'), "reads what was kept");
	is_str(seen.all,
	    "queue:a=four; queue:b=two; queue:d=five; queue:e=last; ",
	    "the last of each, with a stamp of this boot");
	is_int(seen.damaged, 0, "none is damaged");
	store_close(&s);
}

static void
test_stamps(void)
{
	struct lease_stamp then = { .wall_us = 5,
		.boot_us = 7,
		.boot_id = { 1 } },
			   got;
	struct buf value = { 0 };
	struct slice bytes;
	struct err e;

	keeper_stamp(&value, &then);
	for (size_t len = 0; len < value.len; len++)
		if (keeper_unstamp((struct slice){ value.p, len }, &got, &bytes,
			&e) == 0)
			ok(false, "a stamp of %zu bytes", len);
	ok(keeper_unstamp((struct slice){ value.p, value.len }, &got, &bytes,
	       &e) == 0 &&
		got.wall_us == 5 && got.boot_us == 7 && got.boot_id[0] == 1 &&
		bytes.len == 0,
	    "a stamp, and nothing behind it");
	buf_clear(&value);
	then.wall_us = -1;
	keeper_stamp(&value, &then);
	ok(keeper_unstamp((struct slice){ value.p, value.len }, &got, &bytes,
	       &e) == -1,
	    "before 1970");
	buf_fini(&value);
}

int
main(void)
{
	(void)tmpdir_make();
	test_rounds();
	test_values();
	test_stamps();
	tmpdir_remove();
	return done_testing();
}
