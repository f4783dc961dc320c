/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orders - the lines of a scenario that an operator would give as commands, or
 * that happen to the host.
 *
 *	pause DOMAIN[/VMTA]|job ID, resume likewise; * and ? are wildcards
 *	schedule DOMAIN[/VMTA] [recipients]
 *	mode normal|backoff DOMAIN[/VMTA]
 *	source off|on ADDRESS DOMAIN[/VMTA]
 *	lose ADDRESS, find ADDRESS      the host has it no more, and again
 *	day 2026-11-30                  begins now
 *	complaints N ADDRESS PROVIDER
 *
 * All but the first are about queues that are there.
 */

#ifndef TESTS_SCENARIO_ORDERS_H
#define TESTS_SCENARIO_ORDERS_H

#include "tests/scenario/play.h"

/* False: verb is none of these. */
bool play_order(struct play *p, const char *verb, struct words *w);

#endif
