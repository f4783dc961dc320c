/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_place - in which group a queue is and at which provider, by the MX hosts
 * of its domain: what is known of them, and asking for them.
 *
 * For vmta/sched*.c only: a part of struct sched.  Scheduler thread.
 */

#ifndef VMTA_SCHED_PLACE_H
#define VMTA_SCHED_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "vmta/mx_set.h"

struct domain_obj;
struct provider;
struct sched;
struct sched_named;
struct sched_queue;
struct sched_rcpt_in;
struct snapshot;

/* What is known of the MX hosts of a domain, and asked. */
enum place_state { PLACE_RESTS, PLACE_WANTED, PLACE_ASKED };
struct domain_place {
	TAILQ_ENTRY(domain_place) link; /* unless it rests */
	struct domain_obj *domain;
	struct mx_set *mx; /* NULL: nothing is known */
	int64_t fresh_us;  /* until then; 0: it was never asked for */
	uint32_t
	    listed; /* as struct domain_places had it when it was asked for */
	enum place_state state;
};

struct domain_places {
	bool used;       /* does the configuration have anything about it? */
	uint32_t listed; /* counts changes of rollup_listed() */
	struct mx_sets sets;
	/* Wanted: unknown, so that mail waits; known, but not for sure now. */
	TAILQ_HEAD(place_list, domain_place) unknown, stale, asked;
	uint32_t asked_n;
};

/* The name of the queue that mail goes into: its domain's, or by queue-to. */
const char *place_queue(const struct sched *s, const struct sched_rcpt_in *in);

/* What a queue shares limits with, by all that is known. */
struct placed {
	struct sched_named *group, *provider; /* or NULL */
};
void place_find(struct sched *s, const struct sched_queue *q, int64_t now_us,
    struct placed *out);
/* That of a domain alone, or NULL. */
const struct provider *place_provider(const struct sched *s, const char *domain,
    const char *vmta);
/* The name of the group that its queue is in, or would be; or NULL. */
const char *place_group(const struct sched *s, const char *domain,
    const char *vmta);
/* False: that depends on MX hosts that nobody knows yet. */
bool place_is_known(const struct sched *s, const char *domain,
    const char *vmta);
/* With its settings: does it need facts, and are they there? */
void place_refresh(struct sched *s, struct sched_queue *q);
/*
 * Has it mail to send, and is the time of what is known over?  Then asks.
 * Returns when that will be.
 */
int64_t place_settle(struct sched *s, struct sched_queue *q, int64_t now_us);
/*
 * Another configuration, or the first (before is NULL): when it lists other
 * hosts, all domains are asked about again.
 */
void domain_places_configure(struct sched *s, const struct snapshot *before);
/* The owner is asked what is wanted. */
void domain_places_ask(struct sched *s);
void domain_places_init(struct sched *s);
void domain_places_fini(struct sched *s);
/* A queue is of it no more. */
void place_put_domain(struct sched *s, struct domain_obj **dp);

#endif
