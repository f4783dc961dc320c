/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/acct_retry.h"

#include <event2/event.h>
#include <sys/random.h>

#include "lib/check.h"
#include "lib/clock.h"

#define FIRST_US (1 * US_PER_S)
#define ASKED_MAX_US (3600 * US_PER_S)
/* A chance of UINT32_MAX takes a fifth away. */
#define PARTS 5

static int64_t
pause_us(unsigned failures, int64_t longest_us)
{
	int64_t us = FIRST_US;

	for (unsigned i = 1; i < failures && us < longest_us; i++)
		us = us > longest_us / 2 ? longest_us : us * 2;
	return us < longest_us ? us : longest_us;
}

int64_t
acct_retry_at(struct acct_retry *r, int64_t now_us, int64_t longest_us,
    int64_t asked_us, uint32_t chance)
{
	int64_t us;

	if (r->failures < UINT32_MAX)
		r->failures++;
	us = pause_us(r->failures, longest_us);
	us -= (int64_t)((double)us / PARTS * chance / UINT32_MAX);
	if (asked_us > ASKED_MAX_US)
		asked_us = ASKED_MAX_US;
	return now_us + (us > asked_us ? us : asked_us);
}

void
acct_retry_set(struct acct_retry *r, struct event *timer, int64_t longest_us,
    int64_t asked_us)
{
	int64_t now_us = clock_us(), us;
	uint32_t chance = 0;
	struct timeval tv;

	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) == -1)
		chance = 0;
	us = acct_retry_at(r, now_us, longest_us, asked_us, chance) - now_us;
	tv = (struct timeval){ us / US_PER_S, us % US_PER_S };
	CHECK(event_add(timer, &tv) == 0);
}

void
acct_retry_well(struct acct_retry *r)
{
	r->failures = 0;
}
