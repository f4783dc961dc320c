/* SPDX-License-Identifier: Apache-2.0 */
/*
 * warmup - how many recipients a day a new source address may try at one
 * provider: a list of days' numbers, on which only good days lead on.
 *
 * When a local day is over, what was seen of it decides:
 *
 *	no evidence	fewer were tried than min-attempts, and than half of what
 *			was allowed: the same number again
 *	back		a share is more than twice its bound: the number before
 *	hold		a share is over its bound: the same again
 *	few		fewer than half were tried: the same again, since a
 *			larger number would be one that nobody has seen
 *	up		else: the next number; behind the last it is warm
 *
 * The shares are of deferrals (refusals that are about us, not about a mailbox)
 * and of complaints, each of what was tried that day.  A day in which one of
 * them passes twice its bound after min-attempts is closed until midnight.
 * Who is warm has no limit and is not judged, until 30 days pass without mail:
 * then all begins anew, as after 30 such days on the way.
 *
 * This says how many; vmta/daycount.h counts them across the end of the process.
 * Days are those of daycount.h.  Pure; the scheduler thread owns it; O(1).
 */

#ifndef VMTA_WARMUP_H
#define VMTA_WARMUP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/conf_types.h"
#include "lib/err.h"
#include "lib/str.h"

#define WARMUP_NO_LIMIT UINT32_MAX
enum { WARMUP_GAP_DAYS = 30 };

struct warmup_plan {
	uint32_t start_day;                   /* nothing goes out before */
	const struct conf_rates *numbers;     /* of a day each; not empty */
	uint32_t max_deferral, max_complaint; /* per mille */
	uint32_t min_attempts;
};

enum warm_verdict {
	WARM_NONE, /* no day has been judged */
	WARM_NO_EVIDENCE,
	WARM_BACK,
	WARM_HOLD,
	WARM_FEW,
	WARM_UP,
	WARM_ANEW /* after a long time without mail */
};

struct warm {              /* zeroed: it has not begun */
	uint32_t day;      /* that the counts are of; 0: none */
	uint32_t last_day; /* of its mail; 0: none */
	uint32_t step;     /* in the plan; as long as that: it is warm */
	uint32_t attempted, deferred, delivered, complaints;
	bool closed;               /* until midnight */
	enum warm_verdict verdict; /* about the day before */
};

/*
 * To be called when a day begins, and before anything else is asked: judges
 * the day before.  False: it is the same day still, or one that has been.
 */
bool warmup_new_day(struct warm *w, const struct warmup_plan *p,
    uint32_t today);

/* How many this day; 0: none, WARMUP_NO_LIMIT: it is warm. */
uint32_t warmup_quota(const struct warm *w, const struct warmup_plan *p);
bool warmup_is_warm(const struct warm *w, const struct warmup_plan *p);

/*
 * What became of some recipients: of those tried, so many were deferred or
 * delivered.  True: the day is closed from now on.
 */
struct warm_seen {
	uint32_t attempted, deferred, delivered, complaints;
};
bool warmup_count(struct warm *w, const struct warmup_plan *p,
    const struct warm_seen *seen);

const char *warmup_verdict_name(enum warm_verdict v);

/* As bytes.  -1: they are damaged; then it has not begun. */
void warmup_pack(const struct warm *w, struct buf *out);
int warmup_unpack(struct slice bytes, struct warm *w, struct err *e);

#endif
