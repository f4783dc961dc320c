/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept of a queue makes it wait on after a start; what nobody can read
 * is forgotten, once; what belongs to others is left alone.
 */
#include "transport/keep_load.h"

#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/packed.h"
#include "tests/tap.h"
#include "tests/unit/spool.h"
#include "transport/dispatch.h"
#include "transport/keeper.h"
#include "transport/lessor.h"
#include "transport/worker_env.h"
#include "vmta/sched.h"
#include "vmta/sched_walk.h"
#include "vmta/standing.h"

#define H (3600 * US_PER_S)

static struct dispatch *dispatch;

/* ---- values --------------------------------------------------------------- */

static void
on_kept(struct store_state *st)
{
	(void)st;
	spool_wake('K');
}

static void
put(const char *name, const struct buf *value)
{
	struct store_state st = { .done = on_kept,
		.name = name,
		.value = value->p,
		.len = value->len };

	store_put_state(spool.store, &st);
	ok(spool_wait('K') && st.kept, "%s", name);
}

static void
stamp(struct buf *value)
{
	struct lease_stamp now;

	buf_clear(value);
	lessor_stamp(&now);
	keeper_stamp(value, &now);
}

static void
put_values(void)
{
	const struct retry wait = { .until_us = clock_us() + H, .position = 1 };
	struct buf value = { 0 };

	spool_open();
	(void)spool_load();
	buf_printf(&value, "no stamp");
	put("queue:cut.example/{default}", &value);
	put("other", &value);
	stamp(&value);
	buf_printf(&value, "no standing");
	put("queue:bad.example/{default}", &value);
	stamp(&value);
	packed_add_str(&value, "421 try later");
	standing_pack(NULL, &wait, clock_us(), &value);
	put("queue:good.example/{default}", &value);
	put("queue:nameless", &value);
	buf_fini(&value);
	store_close(&spool.store);
}

/* ---- a start -------------------------------------------------------------- */

static char names[400], queues[400]; /* the latter the scheduler's */

static void
on_state(void *ctx, struct slice name, struct slice value)
{
	size_t len = strlen(names);

	(void)ctx;
	(void)snprintf(names + len, sizeof(names) - len, "%.*s ", (int)name.len,
	    name.p);
	keep_load_one(dispatch, name, value);
}

static void
on_ask(struct dispatch_ask *ask, struct sched *s, int64_t now_us)
{
	struct sched_walk walk;
	struct sched_queue *q;

	(void)ask;
	sched_walk_begin(&walk, s);
	while ((q = sched_walk_next(&walk)) != NULL) {
		size_t len = strlen(queues);
		struct sched_queue_info info;

		sched_queue_info(s, q, now_us, &info);
		(void)snprintf(queues + len, sizeof(queues) - len,
		    "%s %ldm %s; ", info.domain,
		    (long)((info.retry_us - now_us) / (60 * US_PER_S)) + 1,
		    info.last_error);
	}
	sched_walk_end(&walk);
	spool_wake('A');
}

static void
on_drained(void *arg)
{
	(void)arg;
	spool_wake('D');
}

static struct snapshot *
defaults(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *conf;

	(void)fclose(fopen(tmpdir_path("config"), "w"));
	conf = snapshot_load(tmpdir_path("config"), &errs);
	conf_errors_fini(&errs);
	return conf;
}

/* A start and a clean stop. */
static void
start_and_stop(void)
{
	struct snapshot *conf = defaults(); /* before another path */
	const struct store_options opt = { .dir = tmpdir_path("spool"),
		.workers = 1,
		.sessions = 1 };
	const struct store_owner owner = { .state = on_state,
		.loaded = spool_on_loaded };
	struct worker_env env = { 0 }, *const envs[] = { &env };
	struct dispatch_options with = { .envs = envs,
		.env_count = 1,
		.conf = conf };
	struct dispatch_ask ask = { .fn = on_ask };
	struct worker *w;
	struct err e = { .text = "" };

	names[0] = queues[0] = '\0';
	w = worker_new("scheduler", &e);
	ok(store_open(&opt, &owner, NULL, &spool.store, &e) == 0, "a spool %s",
	    e.text);
	with.store = spool.store;
	dispatch = dispatch_new(w, &with);
	ok(worker_start(w, &e) == 0, "a scheduler");
	store_load(spool.store);
	ok(spool_wait('L'), "loaded");
	dispatch_ask(dispatch, &ask);
	ok(spool_wait('A'), "asked");
	dispatch_drain(dispatch, on_drained, NULL);
	ok(spool_wait('D'), "drained");
	ok(spool_settle(NULL, 0, ""), "and flushed");
	worker_stop(w);
	worker_join(w);
	store_close(&spool.store);
	dispatch_free(&dispatch);
	worker_free(&w);
	snapshot_unref(&conf);
}

int
main(void)
{
	(void)tmpdir_make();
	put_values();
	start_and_stop();
	is_str(names,
	    "other queue:bad.example/{default} queue:cut.example/{default} "
	    "queue:good.example/{default} queue:nameless ",
	    "all are there");
	is_str(queues, "good.example 60m 421 try later; ",
	    "one can be read, and its queue waits on");
	start_and_stop();
	is_str(names, "other queue:good.example/{default} ",
	    "what could not be read is forgotten");
	is_str(queues, "good.example 60m 421 try later; ", "it still waits");
	tmpdir_remove();
	return done_testing();
}
