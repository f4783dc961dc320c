/* SPDX-License-Identifier: Apache-2.0 */
/* A batch waits for those who were just answered, on a slow disk, for a part of
 * what its syncs take; nobody else is kept waiting. */
#include <stdint.h>

#include "lib/clock.h"
#include "queue/gather.h"
#include "tests/tap.h"

#define T (1000 * US_PER_S) /* when the last batch was answered */

static const struct {
	const char *label;
	int64_t syncs_us;       /* of each of the batches before */
	unsigned answered;      /* messages in the last one */
	unsigned before, after; /* messages that came before T, and after */
	int64_t wait_us;
} cases[] = {
	{ "fast disk", 200, 20, 0, 1, 0 },
	{ "one client", 10000, 1, 0, 1, 0 },
	{ "the first of twenty is back", 10000, 20, 0, 1, 2500 },
	{ "all but one", 10000, 20, 0, 19, 2500 },
	{ "all are back", 10000, 20, 0, 20, 0 },
	{ "others waited; one is back", 10000, 10, 10, 1, 2500 },
	{ "others waited; all are back", 10000, 10, 10, 10, 0 },
	{ "only others so far", 10000, 10, 10, 0, 2500 },
	{ "outcomes alone, clients expected", 10000, 1, 0, 0, 2500 },
	{ "outcomes alone, nobody expected", 10000, 0, 0, 0, 0 },
	{ "never for long", 500000, 20, 0, 1, 20000 },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned have = cases[i].before + cases[i].after;
		struct gather g = { 0 };
		int64_t now = T + 100;

		for (int n = 0; n < 50; n++)
			gather_answered(&g, cases[i].answered,
			    cases[i].syncs_us, T);
		for (unsigned n = 0; n < cases[i].before; n++)
			gather_came(&g, T - 1);
		for (unsigned n = 0; n < cases[i].after; n++)
			gather_came(&g, T + 50);
		/* The average is cut, not rounded. */
		ok(gather_wait(&g, have, now) <= cases[i].wait_us &&
			gather_wait(&g, have, now) >= cases[i].wait_us - 2,
		    "%s", cases[i].label);
		ok(gather_wait(&g, have, now + cases[i].wait_us) == 0,
		    "%s: then it begins", cases[i].label);
	}
	return done_testing();
}
