/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is in the order that its head promises: priority, shares of virtual
 * MTAs, shares of origins, who came first; debts last as long as others wait;
 * and it gives back all memory with the last who waits.
 */
#include "vmta/line.h"

#include <stdlib.h>

#include "tests/tap.h"

static const int vmtas[8]; /* their addresses are the names */

static struct line_key
key(int vmta, uint32_t origin)
{
	return (struct line_key){ .vmta = &vmtas[vmta],
		.origin = origin,
		.vmta_weight = 100,
		.origin_weight = 100 };
}

static void
test_one_flow(void)
{
	struct line_key k = key(0, 0);
	struct line l;
	struct waiter a = { 0 }, b = { 0 }, c = { 0 };

	line_init(&l);
	ok(line_first(&l) == NULL, "nobody");
	line_join(&l, &a, &k);
	line_join(&l, &b, &k);
	line_join(&l, &c, &k);
	line_join(&l, &a, &k);
	is_int(l.n, 3, "who waits already is not added again");
	ok(line_first(&l) == &a, "the first waits longest");
	ok(line_of(&a) == &l, "it knows its line");
	line_charge(&l, &k, 1000);
	ok(l.tree == NULL, "one flow is a plain list");
	line_rejoin(&a);
	line_leave(&b);
	line_leave(&b);
	ok(line_first(&l) == &c && l.n == 2, "leaving twice does no harm");
	line_leave(&c);
	line_leave(&a);
	ok(line_first(&l) == NULL && line_of(&a) == NULL, "empty");
	ok(l.last == NULL, "and without memory");
}

static void
test_before(void)
{
	struct line_key own = key(0, 0), other = key(1, 0), high = key(2, 0);
	struct waiter first = { 0 }, many[LINE_LOOK + 2] = { 0 };
	struct waiter of_other = { 0 }, of_high[2] = { 0 };
	struct line l;

	line_init(&l);
	line_join(&l, &first, &own);
	is_int(line_before(&first), 0, "it is first");
	for (int i = 0; i < LINE_LOOK + 2; i++)
		line_join(&l, &many[i], &own);
	is_int(line_before(&many[4]), 5, "one flow: who came earlier");
	is_int(line_before(&many[LINE_LOOK + 1]), LINE_LOOK,
	    "of many it is known that they are so many");
	line_join(&l, &of_other, &other);
	is_int(line_before(&of_other), 1, "another flow has its turn");
	line_charge(&l, &own, 10);
	is_int(line_before(&of_other), 0, "it had more: now it is ours");
	is_int(line_before(&many[0]), 2, "and one more is before it");
	high.priority = 7;
	line_join(&l, &of_high[0], &high);
	line_join(&l, &of_high[1], &high);
	is_int(line_before(&of_high[1]), 1, "of higher priority: by itself");
	is_int(line_before(&of_other), 2, "they are before the others");
	is_int(line_before(&many[0]), 3, "all of them");
	line_leave(&first);
	for (int i = 0; i < LINE_LOOK + 2; i++)
		line_leave(&many[i]);
	line_leave(&of_other);
	line_leave(&of_high[0]);
	line_leave(&of_high[1]);
}

static void
test_priority(void)
{
	struct line_key high = key(0, 0), low = key(1, 0);
	struct waiter a = { 0 }, b = { 0 };
	struct line l;

	high.priority = 60;
	low.priority = 50;
	line_init(&l);
	line_join(&l, &a, &low);
	line_join(&l, &b, &high);
	ok(line_first(&l) == &b, "the higher one is first");
	line_charge(&l, &high, 5000);
	ok(line_first(&l) == &b, "however much it used");
	line_leave(&b);
	ok(line_first(&l) == &a, "then the lower one");
	line_charge(&l, &high, 5000);
	line_join(&l, &b, &high);
	ok(line_first(&l) == &b, "it owes nothing to those below");
	line_leave(&a);
	line_leave(&b);
	ok(l.tree == NULL && l.last == NULL, "all memory has gone");
}

enum { FLOWS = 4, EACH = 3 };

struct crowd {
	struct line l;
	struct line_key keys[FLOWS];
	struct waiter w[FLOWS][EACH];
	uint32_t cost[FLOWS]; /* of a turn */
	uint64_t got[FLOWS];  /* in all */
};

static void
crowd_join(struct crowd *c)
{
	line_init(&c->l);
	for (int i = 0; i < EACH; i++)
		for (int f = 0; f < FLOWS; f++)
			line_join(&c->l, &c->w[f][i], &c->keys[f]);
}

/* One turn: the first is served, leaves and comes back at the end. */
static int
crowd_turn(struct crowd *c)
{
	struct waiter *w = line_first(&c->l);
	int f = (int)((w - &c->w[0][0]) / EACH);

	line_leave(w);
	line_charge(&c->l, &c->keys[f], c->cost[f]);
	line_join(&c->l, w, &c->keys[f]);
	c->got[f] += c->cost[f];
	return f;
}

