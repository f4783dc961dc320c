/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a courier, for courier.c (its way) and courier_end.c (what its
 * end means) only.
 */

#ifndef TRANSPORT_COURIER_PRIV_H
#define TRANSPORT_COURIER_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/worker.h"
#include "mail/outcome.h"
#include "transport/courier.h"
#include "transport/delivery.h"
#include "transport/disposition.h"
#include "transport/mx.h"
#include "transport/smtp_session.h"
#include "transport/tour.h"

struct courier {
	TAILQ_ENTRY(courier) held;
	struct post post; /* of the opening, then of the release */
	struct worker_env *env;
	struct tls_client *tls;
	void *link;
	uint64_t id;
	struct snapshot *conf;
	struct queue_conf queue_conf;
	const struct reply_rules *rules; /* of conf; or NULL */
	char *domain, *vmta, *queue;
	char *awaited_host; /* as in the params */
	struct net_addr awaited_addr;
	struct net_addr source;
	const char *helo;

	struct mx_lookup *lookup;
	const struct mx_route *route;
	struct tour tour;         /* along route->targets */
	struct sched_place place; /* where to begin; shuffle 0: anew */
	bool is_held;       /* ready, and the dispatcher has not been told */
	bool both_families; /* the virtual MTA has sources of */
	bool no_tls;        /* for the address being tried */
	bool timed;         /* the call is to be told, and one is all */
	bool goes_on;       /* another one does, in our place */
	bool asks;          /* for each address, from now on */
	bool asking;        /* for the next one; the answer will come */
	bool skips;         /* this host, when the session has ended */
	struct outcome *failed; /* the last address that was called, or NULL */
	const struct smtp_session_owner *owner;
	struct smtp_session *session;
	int64_t called_us; /* when, and how long it took to be ready */
	int64_t setup_us;
	struct delivery *delivery;
	struct outcome *broke; /* how the last transaction ended it, or NULL */
	uint32_t earlier;      /* transactions of other connections */
	uint32_t transactions;
	uint16_t port; /* that is called */
	bool was_ready;
	bool worked;  /* the server has done its work at least once */
	bool closing; /* the dispatcher wants no more of it */
	bool closed;  /* said so to the dispatcher */
};

/* Another connection goes on where `at` says, at this address of the route. */
void courier_leave(struct courier *c, struct sched_place *at,
    const struct mx_target *t);
/*
 * The last word to the dispatcher; why: it never got to work, or has stopped to
 * (NULL: no more than how the last transaction ended it).
 */
void courier_end(struct courier *c, const struct outcome *why);

/* What a reply asks that came without a transaction: passed on, and returned. */
struct effects courier_judge(struct courier *c, const struct outcome *why);

#endif
