/* SPDX-License-Identifier: Apache-2.0 */
/*
 * So many a local day: never more, whatever ends the process and whenever, with
 * a disk that answers late or is full, over midnights and steps of the clock;
 * and all of them when nothing goes wrong.
 */
#include "vmta/daycount.h"

#include "lib/check.h"
#include "lib/clock.h"
#include "tests/tap.h"
#include "tests/unit/arrivals.h"

#define S US_PER_S
#define DAY 20000 /* some day in 2024 */
#define DAYS 64

/* ---- a process, its disk, and the judge ---------------------------------- */

struct life {
	struct daycount d; /* goes with the process */
	int64_t now;
	uint32_t today;
	uint64_t max;
	/* the disk: at most one record is on its way */
	struct buf disk, way;
	int64_t due;
	bool full;
	/* who saw it happen: by the day that the calendar said */
	uint64_t used[DAYS], most[DAYS]; /* most: the largest max of that day */
};

static void
life_init(struct life *f, uint64_t max)
{
	*f = (struct life){ .today = DAY, .max = max };
	f->most[0] = max;
}

static void
life_fini(struct life *f)
{
	buf_fini(&f->disk);
	buf_fini(&f->way);
}

static void
commit(struct life *f)
{
	buf_clear(&f->disk);
	buf_add(&f->disk, f->way.p, f->way.len);
	buf_clear(&f->way);
}

static void
pass(struct life *f, int64_t us)
{
	f->now += us;
	if (f->way.len == 0 || f->due > f->now)
		return;
	if (f->full)
		buf_clear(&f->way);
	else
		commit(f);
	daycount_kept(&f->d, !f->full, f->now);
}

static void
ask(struct life *f)
{
	if (!daycount_wants(&f->d, f->max, f->today, f->now))
		return;
	daycount_write(&f->d, f->max, &f->way);
	f->due = f->now + 1000 + (int64_t)rnd(20000);
}

/* Takes up to n; those of them that went. */
static uint64_t
take(struct life *f, uint64_t n)
{
	uint64_t room = daycount_room(&f->d, f->max, f->today);

	n = n < room ? n : room;
	if (n > 0)
		daycount_take(&f->d, n);
	f->used[f->today - DAY] += n;
	ask(f);
	return n;
}

static void
set_today(struct life *f, uint32_t today)
{
	f->today = today;
	if (f->most[today - DAY] < f->max)
		f->most[today - DAY] = f->max;
}

static void
start(struct life *f)
{
	struct err e;

	f->d = (struct daycount){ .day = 0 };
	if (f->disk.len > 0)
		CHECK(daycount_restore(&f->d,
			  (struct slice){ f->disk.p, f->disk.len }, &e) == 0);
}

/* What was on its way may have come there, or not. */
static void
crash(struct life *f)
{
	if (f->way.len > 0 && rnd(2) == 0)
		commit(f);
	buf_clear(&f->way);
	start(f);
}

static void
stop(struct life *f)
{
	if (f->way.len > 0) {
		commit(f);
		daycount_kept(&f->d, true, f->now);
	}
	daycount_write_last(&f->d, &f->way);
	CHECK(daycount_room(&f->d, f->max, f->today) == 0);
	if (f->way.len > 0)
		commit(f);
	start(f);
}

/* ---- plain days ---------------------------------------------------------- */

static void
test_all(void)
{
	static const uint64_t numbers[] = { 1, 2, 15, 16, 17, 1000, 100000 };
	bool right = true, durable = true;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct life f;
		uint64_t records = 0, n = numbers[i];

		life_init(&f, n);
		durable = durable && take(&f, n) == 0;
		for (uint32_t day = DAY; day < DAY + 3; day++) {
			set_today(&f, day);
			for (uint64_t k = 0; k < 3 * n + 100; k++) {
				bool idle = f.way.len == 0;

				(void)take(&f, 1);
				records += idle && f.way.len > 0;
				pass(&f, 30000);
			}
			right = right && f.used[day - DAY] == n;
		}
		crash(&f);
		right = right && f.d.used == n; /* no more was reserved */
		right = right && records <= 3 * (n < 16 ? n : 34);
		life_fini(&f);
	}
	ok(durable, "nothing goes before some are durable");
	ok(right, "all of a day's number goes each day, in few records");
}

