/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much senders may bring: no window ever has more than its limit says, by a
 * count that knows nothing of the windows, for more clients than there are counts
 * for, and over changes of limits.
 */
#include "vmta/rate_in.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "tests/tap.h"

#define S US_PER_S

static struct rate_in_limit
limit(enum rate_in_who who, enum rate_in_what what, const char *name,
    uint32_t count, int64_t period_us)
{
	return (struct rate_in_limit){ .who = who,
		.what = what,
		.name = name,
		.rate = { count, period_us } };
}

static struct net_addr
address(const char *text)
{
	struct net_addr a;
	struct err e;

	CHECK(net_addr_parse(slice_of(text), &a, &e) == 0);
	return a;
}

static bool
take(struct rate_in *r, const struct rate_in_limits *l, uint32_t messages,
    uint32_t rcpts, int64_t now_us)
{
	const uint32_t n[RATE_IN_WHATS] = { messages, rcpts };
	struct rate_in_no no;

	return rate_in_take(r, l, n, now_us, &no);
}

/* ---- one at a time -------------------------------------------------------- */

static void
test_one(void)
{
	struct rate_in *r = rate_in_new(4);
	struct rate_in_limits l = { .n = 1 };
	const uint32_t one[RATE_IN_WHATS] = { 1, 0 }, four[] = { 4, 0 };
	struct rate_in_no no;
	int64_t t = 100 * S;

	l.v[0] = limit(RATE_IN_SOURCE, RATE_IN_MESSAGES, "s", 3, 60 * S);
	ok(take(r, &l, 1, 9, t) && take(r, &l, 1, 9, t + S) &&
		take(r, &l, 1, 9, t + 2 * S),
	    "three at once; recipients have no limit");
	ok(!rate_in_take(r, &l, one, t + 3 * S, &no), "not a fourth");
	ok(no.limit == &l.v[0] && no.tell && no.refused == 1,
	    "who says so, to be told");
	/* The guard of a window is half a per cent. */
	ok(no.until_us >= t + 60 * S && no.until_us <= t + 61 * S,
	    "when the first has left");
	ok(!rate_in_take(r, &l, one, no.until_us - 1, &no) && !no.tell,
	    "not before, which is not told again");
	l.v[0] = limit(RATE_IN_SOURCE, RATE_IN_MESSAGES, "short", 1, S);
	ok(take(r, &l, 1, 0, t) && !rate_in_take(r, &l, one, t, &no) && no.tell,
	    "of a second: told");
	for (int i = 2; i < 60; i += 2)
		ok(take(r, &l, 1, 0, t + i * S) &&
			!rate_in_take(r, &l, one, t + i * S, &no) && !no.tell,
		    "not again in the same minute, though it was empty");
	ok(take(r, &l, 1, 0, t + 62 * S) &&
		!rate_in_take(r, &l, one, t + 62 * S, &no) && no.tell &&
		no.refused == 30,
	    "in the next, with all since then: %d", (int)no.refused);
	l.v[0] = limit(RATE_IN_SOURCE, RATE_IN_MESSAGES, "s", 3, 60 * S);
	(void)rate_in_take(r, &l, one, t + 3 * S, &no);
	ok(take(r, &l, 1, 0, no.until_us), "then");
	ok(!take(r, &l, 1, 0, no.until_us), "and one alone");
	ok(!rate_in_take(r, &l, four, t + 1000 * S, &no) &&
		no.until_us == INT64_MAX,
	    "more than there may ever be go never");
	l.v[0].name = "other";
	ok(take(r, &l, 3, 0, t + 1000 * S), "another source has its own");
	rate_in_free(&r);
}

static void
test_all_or_none(void)
{
	struct rate_in *r = rate_in_new(4);
	struct rate_in_limits l = { .n = 3 };
	struct rate_in_limits user = { .n = 1 };
	int64_t t = 100 * S;

	l.v[0] = limit(RATE_IN_USER, RATE_IN_RCPTS, "u", 10, 60 * S);
	l.v[1] = limit(RATE_IN_SOURCE, RATE_IN_RCPTS, "u", 5, 60 * S);
	l.v[2] = limit(RATE_IN_CLIENT, RATE_IN_RCPTS, "u", 100, 60 * S);
	l.v[2].client = address("192.0.2.1");
	user.v[0] = l.v[0];
	ok(take(r, &l, 1, 5, t), "of all three");
	ok(!take(r, &l, 1, 1, t), "one of them has no more");
	ok(take(r, &user, 1, 5, t), "so nothing was taken from the others");
	ok(!take(r, &user, 1, 1, t), "nor is there more");
	rate_in_free(&r);
}

static void
test_addresses(void)
{
	static const struct {
		const char *a, *b;
		bool same;
	} pairs[] = {
		{ "192.0.2.1", "192.0.2.2", false },
		{ "192.0.2.1", "::ffff:192.0.2.1", true },
		{ "2001:db8::1", "2001:db8::ffff:0:0:1", true },
		{ "2001:db8:0:1::1", "2001:db8:0:2::1", false },
		{ "0.0.0.0", "::", false },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct rate_in *r = rate_in_new(4);
		struct rate_in_limits l = { .n = 1 };

		l.v[0] = limit(RATE_IN_CLIENT, RATE_IN_MESSAGES, "s", 1, S);
		l.v[0].client = address(pairs[i].a);
		ok(take(r, &l, 1, 0, S), "%s", pairs[i].a);
		l.v[0].client = address(pairs[i].b);
		ok(take(r, &l, 1, 0, S) != pairs[i].same, "then %s",
		    pairs[i].b);
		rate_in_free(&r);
	}
}

/* ---- many ------------------------------------------------------------------ */

