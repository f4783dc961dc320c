/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_turn - whose turn it is at scopes that queues share: lanes, claims, and
 * what others may have beside those.
 *
 * The end of sched_priv.h, which includes it: for vmta/sched*.c only.
 */

#ifndef VMTA_SCHED_TURN_H
#define VMTA_SCHED_TURN_H

#include "vmta/sched_priv.h"

/* sched_lane.c */
void lane_table_init(struct sched *s);
/* Its lane from now on; leaves the one it was in. */
void lane_enter(struct sched *s, struct sched_queue *q,
    const struct placed *at);
void lane_leave(struct sched *s, struct sched_queue *q);
/* Of the queue's next mail, for lines of others. */
struct line_key lane_key_of(struct sched_queue *q);
void lane_wants_open(struct sched_queue *q, int64_t now_us);
void lane_wants_no_open(struct sched_queue *q);
/* It has a claim, perhaps: does its lane have to wait for it? */
void lane_may_lead(struct sched_queue *q);
/* It has had a turn and wants one more: it goes to the end. */
void lane_wants_more(struct sched_queue *q);
/* Waits for a token of `at`, with those of its lane that wait already. */
void lane_wants_token(struct sched_queue *q, struct shared *at, int64_t now_us);
void lane_wants_no_token(struct sched_queue *q);
/* It is its turn where its lane waits for a token. */
void lane_takes_turn(struct sched_queue *q, int64_t now_us);
/* After a reload other scopes may be on their way. */
void lanes_configure(struct sched *s, int64_t now_us);
/* The first one on the way that opens no connection now, or NULL. */
struct shared *lane_blocked(struct sched_queue *q, int64_t now_us);
/* Moves the queue's lane to the line of `to` for a connection. */
void lane_move_open(struct sched_queue *q, struct shared *to, int64_t now_us);
/* To the line of the process. */
void lane_let_through(struct sched_queue *q, int64_t now_us);
/* One of its queues opens a connection: who let it through looks again. */
void lane_opened(struct lane *l);
struct sched_queue *lane_opener(struct lane *l);
struct sched_queue *lane_giver(struct lane *l);
/* For whom a queue waits in its lane: the origin whose turn it is there. */
uint32_t lane_origin(struct sched_queue *q);
/* Of mail of an origin that waits outside of the lane. */
struct line_key lane_key(const struct lane *l, uint32_t origin);
/* What mail of an origin has had more than who is first at h; or 0. */
uint32_t lane_debt(const struct sched_queue *q, uint32_t origin,
    struct shared *h);
/* Do they wait for the same origin in the same lane? */
bool lane_same(struct sched_queue *q, struct sched_queue *other,
    uint32_t origin);
/* Mail of an origin used so much of what the way has. */
void lane_charge(struct lane *l, uint32_t origin, uint32_t cost);

/* sched_claim.c */
/* Its turn has come there, for mail of an origin. */
void claim_turn(struct sched_queue *q, const struct scope *at, enum want want,
    uint32_t origin, int64_t now_us);
/* Has it, since it was served? */
bool claim_had(const struct sched_queue *q, const struct scope *at,
    enum want want);
/* It waits there from now on: claims what it can. */
void claim_wait(struct sched_queue *q, const struct scope *at, enum want want,
    uint32_t origin, int64_t now_us);
/*
 * Its mail was set aside again: it keeps its places elsewhere, and when its
 * turn comes there it claims that scope as well.
 */
bool claim_keeps_place(const struct sched_queue *q);
void claim_aside(struct sched_queue *q, int64_t now_us);
/* Its turn for a connection: false, and nothing is done, if it can use it. */
bool claim_turn_aside(struct sched_queue *q, const struct scope *at,
    int64_t now_us);
/* Mail of an origin was served; when it waits no more; in any case. */
void claim_served(struct sched_queue *q, uint32_t origin);
void claim_settle(struct sched_queue *q, int64_t now_us);
void claim_drop(struct sched_queue *q);
/* The scope is about to change or to go: nobody claims it any more. */
void claim_lose(struct scope *at);
/* Does one of a lane claim it that needs a connection? */
static inline bool
claim_of_lane(const struct scope *at, const struct lane *l)
{
	const struct sched_queue *by = at->claimed;

	return by != NULL && by->lane == l &&
	    by->conns.in[CONN_OPENING] + by->conns.in[CONN_IDLE] == 0;
}

/* It joins a line: without progress it waits since it joined the first. */
void claim_joins(struct sched_queue *q, int64_t now_us);
/*
 * Does it wait for longer than the one that claims something, of the same
 * priority or a lower one?  Then that one is not before it.
 */
bool claim_is_later(const struct sched_queue *by, const struct sched_queue *q);
/* The one that is before who is the first in line there, if it waits there. */
struct sched_queue *claim_first(const struct scope *c,
    const struct sched_queue *in_line);
static inline bool
scope_is_payer(const struct scope *c)
{
	return c->kind == SCOPE_JOB || c->kind == SCOPE_USER;
}

/* Is it for the mail of one origin alone?  It has a claim. */
bool claim_had_payer(const struct sched_queue *q);
/*
 * What waits in the line of its job or user, of the mail that its claim is for;
 * NULL also when it has other mail that could go.
 */
struct waiter *claim_aside_of(const struct sched_queue *q);

/* sched_backfill.c */
/*
 * When it may have n together, of what is not claimed by another one; INT64_MAX:
 * when something happens.
 */
int64_t backfill_token_at(struct scope *c, struct sched_queue *q,
    enum limit_kind kind, uint64_t n, int64_t now_us);
/*
 * Until when the next one of the queue's own rate is left to mail of it that
 * waits for its payer, and not given to what is first there; or 0.
 */
int64_t backfill_own_at(struct sched_queue *q, int64_t now_us);
/* Until when room for a connection is left to its claimant, or 0. */
int64_t backfill_conn_at(struct shared *h, const struct sched_queue *q,
    int64_t now_us);
/* It has a claim, and waits: for how long, as far as is known. */
void claim_hope(struct sched_queue *q, int64_t now_us);
/*
 * When its own connections or limits let a queue use what it claims; -1:
 * not before something happens.
 */
int64_t claim_own_due(struct sched_queue *q, int64_t now_us);

#endif
