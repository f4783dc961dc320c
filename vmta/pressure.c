/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/pressure.h"

/* A cause goes off a twentieth below its limit. */
#define WAY_BACK 20

static uint64_t
memory_max(const struct pressure *p)
{
	return p->facts.memory_all / 100 * p->limits.memory_percent;
}

static bool
is_above(uint64_t used, uint64_t max, bool was)
{
	return used >= (was ? max - max / WAY_BACK : max);
}

static bool
places_short(const struct pressure *p, bool was)
{
	uint64_t max = p->limits.rcpts;

	if (max == 0)
		return false;
	return is_above(p->facts.rcpts, max, was) ||
	    (uint64_t)p->facts.rcpts + p->facts.wanted > max;
}

static bool
is_short(const struct pressure *p, enum pressure_cause cause, bool was)
{
	switch (cause) {
	case PRESSURE_MEMORY:
		return memory_max(p) > 0 &&
		    is_above(p->facts.memory, memory_max(p), was);
	case PRESSURE_PLACES:
		return places_short(p, was);
	case PRESSURE_SPACE:
		return p->facts.space_short;
	case PRESSURE_CAUSES:
		break;
	}
	return false;
}

unsigned
pressure_look(struct pressure *p, const struct pressure_limits *limits,
    const struct pressure_facts *facts, int64_t now_us)
{
	unsigned changed = 0;

	p->limits = *limits;
	p->facts = *facts;
	for (unsigned i = 0; i < PRESSURE_CAUSES; i++) {
		bool was = p->since_us[i] != 0;
		bool is = is_short(p, (enum pressure_cause)i, was);

		if (is == was)
			continue;
		p->since_us[i] = is ? now_us : 0;
		changed |= 1U << i;
	}
	return changed;
}

enum pressure_cause
pressure_first(const struct pressure *p)
{
	unsigned i = 0;

	while (i < PRESSURE_CAUSES && p->since_us[i] == 0)
		i++;
	return (enum pressure_cause)i;
}

void
pressure_numbers(const struct pressure *p, enum pressure_cause cause,
    uint64_t *used_r, uint64_t *max_r)
{
	*used_r = *max_r = 0;
	if (cause == PRESSURE_MEMORY) {
		*used_r = p->facts.memory;
		*max_r = memory_max(p);
	} else if (cause == PRESSURE_PLACES) {
		*used_r = p->facts.rcpts;
		*max_r = p->limits.rcpts;
	}
}

const char *
pressure_directive(enum pressure_cause cause)
{
	static const char *const names[] = {
		[PRESSURE_MEMORY] = "max-memory-usage-percent",
		[PRESSURE_PLACES] = "spool-max-recipients",
		[PRESSURE_SPACE] = "spool-min-free-space",
		[PRESSURE_CAUSES] = "",
	};

	return names[cause];
}