/* What was let through, by who may not get more: an independent count. */
struct event {
	unsigned who;
	int64_t at_us;
	uint32_t count;
};

struct witness {
	struct event *v;
	size_t n, cap;
};

static void
note(struct witness *w, unsigned who, int64_t at_us, uint32_t count)
{
	if (w->n == w->cap) {
		w->cap = w->cap == 0 ? 1024 : 2 * w->cap;
		w->v = mem_realloc(w->v, w->cap * sizeof(*w->v));
	}
	w->v[w->n++] = (struct event){ who, at_us, count };
}

/* What of it is in the period that ends with now. */
static uint64_t
within(const struct witness *w, unsigned who, int64_t now_us, int64_t period_us)
{
	uint64_t sum = 0;

	for (size_t i = w->n; i > 0 && w->v[i - 1].at_us > now_us - period_us;
	     i--)
		if (w->v[i - 1].who == who)
			sum += w->v[i - 1].count;
	return sum;
}

static uint32_t
below(unsigned *seed, uint32_t n)
{
	return (uint32_t)rand_r(seed) % n;
}

static void
count_row(void *ctx, const struct rate_in_row *row)
{
	size_t *n = ctx;

	*n += row->who == RATE_IN_CLIENT && row->client.family != 0;
}

/*
 * clients addresses, of which so many have counts, some of them noisy; the limit
 * changes now and then.  True: no window had more than the limit of its end.
 */
static bool
run_clients(unsigned seed, unsigned clients, size_t counts, bool changes)
{
	struct rate_in *r = rate_in_new(counts);
	struct rate_in_limits l = { .n = 1 };
	struct witness w = { 0 };
	int64_t now = 1000 * S;
	bool kept = true;
	size_t own;

	l.v[0] = limit(RATE_IN_CLIENT, RATE_IN_RCPTS, "s", 20, 10 * S);
	for (int i = 0; i < 20000; i++) {
		unsigned who = below(&seed, below(&seed, 4) == 0 ? clients : 8);
		uint32_t n = 1 + below(&seed, 4);

		now += below(&seed, 20000);
		if (changes && below(&seed, 400) == 0)
			l.v[0].rate.count = 5 + below(&seed, 40);
		l.v[0].client = (struct net_addr){ .family = AF_INET,
			.a = { 10, 0, (uint8_t)(who >> 8), (uint8_t)who } };
		if (!take(r, &l, 0, n, now))
			continue;
		note(&w, who, now, n);
		kept = kept &&
		    within(&w, who, now, 10 * S) <= l.v[0].rate.count;
		own = 0;
		if (i % 1000 == 0)
			rate_in_each(r, now, count_row, &own);
		kept = kept && own <= counts;
	}
	ok(w.n > 1000, "%zu were let through", w.n);
	free(w.v);
	rate_in_free(&r);
	return kept;
}

/* Who is alone in it is never refused for others, if there are counts enough. */
static void
test_quiet(void)
{
	struct rate_in *r = rate_in_new(2);
	struct rate_in_limits l = { .n = 1 };
	int64_t t = 100 * S;
	unsigned refused = 0;

	l.v[0] = limit(RATE_IN_CLIENT, RATE_IN_MESSAGES, "s", 2, 10 * S);
	for (uint8_t i = 0; i < 200; i++) {
		l.v[0].client = (struct net_addr){ .family = AF_INET,
			.a = { 10, 0, 0, i } };
		refused += !take(r, &l, 1, 0, t);
	}
	ok(refused < 20, "%u of 200 were refused for others of their bin",
	    refused);
	/* All of these have left: every address has a count again. */
	refused = 0;
	for (uint8_t i = 0; i < 2; i++) {
		l.v[0].client.a[3] = i;
		refused += !take(r, &l, 2, 0, t + 11 * S);
	}
	is_int(refused, 0, "when all is over nobody is");
	rate_in_free(&r);
}

/* Counts that are over make room; so do those of blocks that have gone. */
static void
test_room(void)
{
	struct rate_in *r = rate_in_new(3);
	struct rate_in_limits l = { .n = 1 };
	size_t own = 0;
	char name[16];

	for (int i = 0; i < 1000; i++) {
		l.v[0] = limit(RATE_IN_CLIENT, RATE_IN_MESSAGES, "s", 1, S);
		l.v[0].client = (struct net_addr){ .family = AF_INET,
			.a = { 10, 1, (uint8_t)(i >> 8), (uint8_t)i } };
		CHECK(take(r, &l, 1, 0, i * 2 * S));
		(void)STR_JOIN(name, sizeof(name), "gone-",
		    i % 2 == 0 ? "a" : "b");
		l.v[0] = limit(RATE_IN_SOURCE, RATE_IN_MESSAGES, name, 1, S);
		CHECK(take(r, &l, 1, 0, i * 2 * S));
	}
	rate_in_each(r, 2000 * S, count_row, &own);
	is_int(own, 0, "a second later nothing counts");
	rate_in_free(&r);
}

int
main(void)
{
	static const struct {
		const char *label;
		unsigned clients;
		size_t counts;
		bool changes;
	} runs[] = {
		{ "a count for each", 30, 64, false },
		{ "a count for each, limits change", 30, 64, true },
		{ "counts for a few", 600, 16, false },
		{ "counts for a few, limits change", 600, 16, true },
		{ "counts for one", 3000, 1, true },
	};

	test_one();
	test_all_or_none();
	test_addresses();
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
		ok(run_clients(7 + (unsigned)i, runs[i].clients, runs[i].counts,
		       runs[i].changes),
		    "no window has more than its limit: %s", runs[i].label);
	test_quiet();
	test_room();
	return done_testing();
}
