/* SPDX-License-Identifier: Apache-2.0 */
/*
 * effects - what was judged of replies and of connections that failed, carried
 * out at the scheduler: what concerns not one recipient but its whole queue.
 *
 * A worker collects what the replies of a transaction ask in a list, which goes
 * to the scheduler's thread with the results, and is done there in the order of
 * the replies, behind the results: who comes back into the queue with them is
 * part of it.  The judging was transport/disposition.h's; used by the
 * dispatcher and by the tests' scripted servers alike.
 */

#ifndef TRANSPORT_EFFECTS_H
#define TRANSPORT_EFFECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/message.h"
#include "mail/outcome.h"
#include "transport/disposition.h"
#include "vmta/sched.h"
#include "vmta/sched_standing.h"

/* What one reply asks; of several that ask the same the first. */
struct effects_note {
	struct effects what;
	struct disposition rcpt; /* how its own recipient was judged */
	struct outcome *why;     /* owned */
};

struct effects_list { /* zeroed: empty */
	size_t n;
	struct effects_note *v;
};

void effects_fini(struct effects_list *l);

/* What the judgements of one transaction, or of one reply, come to. */
struct effects_sum {              /* zeroed: nothing yet */
	struct effects_list list; /* to be taken, or freed */
	struct sched_tally tally;
	bool worked; /* the server did its work */
	/* One of the outcomes, borrowed, or NULL: */
	const struct outcome *broke;   /* the connection ended before a body */
	const struct outcome *skipped; /* the host is to be left for the next */
};

void effects_add(struct effects_sum *sum, const struct outcome *o,
    const struct judgement *j);

/* ---- on the scheduler's thread ------------------------------------------- */

/* A recipient that fails with its queue, and has left the scheduler. */
struct effects_failed {
	const struct outcome *why;
	const struct disposition *what;
};

struct effects_owner {
	void (*failed)(void *ctx, const struct effects_failed *how,
	    struct sched_queue *q, struct message *m, uint32_t n,
	    uint16_t attempts);
	/* The queue begins to wait, for that.  May be NULL. */
	void (*waits)(void *ctx, struct sched_queue *q,
	    const struct outcome *why);
};

/*
 * Virtual MTAs of which was told that they have no source to be disabled; as
 * many as are configured.
 */
struct effects_told { /* zeroed: none */
	size_t n;
	char **v;
};

void effects_told_fini(struct effects_told *told);

struct effects_to {
	struct sched *sched;
	const struct effects_owner *owner;
	void *ctx;
	struct effects_told *told; /* NULL: nothing is told */
};

/*
 * Does all that is in the list, for the queue of the connection.  Where the
 * kernel chooses the source there is none to be disabled: the queue waits.
 * True: the source of the connection is not used by it any more.
 */
bool effects_apply(const struct effects_to *to, struct sched_conn *c,
    const struct effects_list *l, int64_t now_us);

/*
 * If the connection fails now, has that been counted with its grants?  before:
 * as this said of those before; tally and skipped: of what came of the last.
 * One that came back untried has counted nothing, and behind a host that was
 * skipped it is another one that fails.
 */
bool effects_is_counted(bool before, const struct sched_tally *tally,
    bool skipped);

/* How a connection ended that never got to work. */
struct effects_end {
	const struct outcome *why;
	bool fails;      /* its queue's recipients: disposition_fails_all() */
	bool counted;    /* effects_is_counted() of its grants */
	bool source_off; /* as effects_apply() said */
};

void effects_conn_failed(const struct effects_to *to, struct sched_conn *c,
    const struct effects_end *end, int64_t now_us);

#endif