static void
crowd_leave(struct crowd *c)
{
	for (int i = 0; i < EACH; i++)
		for (int f = 0; f < FLOWS; f++)
			line_leave(&c->w[f][i]);
	ok(c->l.n == 0 && c->l.tree == NULL && c->l.last == NULL,
	    "all memory has gone");
}

/* Are the shares those of the weights, within 2 %? */
static void
crowd_shares(struct crowd *c, const uint32_t want[FLOWS], const char *label)
{
	uint64_t all = 0, wants = 0;
	bool fair = true;

	for (int i = 0; i < 20000; i++)
		(void)crowd_turn(c);
	for (int f = 0; f < FLOWS; f++) {
		all += c->got[f];
		wants += want[f];
	}
	for (int f = 0; f < FLOWS; f++) {
		double share = (double)c->got[f] / (double)all;
		double right = (double)want[f] / (double)wants;

		fair = fair && share > 0.98 * right - 0.001 &&
		    share < 1.02 * right + 0.001;
	}
	ok(fair, "%s: %d %d %d %d", label, (int)c->got[0], (int)c->got[1],
	    (int)c->got[2], (int)c->got[3]);
}

static void
test_shares(void)
{
	static const struct {
		const char *label;
		int vmta[FLOWS];
		uint32_t origin[FLOWS];
		uint16_t vmta_weight[FLOWS], origin_weight[FLOWS];
		uint32_t cost[FLOWS], want[FLOWS];
	} cases[] = {
		{ "four virtual MTAs alike", { 0, 1, 2, 3 }, { 0, 0, 0, 0 },
		    { 100, 100, 100, 100 }, { 100, 100, 100, 100 },
		    { 1, 1, 1, 1 }, { 1, 1, 1, 1 } },
		{ "by what they used, not by turns", { 0, 1, 2, 3 },
		    { 0, 0, 0, 0 }, { 100, 100, 100, 100 },
		    { 100, 100, 100, 100 }, { 1, 5, 50, 500 }, { 1, 1, 1, 1 } },
		{ "weights of virtual MTAs", { 0, 1, 2, 3 }, { 0, 0, 0, 0 },
		    { 1, 10, 100, 1000 }, { 100, 100, 100, 100 },
		    { 5, 5, 5, 5 }, { 1, 10, 100, 1000 } },
		{ "origins within a virtual MTA", { 0, 1, 1, 1 },
		    { 0, 0, 1, 2 }, { 100, 100, 100, 100 },
		    { 100, 100, 100, 100 }, { 7, 7, 7, 7 }, { 3, 1, 1, 1 } },
		{ "weights at both levels", { 0, 0, 1, 1 }, { 1, 2, 1, 2 },
		    { 300, 300, 100, 100 }, { 100, 300, 900, 100 },
		    { 3, 3, 3, 3 }, { 30, 90, 36, 4 } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct crowd c = { 0 };

		for (int f = 0; f < FLOWS; f++) {
			c.keys[f] = key(cases[i].vmta[f], cases[i].origin[f]);
			c.keys[f].vmta_weight = cases[i].vmta_weight[f];
			c.keys[f].origin_weight = cases[i].origin_weight[f];
			c.cost[f] = cases[i].cost[f];
		}
		crowd_join(&c);
		crowd_shares(&c, cases[i].want, cases[i].label);
		crowd_leave(&c);
	}
}

/* Between turns of equals nobody waits for more than one turn of each other. */
static void
test_no_bursts(void)
{
	struct crowd c = { .cost = { 50, 50, 50, 50 } };
	int last[FLOWS] = { 0 }, gap = 0;

	for (int f = 0; f < FLOWS; f++)
		c.keys[f] = key(f, 0);
	crowd_join(&c);
	for (int i = 1; i <= 4000; i++) {
		int f = crowd_turn(&c);

		gap = i - last[f] > gap ? i - last[f] : gap;
		last[f] = i;
	}
	is_int(gap, FLOWS, "turns go round");
	crowd_leave(&c);
}

/* A flow of one against one of a thousand: it is served every other time. */
static void
test_small_and_large(void)
{
	enum { LARGE = 1000 };
	struct waiter *w = calloc(LARGE, sizeof(*w)), small = { 0 };
	struct line_key one = key(0, 1), other = key(0, 2);
	int served = 0;
	struct line l;

	line_init(&l);
	for (int i = 0; i < LARGE; i++)
		line_join(&l, &w[i], &one);
	line_join(&l, &small, &other);
	for (int i = 0; i < 100; i++) {
		struct waiter *first = line_first(&l);
		bool is_small = first == &small;

		served += is_small;
		line_leave(first);
		line_charge(&l, is_small ? &other : &one, 10);
		line_join(&l, first, is_small ? &other : &one);
	}
	is_int(served, 50, "half of the turns");
	line_leave(&small);
	for (int i = 0; i < LARGE; i++)
		line_leave(&w[i]);
	ok(l.last == NULL, "all memory has gone");
	free(w);
}

static void
test_debts(void)
{
	struct line_key a = key(0, 0), b = key(1, 0);
	struct waiter wa = { 0 }, wb = { 0 };
	struct line l;
	int turns = 0;

	line_init(&l);
	line_join(&l, &wa, &a);
	line_join(&l, &wb, &b);
	line_leave(&wa);
	line_charge(&l, &a, 100); /* after it has left, while b waits */
	line_join(&l, &wa, &a);
	for (; line_first(&l) == &wb; turns++)
		line_charge(&l, &b, 10);
	ok(turns >= 9 && turns <= 11, "a debt is kept while others wait (%d)",
	    turns);
	line_charge(&l, &a, 70);
	turns = (int)line_debt(&l, &a);
	ok(turns >= 55 && turns <= 70, "more than the first by so much (%d)",
	    turns);
	is_int(line_debt(&l, &b), 0, "which owes nothing");
	line_charge(&l, &a, 1000000000);
	for (turns = 0; line_first(&l) == &wb; turns++)
		line_charge(&l, &b, 100);
	ok(turns >= 99 && turns <= 101, "it ends at 10,000 (%d)", turns);
	line_charge(&l, &a, 100);
	line_leave(&wb);
	line_leave(&wa);
	line_join(&l, &wb, &b);
	line_join(&l, &wa, &a);
	line_charge(&l, &b, 1);
	ok(line_first(&l) == &wa, "and is forgotten when nobody waits");
	line_leave(&wa);
	line_leave(&wb);
}

/* Ever new ones, each for one turn, do not pass one in debt for ever. */
static void
test_newcomers(void)
{
	struct line_key old = key(0, 0), k[2];
	struct waiter w = { 0 }, new[2] = { 0 };
	struct line l;
	int turns = 0;

	line_init(&l);
	line_join(&l, &w, &old);
	for (int i = 0; i < 2; i++) {
		k[i] = key(1 + i, 0);
		line_join(&l, &new[i], &k[i]);
	}
	line_charge(&l, &old, 100);
	while (line_first(&l) != &w && turns < 1000) {
		int i = turns % 2;

		line_leave(&new[i]);
		line_charge(&l, &k[i], 1);
		turns++;
		k[i] = key(1 + i, (uint32_t)turns);
		k[i].vmta = (const char *)vmtas + turns;
		line_join(&l, &new[i], &k[i]);
	}
	ok(turns >= 90 && turns <= 210, "newcomers stand behind (%d)", turns);
	for (int i = 0; i < 2; i++)
		line_leave(&new[i]);
	line_leave(&w);
	ok(l.tree == NULL, "all memory has gone");
}

/* Against the plainest oracle of the order within flows and of priorities. */
static void
test_random(void)
{
	enum { N = 200, STEPS = 50000 };
	static struct waiter w[N];
	static struct line_key keys[N];
	static uint32_t since[N]; /* 0: does not wait */
	struct line l;
	uint32_t n = 0, clock = 0;
	bool order = true, counts = true;

	line_init(&l);
	srandom(4711);
	for (int i = 0; i < N; i++)
		keys[i] = key(0, 0);
	for (int i = 0; i < STEPS; i++) {
		long r = random() % N;
		const struct waiter *first;
		size_t f;

		if (since[r] == 0) {
			keys[r] = key((int)(random() % 8),
			    (uint32_t)(random() % 5));
			keys[r].priority = (uint8_t)(random() % 3);
			keys[r].vmta_weight = (uint16_t)(1 + random() % 1000);
			line_join(&l, &w[r], &keys[r]);
			since[r] = ++clock;
			n++;
		} else if (random() % 3 > 0) {
			line_leave(&w[r]);
			since[r] = 0;
			n--;
		} else {
			line_rejoin(&w[r]);
			since[r] = ++clock;
		}
		line_charge(&l, &keys[random() % N],
		    (uint32_t)(random() % 100));
		counts = counts && l.n == n;
		first = line_first(&l);
		if (first == NULL) {
			counts = counts && n == 0;
			continue;
		}
		f = (size_t)(first - w);
		for (size_t k = 0; k < N; k++) {
			bool same = keys[k].vmta == keys[f].vmta &&
			    keys[k].origin == keys[f].origin &&
			    keys[k].priority == keys[f].priority;

			order = order &&
			    (since[k] == 0 ||
				(keys[k].priority <= keys[f].priority &&
				    !(same && since[k] < since[f])));
		}
	}
	ok(order, "highest priority, and the first of its flow");
	ok(counts, "all are counted");
	for (int i = 0; i < N; i++)
		line_leave(&w[i]);
	ok(l.tree == NULL && l.last == NULL, "all memory has gone");
}

int
main(void)
{
	test_one_flow();
	test_before();
	test_priority();
	test_shares();
	test_no_bursts();
	test_small_and_large();
	test_debts();
	test_newcomers();
	test_random();
	is_int(sizeof(struct waiter), 24, "what an idle queue pays");
	return done_testing();
}
