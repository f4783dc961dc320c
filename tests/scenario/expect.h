/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expect - what a scenario can expect: words that compare the sim, the
 * scheduler's own report and the records of RCPTs with what the line says.
 *
 * Nothing is changed by asking; the words are the table in expect.c.
 */

#ifndef TESTS_SCENARIO_EXPECT_H
#define TESTS_SCENARIO_EXPECT_H

#include "tests/scenario/play.h"

/* The words behind "expect". */
void play_expect(struct play *p, struct words *w);

#endif
