/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vqueue - a queue: the mail of one domain (later: rollup) for one virtual
 * MTA, and the state of its limits.
 *
 * Recipients that wait their turn are in groups (one message each), which take
 * turns (vmta/turns.h); those that wait for their time in a heap by due time.  This file keeps mail in order and knows no limits, no connections
 * and no time of its own; sched decides.  Scheduler thread only.
 */

#ifndef VMTA_VQUEUE_H
#define VMTA_VQUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "vmta/backlog.h"
#include "vmta/domain_obj.h"
#include "vmta/handed.h"
#include "vmta/heap.h"
#include "vmta/line.h"
#include "vmta/pause.h"
#include "vmta/pins.h"
#include "vmta/qconf.h"
#include "vmta/retry.h"
#include "vmta/sched.h"
#include "vmta/scope.h"
#include "vmta/timer.h"
#include "vmta/turns.h"

struct lane;
struct queue_sources;
struct sched_standing;
struct sched_vmta;

/* States of a connection; counted by queue, virtual MTA and process. */
enum conn_state { CONN_OPENING, CONN_IDLE, CONN_BUSY, CONN_CLOSING };
enum { CONN_STATES = CONN_CLOSING + 1 };

struct conn_count {
	uint32_t in[CONN_STATES];
};

struct queue_remote;

/* Its turns that it could not use, since it was served (sched_claim.c). */
struct claim {
	uint64_t number;         /* in the order of the first of them */
	int64_t since_us;        /* when its queue began to wait */
	int64_t due_us;          /* as was known at the last of them */
	struct scope *payers[2]; /* job and user; NULL: not claimed */
	uint32_t turns;          /* so many, since it was served */
	uint32_t origin;         /* whose mail */
	uint32_t next;           /* whose turn it is then; origin: nobody's */
	uint32_t had;            /* bits: where, and for what (sched_claim.c) */
	uint32_t next_had;       /* likewise, of a payer */
};

struct sched_queue {
	struct table_link link;
	TAILQ_ENTRY(sched_queue) all;
	TAILQ_ENTRY(sched_queue) dirty;
	struct domain_obj *domain;
	struct sched_vmta *vmta;
	struct lane *lane;
	struct qconf *conf;
	uint32_t generation; /* of the configuration that conf is from */
	bool is_dirty : 1;
	bool is_reloaded : 1; /* and its connections not looked at yet */
	bool has_rates : 1;   /* those of conf are set in scope */
	bool by_mx : 1;       /* its place depends on MX hosts ... */
	bool unplaced : 1;    /* ... which are not known yet */
	bool cold_waits : 1;  /* for a count to be durable: sched_cold.c */
	uint8_t family;       /* all that the domain has, or 0 */
	uint8_t family_conns; /* the next so many know it */
	uint8_t round;        /* of tries at its hosts: vqueue_skip() */

	/* Mail. */
	struct turns turns;
	struct pins *pins; /* of groups that are to go as before; or NULL */
	struct heap deferred;
	uint32_t on_hold;         /* of those: the last in their order */
	struct group *last_added; /* or NULL */
	LIST_HEAD(, group) warm;
	uint32_t ready_groups;
	uint32_t by16; /* moving average: sixteenths of a recipient a grant */
	uint64_t rcpts, ready, bytes; /* backlog.sums changes as these do */
	uint32_t granted;             /* likewise */
	/* Wait and are not ready: their origins are set aside, or pinned. */
	uint32_t aside;

	/* Limits. */
	struct scope scope;
	struct queue_sources *sources;   /* NULL: none has limits of its own */
	struct waiter open_wait;         /* for a connection, in its lane */
	struct waiter give_wait;         /* for a token, in its lane */
	struct claim *claim;             /* NULL: there was none */
	struct queue_remote *remote;     /* vmta/sched_remote.c; or NULL */
	struct sched_standing *standing; /* NULL: it is plain */

	/* Connections. */
	struct conn_count conns;
	TAILQ_HEAD(, sched_conn) all_conns, idle_conns;
	uint32_t setup_us, busy_us; /* moving averages: until ready; a grant */
	uint32_t crowd;             /* so many were welcome, and no more */
	uint32_t parked;            /* idle, and their sources have no token */
	uint32_t refusals;          /* in a row of one more; 0: no crowd */
	uint32_t calling; /* of all_conns: for smtp-out-rampup-interval */
	int64_t more_us;  /* when one more may be tried */
	struct sched_place *place; /* where the next one goes on; or NULL */

