/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settlement - outcomes on their way into the store: what each means for the
 * ledger, its accounting record, its log line, and what senders are told of
 * them, which is committed together with them.
 *
 * Made on a worker wherever outcomes become final: of a delivery, or of
 * recipients that ended without a session.  Embedded in its owner, which has
 * to live until done(); struct worker_env says which worker that is.
 *
 * Lines in the host MTA's style are put on the store's thread: recipients of
 * one message end on several workers, and what says that it is gone must stand
 * behind all of them.
 */

#ifndef TRANSPORT_SETTLEMENT_H
#define TRANSPORT_SETTLEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"
#include "queue/store.h"
#include "transport/bcc_copy.h"
#include "transport/host_lines.h"
#include "transport/record.h"
#include "transport/worker_env.h"

struct settlement;
typedef void settlement_done_fn(struct settlement *st);

struct settlement {
	struct store_settle settle; /* the store's between commit and done */
	struct post flushed;        /* comes back from the store */
	struct worker_env *env;
	struct snapshot *conf; /* when it was committed; for the lines */
	settlement_done_fn *done;
	struct buf items, records, doubts;
	struct buf told;  /* struct notice_rcpt, of the message in hand */
	struct buf mails; /* struct store_mail */
	struct buf notes; /* struct settlement_note, of those, for the log */
	struct buf lines; /* transport/host_lines.h */
	/* By item, what is to be added if its message ends with it. */
	struct buf ends, gone; /* uint32_t, in bytes of gone */
	struct host_lines_told logged;
};

void settlement_init(struct settlement *st, struct worker_env *env);
void settlement_fini(struct settlement *st);

struct settlement_rcpt {
	/*
	 * With an envelope of no recipients (it was unreadable) the record has
	 * no addresses; of an attempt that was to fail there is none.
	 */
	struct record_of of;
	uint16_t attempts; /* with this one */
	bool unrecorded;   /* wanted without an accounting record */
	bool tell_nobody;  /* its queue's senders are told of no failure */
	bool tell_deleted; /* of a deletion its sender is told */

	struct host_lines_way way;

	/* Of an outcome in doubt: when the final dot was sent, and in which. */
	int64_t dot_wall_us;
	uint64_t session;
};

/*
 * What is in `of` is borrowed for the call, but the outcome and the envelope:
 * until settlement_notify().
 */
void settlement_add(struct settlement *st, const struct settlement_rcpt *r);

/*
 * It has not ended, nor been tried: its sender may hear that it is late.  Only
 * what says who it is counts of r, its outcome, and whether to tell.
 */
void settlement_delayed(struct settlement *st, const struct settlement_rcpt *r,
    int64_t bounce_after_us);

/* Is anybody to be told of what was added since the last notification? */
bool settlement_wants_notice(const struct settlement *st);

/*
 * Makes what tells the sender of a message; to be called when all of its
 * recipients were added.  body: NULL if it cannot be read.
 */
void settlement_notify(struct settlement *st, const struct record_of *of,
    const struct body *body);

/* Of that message, which was delivered, a copy goes in with its outcomes. */
void settlement_copy(struct settlement *st, uint64_t about,
    const struct bcc_copy *of);

bool settlement_is_empty(const struct settlement *st);

/* To the store; not empty.  done: on the worker, when all is durable. */
void settlement_commit(struct settlement *st, settlement_done_fn *done);

#endif
