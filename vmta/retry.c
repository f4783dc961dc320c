/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/retry.h"

#include "lib/clock.h"
#include "vmta/snapshot.h"

#define RETRY_DEFAULT_US (600 * US_PER_S) /* of an empty list */

int64_t
retry_listed(const struct conf_intervals *list, uint32_t position)
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

static void
wait_for(struct retry *r, int64_t wait_us, int64_t now_us)
{
	/* `never` waits for ever, but the sum must not wrap. */
	r->until_us = wait_us > INT64_MAX - now_us ? INT64_MAX :
						     now_us + wait_us;
}

int64_t
retry_failed(struct retry *r, const struct conf_intervals *list, int64_t now_us)
{
	if (retry_waits(r, now_us))
		return r->until_us;
	wait_for(r, retry_listed(list, r->position), now_us);
	if (r->position < UINT16_MAX)
		r->position++;
	return r->until_us;
}

int64_t
retry_failed_for(struct retry *r, const struct queue_conf *c,
    enum queue_mode mode, enum retry_kind kind, int64_t now_us)
{
	switch (kind) {
	case RETRY_DNS:
		if (!retry_waits(r, now_us)) {
			wait_for(r, c->retry_dns_us, now_us);
			r->unresolved = true;
		}
		return r->until_us;
	case RETRY_QUEUE:
		break;
	}
	r->unresolved = false;
	if (r->slow != (mode == MODE_BACKOFF))
		r->position = 0;
	r->slow = mode == MODE_BACKOFF;
	return retry_failed(r,
	    mode == MODE_BACKOFF ? &c->backoff_retry_after : &c->retry_after,
	    now_us);
}

void
retry_worked(struct retry *r)
{
	r->position = 0;
	r->unresolved = false;
}

void
retry_now(struct retry *r, int64_t now_us)
{
	if (r->until_us > now_us)
		r->until_us = now_us;
}