	/* Time. */
	struct retry retry;
	struct pause_seen pause;
	char *last_error; /* or NULL */
	struct timer timer;
	int64_t progress_us;   /* last grant, or connection opened */
	int64_t waits_us;      /* in a line since, if that was later */
	int64_t opened_us;     /* last connection; 0: none yet */
	int64_t open_after_us; /* a connection just ended that did nothing */
	int64_t idle_us;       /* since when there is nothing at all, or 0 */
};

/* Called for a recipient that leaves; m is valid during the call only. */
typedef void vqueue_gone_fn(void *ctx, struct sched_queue *q, struct message *m,
    uint32_t n, uint16_t attempts);

void vqueue_init(struct sched_queue *q, struct backlog *b);
void vqueue_fini(struct sched_queue *q); /* CHECKs that it is empty */

/* What becomes of those that wait too long; either may be NULL: silently. */
struct vqueue_ends {
	vqueue_gone_fn *expired; /* too old */
	vqueue_gone_fn *missed;  /* the times are over in which it was to go */
	void *ctx;
	bool tried; /* in vain: what had to be tried first is too old, too */
};

/*
 * Adds one recipient of e: to wait its turn (true), or until in->due_us, or
 * until it may be sent.
 */
bool vqueue_add(struct sched_queue *q, struct backlog *b, struct entry *e,
    const struct sched_rcpt_in *in, int64_t now_us);

/*
 * Moves those whose time has come to those that wait their turn; those tried
 * before and queued before `born_us` leave.
 */
void vqueue_collect(struct sched_queue *q, struct backlog *b, int64_t now_us,
    int64_t born_us, const struct vqueue_ends *ends);
int64_t vqueue_next_due(const struct sched_queue *q); /* or INT64_MAX */
/* Of those that wait their turn: queued before born_us leave, with fn. */
void vqueue_take_old(struct sched_queue *q, struct backlog *b, int64_t born_us,
    vqueue_gone_fn *fn, void *ctx);
/*
 * The same for those that are too old; whoever has times in which he is to go,
 * was handed to the host MTA, or released from hold (with the others of his
 * message there), is not that, and waits elsewhere for a minute, out of the way.
 */
void vqueue_expire(struct sched_queue *q, struct backlog *b, int64_t now_us,
    int64_t born_us, const struct vqueue_ends *ends);
/* When the oldest of those that wait their turn was queued, or INT64_MAX. */
int64_t vqueue_oldest(const struct sched_queue *q);
/* Likewise the oldest of what is set aside; w may go with it. */
void vqueue_expire_aside(struct sched_queue *q, struct backlog *b,
    const struct waiter *w, int64_t now_us, const struct vqueue_ends *ends);
/*
 * A group that waits its turn, and may not be sent now: it waits for the next
 * time, or leaves.  False: it may.
 */
bool vqueue_close(struct sched_queue *q, struct backlog *b, struct group *g,
    int64_t now_us, const struct vqueue_ends *ends);
/*
 * All such, thousands a call, when there may be any: from vqueue_closes_at() on,
 * which it sets anew.
 */
void vqueue_close_all(struct sched_queue *q, struct backlog *b, int64_t now_us,
    const struct vqueue_ends *ends);
/*
 * All that are not granted leave, with fn (NULL: silently); those on hold only
 * if it says so.
 */
void vqueue_clear(struct sched_queue *q, struct backlog *b, bool on_hold,
    vqueue_gone_fn *fn, void *ctx);

/* To the second above; INT64_MAX: never. */
int64_t vqueue_closes_at(const struct sched_queue *q);
/* Then at the latest. */
void vqueue_close_at(struct sched_queue *q, int64_t at_us);

/* The group whose turn it is, or NULL. */
struct group *vqueue_first(struct sched_queue *q);

/*
 * The origin of a group that waits is at a limit: it is passed over in its
 * priority, and not ready, until it is brought back (first: before the others
 * of its priority).  What is returned may
 * wait in the line of that limit; it leaves by itself when all its mail has
 * left the queue in another way.
 */
struct waiter *vqueue_set_aside(struct sched_queue *q, const struct group *g);
struct sched_queue *vqueue_bring_back(struct waiter *w, bool first);
/* Whose it is. */
struct sched_queue *vqueue_aside_queue(struct waiter *w);
uint32_t vqueue_aside_origin(const struct waiter *w);
/* What of an origin is set aside, of the highest priority; or NULL. */
struct waiter *vqueue_aside_of(const struct sched_queue *q, uint32_t origin);
/* Does mail of it wait its turn, or is it set aside? */
bool vqueue_has(const struct sched_queue *q, uint32_t origin);

