/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Released mail that is too old is tried once: what its server says to another
 * message does not end it; that none can be reached does, and so does its age
 * once it has been tried.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "tests/conf_file.h"
#include "tests/support/sim.h"
#include "tests/tap.h"
#include "vmta/sched_walk.h"

#define DAY (86400 * US_PER_S)

enum { MESSAGES = 5 };

static bool
holds(void *ctx, const struct sched_rcpt_info *info)
{
	(void)ctx;
	return info->due_us != SCHED_ON_HOLD;
}

static bool
releases(void *ctx, const struct sched_rcpt_info *info)
{
	(void)ctx;
	return info->due_us == SCHED_ON_HOLD;
}

static void
hold_and_release(struct sim *sim)
{
	struct sched_walk walk;

	for (int i = 0; i < 2; i++) {
		sched_walk_begin(&walk, sim->sched);
		while (sched_walk_next(&walk) != NULL)
			(void)(i == 0 ?
				sched_walk_hold(&walk, holds, NULL, 100) :
				sched_walk_free(&walk, releases, NULL, 100));
		sched_walk_end(&walk);
	}
}

static struct snapshot *
load(const char *rule)
{
	struct conf_errors errs = { 0 };
	struct snapshot *conf;
	char text[256];

	(void)snprintf(text, sizeof(text),
	    "<smtp-pattern-list x>\n reply /busy/ %s\n</smtp-pattern-list>\n"
	    "<domain a.example>\n max-smtp-out 1\n smtp-pattern-list x\n"
	    "</domain>\n",
	    rule);
	conf_file_put("main", text);
	conf = snapshot_load(conf_file_path("main"), &errs);
	CHECK(conf != NULL);
	conf_errors_fini(&errs);
	return conf;
}

/* One connection at a time, a server that says this so often first, a rule. */
static struct sim *
begin(int64_t age_us, const struct sim_reply *first, const char *rule)
{
	struct sim *sim = mem_new(struct sim);

	sim_init(sim, load(rule), 1);
	sim_script_add(sim->rg, sim_server(sim, "a.example"), first);
	sim_submit(sim,
	    &(struct sim_submit){ .domain = "a.example",
		.vmta = "",
		.messages = MESSAGES,
		.rcpts = 1,
		.priority = 50,
		.age_us = age_us });
	hold_and_release(sim);
	return sim;
}

static void
end(struct sim *sim)
{
	sim_fini(sim);
	free(sim);
}

static const struct {
	const char *label;
	enum sim_phase at;
	int code;
	uint32_t times;
	uint64_t delivered, expired;
} cases[] = {
	{ "one message ends its connection, and itself alone", SIM_MAIL,
	    SIM_HANGS_UP, 1, MESSAGES - 1, 1 },
	{ "DNS fails, and is asked again", SIM_GREETING, SIM_UNRESOLVED, 1,
	    MESSAGES, 0 },
	{ "DNS fails for good", SIM_GREETING, SIM_UNRESOLVED, SIM_ALWAYS, 0,
	    MESSAGES },
	{ "no server can be reached", SIM_GREETING, SIM_HANGS_UP, 1, 0,
	    MESSAGES },
};

static void
test_first(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct sim_reply first = { .at = cases[i].at,
			.code = cases[i].code,
			.text = "",
			.host = "",
			.times = cases[i].times };
		struct sim *sim = begin(100 * DAY, &first, "skip-mx");
		const struct sim_count *n = sim_count(sim, "a.example", "");

		sim_run(sim, DAY);
		ok(n->delivered == cases[i].delivered, "%s: so many go",
		    cases[i].label);
		ok(n->expired == cases[i].expired, "%s: so many end",
		    cases[i].label);
		end(sim);
	}
}

/* A rule that puts off its queue says no more of it than the greeting does. */
static void
test_rule(void)
{
	static const char *const rules[] = { "defer-queue",
		"disable-source-ip" };
	const struct sim_reply busy = { .at = SIM_GREETING,
		.code = 421,
		.text = "4.3.2 busy",
		.host = "",
		.times = SIM_ALWAYS };

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct sim *sim = begin(100 * DAY, &busy, rules[i]);

		sim_run(sim, DAY);
		is_int((int64_t)sim_count(sim, "a.example", "")->expired,
		    MESSAGES, rules[i]);
		end(sim);
	}
}

/* It was tried: its pause does not keep it for ever. */
static void
test_tried(void)
{
	const struct sim_reply later = { .at = SIM_RCPT,
		.code = 451,
		.text = "4.3.0 later",
		.host = "",
		.times = SIM_ALWAYS };
	struct sched_pause pause = { "a.example", "*", true };
	struct sim *sim = begin(0, &later, "skip-mx");
	const struct sim_count *n = sim_count(sim, "a.example", "");
	struct err e;

	sim_run(sim, 60 * US_PER_S);
	is_int((int64_t)n->attempts, MESSAGES, "each is tried");
	(void)sched_pause(sim->sched, &pause, &e);
	sim_run(sim, 30 * DAY);
	is_int((int64_t)n->expired, MESSAGES, "and gets too old in a pause");
	end(sim);
}

int
main(void)
{
	conf_file_begin();
	test_first();
	test_rule();
	test_tried();
	conf_file_end();
	return done_testing();
}
