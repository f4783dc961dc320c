/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit - one limit that the operator wrote: so many at once, or so many in
 * a period.  The one place that answers: go, or when.
 *
 * A rate has two gates: the pacer spreads, the window never lets more than N
 * into any period.  The pacer runs at what the window can sustain, 99.4 % to
 * 99.5 % of the rate.  What counts are recipients, connections or bytes.
 *
 * Who is told "not now" waits in a line (vmta/line.h).  Scheduler thread only.
 */

#ifndef VMTA_LIMIT_H
#define VMTA_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"
#include "vmta/lease.h"
#include "vmta/pacer.h"
#include "vmta/ramp.h"
#include "vmta/window.h"

/* ---- so many at once ----------------------------------------------------- */

struct slots {
	uint32_t max; /* UINT32_MAX: no limit */
	uint32_t used;
	const struct ramp *ramp; /* or NULL */
};

void slots_set(struct slots *l, uint32_t max); /* 0: no limit */
void slots_take(struct slots *l);
void slots_return(struct slots *l);
/* So many now: fewer than max while the ramp is on. */
uint32_t slots_max(const struct slots *l);
uint32_t slots_room(const struct slots *l);
/* When one without room gets some by time alone, or INT64_MAX. */
int64_t slots_next(const struct slots *l);

/* ---- so many in a period ------------------------------------------------- */

struct rate_limit {
	bool limited;
	bool was_limited; /* the gates below are in use */
	struct pacer pacer;
	struct window window;
	struct lease *lease; /* NULL: not over a long period, or not kept */
	bool taken_up;       /* what an earlier process has spent is in it */
	int64_t closed_us;   /* nobody knows what it spent: nothing before */
};

/* Also for a change: windows go on.  A zeroed struct is unlimited. */
void rate_limit_set(struct rate_limit *l, const struct rate *rate,
    int64_t now_us);
void rate_limit_set_data(struct rate_limit *l, const struct data_rate *rate,
    int64_t now_us);
void rate_limit_fini(struct rate_limit *l);

/*
 * After each set, where limits outlive the process: a rate over a long period
 * is spent within leases (vmta/lease.h) from now on, which are asked for
 * through the list.  True: it has none any more, and what is kept of it has to
 * be forgotten; one that was lifted is kept while something counts.
 */
bool rate_limit_lease(struct rate_limit *l, struct lease_list *list, void *of,
    unsigned kind, int64_t now_us);
/* At a start, before anything is taken: what an earlier process has spent. */
void rate_limit_restore(struct rate_limit *l, const struct lease_record *rec,
    int64_t elapsed_us, int64_t start_us);
/* Likewise, when nobody knows: all of it. */
void rate_limit_restore_full(struct rate_limit *l, int64_t start_us);
/*
 * After a set, when of a period as short as this one nobody knows what was
 * spent before the start: nothing goes until it has passed since.
 */
void rate_limit_close(struct rate_limit *l, int64_t start_us);

/*
 * How many of so many that are wished for may go now: of a rate with a lease
 * at most what one is worth, since that is what a crash may cost.  A lease that
 * has fewer lets those go and asks for the rest.
 */
uint64_t rate_limit_room(struct rate_limit *l, uint64_t wish, int64_t now_us);
/*
 * When the next one may, or n > 0 together; more than the limit ever allows
 * go alone, when nothing else is in the window.  INT64_MAX: as soon as what is
 * pending is settled, or the lease that is asked for by this has come.
 */
int64_t rate_limit_next(struct rate_limit *l, int64_t now_us);
int64_t rate_limit_next_for(struct rate_limit *l, uint64_t n, int64_t now_us);
/*
 * When n go now, may `need` go at at_us?  Of what is pending nothing is known:
 * it counts.
 */
bool rate_limit_leaves(struct rate_limit *l, uint64_t n, uint64_t need,
    int64_t at_us, int64_t now_us);
/*
 * An estimate: when n may go at the earliest, if others go before, one after
 * another and one each, and nothing is given back.  INT64_MAX: nobody knows.
 */
int64_t rate_limit_nth(struct rate_limit *l, uint64_t others, uint64_t n,
    int64_t now_us);
/* When it will have forgotten all, or 0. */
int64_t rate_limit_end(const struct rate_limit *l);
/*
 * Counts what another one has counted since its own last event, what is
 * pending there as of now: the two are of the same events, of which this one
 * did not count those while it was lifted.
 */
void rate_limit_follow(struct rate_limit *l, const struct rate_limit *other,
    int64_t now_us);
/* Nothing is pending and nothing counts any more. */
bool rate_limit_is_unused(const struct rate_limit *l, int64_t now_us);

/*
 * Takes n, for which it is time (rate_limit_next_for()).  True: each of them
 * must be returned or settled.
 */
bool rate_limit_take(struct rate_limit *l, uint64_t n, int64_t now_us);
/* After that: the next one waits as long as at so many per cent of the rate. */
void rate_limit_slow(struct rate_limit *l, uint64_t n, uint32_t percent);
void rate_limit_return(struct rate_limit *l, uint64_t n);
void rate_limit_settle(struct rate_limit *l, uint64_t n, int64_t when_us);

/*
 * How many connections can use the rate when each takes busy_us for `by`
 * events: no more are worth opening.  Half as many again for variation.
 */
uint32_t rate_limit_conns(const struct rate_limit *l, int64_t busy_us,
    double by);

#endif
