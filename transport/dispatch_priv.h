/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the dispatcher, for dispatch*.c and source_watch.c only.
 */

#ifndef TRANSPORT_DISPATCH_PRIV_H
#define TRANSPORT_DISPATCH_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "transport/dispatch.h"
#include "transport/effects.h"
#include "transport/lessor.h"
#include "transport/moves.h"
#include "transport/readers.h"

struct courier;
struct dispatch_alerts;
struct event;
struct keeper;
struct region;
struct replies;
struct sched;
struct sched_conn;
struct sched_event;
struct sched_queue;
struct sched_warmup_info;
struct source_watch;
struct sweep;

/* The dispatcher's half of a connection; the courier is the worker's. */
struct link {
	LIST_ENTRY(link) entry;
	struct dispatch *dispatch;
	struct sched_conn *conn;
	struct courier *courier;
	bool granted; /* a grant is out; its results will come */
	bool gone;    /* closed, but the results of a grant are missing */
	struct outcome *why; /* with gone: what the queue is to be told */
	bool fails;          /* with why: its recipients */
	bool source_off;     /* its source was disabled for its replies */
	bool counted;        /* what came of a grant, for thresholds */
};

struct dispatch {
	struct worker *worker;
	struct sched *sched;
	struct snapshot *conf; /* in force */
	struct store *store;
	struct worker_env *const *envs;
	size_t env_count, turn;
	struct tls_client *tls;
	struct source_watch *watch;
	struct event *timer, *day_timer;
	struct lessor *lessor;
	struct mx_facts_asker *mx_facts;
	struct keeper *keeper;
	struct dispatch_alerts *alerts;
	struct sweep *sweep; /* outcomes decided here */
	struct readers readers;
	struct effects_to effects;
	struct effects_told told;
	struct replies *replies; /* to recipients that wait for their time */
	LIST_HEAD(, link) links;
	uint64_t stuck;          /* tell when the scheduler is so more often */
	struct moves moves;      /* messages whose old place is in use */
	struct region *rg;       /* of one call */
	STAILQ_HEAD(, ask) asks; /* that wait until it is loaded */
	bool loaded;             /* all messages of the spool have come */
	bool full;
	bool draining;      /* from then on nothing is started */
	worker_fn *drained; /* to be told when all has ended, once */
	void *drained_arg;
};

/* Asks for the MX hosts of domains, and tells the scheduler of them. */
struct mx_facts_asker *dispatch_facts(struct dispatch *d);
void dispatch_resolve(void *ctx, const char *domain,
    const struct conf_strs *listed);

/* What they lead to. */
extern const struct effects_owner dispatch_effects;

/* After a reload: connections tell where they are, if that may matter now. */
void dispatch_locate_all(struct dispatch *d, const struct snapshot *conf);

/* dispatch_ask.c: those that have waited wait no longer. */
void dispatch_asks_go(struct dispatch *d);

/* dispatch_keep.c */
void dispatch_keep_init(struct dispatch *d);
void dispatch_keep_fini(struct dispatch *d);
/* The scheduler's owner->lease, owner->keep. */
void dispatch_on_lease(void *ctx, struct slice key,
    const struct lease_record *rec, uint64_t ticket);
void dispatch_on_keep(void *ctx, struct slice name, struct slice bytes,
    uint64_t ticket);
/* Once in a round. */
void dispatch_keep_flush(const struct dispatch *d);
/* The last of a clean stop. */
void dispatch_keep_end(const struct dispatch *d, int64_t now_us);

/* dispatch_event.c */
void dispatch_alerts_init(struct dispatch *d);
void dispatch_alerts_fini(struct dispatch *d);
/* The scheduler's owner->event, owner->source. */
void dispatch_on_event(void *ctx, const struct sched_event *e);
void dispatch_on_source(void *ctx, const struct net_addr *a, bool lost);
/* Likewise owner->delayed. */
void dispatch_on_delayed(void *ctx, struct sched_queue *q, struct message *m,
    uint32_t n, uint16_t attempts);

/* dispatch_day.c */
void dispatch_day_init(struct dispatch *d);
void dispatch_day_fini(struct dispatch *d);
/* The scheduler's owner->warmup. */
void dispatch_on_warmup(void *ctx, const struct sched_warmup_info *info);

#endif
