/* SPDX-License-Identifier: Apache-2.0 */
/*
 * standing - how a queue or a group of queues stands with the other side: its mode, the sources it
 * may not use, its errors of late; and the bytes of that, with its wait after a
 * failure, that outlive the process.
 *
 * A queue, or a group of them together, has one only while there is something to say: zeroed it says nothing,
 * and standing_is_plain() says when it may go.  The wait stays in the queue
 * (vmta/retry.h), since each member of a group has one of its own.
 *
 * All times in the bytes count from the instant they were made: the engine's
 * clock begins anew from the wall clock with each process, and nobody knows by
 * how much they differ.  Whoever keeps them keeps a stamp with them
 * (lease_elapsed() in vmta/lease.h).  What was counted by source is not kept.
 *
 * Changes are carried out by whoever knows the limits and connections: this is
 * the account alone.  Searching a source is a binary search, adding one moves
 * at most STANDING_SOURCES_MAX.  Pure on the caller's clock; the scheduler
 * thread owns it.
 */

#ifndef VMTA_STANDING_H
#define VMTA_STANDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/net.h"
#include "lib/str.h"
#include "vmta/backoff.h"
#include "vmta/errors_lately.h"
#include "vmta/retry.h"

#define STANDING_NEVER INT64_MAX /* not back on by itself */
enum {
	STANDING_SOURCES_MAX = 4096, /* then the first one back on is let go */
	STANDING_WHY_MAX = 300       /* bytes of a reason; more is cut off */
};

struct standing_source {
	struct net_addr addr;
	int64_t until_us;             /* off until then; 0: it is on */
	char *why;                    /* while it is off, else NULL */
	struct errors_lately *errors; /* or NULL */
};

struct standing {
	struct backoff backoff;
	char *why;                       /* of MODE_BACKOFF, else NULL */
	struct standing_source *sources; /* by address */
	uint32_t count, cap;             /* of sources */
	struct errors_lately *errors;    /* of all together, or NULL */
};

void standing_fini(struct standing *st); /* zeroed again */

/*
 * Into backoff, out of it: as backoff_enter() and backoff_leave().  Entered
 * again nothing but its end may change, so that need not be kept at once.
 */
bool standing_enter(struct standing *st, int64_t until_us, const char *why,
    int64_t now_us);
bool standing_leave(struct standing *st, int64_t return_us, int64_t now_us);

/*
 * Both say something of the same: the stricter holds of modes, and of each
 * source; from says nothing then.  True: the mode of st is another one.
 */
bool standing_join(struct standing *st, struct standing *from, int64_t now_us);

/*
 * The source is off until then: of two orders the later end.  True: it was on.
 * Only for an address of ours: family 0 is the kernel's choice.
 */
bool standing_source_off(struct standing *st, const struct net_addr *addr,
    int64_t until_us, const char *why, int64_t now_us);
bool standing_source_on(struct standing *st, const struct net_addr *addr);
/* NULL: it is on. */
const struct standing_source *standing_source_is_off(const struct standing *st,
    const struct net_addr *addr, int64_t now_us);
/* How many are off, also addresses that the configuration has no more. */
uint32_t standing_sources_off(const struct standing *st, int64_t now_us);

/*
 * To count in, made when there is none.  That of a source is good until the
 * next call about another one.
 */
struct errors_lately *standing_errors(struct standing *st);
struct errors_lately *standing_source_errors(struct standing *st,
    const struct net_addr *addr);

/*
 * What time alone does, to be called at standing_next(): a source that is back
 * on is told, one by one, until there are no more; then the mode (true: it is
 * another one), and what counts no more is let go.
 */
bool standing_source_back(struct standing *st, int64_t now_us,
    struct net_addr *addr_r);
bool standing_run(struct standing *st, int64_t return_us, int64_t now_us);
int64_t standing_next(const struct standing *st, int64_t now_us);

/* After standing_run(): it says nothing, and may go. */
bool standing_is_plain(const struct standing *st);

/* ---- as bytes ------------------------------------------------------------ */

/*
 * Appended to out: the standing (NULL: plain) with the wait of its queue (NULL:
 * none).  Nothing is appended when there is nothing to say: then nothing is
 * kept.
 */
void standing_pack(struct standing *st, const struct retry *wait,
    int64_t now_us, struct buf *out);
/*
 * elapsed_us is how long ago they were made, -1: nobody knows; then everything
 * lasts as long as it did.  What has ended meanwhile is seen by standing_run().
 * -1: they are damaged; st_r is plain then.
 */
int standing_unpack(struct slice bytes, int64_t elapsed_us, int64_t now_us,
    struct standing *st_r, struct retry *wait_r, struct err *e);

#endif
