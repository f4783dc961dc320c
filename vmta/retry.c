/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/retry.h"

#include "lib/clock.h"

#define RETRY_DEFAULT_US (600 * US_PER_S) /* of an empty list */

static int64_t
wait_of(const struct conf_intervals *list, uint32_t position)
{
	if (list->n == 0)
		return RETRY_DEFAULT_US;
	return list->v[position < list->n ? position : list->n - 1];
}

bool
retry_waits(const struct retry *r, int64_t now_us)
{
	return r->until_us > now_us;
}

int64_t
retry_failed(struct retry *r, const struct conf_intervals *list, int64_t now_us)
{
	int64_t wait = wait_of(list, r->position);

	if (retry_waits(r, now_us))
		return r->until_us;
	/* `never` waits for ever, but the sum must not wrap. */
	r->until_us = wait > INT64_MAX - now_us ? INT64_MAX : now_us + wait;
	if (r->position < UINT16_MAX)
		r->position++;
	return r->until_us;
}

void
retry_worked(struct retry *r)
{
	r->position = 0;
}

void
retry_now(struct retry *r, int64_t now_us)
{
	if (r->until_us > now_us)
		r->until_us = now_us;
}
