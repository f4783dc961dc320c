/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/errors_lately.h"

#include <stddef.h>
#include <string.h>

#include "lib/check.h"

static int64_t
minute_of(int64_t us)
{
	int64_t m = us / ERRORS_MINUTE_US;

	return us % ERRORS_MINUTE_US < 0 ? m - 1 : m;
}

static size_t
index_of(int64_t minute)
{
	int64_t i = minute % ERRORS_MINUTES;

	return (size_t)(i < 0 ? i + ERRORS_MINUTES : i);
}

static struct errors_count *
slot(struct errors_lately *e, int64_t minute)
{
	return &e->minutes[index_of(minute)];
}

/*
 * The counts of a clock that was more than an hour ahead become those of the
 * minutes before this one: it is never known how old they are.
 */
static void
set_back(struct errors_lately *e, int64_t minute)
{
	struct errors_lately was = *e;

	for (int64_t ago = 0; ago < ERRORS_MINUTES; ago++)
		*slot(e, minute - ago) = *slot(&was, was.minute - ago);
	e->minute = minute;
}

/* Lets go of what is older than an hour. */
static void
go_on(struct errors_lately *e, int64_t now_us)
{
	int64_t minute = minute_of(now_us);

	if (e->minute - minute >= ERRORS_MINUTES)
		set_back(e, minute);
	if (minute - e->minute >= ERRORS_MINUTES) {
		errors_lately_clear(e);
		e->minute = minute;
	}
	while (e->minute < minute)
		*slot(e, ++e->minute) = (struct errors_count){ 0, 0 };
}

/* UINT32_MAX stands for more than that. */
static uint32_t
sum(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

void
errors_lately_add(struct errors_lately *e, uint32_t attempts, uint32_t errors,
    int64_t now_us)
{
	struct errors_count *c;

	CHECK(errors <= attempts);
	go_on(e, now_us);
	c = slot(e, e->minute);
	c->attempts = sum(c->attempts, attempts);
	c->errors = sum(c->errors, errors);
}

void
errors_lately_clear(struct errors_lately *e)
{
	memset(e, 0, sizeof(*e));
}

struct errors_count
errors_lately_at(struct errors_lately *e, uint32_t ago, int64_t now_us)
{
	CHECK(ago < ERRORS_MINUTES);
	go_on(e, now_us);
	return *slot(e, e->minute - ago);
}

struct errors_count
errors_lately_sum(struct errors_lately *e, int64_t span_us, int64_t now_us)
{
	int64_t minutes = (span_us + ERRORS_MINUTE_US - 1) / ERRORS_MINUTE_US;
	struct errors_count all = { 0, 0 };

	CHECK(span_us > 0 && span_us <= ERRORS_SPAN_MAX_US);
	go_on(e, now_us);
	for (int64_t ago = 0; ago <= minutes; ago++) {
		const struct errors_count *c = slot(e, e->minute - ago);

		all.attempts = sum(all.attempts, c->attempts);
		all.errors = sum(all.errors, c->errors);
	}
	return all;
}

bool
errors_lately_any(struct errors_lately *e, int64_t now_us)
{
	return errors_lately_sum(e, ERRORS_SPAN_MAX_US, now_us).attempts > 0;
}

/* Looking moves on the newest minute, so that one says nothing. */
int64_t
errors_lately_end(const struct errors_lately *e)
{
	int64_t minute = e->minute;

	for (int i = 0; i < ERRORS_MINUTES; i++, minute--)
		if (e->minutes[index_of(minute)].attempts > 0)
			return (minute + ERRORS_MINUTES) * ERRORS_MINUTE_US;
	return 0;
}

bool
errors_lately_too_many(struct errors_lately *e, uint32_t max, int64_t now_us)
{
	return max > 0 &&
	    errors_lately_sum(e, ERRORS_SPAN_MAX_US, now_us).errors > max;
}

bool
errors_lately_too_often(struct errors_lately *e,
    const struct errors_share *share, int64_t now_us)
{
	struct errors_count c;

	if (share->percent == 0)
		return false;
	c = errors_lately_sum(e, share->span_us, now_us);
	return c.attempts > 0 && c.attempts >= share->attempts &&
	    (uint64_t)c.errors * 100 >= (uint64_t)c.attempts * share->percent;
}
