/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last order that fits a queue decides whether it is paused, whenever the
 * queue asks, and no order is kept that makes no difference.
 */
#include "vmta/pause.h"

#include <stdlib.h>
#include <string.h>

#include "tests/tap.h"

static const char *const queues[] = { "gmail.com/out1", "gmail.com/out2",
	"yahoo.com/out1", "yahoo.com/{default}" };
enum { QUEUES = sizeof(queues) / sizeof(queues[0]) };

/*
 * Orders: '+' pauses, '-' resumes.  After each: which of the queues are
 * paused (one letter each), and how many orders are kept.
 */
static const struct {
	const char *order, *paused;
	size_t kept;
} steps[] = {
	{ "+gmail.com/*", "PP--", 1 },
	{ "-gmail.com/out1", "-P--", 2 },
	{ "+*/*", "PPPP", 1 },
	{ "-*/out1", "-P-P", 2 },
	{ "+Gmail.com/OUT1", "PP-P", 3 },
	{ "+gmail.com/out1", "PP-P", 3 }, /* once more */
	{ "-*/*", "----", 0 },
	{ "-yahoo.com/*", "----", 0 },
	{ "+y*/o?t1", "--P-", 1 },
	{ "+y*/out1", "--P-", 2 }, /* narrower: both stay */
	{ "-yahoo.com/out1", "----", 3 },
	{ "-*/out1", "----", 2 }, /* o?t1 may be another */
	{ "-*/*", "----", 0 },
};

static void
give(struct pause_list *l, const char *order)
{
	char text[64], *slash;
	struct err e;

	(void)snprintf(text, sizeof(text), "%s", order + 1);
	slash = strchr(text, '/');
	*slash = '\0';
	ok(pause_give(l, text, slash + 1, order[0] == '+', &e) == 0, "%s",
	    order);
}

static bool
holds(const struct pause_list *l, struct pause_seen *seen, const char *queue)
{
	char text[64], *slash;

	(void)snprintf(text, sizeof(text), "%s", queue);
	slash = strchr(text, '/');
	*slash = '\0';
	return pause_holds(l, seen, text, slash + 1);
}

static void
letters(const struct pause_list *l, struct pause_seen *seen, char *out)
{
	for (size_t i = 0; i < QUEUES; i++)
		out[i] = holds(l, &seen[i], queues[i]) ? 'P' : '-';
	out[QUEUES] = '\0';
}

/* Queues that always look, that look at every third step, that are new. */
static void
test_steps(void)
{
	struct pause_list l = { 0 };
	struct pause_seen always[QUEUES] = { 0 }, rarely[QUEUES] = { 0 };
	char got[QUEUES + 1];

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct pause_seen new[QUEUES] = { 0 };

		give(&l, steps[i].order);
		letters(&l, always, got);
		is_str(got, steps[i].paused, "who looks each time");
		letters(&l, new, got);
		is_str(got, steps[i].paused, "who comes later");
		if (i % 3 == 2) {
			letters(&l, rarely, got);
			is_str(got, steps[i].paused, "who looks rarely");
		}
		is_int((int64_t)l.count, (int64_t)steps[i].kept, "kept");
	}
	pause_fini(&l);
}

static void
test_text(void)
{
	struct pause_list a = { 0 }, b = { 0 };
	struct pause_seen seen[QUEUES] = { 0 };
	char got[QUEUES + 1];
	struct buf text = { 0 };
	struct err e;

	give(&a, "+*/*");
	give(&a, "-*/out1");
	pause_pack(&a, &text);
	is_str(buf_cstr(&text), "pause */*\nresume */out1\n", "as text");
	ok(pause_unpack(&b, (struct slice){ text.p, text.len }, &e) == 0,
	    "read back");
	letters(&b, seen, got);
	is_str(got, "-P-P", "and the same");
	pause_fini(&a);
	pause_fini(&b);
	buf_fini(&text);
}

static const char *const damaged[] = { "pause */*", "pause *\n", "halt */*\n",
	"\n", "pause \n", "resume */*\npause", "pause" };

static void
test_damaged(void)
{
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		struct pause_list l = { 0 };
		struct err e;

		ok(pause_unpack(&l, slice_of(damaged[i]), &e) == -1,
		    "damaged: %s", e.text);
		pause_fini(&l);
	}
}

static void
test_many(void)
{
	struct pause_list l = { 0 };
	struct pause_seen seen = { 0 };
	char domain[32];
	struct err e;
	int n = 0;

	while (n <= PAUSE_ORDERS_MAX) {
		(void)snprintf(domain, sizeof(domain), "d%d.example", n);
		if (pause_give(&l, domain, "*", true, &e) == -1)
			break;
		n++;
	}
	is_int(n, PAUSE_ORDERS_MAX, "so many and no more");
	ok(!pause_holds(&l, &seen, domain, "v"), "the refused one is not");
	ok(pause_give(&l, "d7.example", "*", false, &e) == 0,
	    "a resume takes the place of its pause");
	ok(pause_give(&l, "more.example", "*", false, &e) == -1,
	    "one of something else is one more: %s", e.text);
	ok(pause_give(&l, "*", "*", false, &e) == 0 && l.count == 0,
	    "a resume of all is always possible");
	pause_fini(&l);
}

int
main(void)
{
	test_steps();
	test_text();
	test_damaged();
	test_many();
	return done_testing();
}
