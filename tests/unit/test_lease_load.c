/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A limit whose record cannot be read is used up, whatever it allows, until
 * its period is over; and its record does not stay for ever.  One of another
 * boot is kept anew.
 */
#include "transport/lease_load.h"

#include "lib/clock.h"
#include "queue/env.h"
#include "queue/leases.h"
#include "tests/tap.h"
#include "tests/unit/spool.h"
#include "transport/dispatch.h"
#include "transport/lessor.h"
#include "transport/worker_env.h"
#include "vmta/lease.h"
#include "vmta/sched.h"

#define S US_PER_S
#define DAY (86400 * S)
#define START (1000 * DAY)

struct world {
	struct sched *sched;
	struct sched_conn *conn;
	unsigned opened, asked, forgotten;
};

static void
on_open(void *ctx, struct sched_conn *c)
{
	struct world *w = ctx;

	w->conn = c;
	w->opened++;
}

static void
on_close(void *ctx, struct sched_conn *c)
{
	(void)ctx;
	(void)c;
}

static void
on_lease(void *ctx, struct slice key, const struct lease_record *rec,
    uint64_t ticket)
{
	struct world *w = ctx;

	(void)key;
	(void)ticket;
	if (rec == NULL)
		w->forgotten++;
	else
		w->asked++;
}

static void
mail(struct world *w)
{
	const struct sched_rcpt_in in = { .domain = "example.net",
		.vmta = "",
		.queued_us = START };
	struct message *m = message_at(1, &(struct message_loc){ 0 });

	sched_add(w->sched, m, &in, 1, START);
	message_unref(&m);
}

static void
begin(struct world *w, const char *rate, const char *key)
{
	static const struct sched_owner owner = { .open = on_open,
		.close = on_close,
		.lease = on_lease };
	struct conf_errors errs = { 0 };
	struct snapshot *conf;
	FILE *f = fopen(tmpdir_path("config"), "w");

	(void)fprintf(f, "<domain *>\n    max-msg-rate %s\n</domain>\n", rate);
	(void)fclose(f);
	*w = (struct world){ 0 };
	conf = snapshot_load(tmpdir_path("config"), &errs);
	ok(conf != NULL, "%s", rate);
	w->sched = sched_new(conf, &owner, w, START);
	snapshot_unref(&conf);
	conf_errors_fini(&errs);
	sched_restore_lease(w->sched, slice_of(key), &lease_unreadable, 0);
	sched_restored(w->sched, true, false, START);
	mail(w);
}

static void
end(struct world *w)
{
	if (w->conn != NULL)
		sched_closed(w->sched, &w->conn, START + 10 * DAY);
	sched_free(&w->sched);
}

static void
test_used_up(const char *rate, int64_t period_us)
{
	struct world w;

	begin(&w, rate, "queue msg example.net/{default}");
	(void)sched_run(w.sched, START + period_us - S);
	ok(w.asked == 0 && w.opened == 0, "nothing goes for its period");
	(void)sched_run(w.sched, START + period_us + 2 * S);
	ok(w.asked == 1, "and then a lease is asked for");
	end(&w);
}

static void
test_nobodys(void)
{
	struct world w;

	begin(&w, "unlimited", "queue msg gone/x");
	(void)sched_run(w.sched, START);
	is_int(w.forgotten, 0, "it may be of any limit");
	(void)sched_run(w.sched, START + 7 * DAY + 2 * S);
	is_int(w.forgotten, 1, "for a week");
	is_int(w.opened, 1, "others do not wait for it");
	end(&w);
}

/* ---- in the daemon's own way ---------------------------------------------- */

static struct dispatch *dispatch;
static struct lease_record loaded; /* the last one */

static void
on_kept_lease(void *ctx, struct slice key, const struct lease_record *rec)
{
	(void)ctx;
	spool_on_lease(ctx, key, rec);
	if (rec != NULL)
		loaded = *rec;
	lease_load_one(dispatch, key, rec);
}

