/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/transport_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/daemon.h"
#include "lib/dns.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/signals.h"
#include "lib/tls.h"
#include "lib/worker.h"
#include "mail/dkim_verify.h"
#include "mail/mark.h"
#include "queue/store.h"
#include "transport/acct.h"
#include "transport/acct_senders.h"
#include "transport/control.h"
#include "transport/dispatch.h"
#include "transport/dummy_smtp.h"
#include "transport/gate.h"
#include "transport/host_log.h"
#include "transport/ingress.h"
#include "transport/ingress_senders.h"
#include "transport/keep_load.h"
#include "transport/lease_load.h"
#include "transport/needs.h"
#include "transport/orders.h"
#include "transport/passwords.h"
#include "transport/pickup.h"
#include "transport/sasl_server.h"
#include "transport/source_watch.h"
#include "transport/steer.h"
#include "transport/suppress_keeper.h"
#include "transport/suppress_socket.h"
#include "transport/suppressing.h"
#include "transport/worker_env.h"
#include "vmta/snapshot.h"

/* ---- workers ------------------------------------------------------------- */

struct errand *
transport_errand(struct transport *t, struct worker_env *env,
    void (*fn)(struct post *))
{
	struct errand *e = mem_new(struct errand);

	e->post.fn = fn;
	e->transport = t;
	e->env = env;
	return e;
}

int
transport_mark_key(const struct snapshot *conf, struct mark_key **key_r,
    struct err *e)
{
	const char *path = snapshot_global(conf)->mark_key_file;

	*key_r = NULL;
	return path[0] == '\0' ? 0 : mark_key_read(path, key_r, e);
}

static int
make_env(struct transport *t, unsigned i, struct err *e)
{
	struct worker_env *env = mem_new(struct worker_env);
	char name[16];

	t->envs[i] = env;
	env->index = i;
	env->conf = snapshot_ref(t->conf);
	(void)snprintf(name, sizeof(name), "worker-%u", i);
	env->worker = t->workers[i] = worker_new(name, e);
	if (env->worker == NULL)
		return -1;
	worker_gather(env->worker);
	env->sasl = sasl_library_new(e);
	if (env->sasl == NULL)
		return -1;
	return transport_mark_key(t->conf, &env->mark_key, e);
}

static void
free_env(struct worker_env **envp)
{
	struct worker_env *env = *envp;

	*envp = NULL;
	if (env == NULL)
		return;
	segment_reader_free(&env->segments);
	sasl_library_free(&env->sasl);
	mark_key_free(&env->mark_key);
	snapshot_unref(&env->conf);
	free(env);
}

/* ---- what the store tells (on its thread) -------------------------------- */

static void
on_state(void *ctx, struct slice name, struct slice value)
{
	struct transport *t = ctx;

	steer_restore(t->dispatch, name, value);
	orders_restore(t->dispatch, name, value);
	keep_load_one(t->dispatch, name, value);
}

static void
on_lease(void *ctx, struct slice key, const struct lease_record *rec)
{
	struct transport *t = ctx;

	lease_load_one(t->dispatch, key, rec);
}

static void
on_leases_loaded(void *ctx, const struct store_leases_loaded *all)
{
	struct transport *t = ctx;

	lease_load_done(t->dispatch, all);
}

static void
on_states_loaded(void *ctx)
{
	struct transport *t = ctx;

	CHECK(sem_post(&t->states_told) == 0);
}

static void
on_recovered(void *ctx, struct store_arrivals *a)
{
	struct transport *t = ctx;

	dispatch_recovered(t->dispatch, a);
}

static void
on_loaded(void *ctx, size_t doubts)
{
	const struct transport *t = ctx;

	dispatch_loaded(t->dispatch);
	log_note(LOG_L_INFO, "loaded",
	    "the spool is read; %zu recipients in doubt", doubts);
}

static void
on_outbox(void *ctx, uint64_t seq, const struct store_ledger *after,
    const void *p, size_t len)
{
	struct transport *t = ctx;

	acct_blob(t->acct, seq, after, p, len);
}

static void
on_outbox_rewound(void *ctx, uint64_t seq)
{
	struct transport *t = ctx;

	acct_rewound(t->acct, seq);
}

