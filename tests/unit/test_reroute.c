/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where mail goes: chains to their end, pools by weight, loops that leave it
 * where it was; and whatever the graph, what was moved has come to rest.
 */
#include "vmta/reroute.h"

#include <stdlib.h>

#include "lib/check.h"
#include "tests/tap.h"
#include "tests/unit/arrivals.h"

/* ---- a world: virtual MTAs are small letters, pools large ones ----------- */

enum { VMTAS_MAX = 26, POOLS_MAX = 4, MEMBERS_MAX = 6 };

struct place {
	const char *always, *backoff, *overflow; /* NULL: none */
	enum reroute_fit fit;
};

struct world {
	struct place places[VMTAS_MAX];
	struct reroute_member pools[POOLS_MAX][MEMBERS_MAX];
	int sizes[POOLS_MAX]; /* -1: there is none */
	int asked;
};

static const char *
letter(char c)
{
	static char names[256][2];

	names[(unsigned char)c][0] = c;
	return names[(unsigned char)c];
}

static struct place *
place(struct world *w, const char *vmta)
{
	CHECK(vmta[0] >= 'a' && vmta[0] <= 'z' && vmta[1] == '\0');
	return &w->places[vmta[0] - 'a'];
}

static const char *
always(void *ctx, const char *vmta)
{
	((struct world *)ctx)->asked++;
	return place(ctx, vmta)->always;
}

static const char *
backoff(void *ctx, const char *vmta)
{
	const struct place *p = place(ctx, vmta);

	return p->fit == REROUTE_SLOW ? p->backoff : NULL;
}

static const char *
overflow(void *ctx, const char *vmta)
{
	return place(ctx, vmta)->overflow;
}

static enum reroute_fit
fit(void *ctx, const char *vmta)
{
	return place(ctx, vmta)->fit;
}

static int
pool_size(void *ctx, const char *name)
{
	const struct world *w = ctx;

	return name[0] >= 'A' && name[0] < 'A' + POOLS_MAX ?
	    w->sizes[name[0] - 'A'] :
	    -1;
}

static struct reroute_member
member(void *ctx, const char *pool, int i)
{
	const struct world *w = ctx;

	CHECK(i >= 0 && i < pool_size(ctx, pool));
	return w->pools[pool[0] - 'A'][i];
}

static struct reroute_ask
ask(struct world *w, uint64_t turn)
{
	return (struct reroute_ask){ always, backoff, overflow, fit, pool_size,
		member, w, turn };
}

static void
world_init(struct world *w)
{
	*w = (struct world){ .asked = 0 };
	for (int i = 0; i < VMTAS_MAX; i++)
		w->places[i].fit = REROUTE_GOOD;
	for (int i = 0; i < POOLS_MAX; i++)
		w->sizes[i] = -1;
}

/*
 * "a>b" always, "a~b" in backoff, "a!B" overflow, "a-" slow, "a0" no source,
 * "A:abc" a pool; blanks between them.
 */
static void
world_say(struct world *w, const char *text)
{
	world_init(w);
	for (const char *p = text; *p != '\0';
	     p += strcspn(p, " "), p += strspn(p, " ")) {
		const char *to = letter(p[2]);

		if (p[1] == ':') {
			int *n = &w->sizes[p[0] - 'A'];

			*n = 0;
			for (const char *m = p + 2; *m > ' '; m++, (*n)++)
				w->pools[p[0] - 'A'][*n] =
				    (struct reroute_member){ letter(*m), 1 };
		} else if (p[1] == '>') {
			place(w, letter(p[0]))->always = to;
		} else if (p[1] == '~') {
			place(w, letter(p[0]))->backoff = to;
			place(w, letter(p[0]))->fit = REROUTE_SLOW;
		} else if (p[1] == '!') {
			place(w, letter(p[0]))->overflow = to;
		} else {
			CHECK(p[1] == '-' || p[1] == '0');
			place(w, letter(p[0]))->fit = p[1] == '-' ?
			    REROUTE_SLOW :
			    REROUTE_NO_SOURCE;
		}
	}
}

/* ---- cases --------------------------------------------------------------- */

