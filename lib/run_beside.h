/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_beside - a program of the host that runs beside us until we end.
 *
 * However that comes: a process of ours in a session of its own waits for it,
 * so that SIGKILL leaves nothing either, and then sends it SIGTERM.  The
 * program has the usual signals, a process group of its own, our standard error
 * and none of our other descriptors.
 *
 * Forks: for the operator's commands, which have one thread, not for daemons
 * (lib/child.h).  A program that is to end by itself is run_command.h's.
 */

#ifndef LIB_RUN_BESIDE_H
#define LIB_RUN_BESIDE_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/err.h"

struct run_beside {
	pid_t guard; /* 0: nothing runs */
	int life;    /* its other end is closed when we end */
};

/* argv: as that of struct command.  -1: there is no such program. */
int run_beside_begin(struct run_beside *b, const char *const *argv,
    struct err *e);

/* False: it has ended by itself. */
bool run_beside_is_alive(struct run_beside *b);

/* Returns when it has ended; again: does nothing. */
void run_beside_end(struct run_beside *b);

#endif
