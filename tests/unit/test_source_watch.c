/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An address that the host does not have is looked for until it is there, and
 * that is told once; of many each has its turn.  What a start and a reload say
 * of one that is missing depends on how mailraced ended before.  Which addresses
 * are there is a fake's answer; a start asks the kernel.
 */
#include "transport/source_watch.h"

#include "lib/check.h"
#include "queue/lock.h"
#include "tests/conf_file.h"
#include "tests/unit/loop.h"
#include "vmta/snapshot.h"

#define ADDRS_MAX 2500
#define LOOK_US 20000

/* The host: 10.0.0.0 and so on, each by its number. */
static struct host {
	bool here[ADDRS_MAX];
	unsigned looked[ADDRS_MAX], told[ADDRS_MAX];
	unsigned looks, backs;
} host;

static struct worker *worker;

static struct net_addr
addr_of(uint32_t n)
{
	struct net_addr a = { 0 };
	char text[40];
	struct err e;

	(void)snprintf(text, sizeof(text), "10.0.%u.%u", n / 256, n % 256);
	CHECK(net_addr_parse(slice_of(text), &a, &e) == 0);
	return a;
}

static uint32_t
number_of(const struct net_addr *a)
{
	char text[NET_ADDR_TEXT];
	unsigned high, low;

	CHECK(sscanf(net_addr_text(a, text), "10.0.%u.%u", &high, &low) == 2);
	CHECK(high * 256 + low < ADDRS_MAX);
	return high * 256 + low;
}

static bool
is_here(void *ctx, const struct net_addr *a)
{
	struct host *h = ctx;
	uint32_t n = number_of(a);

	h->looks++;
	h->looked[n]++;
	return h->here[n];
}

static void
back(void *ctx, const struct net_addr *a)
{
	struct host *h = ctx;

	h->backs++;
	h->told[number_of(a)]++;
}

static const struct source_watch_owner owner = {
	.look_us = LOOK_US,
	.is_here = is_here,
	.back = back,
};

static struct source_watch *
watch_new(void)
{
	host = (struct host){ 0 };
	return source_watch_new(worker, &owner, &host);
}

static void
add(struct source_watch *w, uint32_t n)
{
	struct net_addr a = addr_of(n);

	source_watch_add(w, &a);
}

/* ---- one ----------------------------------------------------------------- */

static bool
was_looked_for_thrice(const void *ctx)
{
	(void)ctx;
	return host.looks >= 3;
}

static bool
is_back(const void *ctx)
{
	(void)ctx;
	return host.backs > 0;
}

static int64_t quiet_until_us;

static bool
is_over(const void *ctx)
{
	(void)ctx;
	return clock_us() >= quiet_until_us;
}

static void
run_for(int64_t us)
{
	quiet_until_us = clock_us() + us;
	(void)loop_until(worker, is_over, NULL);
}

static void
test_one(void)
{
	struct source_watch *w = watch_new();
	int64_t start_us = clock_us();

	add(w, 7);
	add(w, 7);
	ok(loop_until(worker, was_looked_for_thrice, NULL),
	    "it is looked for again and again");
	/* libevent's clock is some milliseconds behind. */
	ok(clock_us() - start_us >= 2 * LOOK_US,
	    "not more often than it is to");
	is_int(host.backs, 0, "nothing is told as long as it is not there");
	host.here[7] = true;
	ok(loop_until(worker, is_back, NULL), "that it is back is told");
	host.looks = 0;
	run_for(3 * LOOK_US);
	is_int(host.told[7], 1, "once, though it was added twice");
	is_int(host.looks, 0, "it is not looked for any more");
	host.backs = 0;
	add(w, 7);
	ok(loop_until(worker, is_back, NULL),
	    "lost once more: it is told again");
	source_watch_free(&w);
	ok(w == NULL, "freed");
	source_watch_free(&w);
}

/* ---- from another thread ------------------------------------------------- */

struct stranger {
	struct post post;
	struct source_watch *watch;
};

static void
on_stranger(struct post *p)
{
	add(post_owner(p, struct stranger, post)->watch, 3);
}

