/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_priv - the inside of sched, for vmta/sched*.c only.
 *
 *	sched.c        new, free, add, reload, run: the public doors
 *	sched_reload.c connections after a reload: where they count
 *	sched_shared.c a scope that queues share: who waits there, whose turn
 *	sched_lane.c   queues that are alike for such scopes wait as one
 *	sched_claim.c  queues that need room at several of these at once
 *	sched_backfill.c  what others may have beside them
 *	sched_vmta.c   virtual MTAs, pools, providers, groups
 *	sched_place.c  where a queue stands by the MX hosts of its domain
 *	sched_source.c limits of local addresses within a queue
 *	sched_choice.c which of them a connection goes out from
 *	sched_origin.c who handed the mail in
 *	sched_job.c    jobs that are paused
 *	sched_pin.c    mail that is to go from the source that it went from
 *	sched_conn.c   connections: how many are wanted, opening, closing
 *	sched_connect.c what a call counts in, where the next one goes on
 *	sched_priority.c who gives way to whom
 *	sched_check.c  what may say no: the table of all that does
 *	sched_serve.c  a queue is looked at: grants, waiting; results
 *	sched_standing.c modes, sources that are off, of queues and groups
 *	sched_mode.c   limits of these modes
 *	sched_tally.c  thresholds that change these
 *	sched_remote.c limits of MX hosts and remote addresses
 *	sched_lease.c  what is kept of limits, and what was left of them
 *	sched_keep.c   what is kept of how a queue stands with the other side
 *	sched_expiry.c mail that leaves, or waits, by the clock alone
 *	sched_facts.c  what others ask about
 *	sched_why*.c   all that keeps mail waiting, in words, and for how long
 *	sched_delay.c  mail of whose delay its sender is to hear
 *	sched_walk.c   going through all queues, a slice at a time
 *	sched_move.c   mail that goes by another virtual MTA
 *	sched_move_note.c whose mail came to a queue
 *	sched_warmup.c source addresses that are new, and their days
 *	sched_cold.c   virtual MTAs that are new, and their days
 *
 * An event marks what it touched: queues as dirty, shared scopes by their
 * timer.  sched_run() looks at these; a shared scope that has room lets lanes
 * through to the line of the process, from which connections are opened in
 * fair order.  Each look at a queue (sched_serve) ends by setting the queue's
 * timer to when time alone will change something.
 *
 * No wake-up is lost: a lane waits in the line of one scope that says no to
 * it.  When that one says yes and another one no, it moves there, and the
 * scope that has room left lets the next one through.
 */

#ifndef VMTA_SCHED_PRIV_H
#define VMTA_SCHED_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/check.h"
#include "vmta/line.h"
#include "vmta/lost.h"
#include "vmta/pause.h"
#include "vmta/remote.h"
#include "vmta/sched.h"
#include "vmta/sched_check.h"
#include "vmta/sched_choice.h"
#include "vmta/sched_move.h"
#include "vmta/sched_place.h"
#include "vmta/sched_standing.h"
#include "vmta/sched_walk.h"
#include "vmta/sched_warmup.h"
#include "vmta/scope.h"
#include "vmta/vqueue.h"

#define OF(type, field, p) \
	((struct type *)(void *)((char *)(p)-offsetof(struct type, field)))

struct grant_rec;

/* Scopes that queues share, from the inside out: the way of a connection. */
enum level {
	LEVEL_BACKOFF, /* a group's limits of backoff beside its own */
	LEVEL_ROLLUP,
	LEVEL_VMTA,
	LEVEL_POOL,
	LEVEL_PROVIDER,
	LEVEL_PROCESS
};
enum { LEVELS = LEVEL_PROCESS + 1 };

enum { GROUP_NAME_MAX = 256 };

/* What one may have had more than who waits before its connections yield. */
enum { TURN_DEBT = 10 };

/* What queues wait for at these. */
enum want { WANT_TOKEN, WANT_CONN };

/*
 * Connect rates: the queue's, its backoff's, a source's, the group's backoff's,
 * the group's, the provider's.
 */
enum { CONNECT_SCOPES = 6 };

