/* SPDX-License-Identifier: Apache-2.0 */
/*
 * play - a scenario that is being played: where it stands, what it found
 * wrong, and the words of its lines.
 *
 * What makes no sense and what was not as expected is told as a comment of
 * TAP with its file and line, and counted: the play goes on, and fails in the
 * end.  Words point into the line that was split and live as long.
 */

#ifndef TESTS_SCENARIO_PLAY_H
#define TESTS_SCENARIO_PLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support/sim.h"

enum { PLAY_WORDS = 120, PLAY_LINE = 1024 };

struct play {
	const char *file;
	unsigned line;
	struct sim *sim;
	struct config *config; /* its lines, for start or reload */
	struct region *rg;     /* names of jobs and users */
	bool running;
	bool hopeless;       /* the configuration cannot be read */
	int64_t run_from_us; /* where the last `run` began */
	int bad;             /* lines that make no sense, expectations missed */
};

__attribute__((format(printf, 2, 3))) void play_complain(struct play *p,
    const char *fmt, ...);

/* The words of the line. */
struct words {
	size_t n;
	char *v[PLAY_WORDS];
	size_t at;
};

void words_split(char *text, struct words *w);
/* The next word, or "". */
const char *words_next(struct words *w);

/* DOMAIN[/VMTA] or "*"; NULL is any. */
struct target {
	char text[SIM_NAME];
	const char *domain, *vmta;
};

void words_target(struct words *w, struct target *t);

/* What the word says; 0 if that cannot be read. */
uint64_t play_number(struct play *p, const char *text);
/* 100ms, 2s, 10m, 1h, 2d, in microseconds. */
int64_t play_duration(struct play *p, const char *text);

#endif