static void
test_thread(void)
{
	struct stranger s = { .post.fn = on_stranger, .watch = watch_new() };
	struct worker *other;
	struct err e;

	other = worker_new("other", &e);
	CHECK(other != NULL && worker_start(other, &e) == 0);
	host.here[3] = true;
	worker_post(other, &s.post);
	ok(loop_until(worker, is_back, NULL), "any thread may add one");
	is_int(host.told[3], 1, "it is told on the main thread");
	worker_stop(other);
	worker_join(other);
	worker_free(&other);
	source_watch_free(&s.watch);
}

/* ---- many ---------------------------------------------------------------- */

static bool
was_all_looked_for(const void *ctx)
{
	(void)ctx;
	return host.looks >= ADDRS_MAX;
}

static bool
are_hundred_back(const void *ctx)
{
	(void)ctx;
	return host.backs >= 100;
}

static unsigned
most_looks(void)
{
	unsigned most = 0;

	for (size_t i = 0; i < ADDRS_MAX; i++)
		most = host.looked[i] > most ? host.looked[i] : most;
	return most;
}

static void
test_many(void)
{
	struct source_watch *w = watch_new();
	unsigned unseen = 0, others = 0;

	for (uint32_t i = 0; i < ADDRS_MAX; i++)
		add(w, i);
	ok(loop_until(worker, was_all_looked_for, NULL),
	    "2,500 are looked for, some at a time");
	for (size_t i = 0; i < ADDRS_MAX; i++)
		unseen += host.looked[i] == 0;
	is_int(unseen, 0, "each has had its turn");
	is_int(most_looks(), 2, "and none more than one turn ahead of others");
	for (uint32_t i = 0; i < ADDRS_MAX; i += 25)
		host.here[i] = true;
	ok(loop_until(worker, are_hundred_back, NULL), "100 of them are back");
	run_for(4 * LOOK_US);
	for (size_t i = 0; i < ADDRS_MAX; i++)
		others += host.told[i] != (i % 25 == 0);
	is_int(others, 0, "those and no others are told, each once");
	source_watch_free(&w);
}

/* ---- at a start and at a reload ------------------------------------------ */

static const struct {
	const char *label, *text;
	bool ended_well, starts;
	int rc;
	const char *said; /* NULL: nothing is */
} checks[] = {
	{ "one that is there", "127.0.0.1", true, true, 0, NULL },
	{ "one that is not, at a start", "192.0.2.1", true, true, -1,
	    "main:2: smtp-source-host: the address 192.0.2.1 is not on this "
	    "host" },
	{ "one that is not, at a start after a crash", "192.0.2.1", false, true,
	    0, "is not on this host" },
	{ "one that is not, at a reload", "192.0.2.1", true, false, -1,
	    "is not on this host" },
	{ "the same, though there was a crash before", "192.0.2.1", false,
	    false, -1, "is not on this host" },
};

/* LOCK as one leaves it who ends so. */
static void
end_before(bool well)
{
	struct lock *lock;
	struct err e;

	CHECK(lock_take(conf_file_dir, &lock, &e) == 0);
	if (well)
		lock_end_well(lock);
	lock_free(&lock);
}

static void
test_checks(void)
{
	conf_file_begin();
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		struct conf_errors errs = { 0 };
		struct snapshot *s;
		char text[300];

		end_before(checks[i].ended_well);
		(void)snprintf(text, sizeof(text),
		    "spool %s\nsmtp-source-host %s a.example\n", conf_file_dir,
		    checks[i].text);
		conf_file_put("main", text);
		s = snapshot_load(conf_file_path("main"), &errs);
		CHECK(s != NULL && errs.n == 0);
		is_int(source_check(s, checks[i].starts, &errs), checks[i].rc,
		    checks[i].label);
		if (checks[i].said == NULL)
			is_int((int64_t)errs.n, 0, "nothing is said");
		else
			ok(conf_file_said(&errs, checks[i].said),
			    "what is said has its line");
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
	conf_file_end();
}

int
main(void)
{
	struct err e;

	worker = worker_new("main", &e);
	CHECK(worker != NULL);
	test_one();
	test_thread();
	test_many();
	test_checks();
	worker_free(&worker);
	return done_testing();
}
