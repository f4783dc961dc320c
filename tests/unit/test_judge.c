/* SPDX-License-Identifier: Apache-2.0 */
/* The judge of limits convicts who broke one, and nobody else. */
#include "lib/clock.h"
#include "tests/support/judge.h"
#include "tests/tap.h"

#define S US_PER_S
#define MS US_PER_MS

enum { STEPS = 12 };

/* One step: a limit is written, or something happens n times. */
struct step {
	int64_t at_us;
	char what; /* L limit, o opened, c closed, r RCPT, b bytes, s settled */
	uint64_t n;
	int64_t period_us; /* of a limit; else: begun so long before */
};

static const struct {
	const char *label;
	enum judge_kind kind;
	unsigned violations;
	struct step steps[STEPS];
} cases[] = {
	{ "two a second", JUDGE_MSGS, 0,
	    { { 0, 'L', 2, S }, { 1 * MS, 'r', 2, 0 },
		{ 1001 * MS, 'r', 2, 0 } } },
	{ "three within a second", JUDGE_MSGS, 1,
	    { { 0, 'L', 2, S }, { 1 * MS, 'r', 2, 0 },
		{ 1000 * MS, 'r', 1, 0 } } },
	{ "three in one transaction", JUDGE_MSGS, 1,
	    { { 0, 'L', 2, S }, { 1 * MS, 'r', 3, 0 } } },
	{ "the window slides", JUDGE_MSGS, 1,
	    { { 0, 'L', 2, S }, { 900 * MS, 'r', 1, 0 },
		{ 1700 * MS, 'r', 1, 0 }, { 1800 * MS, 'r', 1, 0 } } },
	{ "no limit", JUDGE_MSGS, 0,
	    { { 0, 'L', 0, 0 }, { 1 * MS, 'r', 3000, 0 } } },
	{ "another limit's events do not count", JUDGE_CONNECTS, 0,
	    { { 0, 'L', 1, S }, { 1 * MS, 'r', 5, 0 },
		{ 2 * MS, 'o', 1, 0 } } },
	{ "connections opened too fast", JUDGE_CONNECTS, 1,
	    { { 0, 'L', 1, S }, { 1 * MS, 'o', 1, 0 }, { 2 * MS, 'c', 1, 0 },
		{ 3 * MS, 'o', 1, 0 } } },
	{ "a wait between connections", JUDGE_RAMPUP, 1,
	    { { 0, 'L', 1, 5 * S }, { S, 'o', 1, 0 }, { 6 * S, 'o', 1, 0 },
		{ 10 * S, 'o', 1, 0 } } },
	{ "lowered: what was before counts, and nothing goes", JUDGE_MSGS, 1,
	    { { 0, 'L', 10, S }, { 1 * MS, 'r', 5, 0 }, { 100 * MS, 'L', 2, S },
		{ 500 * MS, 'r', 1, 0 } } },
	{ "lowered: what was begun before may end", JUDGE_MSGS, 0,
	    { { 0, 'L', 10, S }, { 1 * MS, 'r', 5, 0 }, { 100 * MS, 'L', 2, S },
		{ 110 * MS, 'r', 1, 20 * MS }, { 1200 * MS, 'r', 1, 0 } } },
	{ "lowered: what ended late counts", JUDGE_MSGS, 1,
	    { { 0, 'L', 10, S }, { 100 * MS, 'L', 2, S },
		{ 110 * MS, 'r', 2, 20 * MS }, { 1100 * MS, 'r', 1, 0 } } },
	{ "raised at once", JUDGE_MSGS, 0,
	    { { 0, 'L', 1, S }, { 1 * MS, 'r', 1, 0 }, { 100 * MS, 'L', 2, S },
		{ 101 * MS, 'r', 1, 0 } } },
	{ "a new limit does not know what was free", JUDGE_MSGS, 0,
	    { { 0, 'L', 0, 0 }, { 1 * MS, 'r', 50, 0 }, { 2 * MS, 'L', 1, S },
		{ 500 * MS, 'r', 1, 0 } } },
	{ "a longer period knows the last of the shorter", JUDGE_MSGS, 1,
	    { { 0, 'L', 5, S }, { 500 * MS, 'r', 5, 0 },
		{ 2500 * MS, 'r', 5, 0 }, { 3 * S, 'L', 6, 10 * S },
		{ 4 * S, 'r', 1, 0 }, { 5 * S, 'r', 1, 0 } } },
	{ "three at once of two", JUDGE_CONNS, 1,
	    { { 0, 'L', 2, 0 }, { 1 * MS, 'o', 3, 0 } } },
	{ "two at once, often", JUDGE_CONNS, 0,
	    { { 0, 'L', 2, 0 }, { 1 * MS, 'o', 2, 0 }, { 2 * MS, 'c', 2, 0 },
		{ 2 * MS, 'o', 2, 0 } } },
	{ "lowered: surplus connections have ended", JUDGE_CONNS, 0,
	    { { 0, 'L', 9, 0 }, { 1 * MS, 'o', 5, 0 }, { 2 * MS, 'L', 2, 0 },
		{ 5 * MS, 'c', 3, 0 }, { 9 * S, 's', 5, 0 } } },
	{ "lowered: surplus connections stay", JUDGE_CONNS, 1,
	    { { 0, 'L', 9, 0 }, { 1 * MS, 'o', 5, 0 }, { 2 * MS, 'L', 2, 0 },
		{ 5 * MS, 'c', 2, 0 }, { 9 * S, 's', 5, 0 } } },
	{ "lowered: surplus connections stay a while", JUDGE_CONNS, 0,
	    { { 0, 'L', 9, 0 }, { 1 * MS, 'o', 5, 0 }, { 2 * MS, 'L', 2, 0 },
		{ 4 * S, 's', 5, 0 } } },
	{ "lowered: none is opened while there are too many", JUDGE_CONNS, 1,
	    { { 0, 'L', 9, 0 }, { 1 * MS, 'o', 5, 0 }, { 2 * MS, 'L', 2, 0 },
		{ 3 * MS, 'c', 1, 0 }, { 4 * MS, 'o', 1, 0 } } },
	{ "bytes within the allowance", JUDGE_BYTES, 0,
	    { { 0, 'L', 1000, S }, { 1 * MS, 'b', 600, 0 },
		{ 2 * MS, 'b', 400, 0 } } },
	{ "bytes above it", JUDGE_BYTES, 1,
	    { { 0, 'L', 1000, S }, { 1 * MS, 'b', 600, 0 },
		{ 2 * MS, 'b', 401, 0 } } },
	{ "a message larger than all, alone", JUDGE_BYTES, 0,
	    { { 0, 'L', 1000, S }, { 1 * MS, 'b', 5000, 0 },
		{ 1002 * MS, 'b', 1000, 0 } } },
	{ "a message larger than all, after another", JUDGE_BYTES, 1,
	    { { 0, 'L', 1000, S }, { 1 * MS, 'b', 1, 0 },
		{ 2 * MS, 'b', 5000, 0 } } },
	{ "anything after a message larger than all", JUDGE_BYTES, 1,
	    { { 0, 'L', 1000, S }, { 1 * MS, 'b', 5000, 0 },
		{ 2 * MS, 'b', 1, 0 } } },
};