static void
on_space(void *ctx, enum store_space space)
{
	static const char *const words[] = {
		[STORE_SPACE_OK] = "there is room again",
		[STORE_SPACE_LOW] = "below spool-min-free-space: no mail is "
				    "accepted",
		[STORE_SPACE_FULL] = "the disk is full: no mail is accepted or "
				     "tried",
	};
	struct transport *t = ctx;

	log_note(space == STORE_SPACE_OK ? LOG_L_INFO : LOG_L_ERROR, "space",
	    "%s", words[space]);
	gate_space(t->gate, space);
	dispatch_space(t->dispatch, space);
	acct_space(t->acct, space);
}

static void
on_moved(void *ctx, uint64_t id, uint32_t old_segment,
    const struct message_loc *loc)
{
	struct transport *t = ctx;

	dispatch_moved(t->dispatch, id, old_segment, loc);
}

static const struct store_owner store_owner = {
	.state = on_state,
	.lease = on_lease,
	.leases_loaded = on_leases_loaded,
	.states_loaded = on_states_loaded,
	.recovered = on_recovered,
	.loaded = on_loaded,
	.outbox = on_outbox,
	.rewound = on_outbox_rewound,
	.space = on_space,
	.moved = on_moved,
};

/* ---- what the writer tells (on its thread) ------------------------------- */

static void
on_acct_taken(void *ctx, size_t bytes)
{
	struct transport *t = ctx;

	store_outbox_taken(t->store, bytes);
}

static void
on_acct_done(void *ctx, uint64_t seq)
{
	struct transport *t = ctx;

	store_outbox_done(t->store, seq);
}

static void
on_acct_rewind(void *ctx, uint64_t seq)
{
	struct transport *t = ctx;

	store_outbox_rewind(t->store, seq);
}

static void
on_acct_grown(void *ctx, const struct acct_grown *g)
{
	struct transport *t = ctx;

	acct_senders_grown(t->senders, g);
}

static const struct acct_owner acct_owner = {
	.taken = on_acct_taken,
	.done = on_acct_done,
	.rewind = on_acct_rewind,
	.grown = on_acct_grown,
};

/* ---- start --------------------------------------------------------------- */

static int
make_workers(struct transport *t, struct err *e)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	t->main = worker_new("main", e);
	t->scheduler = worker_new("scheduler", e);
	t->writer = worker_new("writer", e);
	t->passwords = passwords_new(e);
	if (t->main == NULL || t->scheduler == NULL || t->writer == NULL ||
	    t->passwords == NULL)
		return -1;
	worker_gather(t->scheduler);
	if (cores < 1)
		cores = 1;
	t->count = cores > WORKERS_MAX ? WORKERS_MAX : (size_t)cores;
	for (unsigned i = 0; i < t->count; i++)
		if (make_env(t, i, e) == -1)
			return -1;
	return 0;
}

static int
open_store(struct transport *t, struct err *e)
{
	const struct global_conf *g = snapshot_global(t->conf);
	struct store_options opt = { .dir = g->spool,
		.min_free = g->spool_min_free,
		.workers = (unsigned)t->count,
		.sessions = g->max_conns_out };
	struct acct_options acct = { .conf = t->conf,
		.spool_dir = g->spool,
		.owner = &acct_owner,
		.ctx = t };

	if (store_open(&opt, &store_owner, t, &t->store, e) == -1 ||
	    acct_senders_new(t->conf, &t->senders, e) == -1)
		return -1;
	return acct_new(t->writer, &acct, &t->acct, e);
}

static bool
source_is_here(void *ctx, const struct net_addr *a)
{
	(void)ctx;
	return net_addr_is_local(a);
}

static void
on_source_back(void *ctx, const struct net_addr *a)
{
	struct transport *t = ctx;

	source_is_back(t->dispatch, a);
}

static const struct source_watch_owner watch_owner = {
	.look_us = SOURCE_WATCH_LOOK_US,
	.is_here = source_is_here,
	.back = on_source_back,
};