static const struct {
	const char *label, *world;
	const char *want; /* where mail of a goes; then ! for a loop */
	bool by_pool;
	enum reroute_way way;
} cases[] = {
	{ "nothing said", "", "a", false, REROUTE_STAYS },
	{ "always", "a>b", "b", false, REROUTE_ALWAYS },
	{ "a chain", "a>b b>c c>d", "d", false, REROUTE_ALWAYS },
	{ "to itself", "a>a", "a", false, REROUTE_STAYS },
	{ "a loop of two", "a>b b>a", "a!", false, REROUTE_STAYS },
	{ "a loop behind it", "a>b b>c c>b", "a!", false, REROUTE_STAYS },
	{ "sixteen ways",
	    "a>b b>c c>d d>e e>f f>g g>h h>i i>j j>k k>l l>m m>n n>o o>p p>q",
	    "q", false, REROUTE_ALWAYS },
	{ "seventeen",
	    "a>b b>c c>d d>e e>f f>g g>h h>i i>j j>k k>l l>m m>n n>o o>p p>q "
	    "q>r",
	    "a!", false, REROUTE_STAYS },
	{ "in backoff", "a~b", "b", false, REROUTE_BACKOFF },
	{ "to one that is in backoff too", "a~b b-", "b", false,
	    REROUTE_BACKOFF },
	{ "and goes on", "a~b b~c", "c", false, REROUTE_BACKOFF },
	{ "always goes before backoff", "a>b a~c", "b", false, REROUTE_ALWAYS },
	{ "in backoff, then always", "a~b b>c", "c", false, REROUTE_BACKOFF },
	{ "a loop of backoffs", "a~b b~a", "a!", false, REROUTE_STAYS },
	{ "a loop of both", "a~b b>a", "a!", false, REROUTE_STAYS },
	{ "always to a pool", "a>A A:b", "b", false, REROUTE_ALWAYS },
	{ "always to a pool of no use", "a>A A:b b0", "b", false,
	    REROUTE_ALWAYS },
	{ "to the better one", "a>A A:bcd b0 c- d-", "c", false,
	    REROUTE_ALWAYS },
	{ "to a pool that it is in", "a>A A:bac b>A c>A", "a", false,
	    REROUTE_STAYS },
	{ "to a pool that has nobody", "a>A A:", "a", false, REROUTE_STAYS },
	{ "in backoff, to a pool that it is in", "a~A A:ab", "b", false,
	    REROUTE_BACKOFF },
	{ "to a pool whose members are in backoff", "a~A A:abc b- c0", "a",
	    false, REROUTE_STAYS },
	{ "two of a pool, both in backoff", "a~A b~A A:ab", "a", false,
	    REROUTE_STAYS },
	{ "by a member to a loop", "a~A A:ab b>a", "a!", false, REROUTE_STAYS },
	{ "no source, and given to the pool", "a0 a!A A:ab", "b", true,
	    REROUTE_OVERFLOW },
	{ "no source, and given to it", "a0 a!A A:ab", "a", false,
	    REROUTE_STAYS },
	{ "no source, and no other has one", "a0 a!A A:ab b0", "a", true,
	    REROUTE_STAYS },
	{ "no source, and the other is in backoff", "a0 a!A A:ab b-", "b", true,
	    REROUTE_OVERFLOW },
	{ "the other one sends it on", "a0 a!A A:ab b~c", "c", true,
	    REROUTE_OVERFLOW },
	{ "the other one sends it back", "a0 a!A A:ab b~a", "a!", true,
	    REROUTE_STAYS },
	{ "a source, but in backoff", "a- a!A A:ab", "a", true, REROUTE_STAYS },
	{ "to a pool, and from there to the next", "a>A A:b b0 b!B B:bc", "c",
	    false, REROUTE_ALWAYS },
	{ "to one by name: that is not left", "a>b b0 b!A A:bc", "b", true,
	    REROUTE_ALWAYS },
};

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;
		struct reroute_ask a = ask(&w, 0);
		struct reroute r;

		world_say(&w, cases[i].world);
		r = reroute_now(&a, "a", cases[i].by_pool);
		ok(r.vmta[0] == cases[i].want[0] && r.way == cases[i].way &&
			r.looped == (cases[i].want[1] == '!'),
		    "%s: %s", cases[i].label, cases[i].want);
	}
}

static void
test_always(void)
{
	struct world w;
	struct reroute_ask a = ask(&w, 0);
	struct reroute r;

	world_say(&w, "a>b b~c b!A A:bd");
	ok(reroute_always(&a, "a", true).vmta[0] == 'b',
	    "new mail belongs where `always` ends");
	ok(reroute_now(&a, "b", false).vmta[0] == 'c',
	    "and goes on from there");
	world_say(&w, "a>b b>a");
	ok(reroute_always(&a, "a", true).looped &&
		reroute_always(&a, "a", true).by_pool,
	    "a loop of them leaves all as it was");
	world_say(&w, "a>A A:b b~c");
	r = reroute_now(&a, "a", false);
	ok(reroute_always(&a, "a", false).by_pool && !r.by_pool,
	    "who goes to a pool is given to it, until somebody is named");
}

/* ---- shares of a pool ---------------------------------------------------- */