/* A connection in one of them; those of sched_conn.in are by level. */
struct conn_in {
	struct shared *shared;      /* NULL: there is none at this level */
	TAILQ_ENTRY(conn_in) idle;  /* while CONN_IDLE: longest first */
	TAILQ_ENTRY(conn_in) fresh; /* while is_fresh */
	bool is_fresh;      /* being set up, and not for suspiciously long */
	uint8_t priority;   /* while sched_conn.cuttable */
	uint32_t cut_index; /* likewise */
};

TAILQ_HEAD(conn_in_list, conn_in);

struct shared {
	struct scope scope;
	struct sched *sched;
	enum level level;
	struct line open, give;  /* lanes that wait for a connection, a token */
	uint32_t open_n, give_n; /* queues in these lanes */
	uint32_t passing; /* lanes let through to the line of the process */
	struct conn_count conns;
	struct conn_in_list idle, fresh;
	uint32_t fresh_n;
	uint32_t setup_us, busy_us, bytes; /* moving averages */
	struct heap cut;  /* busy ones that may be interrupted, by priority */
	uint32_t cutting; /* interrupted, and busy still */
	int64_t yield_us; /* until then no other connection yields for a debt */
	struct timer timer;
};

TAILQ_HEAD(conn_list, sched_conn);

/* A local address within a queue that has limits of its own there. */
struct queue_source {
	struct sched_queue *queue;
	struct net_addr addr;
	uint32_t refs; /* of the queue and of connections */
	uint32_t closing;
	struct scope scope;
	struct conn_list parked; /* idle, without a token */
	struct timer timer;      /* when there is one for them */
};

struct queue_sources {
	size_t n;         /* as the virtual MTA has them */
	size_t all;       /* with former ones, where something counts still */
	size_t choice;    /* the next connection goes out from there */
	int64_t until_us; /* none has room before; 0: perhaps */
	struct queue_source *v[];
};

struct sched_conn {
	TAILQ_ENTRY(sched_conn) of_sched;
	TAILQ_ENTRY(sched_conn) of_queue;
	TAILQ_ENTRY(sched_conn) idle_queue; /* while CONN_IDLE: the last */
	struct conn_in in[LEVELS];          /* used one first */
	struct sched *sched;
	struct sched_queue *queue;
	struct qconf *conf; /* so that settings at its opening live on */
	struct snapshot *snapshot;
	const struct conf_source *source; /* of snapshot */
	struct queue_source *from;        /* NULL: without limits of its own */
	struct scope *connect[CONNECT_SCOPES]; /* their tokens not settled */
	bool is_calling;                       /* one of queue->calling */
	struct grant_rec *grant;               /* or NULL */
	void *user;
	uint64_t id;
	enum conn_state state;
	bool useful;   /* has carried something */
	bool uncalled; /* its source was of no use: another is tried */
	bool goes_on;  /* another one, at an address that is left */
	bool anew;     /* from another server of its route, when ready */
	struct sched_place *place; /* where it goes on itself; or NULL */
	struct remote_conn remote;
	struct warm_pair *warm; /* its source is new there; or NULL */
	uint32_t warm_day;      /* its grant counts in; 0: none */
	bool parked;            /* idle, in the list of its source */
	bool cuttable;          /* busy, and may be interrupted */
	bool cut;               /* was */
	uint32_t messages;
	uint32_t turn_rcpts; /* recipients carried */
	uint32_t origin;     /* of the last of them */
	int64_t opened_us;
	int64_t ready_us; /* first */
	int64_t idle_us;  /* since when */
	struct timer timer;
};

/* A rate that a grant took from; its tokens are given back or settled. */
struct taken {
	struct scope *scope;
	enum limit_kind kind;
	uint32_t n; /* bytes; of recipients as many as there are */
};

/* Most mail counts in a queue and a virtual MTA at most. */
enum { TAKEN_FEW = 2 };

struct grant_rec {
	struct rcpt **rcpts;
	int64_t granted_us;
	struct taken few[TAKEN_FEW];
	struct taken *taken; /* of TAKEN_MAX; NULL: they are in few */
	uint8_t taken_n;
	bool settled;     /* sched_written() was said */
	bool reading;     /* the message is, from its place */
	struct grant pub; /* ends in an array: the last */
};

