/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/transport.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/daemon.h"
#include "lib/dns.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/signals.h"
#include "lib/tls.h"
#include "lib/worker.h"
#include "mail/mark.h"
#include "queue/store.h"
#include "transport/acct.h"
#include "transport/acct_senders.h"
#include "transport/control.h"
#include "transport/dispatch.h"
#include "transport/gate.h"
#include "transport/ingress.h"
#include "transport/needs.h"
#include "transport/steer.h"
#include "transport/worker_env.h"
#include "vmta/snapshot.h"

#define WORKERS_MAX 32
/*
 * A stop waits so long for transactions under way: only those behind the
 * final dot could become duplicates.
 */
#define STOP_HURRY_US (10 * US_PER_S)
#define STOP_PATIENCE_US (60 * US_PER_S)
#define STOP_LOOK_US 20000
/* And then so long for clients of the control socket to read their answers. */
#define CONTROL_PATIENCE_US (2 * US_PER_S)

struct transport {
	const char *config;
	struct snapshot *conf;
	struct worker *main, *scheduler, *writer;
	size_t count; /* of delivery workers */
	struct worker *workers[WORKERS_MAX];
	struct worker_env *envs[WORKERS_MAX];
	struct store *store;
	struct dns *dns;
	struct tls_client *tls;
	struct acct *acct;
	struct acct_senders *senders;
	struct dispatch *dispatch;
	struct gate *gate;
	struct control *control;
	struct listeners *listeners;
	struct signals *signals;
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

/* ---- workers ------------------------------------------------------------- */

struct errand {
	struct post post;
	struct transport *transport;
	struct worker_env *env;
	struct snapshot *conf;
	struct mark_key *mark_key;
	uint32_t sessions_in;
};

static struct errand *
errand_new(struct transport *t, struct worker_env *env,
    void (*fn)(struct post *))
{
	struct errand *e = mem_new(struct errand);

	e->post.fn = fn;
	e->transport = t;
	e->env = env;
	return e;
}

static int
read_mark_key(const struct snapshot *conf, struct mark_key **key_r,
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
	env->pool_turn = i;
	(void)snprintf(name, sizeof(name), "worker-%u", i);
	env->worker = t->workers[i] = worker_new(name, e);
	if (env->worker == NULL)
		return -1;
	return read_mark_key(t->conf, &env->mark_key, e);
}

static void
free_env(struct worker_env **envp)
{
	struct worker_env *env = *envp;

	*envp = NULL;
	if (env == NULL)
		return;
	segment_reader_free(&env->segments);
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
	(void)ctx;
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
	if (t->main == NULL || t->scheduler == NULL || t->writer == NULL)
		return -1;
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
	if (tls_client_new(&t->tls, e) == -1)
		return -1;
	opt.tls = t->tls;
	t->dispatch = dispatch_new(t->scheduler, &opt);
	t->gate = gate_new(&gate);
	for (size_t i = 0; i < t->count; i++) {
		struct worker_env *env = t->envs[i];

		env->store = t->store;
		env->dns = t->dns;
		env->dispatch = t->dispatch;
		env->gate = t->gate;
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

static void
take_conf(struct post *p)
{
	struct errand *e = post_owner(p, struct errand, post);

	snapshot_unref(&e->env->conf);
	mark_key_free(&e->env->mark_key);
	e->env->conf = e->conf;
	e->env->mark_key = e->mark_key;
	free(e);
}

/* The new configuration goes to every thread, or to none. */
static int
spread(struct transport *t, struct snapshot *conf, struct err *e)
{
	struct mark_key *keys[WORKERS_MAX] = { NULL };

	if (t->stop_by_us != 0)
		return err_set(e, "mailraced is being stopped");
	if (needs_raise_files(conf, t->count, e) == -1 ||
	    acct_check(conf, e) == -1)
		return -1;
	for (size_t i = 0; i < t->count; i++)
		if (read_mark_key(conf, &keys[i], e) == -1) {
			while (i-- > 0)
				mark_key_free(&keys[i]);
			return -1;
		}
	for (size_t i = 0; i < t->count; i++) {
		struct errand *er = errand_new(t, t->envs[i], take_conf);

		er->conf = snapshot_ref(conf);
		er->mark_key = keys[i];
		worker_post(t->workers[i], &er->post);
	}
	dispatch_reload(t->dispatch, conf);
	gate_reload(t->gate, snapshot_global(conf));
	acct_senders_reload(t->senders, conf);
	acct_reload(t->acct, conf);
	store_set_min_free(t->store, snapshot_global(conf)->spool_min_free);
	log_set_level(log_level_of(snapshot_global(conf)->log_level));
	return 0;
}

static int
reload(void *ctx, struct conf_errors *errs)
{
	struct transport *t = ctx;
	struct snapshot *conf;
	struct err e;

	if (log_reopen(&e) == -1)
		log_note(LOG_L_ERROR, "log", "%s", e.text);
	conf = snapshot_load(t->config, errs);
	if (conf == NULL) {
		log_note(LOG_L_ERROR, "reload",
		    "%zu errors in %s; the old configuration stays",
		    errs->fatal, t->config);
		return -1;
	}
	daemon_reloading();
	if (spread(t, conf, &e) == -1) {
		conf_error(errs, t->config, 0, "%s", e.text);
		log_note(LOG_L_ERROR, "reload",
		    "%s; the old configuration stays", e.text);
		snapshot_unref(&conf);
		daemon_ready();
		return -1;
	}
	snapshot_check_reload(t->conf, conf, t->config, errs);
	snapshot_unref(&t->conf);
	t->conf = conf;
	log_note(LOG_L_INFO, "reload", "%s is in force", t->config);
	daemon_ready();
	return 0;
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
		.dns = t->dns,
		.conf = snapshot_global(t->conf),
		.reload = reload,
		.ctx = t };

	return control_new(&opt, &t->control, e);
}

int
transport_new(const char *config, struct snapshot *conf, struct transport **t_r,
    struct err *e)
{
	struct transport *t = mem_new(struct transport);

	*t_r = t;
	t->config = config;
	t->conf = conf;
	if (make_workers(t, e) == -1 ||
	    needs_raise_files(conf, t->count, e) == -1 ||
	    open_store(t, e) == -1 || make_services(t, e) == -1 ||
	    start_workers(t, e) == -1 || make_control(t, e) == -1)
		return -1;
	store_load(t->store);
	return listeners_new(t->main, snapshot_global(conf), t->envs, t->count,
	    &t->listeners, e);
}

/* ---- stop ---------------------------------------------------------------- */

static void
shut_ingress(struct post *p)
{
	struct errand *e = post_owner(p, struct errand, post);

	ingress_shutdown(e->env);
	free(e);
}

static void
take_answer(struct post *p)
{
	struct errand *e = post_owner(p, struct errand, post);

	e->transport->answers++;
	e->transport->sessions_in += e->sessions_in;
	free(e);
}

static void
count_sessions(struct post *p)
{
	struct errand *e = post_owner(p, struct errand, post);

	e->sessions_in = e->env->sessions_in;
	e->post.fn = take_answer;
	worker_post(e->transport->main, &e->post);
}

static void
ask_sessions(struct transport *t)
{
	t->answers = 0;
	t->sessions_in = 0;
	for (size_t i = 0; i < t->count; i++)
		worker_post(t->workers[i],
		    &errand_new(t, t->envs[i], count_sessions)->post);
}

static void
on_drained(struct post *p)
{
	struct errand *e = post_owner(p, struct errand, post);

	e->transport->drained = true;
	free(e);
}

static void
tell_drained(void *arg) /* on the scheduler's thread */
{
	struct transport *t = arg;

	worker_post(t->main, &errand_new(t, NULL, on_drained)->post);
}

static void
on_flushed(struct post *p)
{
	struct errand *e = post_owner(p, struct errand, post);

	e->transport->clean = true;
	worker_stop(e->transport->main);
	free(e);
}

static void
tell_flushed(struct store_settle *s) /* on the store's thread */
{
	struct transport *t = post_owner(s, struct transport, barrier);

	worker_post(t->main, &errand_new(t, NULL, on_flushed)->post);
}

/* Commands under way are answered, by threads that are about to end. */
static bool
control_ended(struct transport *t)
{
	if (t->control_by_us == 0) {
		control_drain(t->control);
		t->control_by_us = clock_us() + CONTROL_PATIENCE_US;
	}
	return control_is_drained(t->control) || clock_us() > t->control_by_us;
}

static void
on_stop_timer(evutil_socket_t fd, short what, void *arg)
{
	struct transport *t = arg;
	bool answered = t->answers == t->count;

	(void)fd;
	(void)what;
	if (t->drained && answered && t->sessions_in == 0) {
		if (!control_ended(t))
			return;
		(void)event_del(t->stop_timer);
		t->barrier.done = tell_flushed;
		store_settle(t->store, &t->barrier);
	} else if (clock_us() > t->hurry_at_us) {
		t->hurry_at_us = INT64_MAX;
		log_note(LOG_L_INFO, "stop",
		    "cutting off transactions before their final dot");
		dispatch_hurry(t->dispatch);
	} else if (clock_us() > t->stop_by_us) {
		log_note(LOG_L_WARN, "stop",
		    "transactions were still under way");
		worker_stop(t->main);
	} else if (answered) {
		ask_sessions(t);
	}
}

static void
stop(struct transport *t)
{
	const struct timeval look = { .tv_usec = STOP_LOOK_US };

	if (t->stop_by_us != 0)
		return;
	log_note(LOG_L_INFO, "stop", "finishing what is under way");
	daemon_stopping();
	t->stop_by_us = clock_us() + STOP_PATIENCE_US;
	t->hurry_at_us = clock_us() + STOP_HURRY_US;
	listeners_free(&t->listeners);
	for (size_t i = 0; i < t->count; i++)
		worker_post(t->workers[i],
		    &errand_new(t, t->envs[i], shut_ingress)->post);
	/* Before the barrier: then nothing is posted to a thread that ended. */
	store_load_stop(t->store);
	dispatch_drain(t->dispatch, tell_drained, t);
	ask_sessions(t);
	CHECK(event_add(t->stop_timer, &look) == 0);
}

static void
on_signal(void *ctx, int number)
{
	struct transport *t = ctx;
	struct conf_errors errs = { 0 };

	if (number != SIGHUP) {
		stop(t);
		return;
	}
	(void)reload(t, &errs);
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
	t->stop_timer = event_new(worker_base(t->main), -1, EV_PERSIST,
	    on_stop_timer, t);
	CHECK(t->stop_timer != NULL);
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
	stop_worker(t->scheduler);
	acct_senders_stop(t->senders);
	stop_worker(t->writer);
	store_close(&t->store);
}

void
transport_free(struct transport **tp)
{
	struct transport *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	listeners_free(&t->listeners);
	stop_threads(t);
	control_free(&t->control); /* its requests were on those threads */
	if (!t->clean)
		return; /* sessions hold on to it: the process ends anyway */
	dispatch_free(&t->dispatch);
	gate_free(&t->gate);
	dns_free(&t->dns);
	tls_client_free(&t->tls);
	acct_senders_free(&t->senders);
	acct_free(&t->acct);
	for (size_t i = 0; i < t->count; i++) {
		worker_free(&t->workers[i]);
		free_env(&t->envs[i]);
	}
	free_events(t);
	worker_free(&t->scheduler);
	worker_free(&t->writer);
	worker_free(&t->main);
	snapshot_unref(&t->conf);
	free(t);
}
