/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_loops - the threads that have the sessions of the host MTA, as many as
 * there are processors: signing is what costs.
 *
 * The first one also accepts, and gives sessions to all of them in turn.  Owned
 * by main, which runs other things, such as reloads that take their time.
 */

#ifndef MILTER_MILTER_LOOPS_H
#define MILTER_MILTER_LOOPS_H

#include <stddef.h>

#include "lib/err.h"
#include "lib/worker.h"
#include "milter/milter_env.h"

struct milter_loops;

/* The threads are made, and do not run yet. */
struct milter_loops *milter_loops_new(struct worker *main,
    struct milter_env *env, struct err *e);

/* For the resolver. */
struct worker *const *milter_loops_workers(const struct milter_loops *l,
    size_t *n_r);

/*
 * Listens at where, "/path" or "IP:PORT", or at a socket that was handed over
 * (LISTEN_FDS), as net_listen_any(); says which in env; runs the threads.
 */
int milter_loops_start(struct milter_loops *l, const char *where,
    struct err *e);

/*
 * Nobody is let in any more, and sessions end: those without a message when they
 * have been silent for MILTER_STOP_IDLE_US, the rest in five seconds.  Then fn
 * is called on main, once.
 */
void milter_loops_stop(struct milter_loops *l, void (*fn)(void *ctx),
    void *ctx);

/* Of what runs, the threads end. */
void milter_loops_join(struct milter_loops *l);

/* Joined, and the resolver is gone. */
void milter_loops_free(struct milter_loops **lp);

#endif
