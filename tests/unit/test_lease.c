/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits over long periods hold whatever ends the process: a limit lives
 * through crashes and clean stops at any point, in the same boot and after
 * another one, while the wall clock steps.  What is judged is when things
 * really happened.
 */
#include "vmta/lease.h"

#include <string.h>

#include "lib/clock.h"
#include "tests/tap.h"
#include "tests/unit/arrivals.h"
#include "vmta/limit.h"

#define S US_PER_S
#define M (60 * S)
#define H (3600 * S)
#define D (86400 * S)

#define QUEUE_MAX 8
#define PENDING_MAX 8

struct life {
	/* what outlives the process */
	int64_t now; /* true time */
	int64_t wall_off, boot_at;
	unsigned char boot;
	bool kept;
	struct lease_record disk;
	/* the process */
	int64_t engine_off;
	struct lease_list list;
	struct rate_limit limit;
	struct {
		struct lease_record rec;
		uint64_t ticket;
		int64_t due;
	} queue[QUEUE_MAX];
	unsigned queued;
	struct {
		uint64_t n;
		int64_t due;
	} pending[PENDING_MAX];
	unsigned pendings;
};

static int64_t
engine(const struct life *f)
{
	return f->now + f->engine_off;
}

static struct lease_stamp
stamp(const struct life *f)
{
	struct lease_stamp st = { .wall_us = f->now + f->wall_off,
		.boot_us = f->now - f->boot_at };

	memset(st.boot_id, f->boot, LEASE_BOOT_ID);
	return st;
}

/* ---- the process --------------------------------------------------------- */

static void
start(struct life *f, const struct data_rate *rate)
{
	struct lease_stamp st = stamp(f);

	f->engine_off = f->wall_off;
	lease_list_init(&f->list);
	f->limit = (struct rate_limit){ 0 };
	rate_limit_set_data(&f->limit, rate, engine(f));
	(void)rate_limit_lease(&f->limit, &f->list, f, 0, engine(f));
	if (f->kept)
		rate_limit_restore(&f->limit, &f->disk,
		    lease_elapsed(&f->disk.stamp, &st), engine(f));
}

static void
commit(struct life *f)
{
	f->disk = f->queue[0].rec;
	f->kept = true;
	f->queued--;
	memmove(&f->queue[0], &f->queue[1], f->queued * sizeof(f->queue[0]));
}

/* What was asked is durable when its time has come. */
static void
run_disk(struct life *f)
{
	struct lease *l;

	while (f->queued > 0 && f->queue[0].due <= f->now) {
		uint64_t ticket = f->queue[0].ticket;

		commit(f);
		(void)lease_kept(&f->list, ticket, true, engine(f));
	}
	while ((l = TAILQ_FIRST(&f->list.wanted)) != NULL) {
		unsigned i = f->queued++;

		lease_write(l, &f->limit.window, engine(f), &f->queue[i].rec);
		f->queue[i].rec.stamp = stamp(f);
		f->queue[i].ticket = l->ticket;
		f->queue[i].due = f->now + 1000 + (int64_t)rnd(20000);
	}
}

static void
end_pending(struct life *f, unsigned i, bool used)
{
	if (used) {
		arrive(f->now, f->pending[i].n);
		rate_limit_settle(&f->limit, f->pending[i].n, engine(f));
	} else {
		rate_limit_return(&f->limit, f->pending[i].n);
	}
	f->pending[i] = f->pending[--f->pendings];
}

static void
run_pending(struct life *f)
{
	for (unsigned i = f->pendings; i-- > 0;)
		if (f->pending[i].due <= f->now)
			end_pending(f, i, rnd(10) > 0);
}

static void
spend(struct life *f, uint64_t most)
{
	uint64_t room = rate_limit_room(&f->limit, most, engine(f)), n;

	if (rate_limit_next(&f->limit, engine(f)) > engine(f) ||
	    f->pendings == PENDING_MAX)
		return;
	n = 1 + rnd(room < most ? room : most);
	if (rate_limit_next_for(&f->limit, n, engine(f)) > engine(f))
		return;
	(void)rate_limit_take(&f->limit, n, engine(f));
	f->pending[f->pendings].n = n;
	f->pending[f->pendings++].due = f->now + (int64_t)rnd(100000);
}

/* ---- its end ------------------------------------------------------------- */

static void
stop(struct life *f)
{
	struct lease *l = TAILQ_FIRST(&f->list.all);

	while (f->pendings > 0)
		end_pending(f, 0, true);
	lease_write_last(l, &f->limit.window, engine(f), &f->disk);
	f->disk.stamp = stamp(f);
	f->kept = true;
	f->queued = 0;
	rate_limit_fini(&f->limit);
}

