/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease - how much of a limit may be spent before a crash would forget it.
 *
 * A limit over a long period must not begin anew when the process does.  What
 * it has spent is kept in a record (mail/lease_record.h), and with it a lease:
 * so much more may be spent until the next record.  Nothing is spent beyond a
 * lease whose record is durable.  After a crash what was pending and the
 * whole lease count as spent at the restart, so a crash can only make it
 * slower: by a sixteenth of the limit at most, or one.  The next lease is asked for
 * when half of one is spent, so that nobody waits for the disk.  Only a limit
 * below LEASE_AHEAD_MIN, of which one is more than a sixteenth, asks when it is
 * needed; and so does who needs more at once than a lease has.
 *
 *	idle --lease_want--> wanted --lease_write--> asked --lease_kept--> idle
 *
 * Limits over LEASE_PERIOD_US or less have none: it costs little to wait until
 * they are empty.
 *
 * What must hold: at any time (pending + settled since the record was made) is
 * at most (pending then + lease), for the durable record and for the one on its
 * way, since after a crash it may be either.
 *
 * Pure on the caller's clock; the scheduler thread owns it.
 */

#ifndef VMTA_LEASE_H
#define VMTA_LEASE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/clock.h"
#include "mail/lease_record.h"
#include "vmta/window.h"

#define LEASE_PERIOD_US (10 * US_PER_S)
#define LEASE_AHEAD_MIN 16
#define LEASE_LEFT_US (INT64_C(7) * 86400 * US_PER_S)

struct lease_cover {      /* what a record allows */
	uint64_t settled; /* when it was made */
	uint64_t cover;   /* pending then, and its lease */
};

enum lease_state { LEASE_IDLE, LEASE_WANTED, LEASE_ASKED };

struct lease {
	TAILQ_ENTRY(lease) of_all;
	TAILQ_ENTRY(lease) of_state; /* unless idle */
	struct lease_list *list;
	void *of;      /* for who asks: what has the limit ... */
	unsigned kind; /* ... and which one it is */
	enum lease_state state;
	bool recorded;    /* something of it may be on the disk */
	uint64_t settled; /* in all */
	uint64_t need;    /* while wanted: at least so many */
	struct lease_cover durable, asked;
	uint64_t ticket;
	int64_t again_us; /* not asked again before, after a refusal */
};

struct lease_list {
	TAILQ_HEAD(, lease) all, wanted, asked;
	uint64_t last_ticket;
};

void lease_list_init(struct lease_list *list);

/* In list, which outlives it; nothing may be spent yet. */
struct lease *lease_new(struct lease_list *list, void *of, unsigned kind);
/* What w counts from before it had a lease is to be kept now, not when used. */
void lease_begin(struct lease *l, const struct window *w);
void lease_free(struct lease **lp); /* its answer is not waited for */

/* So many a lease is for, unless more are needed at once. */
uint64_t lease_worth(const struct window *w);
/* How many may be taken while `pending` are. */
uint64_t lease_room(const struct lease *l, uint64_t pending);
/*
 * When n more may be taken, as far as the lease is concerned: now, or never
 * before the answer to what it asks for.
 */
int64_t lease_next(struct lease *l, const struct window *w, uint64_t n,
    int64_t now_us);
/* After n were taken from w: asks for more in time. */
void lease_taken(struct lease *l, const struct window *w, int64_t now_us);
void lease_settled(struct lease *l, uint64_t n);

/*
 * Makes the record that is to be kept now, without its stamp; it becomes
 * asked, and *ticket_r is for the answer.
 */
void lease_write(struct lease *l, struct window *w, int64_t now_us,
    struct lease_record *rec);
/* The last record of a clean stop: nothing may be spent any more. */
void lease_write_last(struct lease *l, struct window *w, int64_t now_us,
    struct lease_record *rec);
/* The answer; NULL: whose it is has gone. */
struct lease *lease_kept(struct lease_list *list, uint64_t ticket, bool kept,
    int64_t now_us);

/* ---- after a restart ----------------------------------------------------- */

/*
 * How long ago a record was made: by the clock of the boot if that is still
 * the same, else by wall time.  -1: nobody knows.
 */
int64_t lease_elapsed(const struct lease_stamp *then,
    const struct lease_stamp *now);

/*
 * Counts what a record says, start_us being the restart and elapsed_us what
 * lease_elapsed() said then; -1: all counts from the restart.
 */
void lease_restore(struct window *w, const struct lease_record *rec,
    int64_t elapsed_us, int64_t start_us);
/*
 * The stamp is of another boot, or the clock was set since: who reads it after
 * one more boot would take that for time.  What lease_age() makes of the record
 * has to be kept under a stamp of now.
 */
bool lease_is_doubtful(const struct lease_stamp *then,
    const struct lease_stamp *now);
/* The same as of now; elapsed_us as for lease_restore(). */
void lease_age(struct lease_record *rec, int64_t elapsed_us);

/*
 * When nothing of a record counts any more: not before LEASE_LEFT_US, since
 * the limit may have got a longer period, and who has it is not there yet.
 */
int64_t lease_end(const struct lease_record *rec, int64_t elapsed_us,
    int64_t start_us);

#endif
