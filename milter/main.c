/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailrace-milter - treats mail inside the host MTA.
 *
 * Threads: main has the signals and the control socket; one worker asks DNS
 * for those that wait for it; one is given
 * to smfi_main(), which brings threads of its own, and at the end one to
 * smfi_stop(), which waits for that of these which listens.  SIGHUP, SIGTERM and
 * SIGINT stay unblocked in main, where the kernel delivers them first: else
 * libmilter's signal thread would take a SIGHUP for the end.
 */
#include <event2/event.h>
#include <libmilter/mfapi.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/daemon.h"
#include "lib/dns.h"
#include "lib/files.h"
#include "lib/log.h"
#include "lib/worker.h"
#include "mail/dkim_verify.h"
#include "milter/milter_cb.h"
#include "milter/milter_conf.h"
#include "milter/milter_ctl.h"
#include "milter/milter_env.h"
#include "milter/milter_listen.h"
#include "milter/milter_senders.h"
#include "milter/milter_suppress.h"
#include "queue/suppress_watch.h"

#define WHAT "assigns virtual MTAs to mail in the host MTA, signs and marks it"

#define SIGNALS 3
#define WAKE_US 20000

/*
 * One for each process of the host MTA that has a session with us.  Postfix
 * starts 100 of a kind if it is not told otherwise; sites that tell it take
 * what LimitNOFILE= of the unit allows.
 */
#define FILES_LEAST 512
#define FILES_MOST 16384

struct milter {
	struct milter_env env;
	struct milter_place place;
	struct milter_ctl *ctl;
	struct worker *main, *filter; /* filter is inside smfi_main() */
	struct worker *stopper;       /* inside smfi_stop(), if it runs */
	struct post start, stop, ended;
	struct event *signals[SIGNALS];
	struct event *wake; /* while it stops */
	bool stops;         /* stopper runs */
	int rc;             /* of smfi_main() */
};

static void *
ref_conf(void *obj)
{
	return milter_conf_ref(obj);
}

static void
unref_conf(void *obj)
{
	struct milter_conf *c = obj;

	milter_conf_unref(&c);
}

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
		m->env.conf = current_new_take(c, ref_conf, unref_conf);
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
on_ended(struct post *p)
{
	struct milter *m = post_owner(p, struct milter, ended);

	worker_stop(m->main);
}

static void
on_start(struct post *p)
{
	struct milter *m = post_owner(p, struct milter, start);

	m->rc = smfi_main();
	worker_post(m->main, &m->ended);
}

static void
on_stop(struct post *p)
{
	(void)p;
	(void)smfi_stop();
}

/* What was woken before it was told to end sleeps once more. */
static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval tv = { .tv_usec = WAKE_US };
	struct milter *m = arg;

	(void)fd;
	(void)what;
	milter_place_wake(&m->place);
	CHECK(event_add(m->wake, &tv) == 0);
}

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	struct milter *m = arg;
	struct err e;

	(void)what;
	if (number == SIGHUP) {
		milter_ctl_reload(m->ctl);
		return;
	}
	if (m->stops)
		return;
	log_note(LOG_L_INFO, "stop", "signal %d", (int)number);
	daemon_stopping();
	m->stops = worker_start(m->stopper, &e) == 0;
	if (!m->stops) {
		(void)smfi_stop(); /* in five seconds at most */
		return;
	}
	worker_post(m->stopper, &m->stop);
	on_wake(-1, 0, m);
}

static void
catch_signals(struct milter *m)
{
	static const int numbers[SIGNALS] = { SIGHUP, SIGINT, SIGTERM };

	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < SIGNALS; i++) {
		m->signals[i] = evsignal_new(worker_base(m->main), numbers[i],
		    on_signal, m);
		CHECK(m->signals[i] != NULL &&
		    event_add(m->signals[i], NULL) == 0);
	}
	m->wake = evtimer_new(worker_base(m->main), on_wake, m);
	CHECK(m->wake != NULL);
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
	m->env.resolver = worker_new("resolver", e);
	if (m->env.resolver == NULL ||
	    dns_new(&m->env.resolver, 1, g->name_servers.v, g->name_servers.n,
		&m->env.dns, e) == -1 ||
	    dkim_verifier_new(&m->env.verifier, e) == -1)
		return -1;
	return worker_start(m->env.resolver, e);
}

static int
start(struct milter *m, const struct daemon_options *opt, struct err *e)
{
	struct milter_conf *c = current_get(m->env.conf);
	int rc = -1;

	milter_senders_init(&m->env);
	m->start.fn = on_start;
	m->stop.fn = on_stop;
	m->ended.fn = on_ended;
	m->main = worker_new("main", e);
	m->filter = worker_new("filter", e);
	m->stopper = worker_new("stopper", e);
	if (m->main == NULL || m->filter == NULL || m->stopper == NULL)
		goto out;
	catch_signals(m);
	if (files_raise_to(FILES_LEAST, FILES_MOST, e) == -1 ||
	    watch_lists(m, c->snapshot, e) == -1 ||
	    milter_ctl_new(m->main, &m->env, opt->config, &m->ctl, e) == -1 ||
	    milter_cb_register(&m->env, e) == -1 ||
	    start_resolver(m, snapshot_global(c->snapshot), e) == -1 ||
	    milter_listen(snapshot_global(c->snapshot)->milter_listener,
		&m->place, e) == -1 ||
	    worker_start(m->filter, e) == -1)
		goto out;
	m->env.unix_socket = m->place.is_unix;
	worker_post(m->filter, &m->start);
	rc = 0;
out:
	milter_conf_unref(&c);
	return rc;
}

static int
run(struct milter *m, struct err *e)
{
	log_note(LOG_L_INFO, "start", "ready");
	daemon_ready();
	worker_run(m->main);
	worker_stop(m->filter);
	worker_join(m->filter);
	worker_stop(m->env.resolver);
	worker_join(m->env.resolver);
	if (m->stops) {
		worker_stop(m->stopper);
		worker_join(m->stopper);
	}
	return m->rc == MI_SUCCESS ? 0 : err_set(e, "libmilter has failed");
}

/*
 * Threads of libmilter may still be inside a callback: what they use stays
 * until the process ends.
 */
static void
fini(struct milter *m)
{
	for (size_t i = 0; i < SIGNALS; i++)
		if (m->signals[i] != NULL)
			event_free(m->signals[i]);
	if (m->wake != NULL)
		event_free(m->wake);
	milter_ctl_free(&m->ctl);
	worker_free(&m->stopper);
	worker_free(&m->filter);
	worker_free(&m->main);
}

int
main(int argc, char **argv)
{
	static struct milter m;
	struct daemon_options opt;
	struct err e;
	int rc = -1;

	/* OpenSSL must outlive main for the same reason. */
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
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
	if (set_log(&m, opt.foreground, &e) == 0 && start(&m, &opt, &e) == 0)
		rc = run(&m, &e);
out:
	if (rc == -1)
		(void)fprintf(stderr, "mailrace-milter: %s\n", e.text);
	fini(&m);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
