/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals - signals as events of a worker, read from a signalfd(2): no handler
 * runs anywhere, and none is lost or comes at a bad moment.
 *
 * They are blocked in the calling thread, which is to be the worker's.  Threads
 * that worker_start() makes have all signals blocked, so that none takes them
 * away.  Until signals_new() they do what they do by default.
 */

#ifndef LIB_SIGNALS_H
#define LIB_SIGNALS_H

#include "lib/err.h"
#include "lib/worker.h"

struct signals;

/* On the worker, once for those of a kind that came together. */
typedef void signals_fn(void *ctx, int number);

/* numbers ends with 0. */
int signals_new(struct worker *w, const int *numbers, signals_fn *fn, void *ctx,
    struct signals **s_r, struct err *e);
/* The signals stay blocked: the process is about to end. */
void signals_free(struct signals **sp);

#endif