static int
make_services(struct transport *t, struct err *e)
{
	const struct global_conf *g = snapshot_global(t->conf);
	struct dispatch_options opt = { .store = t->store,
		.envs = t->envs,
		.env_count = t->count,
		.conf = t->conf };
	struct gate_options gate = { .main = t->main,
		.places = store_places(t->store),
		.conf = g };

	if (dns_new(t->workers, t->count, g->name_servers.v, g->name_servers.n,
		&t->dns, e) == -1)
		return -1;
	if (tls_client_new(&t->tls, e) == -1 ||
	    dkim_verifier_new(&t->verifier, e) == -1 ||
	    suppressing_new(t->conf, &t->suppressing, e) == -1)
		return -1;
	opt.tls = t->tls;
	opt.watch = t->watch = source_watch_new(t->main, &watch_owner, t);
	t->dispatch = dispatch_new(t->scheduler, &opt);
	t->gate = gate_new(&gate);
	t->sender_counts = sender_counts_new();
	for (size_t i = 0; i < t->count; i++) {
		struct worker_env *env = t->envs[i];

		env->store = t->store;
		env->dns = t->dns;
		env->verifier = t->verifier;
		env->passwords = t->passwords;
		env->host_log = t->host_log;
		env->dispatch = t->dispatch;
		env->gate = t->gate;
		env->sender_counts = t->sender_counts;
		env->suppressing = t->suppressing;
		TAILQ_INIT(&env->held);
		env->inflight = inflight_part(store_inflight(t->store),
		    (unsigned)i);
		env->segments = segment_reader_new(store_dir(t->store));
	}
	return 0;
}

static int
start_workers(struct transport *t, struct err *e)
{
	if (worker_start(t->scheduler, e) == -1 ||
	    worker_start(t->writer, e) == -1)
		return -1;
	for (size_t i = 0; i < t->count; i++)
		if (worker_start(t->workers[i], e) == -1)
			return -1;
	return 0;
}

static const struct snapshot *
conf_in_force(void *ctx)
{
	const struct transport *t = ctx;

	return t->conf;
}

static struct suppress_keeper *
suppress_of(void *ctx)
{
	const struct transport *t = ctx;

	return t->suppress;
}

static struct dummy_smtp *
dummy_of(void *ctx)
{
	const struct transport *t = ctx;

	return t->dummy;
}

static int
make_control(struct transport *t, struct err *e)
{
	struct control_options opt = { .main = t->main,
		.envs = t->envs,
		.env_count = t->count,
		.store = t->store,
		.acct = t->acct,
		.dispatch = t->dispatch,
		.gate = t->gate,
		.sender_counts = t->sender_counts,
		.suppressing = t->suppressing,
		.dns = t->dns,
		.conf = snapshot_global(t->conf),
		.reload = transport_reload,
		.snapshot = conf_in_force,
		.suppress = suppress_of,
		.dummy = dummy_of,
		.ctx = t };

	return control_new(&opt, &t->control, e);
}

static int
make_suppress_socket(struct transport *t, struct err *e)
{
	const struct suppress_socket_options opt = { .main = t->main,
		.where = snapshot_global(t->conf)->suppress_socket,
		.suppressing = t->suppressing,
		.snapshot = conf_in_force,
		.ctx = t };

	return opt.where[0] == '\0' ?
	    0 :
	    suppress_socket_new(&opt, &t->suppress_socket, e);
}

/*
 * What was kept of queues is on its way to the dispatcher before anybody can
 * give it an order: else a queue that is resumed at once is paused again by
 * what the last process kept.
 */
static void
load_states(struct transport *t)
{
	store_load(t->store);
	while (sem_wait(&t->states_told) == -1)
		CHECK(errno == EINTR);
}

int
transport_new(const char *config, struct snapshot *conf, struct transport **t_r,
    struct err *e)
{
	struct transport *t = mem_new(struct transport);