static void
test_crash_costs(void)
{
	struct life f;

	life_init(&f, 1600);
	for (int i = 0; i < 800; i++) {
		(void)take(&f, 1);
		pass(&f, 30000);
	}
	crash(&f);
	for (int i = 0; i < 3000; i++) {
		(void)take(&f, 1);
		pass(&f, 30000);
	}
	ok(f.used[0] < 1600 && f.used[0] >= 1500,
	    "a crash costs a sixteenth at most (%" PRIu64 " of 1600)",
	    f.used[0]);
	life_fini(&f);
	life_init(&f, 1600);
	for (int i = 0; i < 3000; i++) {
		if (i == 700)
			stop(&f);
		(void)take(&f, 1);
		pass(&f, 30000);
	}
	is_int((int64_t)f.used[0], 1600, "a clean stop costs nothing");
	life_fini(&f);
}

/* A reload: the day has another number. */
static void
test_other_number(void)
{
	struct life f;

	life_init(&f, 1600);
	ask(&f);
	pass(&f, S);
	ok(take(&f, 60) == 60 && daycount_room(&f.d, 1600, DAY) == 40,
	    "40 of those reserved are left");
	pass(&f, S);
	ok(daycount_room(&f.d, 70, DAY) == 10 &&
		daycount_room(&f.d, 50, DAY) == 0 &&
		!daycount_wants(&f.d, 50, DAY, f.now) &&
		!daycount_wants(&f.d, 70, DAY, f.now),
	    "10 of a smaller number, none of one that is used up");
	life_fini(&f);
}

static void
test_return(void)
{
	struct life f;

	life_init(&f, 10);
	ask(&f);
	pass(&f, S);
	ok(take(&f, 1) == 1 && daycount_room(&f.d, 10, DAY) == 0,
	    "one is durable, and goes");
	daycount_return(&f.d, 1, DAY);
	ok(daycount_room(&f.d, 10, DAY) == 1,
	    "who did not use it gives it back");
	(void)take(&f, 1);
	pass(&f, S);
	(void)daycount_room(&f.d, 10, DAY + 1);
	daycount_return(&f.d, 1, DAY);
	ok(f.d.used == 0 && f.d.day == DAY + 1,
	    "one of yesterday is nothing to today");
	life_fini(&f);
}

static void
test_number(void)
{
	struct daycount d = { .day = 0 };
	struct buf b = { 0 };

	ok(daycount_number(&d, DAY) == 0, "nothing yet: the first day");
	(void)daycount_wants(&d, 5, DAY, 0);
	daycount_write(&d, 5, &b);
	ok(daycount_number(&d, DAY) == 0 && daycount_number(&d, DAY + 3) == 3 &&
		daycount_number(&d, DAY - 1) == 0,
	    "then days are counted from when there was something");
	is_int((int64_t)b.len, DAYCOUNT_BYTES, "a record has so many bytes");
	buf_fini(&b);
}

/* ---- the calendar goes back ---------------------------------------------- */

static void
test_back(void)
{
	struct life f;

	life_init(&f, 1);
	set_today(&f, DAY + 10);
	ask(&f);
	pass(&f, S);
	ok(take(&f, 1) == 1, "day 10: one");
	f.today = DAY + 9;
	ok(!daycount_wants(&f.d, 1, f.today, f.now) && take(&f, 1) == 0,
	    "a day back: nothing goes, and nothing is asked for");
	f.today = DAY + 10;
	ok(take(&f, 1) == 0, "day 10 again: it had its one");
	f.today = DAY + 5;
	ok(take(&f, 1) == 0, "five days back: nothing today");
	crash(&f);
	ok(take(&f, 1) == 0, "nor after a crash");
	f.today = DAY + 6;
	ask(&f);
	pass(&f, S);
	ok(take(&f, 1) == 1, "tomorrow it goes on");
	ok(daycount_number(&f.d, f.today) == 1,
	    "a first day that never was is the one of the step");
	life_fini(&f);
}

