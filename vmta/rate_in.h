/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate_in - how much each sender may bring: messages and recipients in a period,
 * by <source>, by <smtp-user> and by client address.
 *
 * Exact sliding windows (window.h) without a pacer: a burst is welcome as long as
 * the period has room for it.  What is asked for is taken from all limits that it
 * must keep, or from none; once taken it counts, whatever becomes of it.
 *
 * Sources and users are as many as the configuration has.  Client addresses are
 * anybody's: of those so many have a count of their own; when none of these is
 * empty, others share one by the hash of their address (a bin), which holds for
 * all that are in it together.  Whose address has no count of its own uses its
 * bin as long as anything counts there, since that may be its own.  So memory is
 * bounded, a count that still holds is never forgotten, and no address ever gets
 * more than its limit; with very many of them some get less.
 *
 * An IPv6 client is its /64 (a host has that many addresses), a mapped IPv4
 * address is what it maps.
 *
 * Over a change of a limit, counts go on; what a limit that was lifted did not
 * count is not known.  Nothing outlives the process.
 *
 * Pure on the caller's clock, which is that of the engine; one thread at a time
 * (lib/shared.h).
 */

#ifndef VMTA_RATE_IN_H
#define VMTA_RATE_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/net.h"
#include "lib/str.h"

enum rate_in_who { RATE_IN_SOURCE, RATE_IN_USER, RATE_IN_CLIENT };
enum rate_in_what { RATE_IN_MESSAGES, RATE_IN_RCPTS, RATE_IN_WHATS };

/* One that is to be kept. */
struct rate_in_limit {
	enum rate_in_who who;
	enum rate_in_what what;
	const char *name;       /* the user; else the <source> that says it */
	struct net_addr client; /* RATE_IN_CLIENT */
	struct rate rate;       /* not unlimited */
};

enum { RATE_IN_LIMITS = 6 };

struct rate_in_limits {
	size_t n; /* 0: nothing is limited */
	struct rate_in_limit v[RATE_IN_LIMITS];
};

/* Why not now. */
struct rate_in_no {
	const struct rate_in_limit *limit; /* the one that lasts longest */
	int64_t until_us; /* there may be room; INT64_MAX: never for so many */
	/*
	 * Worth a line in the log: none was for a minute.  Then, so many were
	 * refused since then, this one among them.
	 */
	bool tell;
	uint64_t refused;
};

struct rate_in;

/* Of so many client addresses each message and recipient is counted by itself. */
#define RATE_IN_CLIENTS 8192

/* clients: how many counts of addresses, at least 1. */
struct rate_in *rate_in_new(size_t clients);
void rate_in_free(struct rate_in **rp);

/* The names are copied. */
bool rate_in_take(struct rate_in *r, const struct rate_in_limits *limits,
    const uint32_t n[RATE_IN_WHATS], int64_t now_us, struct rate_in_no *no);

/* ---- for who looks --------------------------------------------------------- */

/* A count in which there is something, or that has refused something. */
struct rate_in_row {
	enum rate_in_who who;
	enum rate_in_what what;
	const char *name;       /* until the next call */
	struct net_addr client; /* family 0 in a bin: of several */
	uint64_t used, refused; /* in the window; since the count was made */
	struct rate rate;       /* as it was asked for last */
	int64_t until_us;       /* when the last of it leaves */
};

typedef void rate_in_fn(void *ctx, const struct rate_in_row *row);
void rate_in_each(struct rate_in *r, int64_t now_us, rate_in_fn *fn, void *ctx);

#endif
