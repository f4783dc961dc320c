/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon - what every daemon of ours does at start: options -c and -f,
 * readiness.
 *
 * Main thread only, before other threads start.
 */

#ifndef LIB_DAEMON_H
#define LIB_DAEMON_H

#include <stdbool.h>

#include "lib/err.h"

struct daemon_options {
	const char *config;
	bool foreground; /* -f: log on standard error */
	bool help, version;
};

#define DAEMON_CONFIG "/etc/mailrace/config"

/* -c FILE, -f, --help, --version. */
int daemon_options(struct daemon_options *opt, int argc, char **argv,
    struct err *e);

/*
 * Prints usage with an example and what the program is; detaches: it leaves
 * the foreground without -f.
 */
void daemon_help(const char *program, const char *what);

/*
 * Goes into the background; call before anything is opened or started.  The
 * parent stays until daemon_ready(), and exits with 1 if that never comes.
 */
int daemon_detach(struct err *e);

/* sd_notify(3): READY=1, also when a reload is over; RELOADING=1; STOPPING=1. */
void daemon_ready(void);
void daemon_reloading(void);
void daemon_stopping(void);

#endif