static void
on_loaded_leases(void *ctx, const struct store_leases_loaded *all)
{
	spool_on_leases_loaded(ctx, all);
	lease_load_done(dispatch, all);
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

/* A start and a clean stop; what the start found is in spool.leases. */
static void
start_and_stop(void)
{
	struct snapshot *conf = defaults(); /* before another path */
	const struct store_options opt = { .dir = tmpdir_path("spool"),
		.workers = 1,
		.sessions = 1 };
	const struct store_owner owner = { .lease = on_kept_lease,
		.leases_loaded = on_loaded_leases,
		.loaded = spool_on_loaded };
	struct worker_env env = { 0 }, *const envs[] = { &env };
	struct dispatch_options with = { .envs = envs,
		.env_count = 1,
		.conf = conf };
	struct worker *w;
	struct err e = { .text = "" };

	spool.leases[0] = '\0';
	w = worker_new("scheduler", &e);
	ok(store_open(&opt, &owner, NULL, &spool.store, &e) == 0, "a spool %s",
	    e.text);
	with.store = spool.store;
	dispatch = dispatch_new(w, &with);
	ok(worker_start(w, &e) == 0, "a scheduler");
	store_load(spool.store);
	ok(spool_wait('L'), "loaded");
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

#define KEY "queue msg gone/x"

static void
put(struct slice record, const char *what)
{
	struct env *v;
	struct err e;

	spool_open();
	store_close(&spool.store);
	ok(env_open(tmpdir_path("spool"), &v, &e) == ENV_OK, "the database");
	env_begin(v);
	ok(env_put(v, TABLE_LEASE, SLICE_LIT(KEY), record, &e) == ENV_OK &&
		env_commit(v, &e) == ENV_OK && env_flush(v, &e) == ENV_OK,
	    "%s", what);
	env_close(&v);
}

static void
test_replaced(void)
{
	put(SLICE_LIT("something else"), "what is no record");
	start_and_stop();
	is_str(spool.leases, "queue msg gone/x=?; ", "nobody can read it");
	start_and_stop();
	is_str(spool.leases, "queue msg gone/x=0+0; ",
	    "so one took its place: it is not spent anew by each start");
	is_int((int64_t)spool.leases_loaded.damaged, 0, "none is damaged");
}

/*
 * One of another boot, as it was kept ten seconds ago: the next start knows by
 * the clock of this boot how long ago that was, wherever the clock is set.
 */
static void
test_stamped_anew(void)
{
	struct lease_record rec = { .max = 5,
		.period_us = DAY,
		.pending = 1,
		.lease = 2,
		.count = 1,
		.entries = { { S, 4 } } };
	struct buf out = { 0 };
	struct lease_stamp now;

	lessor_stamp(&now);
	rec.stamp = now;
	rec.stamp.wall_us -= 10 * S;
	rec.stamp.boot_id[0] ^= 1;
	leases_pack(&out, SLICE_LIT(KEY), &rec);
	put((struct slice){ out.p, out.len }, "a record of another boot");
	buf_fini(&out);
	start_and_stop();
	is_str(spool.leases, KEY "=2+1; ", "it counts");
	ok(lease_is_doubtful(&loaded.stamp, &now), "and cannot be told later");
	start_and_stop();
	is_str(spool.leases, KEY "=2+1; ", "it still counts");
	ok(!lease_is_doubtful(&loaded.stamp, &now),
	    "from an instant of this boot");
	ok(loaded.entries[0].age_us >= 11 * S, "that much older");
}

int
main(void)
{
	(void)tmpdir_make();
	test_used_up("500/d", DAY);
	test_used_up("1/20m", 1200 * S);
	test_used_up("100000/h", 3600 * S);
	test_nobodys();
	test_replaced();
	test_stamped_anew();
	tmpdir_remove();
	return done_testing();
}
