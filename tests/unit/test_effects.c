/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection that fails is counted once, with its grants or by itself; and of
 * what waits for the host none ends with one.
 */
#include "transport/effects.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "tests/support/fake_conf.h"
#include "tests/support/sim.h"
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

/* Five recipients, and a greeting that is to end them: so many it does. */
static uint64_t
failed_in(const char *domain, uint32_t *opened_r)
{
	struct snapshot *conf = fake_conf_new();
	struct sim *sim = mem_new(struct sim);
	struct err e;
	uint64_t n;

	if (fake_conf_domain(conf, domain, "bounce-upon-5xx-greeting", "yes",
		&e) == -1)
		(void)ok(false, "%s", e.text);
	sim_init(sim, conf, 1);
	sim_server(sim, domain)->greeting = 550;
	sim_submit(sim,
	    &(struct sim_submit){ .domain = domain,
		.vmta = "",
		.messages = 5,
		.rcpts = 1,
		.priority = 50 });
	sim_run(sim, 60 * US_PER_S);
	n = sim_count(sim, domain, "")->failed;
	*opened_r = sim_count(sim, domain, "")->opened;
	sim_fini(sim);
	free(sim);
	return n;
}

int
main(void)
{
	uint32_t opened;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ok(effects_is_counted(cases[i].before, &cases[i].tally,
		       cases[i].skipped) == cases[i].counted,
		    "%s", cases[i].label);
	is_int((int64_t)failed_in("a.example", &opened), 5,
	    "a greeting ends a queue");
	is_int((int64_t)failed_in(SNAPSHOT_DSN_DOMAIN, &opened), 0,
	    "not the host's");
	ok(opened > 0, "who was called");
	return done_testing();
}
