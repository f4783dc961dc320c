/* SPDX-License-Identifier: Apache-2.0 */
/* mailraced: the delivery daemon. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/daemon.h"
#include "lib/log.h"
#include "transport/source_watch.h"
#include "transport/transport.h"
#include "vmta/snapshot.h"

#define PROGRAM "mailraced"

static struct snapshot *
read_config(const char *path, struct conf_errors *errs)
{
	struct snapshot *conf = snapshot_load(path, errs);

	if (conf != NULL && source_check(conf, true, errs) == -1)
		snapshot_unref(&conf);
	for (size_t i = 0; i < errs->n; i++)
		(void)fprintf(stderr, PROGRAM ": %s%s\n", errs->v[i].text,
		    errs->v[i].warning ? " (warning)" : "");
	return conf;
}

/* It starts all the same: an operator must find them. */
static void
log_errors(const struct conf_errors *errs)
{
	for (size_t i = 0; i < errs->n; i++)
		if (!errs->v[i].warning)
			log_note(LOG_L_ERROR, "config", "%s", errs->v[i].text);
}

static int
open_log(const struct snapshot *conf, bool foreground, struct err *e)
{
	const struct global_conf *g = snapshot_global(conf);

	log_set_level(log_level_of(g->log_level));
	if (foreground || g->log_file[0] == '\0')
		return 0;
	return log_open(g->log_file, e);
}

int
main(int argc, char **argv)
{
	struct transport *t = NULL;
	struct snapshot *conf = NULL;
	struct conf_errors errs = { 0 };
	struct daemon_options opt;
	struct err e = { "" };
	int rc = -1;

	log_set_program(PROGRAM);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD,
	    SIG_DFL); /* ignored, no end could be waited for */
	if (daemon_options(&opt, argc, argv, &e) == -1)
		goto out;
	if (opt.help || opt.version) {
		if (opt.help)
			daemon_help(PROGRAM, "delivers mail for the host MTA");
		else
			(void)printf(PROGRAM " %s\n", PACKAGE_VERSION);
		return EXIT_SUCCESS;
	}
	conf = read_config(opt.config, &errs);
	if (conf == NULL) { /* it said why */
		conf_errors_fini(&errs);
		return EXIT_FAILURE;
	}
	if (!opt.foreground && daemon_detach(&e) == -1)
		goto out;
	if (open_log(conf, opt.foreground, &e) == -1)
		goto out;
	log_errors(&errs);
	if (transport_new(opt.config, conf, &t, &e) == -1)
		goto out;
	rc = transport_run(t, &e);
out:
	if (rc == -1) {
		(void)fprintf(stderr, PROGRAM ": %s\n", e.text);
		log_note(LOG_L_ERROR, "stop", "%s", e.text);
	}
	transport_free(&t);
	conf_errors_fini(&errs);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