/* Queues that are the same for all shared scopes: they wait as one. */
struct lane {
	struct table_link link;
	struct sched *sched;
	struct sched_vmta *vmta;
	struct sched_named *group;    /* or NULL */
	struct sched_named *provider; /* or NULL */
	uint8_t priority;             /* queue-priority */
	uint32_t queues;              /* that point here */
	struct line open, give;       /* queues that wait */
	struct waiter open_wait, give_wait;
	struct shared *open_at, *give_at; /* in whose lines; NULL: in none */
	struct shared *from; /* let it through to the line of the process */
	struct sched_queue *passes; /* likewise; NULL: its first */
	struct sched_queue *leads;  /* for it the lane moves; NULL: its first */
	struct shared *path[LEVELS];
};

struct sched_vmta {
	struct table_link link;
	const struct vmta *conf; /* {default}'s when it is gone */
	struct shared shared;
	struct sched_named *pool; /* or NULL */
	uint64_t source_turn;
	char name[];
};

/* A pool, a provider, or a group: "NAME.rollup/VMTA". */
struct sched_named {
	struct table_link link;
	struct shared shared;
	/* Of a group: */
	struct qconf *conf;              /* of <domain NAME.rollup> */
	struct sched_named *backoff;     /* its limits of backoff beside */
	struct sched_standing *standing; /* of all its queues; NULL: plain */
	char name[];
};

/* Limits that outlive the process. */
struct leases {
	struct lease_list list;
	struct table left;  /* by an earlier process, and not taken up yet */
	struct timer timer; /* when the next of these is over */
	int64_t start_us;   /* 0: sched_restored() was not said */
	bool used, damaged; /* as it said */
};

struct keeping;
TAILQ_HEAD(keeping_list, keeping);

/* What of queues outlives the process (sched_keep.c). */
struct keeps {
	struct table all;          /* by queue; of most nothing is kept */
	struct keeping_list now;   /* are asked for in this sched_run() */
	struct keeping_list later; /* by time */
	struct keeping_list asked; /* by ticket */
	struct timer timer;        /* of the first of later */
	uint64_t last_ticket;
};

struct warm_pair;
TAILQ_HEAD(warm_list, warm_pair);

/* New source addresses (sched_warmup.c). */
struct warmups {
	struct table pairs; /* of an address and a provider */
	struct warm_list all;
	struct warm_list wanting; /* look for more of their quota */
	struct warm_list asked;   /* by ticket */
	struct timer timer;       /* what was seen is kept then */
	uint32_t day;             /* of the local calendar; 0: not told yet */
	int64_t ends_us;
	bool any;  /* is configured */
	bool keep; /* something was seen, and the timer does not run */
	bool over; /* some had its day: others may take its mail */
};

struct cold_count;
TAILQ_HEAD(cold_list, cold_count);

/* New virtual MTAs (sched_cold.c); their day is that of struct warmups. */
struct colds {
	struct table counts, gates; /* by name; by queue */
	struct cold_list all;
	struct cold_list wanting; /* something is to be kept, or was */
	struct cold_list asked;   /* by ticket */
	struct timer timer;       /* refused: asked for again then */
	uint64_t turn;
	bool any; /* is configured */
};

TAILQ_HEAD(queue_list, sched_queue);

struct sched {
	struct snapshot *conf;
	const struct sched_owner *owner;
	void *ctx;
	bool held;
	bool has_payers; /* some job or user has a rate, or is paused */
	bool in_callback;
	uint32_t generation; /* of configurations, 1 is the first */

	struct backlog backlog;
	struct domain_set domains;
	struct qconf_set confs;
	struct table queues, vmtas, pools, providers, groups, lanes, payers;
	struct domain_places places;
	struct queue_list all, dirty;
	struct conn_list conns;
	struct sched_queue *stale; /* is looked at next; NULL: none */
	size_t stale_n;            /* so many from there on, going round */
	TAILQ_HEAD(, sched_walk) walks;
	struct pause_list pauses, job_pauses;
	struct remotes remotes;
	struct lost lost; /* sources */
	struct sched_moves moves;
	struct heap timers;

	struct leases leases;
	struct keeps keeps;
	struct warmups warmups;
	struct colds colds;
	struct ramp ramp;
	struct shared process;
	int64_t reclaim_us; /* look for idle connections to take back */
	uint64_t last_conn_id, last_claim;
	uint32_t fired, served; /* timers and queues of this sched_run() */
	uint32_t steps_max;     /* of each of them, with few queues */
	uint64_t stuck;         /* so often all of them were used */
};