/* What was on its way may have arrived, what was asked may be durable. */
static void
crash(struct life *f)
{
	while (f->pendings > 0) {
		f->pendings--;
		if (rnd(2) == 0)
			arrive(f->now, f->pending[f->pendings].n);
	}
	while (f->queued > 0 && rnd(2) == 0)
		commit(f);
	f->queued = 0;
	rate_limit_fini(&f->limit);
}

static void
reboot(struct life *f)
{
	f->boot++;
	f->boot_at = f->now;
}

/* ---- random lives -------------------------------------------------------- */

struct weather {
	const char *label;
	unsigned crashes, stops; /* in a thousand periods */
	bool reboots;
	bool steps; /* of the wall clock: after a reboot only backwards */
};

static void
one_step(struct life *f, const struct data_rate *r, const struct weather *w,
    uint64_t most)
{
	int64_t step = r->period_us / 500 + 1;
	bool crashes, stops;

	f->now += 1 + (int64_t)rnd((uint64_t)(step < 30 * S ? step : 30 * S));
	if (w->steps && rnd(1000) == 0)
		f->wall_off -= (int64_t)rnd((uint64_t)(2 * r->period_us)) -
		    (w->reboots ? 0 : r->period_us);
	run_disk(f);
	run_pending(f);
	spend(f, most);
	run_disk(f);
	crashes = rnd(100000) < w->crashes;
	stops = rnd(100000) < w->stops;
	if (!crashes && !stops)
		return;
	if (crashes)
		crash(f);
	else
		stop(f);
	f->now += (int64_t)rnd((uint64_t)(rnd(2) == 0 ? S : r->period_us / 2));
	if (w->reboots && rnd(2) == 0)
		reboot(f);
	start(f, r);
}

static const struct {
	const char *label;
	struct data_rate rate;
	uint64_t most; /* at once */
} rates[] = {
	{ "1/20m", { 1, 20 * M }, 1 },
	{ "20/m", { 20, M }, 5 },
	{ "500/d", { 500, D }, 20 },
	{ "10000/m", { 10000, M }, 100 },
	{ "10M/15m", { 10 << 20, 15 * M }, 1 << 20 },
};

static void
test_weather(const struct weather *w)
{
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		const struct data_rate *r = &rates[i].rate;
		struct life f = { .now = D, .wall_off = 20000 * D, .boot = 1 };
		unsigned steps = r->bytes < 100 ? 40000 : 80000;
		uint64_t most;

		seen_count = 0;
		start(&f, r);
		for (unsigned k = 0; k < steps; k++)
			one_step(&f, r, w, rates[i].most);
		most = busiest(r->period_us, UINT64_MAX);
		ok(most <= r->bytes && most > r->bytes / 2,
		    "%s, %s: at most %llu", rates[i].label, w->label,
		    (unsigned long long)most);
		stop(&f);
	}
}

/* ---- what it costs ------------------------------------------------------- */

/* Nobody waits for the disk: the rate is reached. */
static void
test_rate_is_reached(void)
{
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		const struct data_rate *r = &rates[i].rate;
		struct life f = { .now = D, .boot = 1 };
		int64_t until = f.now + 4 * r->period_us;
		double share;

		seen_count = 0;
		start(&f, r);
		for (; f.now < until; f.now += r->period_us / 200000 + 1) {
			run_disk(&f);
			while (f.pendings > 0)
				end_pending(&f, 0, true);
			spend(&f, 1 + r->bytes / 2000);
		}
		share = (double)total() / (double)r->bytes / 4;
		ok(share >= 0.97, "%s within leases: %.1f %% used",
		    rates[i].label, 100 * share);
		stop(&f);
	}
}

/* Just after a crash the limit believes in hardly more than happened. */
static void
test_cost(void)
{
	static const uint64_t max[] = { 16, 20, 33, 100, 500, 5000, 100000 };

	for (size_t i = 0; i < sizeof(max) / sizeof(max[0]); i++) {
		struct data_rate r = { max[i], H };
		struct weather calm = { 0 };
		struct life f = { .now = D, .boot = 1 };
		uint64_t worst = 0, counted, real;
		int64_t last = f.now;

		seen_count = 0;
		start(&f, &r);
		for (int k = 0; k < 100000; k++) {
			one_step(&f, &r, &calm, 1 + max[i] / 100);
			if (f.now - last < 2 * H || rnd(200) > 0)
				continue;
			last = f.now;
			while (f.pendings > 0)
				end_pending(&f, 0, true);
			crash(&f);
			/* Merged entries leave later, by a part of a window. */
			real = since(f.now - H - H / 50);
			start(&f, &r);
			(void)window_room(&f.limit.window, engine(&f));
			counted = f.limit.window.count;
			if (counted > real && counted - real > worst)
				worst = counted - real;
		}
		ok(worst > 0 && worst <= max[i] / 16,
		    "%llu/h: a crash costs at most %llu",
		    (unsigned long long)max[i], (unsigned long long)worst);
		stop(&f);
	}
}