static void
test_damaged(void)
{
	static const unsigned char good[DAYCOUNT_BYTES] = { 1, 0, 0, 0, 1, 0, 0,
		0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4 };
	static const struct {
		const char *label;
		size_t at;
		unsigned char byte;
	} bad[] = {
		{ "another version", 0, 2 },
		{ "no first day", 4, 0 },
		{ "no day", 8, 0 },
		{ "more used than was reserved", 16, 5 },
	};
	struct daycount d;
	struct err e;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		unsigned char bytes[DAYCOUNT_BYTES];

		memcpy(bytes, good, sizeof(bytes));
		bytes[bad[i].at] = bad[i].byte;
		ok(daycount_restore(&d,
		       (struct slice){ (char *)bytes, sizeof(bytes) },
		       &e) == -1,
		    "%s", bad[i].label);
	}
	ok(daycount_restore(&d,
	       (struct slice){ (const char *)good, sizeof(good) - 1 },
	       &e) == -1,
	    "a byte is missing");
	ok(daycount_restore(&d,
	       (struct slice){ (const char *)good, sizeof(good) }, &e) == 0 &&
		d.used == 4 && d.first_day == 1 && d.day == 2,
	    "after a crash all that was reserved counts");
	daycount_fill(&d, DAY);
	ok(daycount_room(&d, 1000, DAY) == 0 &&
		!daycount_wants(&d, 1000, DAY, 0) &&
		daycount_wants(&d, 1000, DAY + 1, 0),
	    "full for today; tomorrow is another day");
}

static void
test_refusal(void)
{
	struct life f;

	life_init(&f, 5);
	f.full = true;
	ask(&f);
	pass(&f, S / 2);
	ok(!daycount_wants(&f.d, 5, DAY, f.now) && take(&f, 1) == 0,
	    "a full disk: nothing goes, and it is left alone for a second");
	f.full = false;
	pass(&f, S);
	ask(&f);
	pass(&f, S);
	ok(take(&f, 1) == 1, "then it is asked again");
	life_fini(&f);
}

/* ---- anything ------------------------------------------------------------ */

/*
 * Any order of all of it.  The calendar goes a day back and comes again, now
 * and then; the number changes, and what was allowed that day is allowed.
 */
static void
step(struct life *f, uint32_t *newest)
{
	uint64_t what = rnd(1000), n;

	if (what < 700) {
		n = take(f, 1 + rnd(f->max));
		if (n > 0 && rnd(5) == 0) {
			daycount_return(&f->d, n, f->today);
			f->used[f->today - DAY] -= n;
		}
	} else if (what < 940) {
		pass(f, (int64_t)rnd(30000));
	} else if (what < 960) {
		f->full = !f->full;
		pass(f, (int64_t)rnd(2 * S));
	} else if (what < 970) {
		f->max = 1 + rnd(rnd(2) == 0 ? 5 : 500);
		set_today(f, f->today);
	} else if (what < 990) {
		if (*newest < DAY + DAYS - 1 && rnd(3) == 0)
			(*newest)++;
		set_today(f, *newest - (*newest > DAY && rnd(3) == 0));
	} else if (what < 998) {
		crash(f);
	} else {
		stop(f);
	}
}

static void
test_random(void)
{
	uint64_t used = 0;
	bool never = true;

	for (int round = 0; round < 60; round++) {
		uint32_t newest = DAY;
		struct life f;

		life_init(&f, 1 + rnd(300));
		for (int i = 0; i < 4000; i++)
			step(&f, &newest);
		for (int i = 0; i < DAYS; i++) {
			never = never && f.used[i] <= f.most[i];
			used += f.used[i];
		}
		life_fini(&f);
	}
	ok(never && used > 10000,
	    "of %" PRIu64 " that went none was too many for its day", used);
}