/* Every call of the owner goes through this: it may not call back in. */
#define SCHED_TELL(s, fn, ...) \
	do { \
		CHECK(!(s)->in_callback); \
		(s)->in_callback = true; \
		(s)->owner->fn((s)->ctx, __VA_ARGS__); \
		(s)->in_callback = false; \
	} while (0)

/* sched.c */
/* NULL: there is none. */
struct sched_queue *queue_find(const struct sched *s,
    const struct domain_obj *d, const struct sched_vmta *v);
struct sched_queue *sched_queue_get(struct sched *s, const char *domain,
    const char *vmta, int64_t now_us);
void sched_dirty(struct sched *s, struct sched_queue *q);
/* Each queue is looked at, in slices. */
void sched_look_all(struct sched *s);
/* When an idle queue may be forgotten: its windows and its wait are over. */
int64_t sched_forget_at(const struct sched_queue *q);
void sched_refresh(struct sched *s, struct sched_queue *q, int64_t now_us);
/*
 * A queue has rates while it has something to send, or they count: a hundred
 * thousand that wait for their time need no windows.
 */
void sched_set_rates(struct sched *s, struct sched_queue *q, int64_t now_us);
void sched_drop_rates(struct sched *s, struct sched_queue *q, int64_t now_us);
bool sched_is_paused(const struct sched *s, struct sched_queue *q);
/* A moving average of microseconds. */
void sched_average(uint32_t *avg, int64_t sample_us);

/* sched_origin.c */
/* As the configuration is now. */
struct origin *sched_origin(const struct sched *s, uint32_t number);
/* What its mail counts in: the job and the user; NULL: has no rate. */
enum { ORIGIN_PAYERS = 2 };
void origin_payers(struct sched *s, uint32_t number, int64_t now_us,
    struct scope *out[ORIGIN_PAYERS]);
/* One of these that counts something, or NULL. */
struct scope *origin_payer(const struct sched *s, uint32_t number,
    enum scope_kind kind);
/* The one of these without a token for it now, or so soon; or NULL. */
struct scope *origin_blocked(struct sched_queue *q, uint32_t number,
    int64_t soon_us, int64_t now_us);
/* Sets mail aside until what is first may go; returns that, or NULL. */
struct group *origins_sift(struct sched *s, struct sched_queue *q,
    int64_t soon_us, int64_t now_us);
/* It waits elsewhere: those that brought its mail back go on with others. */
void payers_go_on(struct sched_queue *q, int64_t now_us);
void payers_init(struct sched *s);
void payers_free_all(struct sched *s);
void payers_configure(struct sched *s, int64_t now_us); /* after a reload */
void payer_run(struct timer *t, int64_t now_us);
void payer_changed(struct scope *c); /* its rate */
/* So many recipients of an origin were served. */
void payer_charge(struct scope *c, uint32_t origin, struct lane *l, uint32_t n);
const char *payer_name(const struct scope *c);
/* Is it a job that is paused? */
bool payer_is_paused(struct scope *c);
/* After an order: who of them may go, does; nobody claims another. */
void payers_paused(struct sched *s);
/* One that counts something, or NULL; and of mail that is set aside. */
struct scope *payer_find(const struct sched *s, enum scope_kind kind,
    const char *name);
struct scope *payer_waited_for(const struct waiter *w);
/* Is this what its next token brings back? */
bool payer_brings_next(const struct waiter *w);

/* sched_job.c */
/* After a reload, and after an order. */
void jobs_configure(struct sched *s);
/* Is the job of an origin paused; one by its name, which keeps what it saw? */
bool job_is_paused(const struct sched *s, uint32_t origin);
bool job_is_paused_by_name(const struct sched *s, struct pause_seen *seen,
    const char *job);
/* Of what is set aside, and nothing else waits its turn: what says no. */
const char *job_waits_for(const struct sched_queue *q);
/*
 * While some job is paused: what is too old of those leaves.  Returns when to
 * look at the queue again, or INT64_MAX.
 */
int64_t jobs_serve(struct sched *s, struct sched_queue *q, int64_t now_us);

/* sched_shared.c */
/* After tokens came back or got their time: who waited for them looks again. */
void scope_changed(struct sched *s, struct scope *c);
void shared_init(struct shared *h, struct sched *s, enum level level);
void shared_fini(struct shared *h);
/*
 * Are all connections there that it may have, or that its rates can use?
 * So many that can use them are not counted yet.
 */
