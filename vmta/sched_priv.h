/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_priv - the inside of sched, for vmta/sched*.c only.
 *
 *	sched.c        new, free, add, reload, run: the public doors
 *	sched_vmta.c   a virtual MTA: its limits, whose turn it is
 *	sched_conn.c   connections: how many are wanted, opening, closing
 *	sched_serve.c  a queue is looked at: grants, waiting; results
 *	sched_remote.c limits of MX hosts and remote addresses
 *	sched_facts.c  what others ask about
 *	sched_walk.c   going through all queues, a slice at a time
 *
 * An event marks what it touched as dirty; sched_run() looks at the dirty
 * ones, then lets virtual MTAs whose limit has room serve their lines, then
 * opens connections in fair order.  Each look at a queue (sched_serve) ends
 * by setting the queue's timer to when time alone will change something.
 */

#ifndef VMTA_SCHED_PRIV_H
#define VMTA_SCHED_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/check.h"
#include "vmta/fair.h"
#include "vmta/pause.h"
#include "vmta/remote.h"
#include "vmta/sched.h"
#include "vmta/sched_walk.h"
#include "vmta/vqueue.h"

#define OF(type, field, p) \
	((struct type *)(void *)((char *)(p)-offsetof(struct type, field)))

struct grant_rec;

struct sched_conn {
	TAILQ_ENTRY(sched_conn) of_queue;
	TAILQ_ENTRY(sched_conn) idle_queue; /* while CONN_IDLE: the last */
	TAILQ_ENTRY(sched_conn) idle_vmta;  /* used one first; the one idle */
	TAILQ_ENTRY(sched_conn) idle_all;   /* longest first (twice) */
	TAILQ_ENTRY(sched_conn) fresh;      /* while is_fresh */
	struct sched *sched;
	struct sched_queue *queue;
	struct qconf *conf; /* so that settings at its opening live on */
	struct snapshot *snapshot;
	const struct conf_source *source; /* of snapshot */
	struct grant_rec *grant;          /* or NULL */
	void *user;
	uint64_t id;
	enum conn_state state;
	bool is_fresh; /* being set up, and not for suspiciously long */
	bool useful;   /* has carried something */
	struct remote_conn remote;
	uint32_t messages;
	uint32_t turn_rcpts; /* recipients carried */
	int64_t opened_us;
	int64_t ready_us; /* first */
	int64_t idle_us;  /* since when */
	struct timer timer;
};

TAILQ_HEAD(conn_list, sched_conn);

struct grant_rec {
	struct rcpt **rcpts;
	int64_t granted_us;
	bool queue_counts, vmta_counts; /* tokens taken from these rates */
	bool settled;                   /* sched_written() was said */
	bool reading;                   /* the message is, from its place */
	struct grant pub;               /* ends in an array: the last */
};

struct sched_vmta {
	struct table_link link;
	struct sched *sched;
	const struct vmta *conf; /* {default}'s when it is gone */
	struct slots slots;
	struct rate_limit rate;
	struct line open_line, rate_line;
	struct fair_flow flow; /* in sched.ring while open_line can be served */
	struct conn_count conns;
	struct conn_list idle;
	struct conn_list fresh;
	uint32_t fresh_count;
	uint32_t setup_us, busy_us; /* moving averages */
	uint64_t source_turn;
	struct timer timer;
	char name[];
};

TAILQ_HEAD(queue_list, sched_queue);

struct sched {
	struct snapshot *conf;
	const struct sched_owner *owner;
	void *ctx;
	bool held;
	bool in_callback;
	uint32_t generation; /* of configurations, 1 is the first */

	struct backlog backlog;
	struct domain_set domains;
	struct qconf_set confs;
	struct table queues, vmtas;
	struct queue_list all, dirty;
	struct sched_queue *stale; /* from here on: refresh in slices */
	TAILQ_HEAD(, sched_walk) walks;
	struct pause_list pauses;
	struct remotes remotes;
	struct heap timers;

	struct slots slots;
	struct fair ring;
	uint32_t waiting; /* queues that wait in lines of VMTAs in the ring */
	struct conn_count conns;
	struct conn_list idle;
	int64_t reclaim_us; /* look for idle connections to take back */
	uint64_t last_conn_id;
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
void sched_dirty(struct sched *s, struct sched_queue *q);
/* When an idle queue may be forgotten: its windows and its wait are over. */
int64_t sched_forget_at(const struct sched_queue *q);
void sched_refresh(struct sched *s, struct sched_queue *q, int64_t now_us);
bool sched_is_paused(const struct sched *s, struct sched_queue *q);
/* A moving average of microseconds. */
void sched_average(uint32_t *avg, int64_t sample_us);

/* sched_vmta.c */
struct sched_vmta *vmta_get(struct sched *s, const char *name, int64_t now_us);
void vmta_configure(struct sched_vmta *v, int64_t now_us);
void vmta_free(struct sched_vmta **vp);
void vmta_table_init(struct sched *s);
/* Are all slots taken that it has, or that its rate can use? */
bool vmta_is_full(struct sched_vmta *v, int64_t now_us);
/* Its timer fired: takes back idle connections, serves who waits. */
void vmta_run(struct sched_vmta *v, int64_t now_us);
/* After a change: in or out of the ring, and its timer. */
void vmta_offer(struct sched_vmta *v, int64_t now_us);
void vmta_queue_up(struct line *l, struct waiter *w,
    const struct sched_vmta *v);
void vmta_wants_open(struct sched_queue *q, int64_t now_us);
void vmta_wants_no_open(struct sched_queue *q);
/* Counts a connection as taking up the VMTA's rate, or not. */
void vmta_fresh_add(struct sched_vmta *v, struct sched_conn *c);
void vmta_fresh_remove(struct sched_vmta *v, struct sched_conn *c);

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
bool conn_must_close(const struct sched *s, const struct sched_conn *c);
/* Others wait for its slot and have a better right to it. */
bool conn_must_yield(struct sched *s, struct sched_conn *c, int64_t now_us);
/* When an idle one may be taken from its queue for others; c may be NULL. */
int64_t conn_reclaim_at(const struct sched_conn *c);
void conn_take_back(struct sched *s, struct sched_conn *c); /* an idle one */

/* sched_serve.c */
void sched_keep_error(struct sched_queue *q, const char *why);
void sched_serve(struct sched *s, struct sched_queue *q, int64_t now_us,
    bool turn);

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

/* sched_walk.c */
/* The queue is about to go: no walk may stand at it. */
void walks_forget(struct sched *s, const struct sched_queue *q);

#endif
