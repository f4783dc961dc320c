/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pressure - is there room for more mail?  Places in the queue, memory, disk.
 *
 * Pure on given facts and clock; the gate (transport/gate.h) owns one and
 * does what it says.  A cause that came on goes off only some way below its
 * limit, so that what is told and logged does not flap.  Room itself is exact
 * and is not asked for here: places are taken one by one (lib/gauge.h).
 */

#ifndef VMTA_PRESSURE_H
#define VMTA_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

enum pressure_cause {
	PRESSURE_MEMORY,
	PRESSURE_PLACES,
	PRESSURE_SPACE,
	PRESSURE_CAUSES
};

struct pressure_limits {
	uint32_t rcpts;          /* in the queue; 0: no limit */
	uint32_t memory_percent; /* of memory_all */
};

struct pressure_facts {
	uint32_t rcpts;
	uint32_t wanted; /* places that who waits longest needs; 0: none */
	uint64_t memory, memory_all;
	bool space_short; /* the store says so, with its own way back */
};

struct pressure {
	struct pressure_limits limits;
	struct pressure_facts facts;       /* as last looked at */
	int64_t since_us[PRESSURE_CAUSES]; /* it is on; 0: it is not */
};

/* Which causes changed, as bits. */
unsigned pressure_look(struct pressure *p, const struct pressure_limits *limits,
    const struct pressure_facts *facts, int64_t now_us);

static inline bool
pressure_is_on(const struct pressure *p, enum pressure_cause cause)
{
	return p->since_us[cause] != 0;
}

/* The first cause that is on, or PRESSURE_CAUSES. */
enum pressure_cause pressure_first(const struct pressure *p);

/* What is used and what may be, of a cause with numbers; else 0 and 0. */
void pressure_numbers(const struct pressure *p, enum pressure_cause cause,
    uint64_t *used_r, uint64_t *max_r);

/* The directive that a cause comes from. */
const char *pressure_directive(enum pressure_cause cause);

#endif
