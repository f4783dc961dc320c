/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child - a program that is given bytes on its standard input.
 *
 * The command is run by /bin/sh in a process group of its own, with the usual
 * signals, none of our descriptors but standard error (its standard output
 * goes there too), no ambient capability, and an environment without what
 * systemd tells us.  Nothing here waits: its input is a pipe that is not
 * blocking, and its end comes as an event of a pidfd, so that no SIGCHLD
 * handler is needed.
 *
 * A program may leave others behind that have our pipe open, so the end of
 * the pipe says nothing; the end of the program does.  What is left of its
 * group is killed unless it ended with status 0: then it may be at work in the
 * background on what it was given.
 *
 * SIGPIPE must be ignored or blocked.  Owned by the thread of its worker;
 * child_free() may be called anywhere, also by the owner's own functions.
 */

#ifndef LIB_CHILD_H
#define LIB_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/err.h"
#include "lib/worker.h"

struct child;

struct child_end {
	bool killed; /* by a signal; code is its number, else the status */
	int code;
};

struct child_owner {
	/* After child_write() did not take all: it may take more now. */
	void (*room)(void *ctx);
	/*
	 * It has ended and was waited for; called once.  child_unread() still
	 * tells what it has not read.
	 */
	void (*ended)(void *ctx, const struct child_end *end);
};

/*
 * Starts it.  That the command does not exist shows by its end only: with
 * status 127, as the shell has it (126: it cannot be executed).
 */
struct child *child_new(struct worker *w, const char *command,
    const struct child_owner *owner, void *ctx, struct err *e);

/* Kills the whole group if it still runs, and waits for that. */
void child_free(struct child **cp);

/*
 * How much of it the pipe took; less than len: owner->room() follows.  -1: the
 * program, or all that is left of it, has closed its input.
 */
ssize_t child_write(struct child *c, const void *p, size_t len, struct err *e);

/*
 * How much of what was written the program has not read yet; also after
 * child_close_input().
 */
size_t child_unread(const struct child *c);

/* Nothing more comes; a program that reads to the end ends now. */
void child_close_input(struct child *c);

/* To the whole group, if the program has not ended. */
void child_signal(struct child *c, int number);

pid_t child_pid(const struct child *c);

/* "exit status 3", "killed by SIGKILL". */
const char *child_end_text(const struct child_end *end, char *out, size_t cap);

#endif