/* ---- one by one ---------------------------------------------------------- */

static void
test_elapsed(void)
{
	struct lease_stamp then = { .wall_us = 100 * S, .boot_us = 50 * S };
	struct lease_stamp now = { .wall_us = 90 * S, .boot_us = 51 * S };

	is_int(lease_elapsed(&then, &now), -1,
	    "no boot is known, and the wall clock stepped back");
	now.wall_us = 130 * S;
	is_int(lease_elapsed(&then, &now), 30 * S, "then the wall clock says");
	then.boot_id[3] = 7;
	is_int(lease_elapsed(&then, &now), 30 * S, "after another boot too");
	now.boot_id[3] = 7;
	is_int(lease_elapsed(&then, &now), S, "in the same boot its clock");
	now.boot_us = 49 * S;
	is_int(lease_elapsed(&then, &now), -1, "which cannot go back");
}

/*
 * A clock that is set in one boot is seen by the next start: after one more
 * boot it would pass for time.
 */
static void
test_doubtful(void)
{
	struct lease_stamp then = { 100 * S, 50 * S, { 1 } };
	struct lease_stamp now = { 130 * S, 80 * S + S / 2, { 1 } };
	struct lease_record rec = { .count = 2,
		.entries = { { 60 * S, 3 }, { 10 * S, 1 } } };

	ok(!lease_is_doubtful(&then, &now), "all clocks agree");
	now.wall_us = 3730 * S;
	ok(lease_is_doubtful(&then, &now), "set forward");
	now.wall_us = 90 * S;
	ok(lease_is_doubtful(&then, &now), "set back");
	now.wall_us = 130 * S;
	now.boot_id[0] = 2;
	ok(lease_is_doubtful(&then, &now), "another boot, set later perhaps");
	lease_age(&rec, 30 * S);
	ok(rec.entries[0].age_us == 90 * S && rec.entries[1].age_us == 40 * S &&
		rec.entries[0].count == 3,
	    "older by what has passed");
	lease_age(&rec, -1);
	ok(rec.entries[0].age_us == 0 && rec.entries[1].age_us == 0,
	    "all new when nobody knows");
}

static void
test_restore(void)
{
	struct lease_record rec = { .max = 10,
		.period_us = 100 * S,
		.pending = 1,
		.lease = 2,
		.count = 2,
		.entries = { { 60 * S, 3 }, { 10 * S, 1 } } };
	struct window w;

	window_init(&w, 10, 100 * S);
	lease_restore(&w, &rec, 20 * S, 1000 * S);
	is_int(window_room(&w, 1000 * S), 3, "all of it counts");
	is_int(window_room(&w, 1020 * S + S / 2), 6, "the first leave in time");
	is_int(window_room(&w, 1099 * S), 7,
	    "what was pending and the lease count from the restart");
	is_int(window_room(&w, 1101 * S), 10, "and leave");
	window_fini(&w);
	window_init(&w, 10, 100 * S);
	lease_restore(&w, &rec, -1, 1000 * S);
	is_int(window_room(&w, 1100 * S), 3, "when unknown, all from then");
	window_fini(&w);
	is_int(lease_end(&rec, 500 * S, 1000 * S), 1001 * S + LEASE_LEFT_US,
	    "the limit may have a longer period by now");
	rec.pending = rec.lease = 0;
	is_int(lease_end(&rec, 20 * S, 1000 * S), 971 * S + LEASE_LEFT_US,
	    "from the last that was spent");
	rec.period_us = 2 * LEASE_LEFT_US;
	is_int(lease_end(&rec, 20 * S, 1000 * S), 971 * S + 2 * LEASE_LEFT_US,
	    "or had one already");
}

