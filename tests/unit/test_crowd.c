/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may come in: in all, of a group, of one guest; what is reserved for a
 * group stays free for it; and many threads never let in one too many.
 */
#include "lib/crowd.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "lib/check.h"
#include "tests/tap.h"

static const struct crowd_group groups[] = {
	{ "Small", 2, 0 },
	{ "kept", 0, 3 },
};

static struct crowd_place places[64];

/* One letter each: i in, f full, g group full, c guest full; lower case of
   "-N" leaves place N. */
static void
play(struct crowd *c, const char *const *steps, char *out)
{
	static const char letters[] = "ifgc";
	size_t n = 0;

	memset(places, 0, sizeof(places));
	for (size_t i = 0; steps[i] != NULL; i++) {
		char group[32], guest[32];
		struct crowd_ask ask = { .max = 6,
			.groups = groups,
			.group_count = 2,
			.group = group,
			.guest = guest };

		if (steps[i][0] == '-') {
			crowd_leave(c, &places[steps[i][1] - '0']);
			continue;
		}
		CHECK(sscanf(steps[i], "%31[^/]/%31[^/]/%u", group, guest,
			  &ask.guest_max) == 3);
		if (strcmp(group, "none") == 0)
			group[0] = '\0';
		out[n] = letters[crowd_enter(c, &ask, &places[n])];
		n++;
	}
	out[n] = '\0';
	for (size_t i = 0; i < n; i++)
		crowd_leave(c, &places[i]);
}

static const struct {
	const char *label;
	const char *steps[16];
	const char *want;
} cases[] = {
	{ "three for all, three are kept",
	    { "none/a/0", "none/b/0", "none/c/0", "none/d/0", "kept/e/0",
		"none/f/0", "kept/g/0", "kept/h/0", "kept/i/0" },
	    "iiififiif" },
	{ "the group has more than is kept for it",
	    { "kept/a/0", "kept/a/0", "kept/a/0", "kept/a/0", "none/b/0",
		"none/b/0", "none/b/0" },
	    "iiiiiif" },
	{ "two of a group, whatever its case",
	    { "small/a/0", "SMALL/b/0", "Small/c/0", "-0", "small/c/0" },
	    "iigi" },
	{ "one guest, and another",
	    { "none/a/2", "none/a/2", "none/a/2", "none/b/1", "-0",
		"none/a/2" },
	    "iicii" },
	{ "a group that is not known has no limit",
	    { "other/a/0", "other/a/0", "other/a/0" }, "iii" },
};

/* ---- threads ------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 5000, ROOM = 3 };

static struct crowd *shared;
static _Atomic unsigned inside, most, entered;

static void *
visit(void *arg)
{
	const struct crowd_ask ask = { .max = ROOM, .group = "", .guest = "x" };

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		struct crowd_place place = { 0 };
		unsigned now, seen;

		if (crowd_enter(shared, &ask, &place) != CROWD_IN)
			continue;
		now = atomic_fetch_add(&inside, 1) + 1;
		seen = atomic_load(&most);
		while (now > seen &&
		    !atomic_compare_exchange_weak(&most, &seen, now))
			;
		atomic_fetch_add(&entered, 1);
		atomic_fetch_sub(&inside, 1);
		crowd_leave(shared, &place);
	}
	return NULL;
}

static void
test_threads(void)
{
	pthread_t t[THREADS];

	shared = crowd_new();
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t[i], NULL, visit, NULL) == 0);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	ok(most <= ROOM && entered >= ROUNDS, "%u inside at most, %u came in",
	    most, entered);
	is_int(crowd_inside(shared), 0, "all have left");
	crowd_free(&shared);
}

int
main(void)
{
	struct crowd *c = crowd_new();
	char out[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		play(c, cases[i].steps, out);
		is_str(out, cases[i].want, cases[i].label);
		is_int(crowd_inside(c), 0, "all have left");
	}
	crowd_free(&c);
	test_threads();
	return done_testing();
}
