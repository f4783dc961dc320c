/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_command - a program of the host is run, and waited for.
 *
 * No shell: the program gets argv as it stands, the given text (or nothing) as
 * its standard input, and none of our other descriptors.  What it prints is
 * kept up to a bound.  It has a process group of its own, which is killed when
 * its time is over or when it prints too much, so that nothing of it stays.
 *
 * It blocks: for the operator's commands, not for a daemon's threads.  The
 * caller owns both structs.  For a program that runs beside us there is
 * lib/child.h.
 */

#ifndef LIB_RUN_COMMAND_H
#define LIB_RUN_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/err.h"
#include "lib/str.h"

struct command {
	/*
	 * The program, its arguments, NULL.  A name without a slash is looked
	 * for in $PATH, then in /usr/local/sbin, /usr/sbin and /sbin, where the
	 * programs of mail servers are, also when who asks has a short $PATH.
	 */
	const char *const *argv;
	struct slice input; /* p NULL: none */
	int timeout_s;      /* 0: 30 s */
	size_t output_max;  /* bytes of each stream; 0: 16 MB */
};

struct command_end {
	bool killed; /* by a signal; code is its number, else the status */
	int code;
	struct buf out, err; /* what it printed: not NUL-terminated */
};

/*
 * 0: it ran to its end, whatever its status.  -1: there is no such program, it
 * could not be started, or it was killed (too slow, too much output); the text
 * begins with the name of the program.  end_r is to be finished in any case.
 */
int command_run(const struct command *c, struct command_end *end_r,
    struct err *e);

/*
 * The same, and -1 also where it did not end with status 0; the text has the
 * first line that it printed on standard error, or else on standard output.
 */
int command_must(const struct command *c, struct command_end *end_r,
    struct err *e);

void command_end_fini(struct command_end *end);

/* Would it be found? */
bool command_is_there(const char *name);

/*
 * Only starts it, with our standard error, for who then waits for it
 * (run_beside.h).  An error number.
 */
int command_spawn(const char *const *argv, pid_t *pid_r);

#endif