static void
happen(struct judge *j, const struct step *s, enum judge_what what)
{
	struct judge_event e = { .what = what,
		.at_us = s->at_us,
		.since_us = s->at_us - s->period_us,
		.n = s->n,
		.of = { [JUDGE_QUEUE] = "a/b", [JUDGE_VMTA] = "b" } };
	uint64_t times = 1;

	if (what == JUDGE_OPENED || what == JUDGE_CLOSED) {
		times = s->n;
		e.n = 1;
	}
	for (uint64_t i = 0; i < times; i++)
		judge_event(j, &e);
}

static void
play(struct judge *j, enum judge_kind kind, const struct step *s)
{
	const struct judge_limit l = { JUDGE_QUEUE, kind, "a/b", s->n,
		s->period_us };

	switch (s->what) {
	case 'L':
		judge_limit(j, &l, s->at_us);
		return;
	case 'o':
		happen(j, s, JUDGE_OPENED);
		return;
	case 'c':
		happen(j, s, JUDGE_CLOSED);
		return;
	case 'r':
		happen(j, s, JUDGE_RCPT);
		return;
	case 'b':
		happen(j, s, JUDGE_DELIVERED);
		return;
	case 's':
		judge_settled(j, s->at_us, (int64_t)s->n * S);
		return;
	}
}

/* Half of a rate is 50 %, and the limit that gave most is named. */
static void
shares(void)
{
	const char *const
	    of[JUDGE_SCOPES] = { [JUDGE_VMTA] = "b", [JUDGE_QUEUE] = "a/b" };
	struct judge_unit none = { 0 };
	struct judge *j = judge_new("shares", 0);
	struct step s = { 0, 'o', 1, 0 };
	char why[160];

	is_int((int)judge_share(j, of, &none, 10 * S, why), -1,
	    "no limit has no share");
	judge_limit(j,
	    &(struct judge_limit){ JUDGE_QUEUE, JUDGE_MSGS, "a/b", 10, S }, 0);
	judge_limit(j,
	    &(struct judge_limit){ JUDGE_VMTA, JUDGE_CONNS, "b", 4, 0 }, 0);
	judge_mark(j, 0);
	happen(j, &s, JUDGE_OPENED);
	for (s.at_us = 0; s.at_us < 10 * S; s.at_us += 200 * MS)
		happen(j, &s, JUDGE_RCPT);
	is_int((int)(judge_share(j, of, &none, 10 * S, why) * 100 + 0.5), 50,
	    "half of a rate is 50 %");
	is_str(why, "recipients of queue a/b", "and it is that one");
	s.at_us = 10 * S;
	for (int i = 0; i < 3; i++)
		happen(j, &s, JUDGE_OPENED);
	is_int((int)(judge_share(j, of, &none, 40 * S, why) * 100 + 0.5), 81,
	    "one, then four connections of four are 81 %");
	is_str(why, "connections at once of virtual MTA b", "as it says");
	judge_mark(j, 40 * S);
	is_int((int)(judge_share(j, of, &none, 50 * S, why) * 100 + 0.5), 100,
	    "a mark begins anew");
	judge_free(&j);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct judge *j = judge_new(cases[i].label, 10 * MS);

		for (int k = 0; k < STEPS && cases[i].steps[k].what != '\0';
		     k++)
			play(j, cases[i].kind, &cases[i].steps[k]);
		is_int((int)judge_violations(j), (int)cases[i].violations,
		    cases[i].label);
		judge_free(&j);
	}
	shares();
	return done_testing();
}