static void
test_weights(void)
{
	enum { TURNS = 16000 };
	static const uint32_t weights[] = { 100, 50, 9, 1 };
	int got[4] = { 0 }, gap[4] = { 0 }, last[4] = { 0 };
	bool fair = true, even = true;
	struct world w;

	world_say(&w, "z>A A:abcd");
	for (int i = 0; i < 4; i++)
		w.pools[0][i].weight = weights[i];
	for (int t = 1; t <= TURNS; t++) {
		struct reroute_ask a = ask(&w, (uint64_t)t);
		int i = reroute_now(&a, "z", false).vmta[0] - 'a';

		got[i]++;
		if (t - last[i] > gap[i])
			gap[i] = t - last[i];
		last[i] = t;
	}
	for (int i = 0; i < 4; i++) {
		int share = TURNS * (int)weights[i] / 160;

		fair = fair && abs(got[i] - share) <= 20;
		even = even && gap[i] <= 3 * 160 / (int)weights[i] + 1;
	}
	ok(fair, "weights 100, 50, 9, 1: %d, %d, %d, %d of 16,000 turns",
	    got[0], got[1], got[2], got[3]);
	ok(even, "spread: nobody waits for longer than three times his share");
}

/* ---- any graph ----------------------------------------------------------- */

static const char *
some_name(int vmtas, int pools)
{
	uint64_t n = rnd((uint64_t)(vmtas + pools));

	return (int)n < vmtas ? letter((char)('a' + n)) :
				letter((char)('A' + (int)n - vmtas));
}

static void
random_world(struct world *w, int vmtas, int pools)
{
	world_init(w);
	for (int i = 0; i < pools; i++) {
		w->sizes[i] = (int)rnd(MEMBERS_MAX + 1);
		for (int k = 0; k < w->sizes[i]; k++)
			w->pools[i][k] = (struct reroute_member){
				some_name(vmtas, 0), 1 + (uint32_t)rnd(3)
			};
	}
	for (int i = 0; i < vmtas; i++) {
		struct place *p = &w->places[i];

		p->fit = (enum reroute_fit)rnd(3);
		if (rnd(3) == 0)
			p->always = some_name(vmtas, pools);
		if (rnd(2) == 0)
			p->backoff = some_name(vmtas, pools);
		if (pools > 0 && rnd(2) == 0)
			p->overflow = letter(
			    (char)('A' + (int)rnd((uint64_t)pools)));
	}
}

/* The way from here without pools, as simply as can be; NULL: it ends. */
static const char *
plain_next(struct world *w, const char *at)
{
	const char *to = always(w, at);

	if (to == NULL || to == at)
		to = backoff(w, at);
	return to == at ? NULL : to;
}

/* NULL: it never ends, or not soon. */
static const char *
plain_end(struct world *w, const char *at)
{
	for (int i = 0; i <= REROUTE_STEPS; i++) {
		const char *next = plain_next(w, at);

		if (next == NULL)
			return at;
		at = next;
	}
	return NULL;
}

static void
test_plain_graphs(void)
{
	int loops = 0, moves = 0;
	bool right = true;

	for (int i = 0; i < 20000; i++) {
		int vmtas = 1 + (int)rnd(VMTAS_MAX);
		struct world w;
		struct reroute_ask a = ask(&w, 0);
		struct reroute r;
		const char *end;

		random_world(&w, vmtas, 0);
		r = reroute_now(&a, "a", rnd(2) == 0);
		end = plain_end(&w, letter('a'));
		loops += end == NULL;
		moves += end != NULL && end[0] != 'a';
		right = right && r.looped == (end == NULL) &&
		    r.vmta[0] == (end == NULL ? 'a' : end[0]);
	}
	ok(right && loops > 100 && moves > 100,
	    "20,000 graphs without pools: %d loops, %d moves", loops, moves);
}

static void
test_rest(void)
{
	int loops = 0, moves = 0;
	bool rests = true, stays = true, few = true;

	for (int i = 0; i < 50000; i++) {
		int vmtas = 1 + (int)rnd(12);
		struct world w;
		struct reroute_ask a = ask(&w, rnd(UINT64_MAX));
		bool by_pool = rnd(2) == 0;
		struct reroute r;

		random_world(&w, vmtas, (int)rnd(POOLS_MAX + 1));
		w.asked = 0;
		r = reroute_now(&a, "a", by_pool);
		few = few && w.asked <= REROUTE_STEPS + 1;
		loops += r.looped;
		moves += r.vmta[0] != 'a';
		if (r.vmta[0] == 'a') {
			stays = stays && r.way == REROUTE_STAYS &&
			    r.by_pool == by_pool;
			continue;
		}
		stays = stays && r.way != REROUTE_STAYS && !r.looped;
		for (int t = 0; t < 5; t++) {
			struct reroute_ask again = ask(&w, rnd(UINT64_MAX));
			struct reroute next = reroute_now(&again, r.vmta,
			    r.by_pool);

			rests = rests && next.vmta[0] == r.vmta[0];
		}
	}
	ok(rests && loops > 100 && moves > 1000,
	    "50,000 graphs: what is moved stays there, whoever's turn it is "
	    "(%d loops, %d moves)",
	    loops, moves);
	ok(stays, "what stays is as it was");
	ok(few, "after 16 ways nobody asks for more");
}

int
main(void)
{
	test_cases();
	test_always();
	test_weights();
	test_plain_graphs();
	test_rest();
	return done_testing();
}
