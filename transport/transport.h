/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport - the parts of mailraced put together: threads, store, resolver,
 * dispatcher, ingress, accounting, control; start, reload and stop.
 *
 * Everything is made and freed on the main thread.  Order of the start: the
 * spool's lock and recovery, workers, dispatcher, listeners; of the stop: the
 * other way round, with every transaction under way finished first.
 */

#ifndef TRANSPORT_TRANSPORT_H
#define TRANSPORT_TRANSPORT_H

#include <stdbool.h>

#include "lib/conf_types.h"
#include "lib/err.h"

struct transport;

/* Takes over conf (a snapshot), which was read from config. */
struct snapshot;
int transport_new(const char *config, struct snapshot *conf,
    struct transport **t_r, struct err *e);

/* Serves until SIGTERM or SIGINT; SIGHUP reloads and reopens the log. */
int transport_run(struct transport *t, struct err *e);
void transport_free(struct transport **tp);

#endif
