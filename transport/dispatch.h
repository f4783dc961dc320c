/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dispatch - the scheduler's thread: joins vmta/sched, the workers' sessions,
 * disposition and the store.
 *
 * The functions marked (any) may be called from any thread and post.
 */

#ifndef TRANSPORT_DISPATCH_H
#define TRANSPORT_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/net.h"
#include "lib/worker.h"
#include "mail/message.h"
#include "queue/store.h"
#include "transport/effects.h"
#include "vmta/snapshot.h"

struct dispatch;
struct grant;
struct replies;
struct said;
struct sched_place;
struct sched_result;
struct source_watch;
struct sweep_rcpt;
struct tls_client;
struct worker_env;

struct dispatch_options {
	struct store *store;
	struct worker_env *const *envs; /* the workers that deliver */
	size_t env_count;
	struct tls_client *tls;
	struct source_watch *watch;
	const struct snapshot *conf;
};

/* The scheduler's worker; started by main. */
struct dispatch *dispatch_new(struct worker *w,
    const struct dispatch_options *opt);
void dispatch_free(struct dispatch **dp); /* after stop and join */

/*
 * A message that was just committed is to be delivered.  Takes the reference
 * of m; known[] (by recipient) marks those that are not new.
 */
void dispatch_accepted(struct dispatch *d, struct message *m,
    struct slice waybill, const bool *known); /* (any) */

/* Messages in the spool; takes what was found. */
void dispatch_recovered(struct dispatch *d,
    struct store_arrivals *arrivals);     /* (any) */
void dispatch_loaded(struct dispatch *d); /* those were all; (any) */

void dispatch_space(struct dispatch *d, enum store_space space); /* (any) */
void dispatch_moved(struct dispatch *d, uint64_t id, uint32_t old_segment,
    const struct message_loc *loc);                                 /* (any) */
void dispatch_reload(struct dispatch *d, const struct snapshot *s); /* (any) */

/*
 * Closes every connection when its transaction has ended, starts no other,
 * then calls done on the scheduler's thread.
 */
void dispatch_drain(struct dispatch *d, worker_fn *done, void *arg); /* (any) */

/*
 * Ends all transactions but those whose final dot was sent: their recipients
 * are tried again.  To be called while draining.
 */
void dispatch_hurry(struct dispatch *d); /* (any) */

/* Asks fn to be run on the scheduler's thread; for listings. */
struct sched;
struct dispatch_ask {
	struct post post;
	void (*fn)(struct dispatch_ask *ask, struct sched *s, int64_t now_us);
};
void dispatch_ask(struct dispatch *d, struct dispatch_ask *ask); /* (any) */
/*
 * Likewise, but not before all messages of the spool are there, so that none
 * is missed after a start; or before a stop, which dispatch_is_loaded() tells.
 */
void dispatch_ask_loaded(struct dispatch *d, struct dispatch_ask *ask);
bool dispatch_is_loaded(const struct dispatch *d); /* scheduler's thread */

/*
 * Somebody will read messages that he sees now, in dispatch_ask(): until
 * dispatch_reader_done() they stay where they are.
 */
struct dispatch_reader;
struct dispatch_reader *dispatch_reader_new(struct dispatch *d);
void dispatch_reader_done(struct dispatch_reader **rp); /* (any) */

/*
 * Ends a recipient that has left the scheduler (transport/sweep.h), in the
 * order of an operator: on the scheduler's thread only, as in dispatch_ask.
 */
void dispatch_end(struct dispatch *d, const struct sweep_rcpt *rcpt,
    const struct outcome *o, const struct disposition *what);

/* From now on it is in the order of posts to the workers; likewise. */
void dispatch_end_flush(struct dispatch *d);
/* The process is being stopped: no more of that; likewise. */
bool dispatch_is_draining(const struct dispatch *d);
/* What was said to recipients that wait for their next time; likewise. */
const struct replies *dispatch_replies(const struct dispatch *d);
/* Keeps this of a limit in the spool; likewise. */
void dispatch_keep_lease(struct dispatch *d, struct slice key,
    const struct lease_record *rec);
/* Likewise a value under a name; nothing: it is forgotten. */
void dispatch_keep(struct dispatch *d, struct slice name, struct slice bytes);
/*
 * Called on the scheduler's thread when what an order has changed of queues is
 * durable (transport/keeper.h); likewise.
 */
struct keeper_wait;
void dispatch_when_kept(struct dispatch *d, struct keeper_wait *w);

/* ---- what couriers report; link is what they were given ------------------ */

/* May it call this address?  courier_address() brings the answer. */
void dispatch_address(struct dispatch *d, void *link, const char *host,
    const struct net_addr *addr);
/* As courier_locate() asked: it is there. */
void dispatch_located(struct dispatch *d, void *link, const char *host,
    const struct net_addr *addr);
/* It called an address then. */
void dispatch_connecting(struct dispatch *d, void *link, int64_t when_us);
/* It ends, and the next one of its queue goes on there: before _closed(). */
void dispatch_goes_on(struct dispatch *d, void *link,
    const struct sched_place *at);
void dispatch_ready(struct dispatch *d, void *link);
void dispatch_written(struct dispatch *d, struct grant *g, uint32_t n,
    int64_t when_us);
/* What came of a grant; all of it is taken. */
struct dispatch_result {
	struct grant *grant;
	struct sched_result *results; /* one for each recipient; by free() */
	/* To each that has to wait, a reference each; NULL: to nobody. */
	struct said **said;
	struct effects_list effects; /* of the replies */
	struct sched_tally tally;
	bool worked;  /* the server did its work on it */
	bool skipped; /* it is left for the next one */
};
void dispatch_results(struct dispatch *d, void *link,
    const struct dispatch_result *result);
/* A reply without a grant asks that of its queue; takes the list. */
void dispatch_judged(struct dispatch *d, void *link,
    const struct effects_list *effects);
/*
 * why: the connection never got to work, so its queue failed; takes it.  fails:
 * that ends its recipients.
 */
void dispatch_closed(struct dispatch *d, void *link, struct outcome *why,
    bool fails);

#endif
