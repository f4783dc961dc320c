/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote - connections counted by where they go: to each MX host from each
 * local address (mx-connection-limit), and to each remote address from all
 * of them (ip-connection-limit).
 *
 * Which address a connection goes to is known only when its route is.  So it
 * asks for each, and is let go there or told that it is full; then whoever it
 * is for waits in the line of what was full.  A slot that gets free there is
 * kept for the first in line until it has opened another connection, which
 * takes it along; who does not open one gives it up to the next.  So nobody
 * asks in vain again and again, and nobody who comes later is before those
 * who wait.
 *
 * Counters exist only while somebody is counted or waits there.  Pure, on the
 * scheduler's thread; who asks is embedded in what is his: it knows nothing of
 * queues.
 */

#ifndef VMTA_REMOTE_H
#define VMTA_REMOTE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/net.h"
#include "vmta/limit.h"
#include "vmta/line.h"
#include "vmta/snapshot.h"
#include "vmta/table.h"

enum remote_kind { REMOTE_MX, REMOTE_IP, REMOTE_KINDS };

struct remote_conn;
struct remote_wait;

/* One MX host from one local address, or one remote address. */
struct remote_scope {
	struct table_link link;
	struct slots conns; /* with those that are kept for who waits */
	struct line line;
	uint32_t closing; /* of the connections: nobody wants them any more */
	TAILQ_HEAD(, remote_slot) slots; /* that connections have */
	enum remote_kind kind;
	struct net_addr addr; /* the local one, or the remote one */
	char host[];          /* of an MX, in lower case */
};

TAILQ_HEAD(remote_waits, remote_wait);

/* For whom connections ask; zeroed by remote_who_init(). */
struct remote_who {
	struct remote_waits waits;
	uint32_t n;      /* waits */
	uint32_t kept;   /* of them: slots kept, and not taken along yet */
	uint32_t asking; /* connections refused somewhere, and still trying */
};

struct remote_slot {
	struct remote_scope *scope; /* or NULL */
	struct remote_conn *conn;
	TAILQ_ENTRY(remote_slot) link;
};

/* What one connection has; zeroed but for who: nothing. */
struct remote_conn {
	struct remote_who *who;
	struct remote_slot slots[REMOTE_KINDS];
	struct remote_wait *kept; /* taken along, and not used yet */
	bool refused;             /* somewhere, and not connected since */
	/* With a refusal, for that moment: where its who waits now. */
	struct remote_scope *full;
	bool in_turn; /* it had to wait for where it is */
	bool closing;
};

struct remote_to {
	const char *host;
	struct net_addr local, peer;
};

/* A slot is kept for who: he may open a connection.  Must not call back. */
typedef void remote_woken_fn(void *ctx, struct remote_who *who);

struct remotes {
	struct table scopes;
	const struct snapshot *conf; /* borrowed */
	struct remote_waits kept;    /* slots kept, and not taken along yet */
	remote_woken_fn *woken;
	void *ctx;
};

void remotes_init(struct remotes *r, remote_woken_fn *woken, void *ctx);
void remotes_fini(struct remotes *r); /* CHECKs that nothing is counted */

/* Limits as they are from now on; who has more than that keeps it. */
void remotes_set(struct remotes *r, const struct snapshot *conf);
/* Is there any limit? */
static inline bool
remotes_limited(const struct snapshot *conf)
{
	const struct global_conf *g = snapshot_global(conf);

	return g->mx_limits.n > 0 || g->ip_limits.n > 0;
}

/*
 * May the connection go there?  What it had elsewhere is given back before
 * that: where it was, it is not any more.  True: it has its slots.  False: its
 * who waits there, as key says.
 */
bool remote_ask(struct remotes *r, struct remote_conn *c,
    const struct remote_to *to, const struct line_key *key);

/* It is there already: counted whatever the limits are. */
void remote_note(struct remotes *r, struct remote_conn *c,
    const struct remote_to *to);

/*
 * It works: whoever found room without having to wait waits no more.  What it
 * took along and did not use is given back.
 */
void remote_connected(struct remotes *r, struct remote_conn *c);
/* Nobody wants it any more; it has its slots until it is closed. */
void remote_closing(struct remote_conn *c);
void remote_closed(struct remotes *r, struct remote_conn *c);

void remote_who_init(struct remote_who *who);
/* He wants nothing any more. */
void remote_who_fini(struct remotes *r, struct remote_who *who);

/* How many connections he may open now: UINT32_MAX when he does not wait. */
uint32_t remote_room(const struct remote_who *who);
/* He has opened one, which takes along a slot that was kept. */
void remote_opened(struct remotes *r, struct remote_conn *c);
/*
 * All that could be opened is: gives up the slots kept before the last call
 * for those who did not open a connection, for whatever reason.
 */
void remotes_settle(struct remotes *r);

/* Where a slot was kept for the connection, or NULL. */
const struct remote_scope *remote_kept(const struct remote_conn *c);
/* Where he waits, first of all, or NULL. */
const struct remote_scope *remote_waits_at(const struct remote_who *who);
/* Is there one too many where it is? */
bool remote_is_surplus(const struct remote_conn *c);
/*
 * Who waits first where it is, while fewer connections than waiters are on
 * their way out, and it is not its own who: he would go behind the others.
 */
const struct remote_who *remote_other(struct remote_conn *c);

#endif
