/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check - a broken invariant of ours ends the process, in every build.
 *
 * For our own bugs only: what a file, a socket, a configuration or a remote
 * server does wrong is never a CHECK.  The text goes to the log first.
 */

#ifndef LIB_CHECK_H
#define LIB_CHECK_H

#define CHECK(cond) \
	((cond) ? (void)0 : check_failed(__FILE__, __LINE__, __func__, #cond))

/* A line that is not reached, as behind a switch that knows all cases. */
#define CHECK_NEVER(what) \
	check_failed(__FILE__, __LINE__, __func__, "never: " what)

/* Logs where and what, then aborts. */
_Noreturn void check_failed(const char *file, int line, const char *func,
    const char *cond);

#endif