	*t_r = t;
	t->config = config;
	t->conf = conf;
	t->clean = true; /* nothing has been begun */
	CHECK(sem_init(&t->states_told, 0, 0) == 0);
	if (suppress_keeper_check(conf, e) == -1)
		return -1;
	t->clean = false;
	if (make_workers(t, e) == -1 ||
	    host_log_new(conf, &t->host_log, e) == -1 ||
	    needs_raise_files(conf, t->count, e) == -1 ||
	    open_store(t, e) == -1 ||
	    suppress_keeper_new(conf, &t->suppress, e) == -1 ||
	    make_services(t, e) == -1 || start_workers(t, e) == -1 ||
	    make_control(t, e) == -1)
		return -1;
	source_tell(conf, t->dispatch); /* before there is any mail */
	load_states(t);
	if (make_suppress_socket(t, e) == -1 ||
	    dummy_smtp_new(snapshot_global(conf), &t->dummy, e) == -1)
		return -1;
	if (listeners_new(t->main, snapshot_global(conf), t->envs, t->count,
		&t->listeners, e) == -1)
		return -1;
	return pickup_new(conf, t->envs, t->count, &t->pickup, e);
}

/* ---- run and end -------------------------------------------------------- */

static void
on_signal(void *ctx, int number)
{
	struct transport *t = ctx;
	struct conf_errors errs = { 0 };

	if (number != SIGHUP) {
		transport_stop(t);
		return;
	}
	(void)transport_reload(t, &errs);
	for (size_t i = 0; i < errs.n; i++)
		log_note(errs.v[i].warning ? LOG_L_WARN : LOG_L_ERROR, "config",
		    "%s", errs.v[i].text);
	conf_errors_fini(&errs);
}

int
transport_run(struct transport *t, struct err *e)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, 0 };

	if (signals_new(t->main, numbers, on_signal, t, &t->signals, e) == -1)
		return -1;
	log_note(LOG_L_INFO, "start", "mailraced %s serves, spool %s",
	    PACKAGE_VERSION, store_dir(t->store));
	daemon_ready();
	/* Programs get our standard error, which is the log's by now. */
	if (acct_senders_start(t->senders, t->acct, e) == -1)
		return -1;
	worker_run(t->main);
	return 0;
}

static void
stop_worker(struct worker *w)
{
	if (w == NULL)
		return;
	worker_stop(w);
	worker_join(w);
}

static void
free_events(struct transport *t)
{
	signals_free(&t->signals);
	if (t->stop_timer != NULL)
		event_free(t->stop_timer);
}

/*
 * Threads end in the order in which work flows; each does what was posted to
 * it before.  The store commits last.
 */
static void
stop_threads(struct transport *t)
{
	for (size_t i = 0; i < t->count; i++)
		stop_worker(t->workers[i]);
	passwords_stop(t->passwords);
	stop_worker(t->scheduler);
	acct_senders_stop(t->senders);
	stop_worker(t->writer);
	store_close(&t->store);
	host_log_stop(t->host_log);
}

void
transport_free(struct transport **tp)
{
	struct transport *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	listeners_free(&t->listeners);
	if (t->control != NULL)
		control_join(t->control);
	if (t->suppress != NULL)
		suppress_keeper_stop(t->suppress);
	suppress_socket_free(&t->suppress_socket);
	dummy_smtp_stop(t->dummy);
	pickup_stop(t->pickup);
	stop_threads(t);
	control_free(&t->control); /* its requests were on those threads */
	if (!t->clean)
		return; /* sessions hold on to it: the process ends anyway */
	dummy_smtp_free(&t->dummy);
	pickup_free(&t->pickup);
	dispatch_free(&t->dispatch);
	source_watch_free(&t->watch);
	gate_free(&t->gate);
	passwords_free(&t->passwords);
	sender_counts_free(&t->sender_counts);
	dns_free(&t->dns);
	tls_client_free(&t->tls);
	dkim_verifier_free(&t->verifier);
	suppressing_free(&t->suppressing);
	acct_senders_free(&t->senders);
	acct_free(&t->acct);
	suppress_keeper_free(&t->suppress);
	host_log_free(&t->host_log);
	for (size_t i = 0; i < t->count; i++) {
		worker_free(&t->workers[i]);
		free_env(&t->envs[i]);
	}
	free_events(t);
	(void)sem_destroy(&t->states_told);
	worker_free(&t->scheduler);
	worker_free(&t->writer);
	worker_free(&t->main);
	snapshot_unref(&t->conf);
	free(t);
}
