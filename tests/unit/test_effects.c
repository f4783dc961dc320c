/* SPDX-License-Identifier: Apache-2.0 */
/* A connection that fails is counted once, with its grants or by itself. */
#include "transport/effects.h"

#include "tests/tap.h"

static const struct {
	const char *label;
	bool before;
	struct sched_tally tally; /* of the last grant */
	bool skipped, counted;
} cases[] = {
	{ "with the grant that ended with it", false, { .attempts = 1 }, false,
	    true },
	{ "not with one that came back untried", false, { 0 }, false, false },
	{ "nor does that undo what was counted", true, { 0 }, false, true },
	{ "behind a host that was skipped it is another", false,
	    { .attempts = 1, .errors = 1 }, true, false },
	{ "whatever was before", true, { .attempts = 1 }, true, false },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ok(effects_is_counted(cases[i].before, &cases[i].tally,
		       cases[i].skipped) == cases[i].counted,
		    "%s", cases[i].label);
	return done_testing();
}