/* ---- counted first ------------------------------------------------------- */

enum { AHEAD = 500 };

/* Those that were counted and wait until that is durable. */
struct ahead {
	size_t n;
	struct {
		uint64_t count;
		uint32_t day;
	} v[AHEAD];
};

static void
count_one(struct life *f, struct ahead *a)
{
	if (a->n < AHEAD && daycount_rest(&f->d, f->max, f->today) > 0) {
		a->v[a->n].count = daycount_count(&f->d);
		a->v[a->n].day = f->today;
		a->n++;
	}
	ask(f);
}

static void
use_kept(struct life *f, struct ahead *a)
{
	size_t i = 0;

	for (; i < a->n &&
	     daycount_kept_up_to(&f->d, a->v[i].day) >= a->v[i].count;
	     i++)
		f->used[a->v[i].day - DAY]++;
	a->n -= i;
	memmove(a->v, a->v + i, a->n * sizeof(a->v[0]));
}

static void
test_count(void)
{
	struct ahead a = { 0 };
	struct life f;

	life_init(&f, 3);
	for (int i = 0; i < 5; i++)
		count_one(&f, &a);
	is_int(a.n, 3, "all of a day can be counted at once");
	use_kept(&f, &a);
	is_int(f.used[0], 0, "none may be used before that is durable");
	f.full = true;
	pass(&f, S);
	use_kept(&f, &a);
	is_int(f.used[0], 0, "nor when it was refused");
	f.full = false;
	ask(&f);
	is_int((long long)f.way.len, 0, "which is not tried again at once");
	pass(&f, S);
	ask(&f);
	pass(&f, S);
	use_kept(&f, &a);
	is_int(f.used[0], 3, "then all of them");
	crash(&f);
	count_one(&f, &a);
	is_int(a.n, 0, "and after a crash there is nothing left");
	set_today(&f, DAY + 1);
	count_one(&f, &a);
	set_today(&f, DAY + 2);
	count_one(&f, &a);
	use_kept(&f, &a);
	is_int(f.used[1], 1, "of a day that is over nobody waits for the disk");
	is_int(f.used[2], 0, "which says nothing of the next one");
	life_fini(&f);
}

static void
count_step(struct life *f, struct ahead *a, uint32_t *newest)
{
	unsigned what = rnd(1000);

	if (what < 600) {
		count_one(f, a);
	} else if (what < 900) {
		pass(f, (int64_t)rnd(30000));
		use_kept(f, a);
	} else if (what < 950) {
		f->full = !f->full;
		pass(f, (int64_t)rnd(2 * S));
	} else if (what < 960) {
		f->max = 1 + rnd(rnd(2) == 0 ? 5 : 500);
		set_today(f, f->today);
	} else if (what < 980) {
		*newest += *newest < DAY + DAYS - 1 && rnd(3) == 0;
		set_today(f, *newest);
	} else {
		a->n = 0;
		if (what < 998)
			crash(f);
		else
			stop(f);
	}
}

static void
test_count_random(void)
{
	static struct ahead a;
	uint64_t used = 0;
	bool never = true;

	for (int round = 0; round < 60; round++) {
		uint32_t newest = DAY;
		struct life f;

		a.n = 0;
		life_init(&f, 1 + rnd(300));
		for (int i = 0; i < 4000; i++)
			count_step(&f, &a, &newest);
		for (int i = 0; i < DAYS; i++) {
			never = never && f.used[i] <= f.most[i];
			used += f.used[i];
		}
		life_fini(&f);
	}
	ok(never && used > 10000,
	    "of %" PRIu64 " that were counted first none was too many", used);
}

int
main(void)
{
	test_all();
	test_crash_costs();
	test_other_number();
	test_return();
	test_number();
	test_back();
	test_damaged();
	test_refusal();
	test_random();
	test_count();
	test_count_random();
	return done_testing();
}