bool shared_is_full(struct shared *h, uint32_t but, int64_t now_us);
/* Has it a rate that what is sent counts in? */
static inline bool
shared_has_rates(const struct shared *h)
{
	return scope_has(&h->scope, LIMIT_MSG) ||
	    scope_has(&h->scope, LIMIT_DATA);
}

/* How many connections of the queue it may open now. */
uint32_t shared_room(struct shared *h, struct sched_queue *q, int64_t now_us);
/* Does it say no to a connection that is to be opened, and until when? */
bool shared_says_no(struct shared *h, enum limit_kind kind, int64_t now_us,
    int64_t *until_us);
/* When its rates and its connect rate allow this one to open; likewise. */
int64_t shared_open_at(struct shared *h, struct sched_queue *q, int64_t now_us);
/* What a queue needs of its data rate, if it has one. */
uint64_t shared_bytes(const struct shared *h, struct sched_queue *q);
/* When its rates allow a message of that size; INT64_MAX: after some event. */
int64_t shared_next(struct shared *h, uint64_t bytes, int64_t now_us);
/* When this one may go, as far as it is concerned; likewise. */
int64_t shared_token_at(struct shared *h, struct sched_queue *q,
    int64_t now_us);
/* Whose turn it is of those that wait there, or NULL. */
struct sched_queue *shared_opener(struct shared *h);
struct sched_queue *shared_giver(struct shared *h);
/* Something about it has changed: it is looked at in this sched_run(). */
void shared_changed(struct shared *h);
/* Sets its timer to when time alone will change something for who waits. */
void shared_wait(struct shared *h, int64_t now_us);
/* Its timer fired: takes back idle connections, serves who waits. */
void shared_run(struct shared *h, int64_t now_us);
struct sched_conn *in_conn(struct conn_in *in);
struct sched_conn *shared_idle(const struct shared *h); /* longest, or NULL */

/* sched_reload.c */
/* Its connections count in the scopes that its lane has now. */
void conns_configure(struct sched_queue *q);
/* Idle ones that it may not have any more are closed. */
void conns_shed(struct sched *s, struct sched_queue *q, int64_t now_us);
/*
 * After virtual MTAs, pools and providers are as configured: all connections
 * count in the pool and in the provider that they are of now.
 */
void conns_recount(struct sched *s, int64_t now_us);

/* sched_source.c */
void sources_configure(struct sched *s, struct sched_queue *q, int64_t now_us);
void sources_drop(struct sched *s, struct sched_queue *q);
void sources_forget_leases(struct sched *s, const struct sched_queue *q);
int64_t sources_end(const struct sched_queue *q); /* as scope_end() */
/* When a connection may be opened from one of them: now_us, or later. */
int64_t sources_next(struct sched *s, struct sched_queue *q, uint64_t bytes,
    int64_t now_us);
/* The one that sources_next() found; NULL: any will do. */
struct queue_source *source_take(struct sched_queue *q);
void source_return(struct sched *s, struct sched_conn *c);
void source_unref(struct sched *s, struct queue_source **srcp);
/* What was found of them has to be found anew. */
void sources_changed(struct sched_queue *q);
/* Its rates have changed. */
void source_changed(struct sched *s, struct queue_source *src);
/* An idle connection that waits for its source; and back. */
void source_park(struct sched *s, struct sched_conn *c, int64_t until_us);
void source_unpark(struct sched_conn *c);
void sources_unpark(struct sched_queue *q);                 /* all */
void source_run(struct sched *s, struct queue_source *src); /* its timer */

/* sched_warmup.c */
void warmups_init(struct sched *s);
void warmups_fini(struct sched *s);
void warmups_configure(struct sched *s); /* after a reload */
/*
 * Until when the source may not be used for the queue; 0: it may.  To be asked
 * where s->warmups.any.
 */
int64_t warmup_until(struct sched *s, const struct sched_queue *q,
    const struct net_addr *a, int64_t now_us);
/* Of all of its sources that are so the first. */
int64_t warmup_back(struct sched *s, const struct sched_queue *q,
    int64_t now_us);
/* Nothing is left of the day there. */
bool warmup_is_over(struct sched *s, const char *domain, const char *vmta,
    const struct net_addr *a);
