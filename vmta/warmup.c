/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The byte form: version(1) day(4) last_day(4) step(4) attempted(4) deferred(4)
 * delivered(4) complaints(4) closed(1) verdict(1), big-endian.
 */
#include "vmta/warmup.h"

#include "lib/check.h"
#include "mail/packed.h"

#define FORM 1

bool
warmup_is_warm(const struct warm *w, const struct warmup_plan *p)
{
	return w->step >= p->numbers->n;
}

uint32_t
warmup_quota(const struct warm *w, const struct warmup_plan *p)
{
	if (w->day < p->start_day || w->closed)
		return 0;
	if (warmup_is_warm(w, p))
		return WARMUP_NO_LIMIT;
	return p->numbers->v[w->step].count;
}

/* ---- a day is judged ----------------------------------------------------- */

/* Is n of the attempts more than so many times the bound? */
static bool
is_over(const struct warm *w, uint32_t n, uint32_t bound, uint32_t times)
{
	return (uint64_t)n * 1000 > (uint64_t)w->attempted * bound * times;
}

static bool
is_bad(const struct warm *w, const struct warmup_plan *p, uint32_t times)
{
	return is_over(w, w->deferred, p->max_deferral, times) ||
	    is_over(w, w->complaints, p->max_complaint, times);
}

static enum warm_verdict
judge(const struct warm *w, const struct warmup_plan *p)
{
	uint32_t number = p->numbers->v[w->step].count;
	uint32_t half = number / 2 + number % 2;

	if (w->attempted < p->min_attempts && w->attempted < half)
		return WARM_NO_EVIDENCE;
	if (is_bad(w, p, 2))
		return WARM_BACK;
	if (is_bad(w, p, 1))
		return WARM_HOLD;
	return w->attempted < half ? WARM_FEW : WARM_UP;
}

/* What it does to the step. */
static void
step_on(struct warm *w)
{
	if (w->verdict == WARM_UP)
		w->step++;
	else if (w->verdict == WARM_BACK && w->step > 0)
		w->step--;
	else if (w->verdict == WARM_ANEW)
		w->step = 0;
}

bool
warmup_new_day(struct warm *w, const struct warmup_plan *p, uint32_t today)
{
	uint32_t before = w->day;

	CHECK(today > 0);
	if (today <= before)
		return false;
	if (w->last_day != 0 && today - w->last_day > WARMUP_GAP_DAYS)
		w->verdict = WARM_ANEW;
	else if (before == 0 || warmup_is_warm(w, p))
		w->verdict = WARM_NONE;
	else
		w->verdict = judge(w, p);
	step_on(w);
	if (w->verdict == WARM_ANEW)
		w->last_day = 0; /* said once */
	w->day = today;
	w->attempted = w->deferred = w->delivered = w->complaints = 0;
	w->closed = false;
	return true;
}

/* The sum, or the most that there is. */
static void
add(uint32_t *sum, uint32_t n)
{
	*sum = n > UINT32_MAX - *sum ? UINT32_MAX : *sum + n;
}

bool
warmup_count(struct warm *w, const struct warmup_plan *p,
    const struct warm_seen *seen)
{
	CHECK(w->day > 0);
	add(&w->attempted, seen->attempted);
	add(&w->deferred, seen->deferred);
	add(&w->delivered, seen->delivered);
	add(&w->complaints, seen->complaints);
	if (seen->attempted > 0)
		w->last_day = w->day;
	if (w->closed || warmup_is_warm(w, p) ||
	    w->attempted < p->min_attempts || !is_bad(w, p, 2))
		return false;
	w->closed = true;
	return true;
}

const char *
warmup_verdict_name(enum warm_verdict v)
{
	static const char *const names[] = {
		[WARM_NONE] = "-",
		[WARM_NO_EVIDENCE] = "no evidence",
		[WARM_BACK] = "back",
		[WARM_HOLD] = "hold",
		[WARM_FEW] = "few",
		[WARM_UP] = "up",
		[WARM_ANEW] = "anew",
	};

	CHECK((size_t)v < sizeof(names) / sizeof(names[0]));
	return names[v];
}

/* ---- as bytes ------------------------------------------------------------ */

void
warmup_pack(const struct warm *w, struct buf *out)
{
	packed_add_byte(out, FORM);
	packed_add_u32(out, w->day);
	packed_add_u32(out, w->last_day);
	packed_add_u32(out, w->step);
	packed_add_u32(out, w->attempted);
	packed_add_u32(out, w->deferred);
	packed_add_u32(out, w->delivered);
	packed_add_u32(out, w->complaints);
	packed_add_byte(out, w->closed);
	packed_add_byte(out, (uint8_t)w->verdict);
}

int
warmup_unpack(struct slice bytes, struct warm *w, struct err *e)
{
	struct packed in = { bytes.p, bytes.len, false };
	uint8_t form = packed_byte(&in), closed, verdict;
	struct warm was = { .day = packed_u32(&in) };

	was.last_day = packed_u32(&in);
	was.step = packed_u32(&in);
	was.attempted = packed_u32(&in);
	was.deferred = packed_u32(&in);
	was.delivered = packed_u32(&in);
	was.complaints = packed_u32(&in);
	closed = packed_byte(&in);
	verdict = packed_byte(&in);
	*w = (struct warm){ .day = 0 };
	if (in.bad || in.left != 0 || form != FORM)
		return err_set(e, "a warm-up that nobody understands");
	if (was.day == 0 || was.last_day > was.day || closed > 1 ||
	    verdict > WARM_ANEW)
		return err_set(e, "an impossible warm-up");
	was.closed = closed;
	was.verdict = (enum warm_verdict)verdict;
	*w = was;
	return 0;
}
