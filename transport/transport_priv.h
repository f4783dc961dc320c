/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport_priv - what the files that put mailraced together share: its
 * parts, and an errand that takes something to a worker's thread.
 *
 * All of it belongs to the main thread; others find in it the parts they call,
 * which do not change between start and end.
 */

#ifndef TRANSPORT_TRANSPORT_PRIV_H
#define TRANSPORT_TRANSPORT_PRIV_H

#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/conf_types.h"
#include "lib/err.h"
#include "lib/worker.h"
#include "queue/store.h"
#include "transport/transport.h"

#define WORKERS_MAX 32

struct event;
struct host_log;
struct mark_key;
struct dummy_smtp;
struct pickup;
struct suppress_socket;
struct suppressing;
struct signals;
struct snapshot;
struct source_watch;
struct suppress_keeper;
struct worker_env;

struct transport {
	const char *config;
	struct snapshot *conf;
	struct worker *main, *scheduler, *writer;
	size_t count; /* of delivery workers */
	struct worker *workers[WORKERS_MAX];
	struct worker_env *envs[WORKERS_MAX];
	struct store *store;
	sem_t states_told; /* by the store, once */
	struct dns *dns;
	struct dkim_verifier *verifier;
	struct tls_client *tls;
	struct suppressing *suppressing;
	struct suppress_socket *suppress_socket; /* or NULL */
	struct dummy_smtp *dummy;                /* likewise */
	struct pickup *pickup;                   /* likewise */
	struct acct *acct;
	struct acct_senders *senders;
	struct dispatch *dispatch;
	struct gate *gate;
	struct sender_counts *sender_counts;
	struct control *control;
	struct listeners *listeners;
	struct passwords *passwords;
	struct host_log *host_log;
	struct signals *signals;
	struct source_watch *watch;
	struct suppress_keeper *suppress; /* NULL: no list was published yet */
	struct event *stop_timer;

	int64_t stop_by_us;  /* 0: not stopping */
	int64_t hurry_at_us; /* then transactions are cut off before the dot */
	int64_t control_by_us; /* 0: the control socket serves */
	bool drained;          /* the dispatcher has no connection left */
	size_t answers; /* workers that told how many sessions they have */
	uint32_t sessions_in;
	struct store_settle barrier; /* empty: all before it is flushed */
	bool clean; /* nothing is under way: all can be freed */
};

/* Goes to a worker's thread, or back from it, and is freed there. */
struct errand {
	struct post post;
	struct transport *transport;
	struct worker_env *env;
	struct snapshot *conf;
	struct mark_key *mark_key;
	uint32_t sessions_in;
};

struct errand *transport_errand(struct transport *t, struct worker_env *env,
    void (*fn)(struct post *));

/* NULL without `mark-key-file'. */
int transport_mark_key(const struct snapshot *conf, struct mark_key **key_r,
    struct err *e);

/*
 * transport/reload.c: reads the configuration again (ctx is the transport);
 * -1: errs says why, and the old one stays.
 */
int transport_reload(void *ctx, struct conf_errors *errs);

/*
 * transport/shutdown.c: finishes what is under way, then ends the loop of the
 * main thread.  Once is enough.
 */
void transport_stop(struct transport *t);

#endif