/* Grants up to max recipients of g, in order; returns how many. */
uint32_t vqueue_take(struct sched_queue *q, struct group *g, struct rcpt **out,
    uint32_t max);
/*
 * The group is to go from that address again, until then (later it may, or in
 * vain: unpin).  What waits its turn with a pin is not ready, and is passed
 * over: vqueue_pinned().
 */
void vqueue_pin(struct sched_queue *q, struct group *g,
    const struct net_addr *a, int64_t until_us);
void vqueue_unpin(struct sched_queue *q, struct group *g);
/* The first group that waits with the pin of that number, or NULL. */
struct group *vqueue_pinned(const struct sched_queue *q, uint16_t pin);

/*
 * skip-mx: the host that g was granted to is left, and its mail goes back.  A
 * round over the hosts ends when the queue fails; g has had one when it was
 * skipped in a round before this one, and has had no attempt since.
 */
void vqueue_skip(struct sched_queue *q, struct group *g);
void vqueue_end_round(struct sched_queue *q);
bool vqueue_had_round(const struct sched_queue *q, const struct group *g);

/* The three ends of a granted recipient. */
void vqueue_untake(struct sched_queue *q, struct rcpt *r, int64_t now_us);
void vqueue_defer(struct sched_queue *q, struct rcpt *r, int64_t due_us);
/* One of a group that the host MTA is to have was refused there. */
void vqueue_refused(struct sched_queue *q, struct group *g);
void vqueue_drop(struct sched_queue *q, struct backlog *b, struct rcpt *r);

/* The queue will not send soon: messages that no other queue keeps go. */
void vqueue_cool(struct sched_queue *q);
/* The same of what was added last. */
void vqueue_cool_added(struct sched_queue *q);

/*
 * Goes through every recipient that is not granted, a slice at a time; the
 * queue may change in between.  What stays is not missed, save one that is
 * pushed aside by an earlier one that comes in between; it may be met twice.
 */
struct vqueue_cursor {
	struct turns_cursor turns;
	bool in_deferred, done;
	uint32_t index; /* the last one met of the deferred */
};

void vqueue_cursor_init(struct vqueue_cursor *c);

/*
 * fn returns false to stop for now; the others of its message may follow all
 * the same.  True: that were all.
 */
typedef bool vqueue_each_fn(void *ctx, const struct rcpt *r, bool deferred);
bool vqueue_walk(struct sched_queue *q, struct vqueue_cursor *c,
    vqueue_each_fn *fn, void *ctx);

/*
 * Those that wait for their time wait their turn instead, but for those on
 * hold.  Returns how many it has looked at, at most max; 0: that were all.
 */
uint32_t vqueue_free_deferred(struct sched_queue *q, struct vqueue_cursor *c,
    uint32_t max);

/*
 * The same for those that are wanted, on hold or not; fn is asked about all.
 * Looks at about max a call.  True: that were all.
 */
bool vqueue_free_wanted(struct sched_queue *q, struct vqueue_cursor *c,
    vqueue_each_fn *fn, void *ctx, uint32_t max);

/*
 * Those that are wanted are on hold from now on; fn is asked about those that
 * are not yet.  Looks at about max a call.  True: that were all.
 */
bool vqueue_hold_wanted(struct sched_queue *q, struct vqueue_cursor *c,
    vqueue_each_fn *fn, void *ctx, uint32_t max);

/*
 * Those that are wanted wait their turn in the other queue from now on, whatever
 * their time; fn is asked about those that are not on hold.  Looks at about max
 * a call.  True: that were all.
 */
struct vqueue_hand {
	struct sched_queue *to;
	vqueue_each_fn *wants;
	void *ctx;
	struct handed_from from; /* the queue */
};
bool vqueue_hand_wanted(struct sched_queue *q, struct vqueue_cursor *c,
    const struct vqueue_hand *how, uint32_t max);

/*
 * Those that are wanted leave, with gone; looks at about max a call.  True:
 * that were all.
 */
struct vqueue_take {
	vqueue_each_fn *wants;
	vqueue_gone_fn *gone;
	void *ctx;
};
bool vqueue_take_wanted(struct sched_queue *q, struct backlog *b,
    struct vqueue_cursor *c, const struct vqueue_take *take, uint32_t max);

#endif