/* A connection's: its source is chosen; recipients that it may have. */
void warmup_opened(struct sched_conn *c);
uint64_t warmup_room(struct sched_conn *c, int64_t now_us, int64_t *until_us);
void warmup_granted(struct sched_conn *c, uint32_t n);
void warmup_untried(struct sched_conn *c, uint32_t n);
void warmup_seen(struct sched_conn *c, const struct sched_tally *t);
/* What is kept: as keeps_ask(), sched_kept() and so on. */
void warmups_ask(struct sched *s, int64_t now_us);
void warmups_run(struct sched *s);
void warmups_keep_end(struct sched *s);
bool warmup_kept(struct sched *s, uint64_t ticket, bool kept);
bool warmup_is_name(struct slice name);
int warmup_restore(struct sched *s, struct slice name, struct slice bytes,
    struct err *e);

/* sched_cold.c */
void colds_init(struct sched *s);
void colds_fini(struct sched *s);
/*
 * The queue of a new virtual MTA that takes the message, for the queue of that
 * domain, and counts it; NULL: it stays.
 */
struct sched_queue *cold_take(struct sched *s, uint64_t id,
    const struct sched_rcpt_in *in, const char *domain, int64_t now_us);
/* First, what was answered, and whose count is durable; then what is asked. */
void colds_settle(struct sched *s, int64_t now_us);
void colds_ask(struct sched *s, int64_t now_us);
void colds_new_day(struct sched *s);
void colds_keep_end(struct sched *s);
bool cold_kept(struct sched *s, uint64_t ticket, bool kept);
bool cold_is_name(struct slice name);
int cold_restore(struct sched *s, struct slice name, struct slice bytes,
    struct err *e);

/* sched_priority.c */
enum priority_order { PRIORITY_SAME, PRIORITY_ABOVE, PRIORITY_BELOW };
/* Has the connection to give way to the queues of a lane, or not at all? */
enum priority_order priority_order(const struct sched_conn *c,
    const struct lane *other);
void priority_busy(struct sched_conn *c); /* its grant begins, and ends */
void priority_done(struct sched_conn *c);
/* It counts in another scope from now on: out of one, into the other. */
void priority_leave(struct sched_conn *c, struct conn_in *in);
void priority_join(struct sched_conn *c, struct conn_in *in);
/* Interrupts who is in the way of more important ones that wait there. */
void priority_cut(struct shared *h);
bool priority_must_cut(struct shared *h);

/* sched_vmta.c */
struct sched_vmta *vmta_get(struct sched *s, const char *name, int64_t now_us);
struct sched_vmta *vmta_find(const struct sched *s, const char *name);
void vmta_configure(struct sched *s, struct sched_vmta *v, int64_t now_us);
void vmta_free(struct sched *s, struct sched_vmta **vp);
void vmta_table_init(struct sched *s);
/* A pool, a provider or a group that has had mail, or NULL. */
struct sched_named *named_find(const struct table *t, const char *name);
/* Finds or makes. */
struct sched_named *provider_get(struct sched *s, const char *name,
    int64_t now_us);
struct sched_named *group_get(struct sched *s, const char *name,
    const struct sched_vmta *v, int64_t now_us);
/* The same, or NULL; its virtual MTA. */
struct sched_named *group_find(const struct sched *s, const char *name,
    const char *vmta);
const char *group_vmta(const struct sched_named *group);
/* Its name without its virtual MTA, for settings. */
void group_domain(const struct sched_named *group, char out[GROUP_NAME_MAX]);
/* By which name the configuration has the virtual MTA. */
const char *vmta_conf_name(const struct sched *s, const struct sched_vmta *v);
void named_configure_all(struct sched *s, int64_t now_us);
void named_enter_leases(struct sched *s, int64_t now_us); /* of all */
void named_free_all(struct sched *s);

/* sched_connect.c */
/* Its tokens count as now until the time of the call is known. */
void connect_take(struct sched_conn *c, int64_t now_us);
/* It has called at that time, or found every address full and called none. */
void connect_end(struct sched *s, struct sched_conn *c, bool called,
    int64_t when_us);
/* The attempt that its place is of may be over (struct sched_place). */
void connect_settle_place(struct sched *s, struct sched_queue *q,
    int64_t now_us);
