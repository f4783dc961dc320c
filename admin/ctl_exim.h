/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_exim - mailrace called by the name mailrace-exim: options of exim about its
 * queue, with the words and the exit statuses of exim, for our queue.
 *
 * Each is one of our own commands in other words; what has none is refused.  For
 * exiqgrep -E, exiqsumm and scripts.  Blocks; one thread.
 */

#ifndef ADMIN_CTL_EXIM_H
#define ADMIN_CTL_EXIM_H

#include <stdbool.h>

/* path: argv[0]. */
bool ctl_exim_is_called(const char *path);

/* The exit status. */
int ctl_exim(int argc, char **argv);

#endif
