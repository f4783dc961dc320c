/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daycount - so many a day of the local calendar, counted across the end of the
 * process.
 *
 * What is kept says how many of a day may have been used: so many are reserved
 * ahead, and none is used beyond what is durable.  After a crash all that was
 * reserved counts as used, so that a crash can only make it slower: by a
 * sixteenth of the day's number at most, or one.  The next are asked for when
 * half of them are used.  It is a lease (vmta/lease.h) for something that does
 * not slide but begins anew at midnight; here who finds no room need not wait,
 * but may go another way.
 *
 * Who can wait for the disk may count first (daycount_rest(), daycount_count())
 * and use it as soon as so many are durable.
 *
 * Days are numbers that grow by one (days since 1970 of the local date); the
 * caller says which one it is with each call, so midnight costs nothing.  A day
 * that has been is not begun again: one day back (another time zone) nothing
 * goes until the one that is counted comes again.  More than that, and the
 * clock was wrong: nothing goes today, since nobody knows what was used of it.
 *
 * What must hold: what is used is at most what was reserved, in the durable record and
 * in the one on its way, since after a crash it may be either; so that one never
 * reserves less.
 *
 * Pure; the scheduler thread owns it; embedded.  All is O(1).
 */

#ifndef VMTA_DAYCOUNT_H
#define VMTA_DAYCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"

enum { DAYCOUNT_BYTES = 25 }; /* of a record */

struct daycount {           /* zeroed: nothing was used ever */
	uint32_t first_day; /* when there was something to use; 0: never */
	uint32_t day;       /* the one that is counted; 0: none */
	uint32_t asked_day;
	bool asking;      /* a record is on its way */
	uint64_t used;    /* of the day; UINT64_MAX: nobody knows, so all */
	uint64_t durable; /* so many of it may be, as what is kept says */
	uint64_t asked;   /* likewise, of asked_day, the record on its way */
	int64_t again_us; /* not asked before, after a refusal */
};

/* How many of max a day may be used now. */
uint64_t daycount_room(struct daycount *d, uint64_t max, uint32_t today);
/* After daycount_room() said so. */
void daycount_take(struct daycount *d, uint64_t n);
/*
 * How many of max a day are left, durable or not; after it said so one counts.
 * It may be used when daycount_kept_up_to() is at least what that returned.
 */
uint64_t daycount_rest(struct daycount *d, uint64_t max, uint32_t today);
uint64_t daycount_count(struct daycount *d);
/* Of what was counted that day: all of a day that is over. */
uint64_t daycount_kept_up_to(const struct daycount *d, uint32_t day);
/* So many taken that day were not used after all. */
void daycount_return(struct daycount *d, uint64_t n, uint32_t day);
/* So many days since the first one: 0, 1, 2 ... */
uint32_t daycount_number(const struct daycount *d, uint32_t today);
/* What is kept of it could not be read: today there is nothing left. */
void daycount_fill(struct daycount *d, uint32_t today);

/*
 * Somebody has a use for more: should a record be kept now?  To be asked after
 * each take or count, and by who finds no room.
 */
bool daycount_wants(struct daycount *d, uint64_t max, uint32_t today,
    int64_t now_us);
/* Then: appends it to out.  daycount_kept() is told of its end. */
void daycount_write(struct daycount *d, uint64_t max, struct buf *out);
void daycount_kept(struct daycount *d, bool kept, int64_t now_us);
/*
 * That of a clean stop: nothing may be taken any more, and its end is not
 * waited for.  Nothing is appended when nothing is to be kept.
 */
void daycount_write_last(struct daycount *d, struct buf *out);

/* At a start.  -1: damaged; then daycount_fill(). */
int daycount_restore(struct daycount *d, struct slice bytes, struct err *e);

#endif
