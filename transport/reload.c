/* SPDX-License-Identifier: Apache-2.0 */
/* Of transport/transport.h: a new configuration while mail flows. */
#include "transport/transport_priv.h"

#include <stdlib.h>

#include "lib/daemon.h"
#include "lib/log.h"
#include "mail/mark.h"
#include "transport/acct.h"
#include "transport/acct_senders.h"
#include "transport/dispatch.h"
#include "transport/gate.h"
#include "transport/host_log.h"
#include "transport/needs.h"
#include "transport/pickup.h"
#include "transport/source_watch.h"
#include "transport/suppress_keeper.h"
#include "transport/suppressing.h"
#include "transport/worker_env.h"
#include "vmta/pool.h"
#include "vmta/snapshot.h"

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
	    acct_check(conf, e) == -1 || host_log_check(conf, e) == -1)
		return -1;
	if (t->suppress == NULL &&
	    (suppress_keeper_check(conf, e) == -1 ||
		suppress_keeper_new(conf, &t->suppress, e) == -1))
		return -1;
	for (size_t i = 0; i < t->count; i++)
		if (transport_mark_key(conf, &keys[i], e) == -1) {
			while (i-- > 0)
				mark_key_free(&keys[i]);
			return -1;
		}
	suppressing_set(t->suppressing, conf);
	pool_go_on(t->conf, conf);
	for (size_t i = 0; i < t->count; i++) {
		struct errand *er = transport_errand(t, t->envs[i], take_conf);

		er->conf = snapshot_ref(conf);
		er->mark_key = keys[i];
		worker_post(t->workers[i], &er->post);
	}
	pickup_reload(t->pickup);
	host_log_reload(t->host_log, conf);
	dispatch_reload(t->dispatch, conf);
	source_tell(conf, t->dispatch);
	gate_reload(t->gate, snapshot_global(conf));
	acct_senders_reload(t->senders, conf);
	acct_reload(t->acct, conf);
	if (t->suppress != NULL)
		suppress_keeper_reload(t->suppress, conf);
	store_set_min_free(t->store, snapshot_global(conf)->spool_min_free);
	log_set_level(log_level_of(snapshot_global(conf)->log_level));
	return 0;
}

int
transport_reload(void *ctx, struct conf_errors *errs)
{
	struct transport *t = ctx;
	struct snapshot *conf;
	struct err e;

	if (log_reopen(&e) == -1)
		log_note(LOG_L_ERROR, "log", "%s", e.text);
	host_log_reload(t->host_log, t->conf); /* whatever comes of the rest */
	conf = snapshot_load(t->config, errs);
	if (conf != NULL && source_check(conf, false, errs) == -1)
		snapshot_unref(&conf);
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
