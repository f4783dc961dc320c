/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_ctl - the milter's own control socket: reload, show status.
 *
 * SIGHUP reloads, too.  A configuration with a mistake in it changes nothing;
 * the answer holds every mistake.  On the main worker.
 */

#ifndef MILTER_MILTER_CTL_H
#define MILTER_MILTER_CTL_H

#include "lib/conf_types.h"
#include "lib/err.h"
#include "lib/worker.h"
#include "milter/milter_env.h"

struct milter_ctl;

/* path: the configuration file. */
int milter_ctl_new(struct worker *w, struct milter_env *env, const char *path,
    struct milter_ctl **ctl_r, struct err *e);
void milter_ctl_free(struct milter_ctl **cp);

/* Loads anew and logs what came of it: for signals. */
void milter_ctl_reload(struct milter_ctl *c);

#endif
