/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker_env - what every object on a delivery worker may use: its worker,
 * the configuration in force there, the store, the resolver.
 *
 * One for each worker, made by main, touched only by that worker's thread.
 * `conf` is replaced by a post from main at reload; an object that outlives
 * one event takes its own reference.
 */

#ifndef TRANSPORT_WORKER_ENV_H
#define TRANSPORT_WORKER_ENV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/dns.h"
#include "lib/worker.h"
#include "queue/inflight.h"
#include "queue/segment.h"
#include "queue/store.h"
#include "vmta/snapshot.h"

struct courier;
struct dispatch;
struct dkim_verifier;
struct envelope_shared;
struct gate;
struct host_log;
struct ingress_session;
struct mark_key;
struct passwords;
struct sasl_library;
struct sender_counts;
struct suppressing;

LIST_HEAD(envelope_list, envelope_shared);
LIST_HEAD(ingress_list, ingress_session);
TAILQ_HEAD(courier_list, courier);

struct worker_env {
	unsigned index;
	struct worker *worker;
	struct snapshot *conf;
	struct mark_key *mark_key; /* of conf; NULL: no marks */
	struct store *store;
	struct dns *dns;
	struct dkim_verifier *verifier; /* all workers' */
	struct dispatch *dispatch;
	struct inflight_part *inflight;
	struct segment_reader *segments;
	struct sasl_library *sasl;           /* NULL: nobody signs in */
	struct passwords *passwords;         /* all workers' */
	struct gate *gate;                   /* who may bring mail */
	struct sender_counts *sender_counts; /* all workers' */
	struct suppressing *suppressing;     /* likewise; may be NULL */
	struct host_log *host_log;           /* likewise; unless log-style */
	uint32_t sessions_in;        /* ingress sessions open on this worker */
	struct ingress_list ingress; /* those; transport/ingress.c */
	uint64_t ingress_serial;     /* of the last one */
	bool ingress_stopping;       /* ingress_shutdown() was called */
	int64_t ingress_stop_us;     /* then: when idle sessions are ended */
	struct envelope_list envelopes; /* transport/envelope_read.h */
	struct courier_list held; /* wait for slots; transport/courier.c */
};

#endif
