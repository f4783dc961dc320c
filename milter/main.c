/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailrace-milter - treats mail inside the host MTA.
 *
 * Threads: main has the signals and the control socket, and reads the
 * configuration again; sessions of the host MTA are on as many others as there
 * are processors (milter_loops.h), which also ask DNS.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/daemon.h"
#include "lib/dns.h"
#include "lib/files.h"
#include "lib/log.h"
#include "lib/signals.h"
#include "lib/worker.h"
#include "mail/dkim_verify.h"
#include "milter/milter_conf.h"
#include "milter/milter_ctl.h"
#include "milter/milter_env.h"
#include "milter/milter_loops.h"
#include "milter/milter_senders.h"
#include "milter/milter_suppress.h"
#include "queue/suppress_watch.h"

#define WHAT "assigns virtual MTAs to mail in the host MTA, signs and marks it"

/*
 * One for each process of the host MTA that has a session with us.  Postfix
 * starts 100 of a kind if it is not told otherwise; sites that tell it take
 * what LimitNOFILE= of the unit allows.
 */
#define FILES_LEAST 512
#define FILES_MOST 16384

struct milter {
	struct milter_env env;
	struct milter_ctl *ctl;
	struct worker *main;
	struct milter_loops *loops;
	struct signals *signals;
	bool stops;
};

/* All mistakes, to the terminal: the log may not be there yet. */
static int
load(struct milter *m, const char *path, struct err *e)
{
	struct conf_errors errs = { 0 };
	struct milter_conf *c = milter_conf_load(path, &errs);

	for (size_t i = 0; i < errs.n; i++)
		(void)fprintf(stderr, "%s%s\n",
		    errs.v[i].warning ? "warning: " : "", errs.v[i].text);
	if (c == NULL)
		(void)err_set(e, "%zu mistakes in %s", errs.fatal, path);
	else
		m->env.conf = milter_conf_current_take(c);
	conf_errors_fini(&errs);
	return c == NULL ? -1 : 0;
}

/*
 * The same file as mailraced's: a line is one write(2) at the end of it, and
 * says which program it is from.
 */
static int
set_log(struct milter *m, bool foreground, struct err *e)
{
	struct milter_conf *c = current_get(m->env.conf);
	const struct global_conf *g = snapshot_global(c->snapshot);
	int rc = 0;

	log_set_program("mailrace-milter");
	log_set_level(log_level_of(g->log_level));
	if (!foreground && g->log_file[0] != '\0')
		rc = log_open(g->log_file, e);
	milter_conf_unref(&c);
	return rc;
}

/* ---- threads and signals ------------------------------------------------- */

static void
on_stopped(void *ctx)
{
	struct milter *m = ctx;

	worker_stop(m->main);
}

static void
on_signal(void *ctx, int number)
{
	struct milter *m = ctx;

	if (number == SIGHUP) {
		milter_ctl_reload(m->ctl);
		return;
	}
	if (m->stops)
		return;
	m->stops = true;
	log_note(LOG_L_INFO, "stop", "signal %d", number);
	daemon_stopping();
	milter_loops_stop(m->loops, on_stopped, m);
}

static int
watch_lists(struct milter *m, const struct snapshot *conf, struct err *e)
{
	if (suppress_watch_new(snapshot_global(conf)->suppression_dir,
		&m->env.suppress, e) == -1)
		return -1;
	milter_suppress_set(m->env.suppress, conf);
	return 0;
}

/* For what is asked of DNS about messages, and what is made of the answers. */
static int
start_resolver(struct milter *m, const struct global_conf *g, struct err *e)
{
	size_t n;
	struct worker *const *workers = milter_loops_workers(m->loops, &n);

	if (dns_new(workers, n, g->name_servers.v, g->name_servers.n,
		&m->env.dns, e) == -1)
		return -1;
	return dkim_verifier_new(&m->env.verifier, e);
}

static int
start(struct milter *m, const struct daemon_options *opt, struct err *e)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, 0 };
	struct milter_conf *c = current_get(m->env.conf);
	const struct global_conf *g = snapshot_global(c->snapshot);
	int rc = -1;

	(void)signal(SIGPIPE, SIG_IGN);
	milter_senders_init(&m->env);
	m->main = worker_new("main", e);
	if (m->main == NULL)
		goto out;
	m->loops = milter_loops_new(m->main, &m->env, e);
	if (m->loops == NULL ||
	    signals_new(m->main, numbers, on_signal, m, &m->signals, e) == -1 ||
	    files_raise_to(FILES_LEAST, FILES_MOST, e) == -1 ||
	    start_resolver(m, g, e) == -1 ||
	    watch_lists(m, c->snapshot, e) == -1 ||
	    milter_ctl_new(m->main, &m->env, opt->config, &m->ctl, e) == -1 ||
	    milter_loops_start(m->loops, g->milter_listener, e) == -1)
		goto out;
	rc = 0;
out:
	milter_conf_unref(&c);
	return rc;
}

static void
run(struct milter *m)
{
	log_note(LOG_L_INFO, "start", "ready");
	daemon_ready();
	worker_run(m->main);
}

static void
fini(struct milter *m)
{
	if (m->loops != NULL)
		milter_loops_join(m->loops);
	dns_free(&m->env.dns);
	milter_loops_free(&m->loops);
	milter_ctl_free(&m->ctl);
	signals_free(&m->signals);
	worker_free(&m->main);
	suppress_watch_free(&m->env.suppress);
	dkim_verifier_free(&m->env.verifier);
	milter_senders_fini(&m->env);
	current_free(&m->env.conf);
}

int
main(int argc, char **argv)
{
	struct milter m = { 0 };
	struct daemon_options opt;
	struct err e;
	int rc = -1;

	if (daemon_options(&opt, argc, argv, &e) == -1)
		goto out;
	if (opt.help || opt.version) {
		if (opt.help)
			daemon_help("mailrace-milter", WHAT);
		else
			(void)printf("mailrace-milter %s\n", PACKAGE_VERSION);
		return EXIT_SUCCESS;
	}
	if (load(&m, opt.config, &e) == -1)
		goto out;
	if (!opt.foreground && daemon_detach(&e) == -1)
		goto out;
	if (set_log(&m, opt.foreground, &e) == -1 || start(&m, &opt, &e) == -1)
		goto out;
	run(&m);
	rc = 0;
out:
	if (rc == -1)
		(void)fprintf(stderr, "mailrace-milter: %s\n", e.text);
	fini(&m);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
