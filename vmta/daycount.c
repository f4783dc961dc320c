/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The byte form: version(1) first_day(4) day(4) used(8) reserved(8),
 * big-endian.  used is for people: after a crash only reserved is true.
 */
#include "vmta/daycount.h"

#include "lib/check.h"
#include "lib/clock.h"
#include "mail/packed.h"

#define FORM 1
#define PART 16                   /* of a day's number: what a crash may cost */
#define AFTER_REFUSAL_US US_PER_S /* the disk is full */
#define UNKNOWN UINT64_MAX

static void
begin(struct daycount *d, uint32_t day, uint64_t used)
{
	d->day = day;
	d->used = used;
	d->durable = 0;
}

/* Does today count?  A new day begins. */
static bool
go_on(struct daycount *d, uint32_t today)
{
	CHECK(today > 0);
	if (today > d->day)
		begin(d, today, 0);
	else if (d->day - today > 1)
		daycount_fill(d, today);
	return today == d->day;
}

static uint64_t
left(const struct daycount *d)
{
	return d->used < d->durable ? d->durable - d->used : 0;
}

uint64_t
daycount_room(struct daycount *d, uint64_t max, uint32_t today)
{
	uint64_t room;

	if (!go_on(d, today) || d->used >= max)
		return 0;
	room = left(d);
	return room < max - d->used ? room : max - d->used;
}

void
daycount_take(struct daycount *d, uint64_t n)
{
	CHECK(n <= left(d));
	d->used += n;
}

uint64_t
daycount_rest(struct daycount *d, uint64_t max, uint32_t today)
{
	return go_on(d, today) && d->used < max ? max - d->used : 0;
}

uint64_t
daycount_count(struct daycount *d)
{
	CHECK(d->used < UNKNOWN - 1);
	return ++d->used;
}

uint64_t
daycount_kept_up_to(const struct daycount *d, uint32_t day)
{
	return d->day == day ? d->durable : UINT64_MAX;
}

void
daycount_return(struct daycount *d, uint64_t n, uint32_t day)
{
	if (d->day != day || d->used == UNKNOWN)
		return; /* that day is over */
	CHECK(n <= d->used);
	d->used -= n;
}

uint32_t
daycount_number(const struct daycount *d, uint32_t today)
{
	if (d->first_day == 0 || today < d->first_day)
		return 0;
	return today - d->first_day;
}

void
daycount_fill(struct daycount *d, uint32_t today)
{
	CHECK(today > 0);
	begin(d, today, UNKNOWN);
	if (d->first_day > today)
		d->first_day = today; /* by a clock that was wrong */
}

/* ---- what is kept -------------------------------------------------------- */

static uint64_t
worth(uint64_t max)
{
	return max < PART ? 1 : max / PART;
}

bool
daycount_wants(struct daycount *d, uint64_t max, uint32_t today, int64_t now_us)
{
	if (d->asking || d->again_us > now_us || !go_on(d, today))
		return false;
	if (d->used != UNKNOWN && d->used > d->durable)
		return true; /* that is waited for */
	/* What is durable already may be all there is. */
	return d->used < max && d->durable < max && left(d) <= worth(max) / 2;
}

static void
write_record(struct daycount *d, uint64_t reserved, struct buf *out)
{
	if (d->first_day == 0)
		d->first_day = d->day;
	d->asked = reserved;
	d->asked_day = d->day;
	d->asking = true;
	packed_add_byte(out, FORM);
	packed_add_u32(out, d->first_day);
	packed_add_u32(out, d->day);
	packed_add_u64(out, d->used);
	packed_add_u64(out, reserved);
}

void
daycount_write(struct daycount *d, uint64_t max, struct buf *out)
{
	uint64_t n = worth(max);

	CHECK(!d->asking && d->day > 0 &&
	    (d->used < max || d->used > d->durable));
	if (d->used >= max)
		n = 0;
	else if (n > max - d->used)
		n = max - d->used;
	/* Else what is durable would not count while it is on its way. */
	CHECK(d->used + n >= d->durable);
	write_record(d, d->used + n, out);
}

void
daycount_kept(struct daycount *d, bool kept, int64_t now_us)
{
	CHECK(d->asking);
	d->asking = false;
	if (!kept)
		d->again_us = now_us + AFTER_REFUSAL_US;
	else if (d->asked_day == d->day)
		d->durable = d->asked;
}

void
daycount_write_last(struct daycount *d, struct buf *out)
{
	if (d->first_day == 0)
		return; /* none was ever kept */
	write_record(d, d->used, out);
	d->durable = 0;
}

int
daycount_restore(struct daycount *d, struct slice bytes, struct err *e)
{
	struct packed in = { bytes.p, bytes.len, false };
	uint8_t form = packed_byte(&in);
	struct daycount was = { .first_day = packed_u32(&in) };
	uint64_t used;

	was.day = packed_u32(&in);
	used = packed_u64(&in);
	was.used = was.durable = packed_u64(&in);
	*d = (struct daycount){ .day = 0 };
	if (in.bad || in.left != 0 || form != FORM)
		return err_set(e, "a count of a day that nobody understands");
	if (was.day == 0 || was.first_day == 0 || used > was.used)
		return err_set(e, "an impossible count of a day");
	*d = was;
	return 0;
}
