/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of a pool take turns by their weights: exactly in a round, and after
 * any number of turns nobody is a whole turn from its share.
 */
#include "vmta/pool.h"

#include "tests/conf_file.h"
#include "tests/tap.h"

#define MEMBERS_MAX 300

static const struct {
	const char *label;
	uint32_t weights[8];
	const char *round; /* a letter for each turn */
} rounds[] = {
	{ "one", { 7 }, "a" },
	{ "equal ones, in the order of the file", { 100, 100, 100 }, "abc" },
	{ "twice as much", { 200, 100 }, "aab" },
	{ "half as much", { 50, 100, 100 }, "bcabc" },
	{ "a large one and small ones", { 400, 100, 100, 100, 100 },
	    "abacadae" },
	{ "nothing in common", { 5, 3 }, "abaabaab" },
	{ "ten to one", { 1000, 100 }, "aaaaaaaaaab" },
};

static size_t
make(const uint32_t *weights, size_t n, struct conf_member *v,
    struct conf_members *out)
{
	size_t count = 0;

	while (count < n && weights[count] > 0) {
		v[count] = (struct conf_member){ "m", weights[count] };
		count++;
	}
	*out = (struct conf_members){ count, v };
	return count;
}

static void
test_rounds(struct region *rg)
{
	for (size_t i = 0; i < sizeof(rounds) / sizeof(rounds[0]); i++) {
		struct conf_member v[8];
		struct conf_members members;
		struct pool_round round;
		char text[64] = "";
		struct err e;

		(void)make(rounds[i].weights, 8, v, &members);
		if (!ok(pool_round_make(&members, rg, &round, &e) == 0 &&
			    round.n < sizeof(text),
			"%s: a round", rounds[i].label))
			continue;
		for (size_t t = 0; t < round.n; t++)
			text[t] = (char)('a' + round.v[t]);
		is_str(text, rounds[i].round, rounds[i].label);
	}
}

/* The largest distance of anybody's turns from its share, in 1/turns. */
static int64_t
worst(const struct pool_round *round, const uint32_t *weights, size_t n,
    int64_t sum)
{
	int64_t had[MEMBERS_MAX] = { 0 }, worst = 0;

	for (size_t t = 0; t < round->n; t++) {
		had[round->v[t]]++;
		for (size_t i = 0; i < n; i++) {
			int64_t off = had[i] * sum -
			    (int64_t)(t + 1) * weights[i];

			if (off < 0)
				off = -off;
			if (off > worst)
				worst = off;
		}
	}
	for (size_t i = 0; i < n; i++)
		if (had[i] * sum != (int64_t)round->n * weights[i])
			return INT64_MAX;
	return worst;
}

/* Weights of any kind; the same ones in each run. */
static void
test_even(struct region *rg)
{
	uint64_t seed = 1;

	for (size_t n = 1; n <= MEMBERS_MAX; n += 23) {
		uint32_t weights[MEMBERS_MAX];
		struct conf_member v[MEMBERS_MAX];
		struct conf_members members;
		struct pool_round round;
		int64_t sum = 0;
		struct err e;
		bool good;

		for (size_t i = 0; i < n; i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1;
			weights[i] = 1 +
			    (uint32_t)(seed >> 40) % (n > 100 ? 10 : 1000);
			sum += weights[i];
		}
		(void)make(weights, n, v, &members);
		good = pool_round_make(&members, rg, &round, &e) == 0;
		ok(good && worst(&round, weights, n, sum) < sum,
		    "%zu members, %zu turns: shares are exact, and nobody is "
		    "a turn off",
		    n, round.n);
	}
}

static void
test_bounds(struct region *rg)
{
	struct conf_member *v = mem_array(70000, sizeof(*v));
	struct conf_members members = { 1100, v };
	struct pool_round round;
	struct err e;

	for (size_t i = 0; i < 70000; i++)
		v[i] = (struct conf_member){ "m", i % 2 == 0 ? 1000 : 999 };
	ok(pool_round_make(&members, rg, &round, &e) == -1 &&
		strstr(e.text, "a round of 1099450 turns") != NULL,
	    "too long a round: %s", e.text);
	members.n = 70000;
	ok(pool_round_make(&members, rg, &round, &e) == -1,
	    "too many members: %s", e.text);
	members.n = 65000;
	for (size_t i = 0; i < members.n; i++)
		v[i].weight = 1000;
	ok(pool_round_make(&members, rg, &round, &e) == 0 && round.n == 65000 &&
		round.v[64999] == 64999,
	    "many of the same weight are a short round");
	free(v);
}

static const char text[] =
    "<virtual-mta a>\n</virtual-mta>\n<virtual-mta b>\n</virtual-mta>\n"
    "<virtual-mta c>\n</virtual-mta>\n"
    "<virtual-mta-pool p>\n virtual-mta a 200, b\n</virtual-mta-pool>\n"
    "<virtual-mta-pool q>\n virtual-mta c, a\n</virtual-mta-pool>\n";

static struct snapshot *
load(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;

	conf_file_put("main", text);
	s = snapshot_load(conf_file_path("main"), &errs);
	conf_errors_fini(&errs);
	return s;
}

static const char *
next_of(const struct snapshot *s, const char *pool)
{
	return pool_next(snapshot_pool(s, pool))->name;
}

/* Each pool has its own, and a reload begins none anew. */
static void
test_turns(void)
{
	struct snapshot *s = load(), *again = load();
	struct pool empty = { .name = "e" };
	char got[16] = "";

	for (size_t i = 0; i < 6; i++) {
		got[2 * i] = next_of(s, "p")[0];
		got[2 * i + 1] = next_of(s, "q")[0];
	}
	is_str(got, "acaabcaaacba", "two pools in turn");
	(void)next_of(s, "p");
	(void)next_of(s, "p");
	pool_go_on(s, again);
	is_str(next_of(again, "p"), "b", "it goes on where it was");
	ok(pool_pick(&empty, 5) == NULL, "a pool of nobody has nobody");
	snapshot_unref(&s);
	snapshot_unref(&again);
}

int
main(void)
{
	struct region *rg = region_new();

	conf_file_begin();
	test_rounds(rg);
	test_even(rg);
	test_bounds(rg);
	test_turns();
	conf_file_end();
	region_free(&rg);
	return done_testing();
}