static void
test_answers(void)
{
	struct lease_list list;
	struct rate_limit l = { 0 };
	struct rate rate = { 160, 100 * S }, quick = { 5, S };
	struct lease_record rec;

	lease_list_init(&list);
	rate_limit_set(&l, &rate, 0);
	ok(!rate_limit_lease(&l, &list, &l, 1, 0), "nothing to forget");
	is_int(rate_limit_next(&l, 0), INT64_MAX, "not without a lease");
	lease_write(TAILQ_FIRST(&list.wanted), &l.window, 0, &rec);
	is_int(rec.lease, 10, "a sixteenth");
	ok(TAILQ_EMPTY(&list.wanted), "one question at a time");
	ok(lease_kept(&list, 1, false, 0) == l.lease, "the disk is full");
	is_int(rate_limit_next(&l, 0), S, "later");
	is_int(rate_limit_next(&l, S), INT64_MAX, "once more");
	is_int(rate_limit_next_for(&l, 12, S), INT64_MAX, "twelve at once");
	lease_write(TAILQ_FIRST(&list.wanted), &l.window, S, &rec);
	is_int(rec.lease, 12, "so many");
	ok(lease_kept(&list, 1, true, S) == NULL, "an old answer is nobody's");
	(void)lease_kept(&list, 2, true, S);
	ok(rate_limit_take(&l, 12, S), "spent");
	rate_limit_return(&l, 5);
	is_int(lease_room(l.lease, 7), 5, "what came back may be used again");
	rate_limit_set(&l, &quick, S);
	ok(rate_limit_lease(&l, &list, &l, 1, 0) && l.lease == NULL,
	    "a short period needs none, and what was kept is forgotten");
	rate_limit_settle(&l, 7, S);
	rate_limit_fini(&l);
	ok(TAILQ_EMPTY(&list.all), "no lease is left");
}

/* A message of many recipients asks for no more than a crash may cost. */
static void
test_many_recipients(void)
{
	struct lease_list list;
	struct rate_limit l = { 0 };
	struct rate rate = { 10000, D }, few = { 10, H };
	struct lease_record rec;

	lease_list_init(&list);
	rate_limit_set(&l, &rate, 0);
	(void)rate_limit_lease(&l, &list, &l, 1, 0);
	is_int(rate_limit_room(&l, 10000, 0), 0, "no lease yet");
	lease_write(TAILQ_FIRST(&list.wanted), &l.window, 0, &rec);
	is_int(rec.lease, 625, "a sixteenth is asked for");
	(void)lease_kept(&list, 1, true, 0);
	is_int(rate_limit_room(&l, 10000, 0), 625, "and may go at once");
	rate_limit_fini(&l);
	rate_limit_set(&l, &few, 0);
	(void)rate_limit_lease(&l, &list, &l, 1, 0);
	is_int(rate_limit_room(&l, 10, 0), 0, "no lease yet");
	lease_write(TAILQ_FIRST(&list.wanted), &l.window, 0, &rec);
	is_int(rec.lease, 1, "of few, one");
	rate_limit_fini(&l);
}

/* A clock that stepped back, and a shorter period: more than fits is merged. */
static void
test_stepped_back(void)
{
	struct lease_list list;
	struct rate_limit l = { 0 };
	struct rate rate = { 500, 1000 * S }, shorter = { 500, 400 * S };
	struct lease_record rec;
	uint64_t n = 0;

	lease_list_init(&list);
	rate_limit_set(&l, &rate, 0);
	(void)rate_limit_lease(&l, &list, &l, 1, 0);
	for (int i = 0; i < 200; i++)
		window_add(&l.window, 1, i * 5 * S);
	rate_limit_set(&l, &shorter, 600 * S);
	lease_write_last(l.lease, &l.window, 600 * S, &rec);
	for (uint32_t i = 0; i < rec.count; i++)
		n += rec.entries[i].count;
	is_int(rec.count, LEASE_ENTRIES, "as many entries as there may be");
	is_int((int64_t)n, 160, "all that counts is in them");
	rate_limit_fini(&l);
}

int
main(void)
{
	static const struct weather weathers[] = {
		{ "crashes", 100, 0, false, false },
		{ "clean stops", 0, 100, false, false },
		{ "both, the wall clock steps", 50, 50, false, true },
		{ "reboots, the wall clock goes back", 50, 50, true, true },
	};

	for (size_t i = 0; i < sizeof(weathers) / sizeof(weathers[0]); i++)
		test_weather(&weathers[i]);
	test_rate_is_reached();
	test_cost();
	test_elapsed();
	test_doubtful();
	test_restore();
	test_answers();
	test_many_recipients();
	test_stepped_back();
	free(seen);
	return done_testing();
}
