/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit_world - random limits of everything that can have one: written as a
 * configuration, told to a judge, and named for what happens.
 *
 * A few domains, virtual MTAs, groups, pools, providers, jobs and users; which belongs
 * to which is fixed.  The limits are a table (limit_world.c): a line is where
 * a directive stands, its name, and what it limits.
 */

#ifndef TESTS_SUPPORT_LIMIT_WORLD_H
#define TESTS_SUPPORT_LIMIT_WORLD_H

#include "lib/str.h"
#include "tests/support/judge.h"
#include "tests/support/sim.h"

enum { WORLD_DOMAINS = 5, WORLD_VMTAS = 4, WORLD_LIMITS = 128 };

extern const char *const world_domains[WORLD_DOMAINS];
extern const char *const world_vmtas[WORLD_VMTAS]; /* the first is "" */

/* How much there may be. */
struct world_style {
	bool slow; /* periods of minutes to a day, not of seconds */
	bool calm; /* those whose use is judged */
	bool few;  /* one limit in four is written; else every second */
};

struct world_value {
	uint64_t max;
	int64_t period_us;
};

struct limit_world {
	struct sim *sim; /* for its random numbers */
	struct judge *judge;
	struct world_style style;
	size_t limit_count;
	struct world_value limits[WORLD_LIMITS]; /* by line and by place */
	char fixed[WORLD_DOMAINS][256]; /* other settings of each domain */
};

void limit_world_init(struct limit_world *w, struct sim *sim,
    struct judge *judge, const struct world_style *style);
/* Some of them change: most by their number alone. */
void limit_world_change(struct limit_world *w, unsigned some);
/* As the text of a configuration. */
void limit_world_write(const struct limit_world *w, struct buf *out);
/* Tells the judge what is in effect from now on. */
void limit_world_tell(const struct limit_world *w, int64_t now_us);
/* The longest period of those that are written. */
int64_t limit_world_longest(const struct limit_world *w);

/* A watcher of sim (ctx: the limit_world): tells the judge. */
void limit_world_watch(void *ctx, const struct sim_seen *seen);

/* The names that hold for the mail of an origin in a queue. */
struct world_names {
	const char *of[JUDGE_SCOPES];
	char queue[160], source[224], rollup[160];
};
void limit_world_names(const struct sim_seen *seen, struct world_names *out);

#endif