/* It has become ready: how long that took, and its connect tokens. */
/* It is ready: for the first time, from another server, or as before. */
void conn_is_ready(struct sched *s, struct sched_conn *c, int64_t now_us);

/* sched_conn.c */
/* How many more; when none, *again_us says when time will change that. */
uint32_t conns_wanted(struct sched *s, struct sched_queue *q, int64_t now_us,
    int64_t *again_us);
void conns_open(struct sched *s, int64_t now_us); /* as far as limits go */
void conn_close(struct sched *s, struct sched_conn *c);
void conn_set_state(struct sched *s, struct sched_conn *c,
    enum conn_state state);
/* One has become ready: the server may want more than we thought. */
void conn_welcome(struct sched_queue *q);
/* Over a lowered limit, or has carried its number of messages. */
bool conn_must_close(const struct sched_conn *c, int64_t now_us);
/* Not ready yet: would it show a password by rules that a reload has ended? */
bool conn_tells_old(const struct sched_conn *c);
/* Others wait for its slot and have a better right to it. */
bool conn_must_yield(struct sched_conn *c, int64_t now_us);
/* When an idle one may be taken from its queue for others; c may be NULL. */
int64_t conn_reclaim_at(const struct sched_conn *c);
int64_t shared_reclaim_at(struct shared *h);
void conn_take_back(struct sched *s, struct sched_conn *c); /* an idle one */
/* Its limit is lower: idle ones that are too many close. */
void shared_shed(struct shared *h);

/* sched_expiry.c */
struct vqueue_ends expiry_ends(struct sched *s);
int64_t expiry_born(const struct sched_queue *q, int64_t now_us);
/* What is due, and what is over; returns when to look again. */
int64_t expiry_serve(struct sched *s, struct sched_queue *q, int64_t now_us);
/* A group whose turn it is may not be sent now, and waits elsewhere. */
bool expiry_closes(struct sched *s, struct sched_queue *q, struct group *g,
    int64_t now_us);
void expiry_failed(struct sched *s, struct sched_queue *q, bool tried,
    int64_t now_us);

/* sched_serve.c */
void sched_keep_error(struct sched_queue *q, const char *why);
void sched_serve(struct sched *s, struct sched_queue *q, int64_t now_us);

/* sched_remote.c */
void remote_init(struct sched *s);
/* Connections that limits of MX hosts and remote addresses leave to it. */
uint32_t remote_queue_room(const struct sched_queue *q);
/* Where it waits for one, or NULL. */
const struct remote_scope *remote_queue_waits(const struct sched_queue *q);
/* The queue that waits where the connection is, if another one does. */
struct sched_queue *remote_yields_to(struct sched_conn *c);
void remote_conn_opened(struct sched *s, struct sched_conn *c);
void remote_conn_closed(struct sched *s, struct sched_conn *c);
void remote_forget(struct sched *s, struct sched_queue *q);

/* sched_lease.c */
void leases_init(struct sched *s);
void leases_fini(struct sched *s);
/*
 * After each change of its rates: those over long periods are spent within
 * leases, and what an earlier process has spent counts.
 */
void leases_enter(struct sched *s, struct scope *c, int64_t now_us);
/* Before its rates go: nothing counts any more. */
void leases_forget(struct sched *s, const struct scope *c);
/* What is wanted is asked for. */
void leases_ask(struct sched *s, int64_t now_us);
/* The timer fired: what no limit has taken up goes when it is over. */
void leases_expire(struct sched *s, int64_t now_us);

/* sched_keep.c */
void keeps_init(struct sched *s);
void keeps_fini(struct sched *s);
/*
 * What is kept of the queue is another now: it is asked for in this
 * sched_run(), or within a minute.
 */
void sched_keep_dirty(struct sched *s, struct sched_queue *q, bool at_once);
/* What is to be kept now is asked for. */
void keeps_ask(struct sched *s, int64_t now_us);
/* The timer fired. */
void keeps_run(struct sched *s, int64_t now_us);
/* The queue goes, and nothing of it is kept. */
void keep_forget(struct sched *s, const struct sched_queue *q);

/* sched_walk.c */
/* The queue is about to go: no walk may stand at it. */
void walks_forget(struct sched *s, const struct sched_queue *q);

#include "vmta/sched_standing_priv.h"
#include "vmta/sched_turn.h"

#endif
