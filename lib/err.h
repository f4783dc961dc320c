/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err - why a call failed, as a value.
 *
 * For failures of the environment (file, socket, database, configuration
 * text).  The caller owns the struct, usually on its stack; each layer may add
 * one "where" in front.  Nothing here logs: who handles the error does.
 * Any thread.
 */

#ifndef LIB_ERR_H
#define LIB_ERR_H

struct err {
	char text[512];
};

/* All three return -1, so that a caller can write: return err_set(...). */
int err_set(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends ": " and the text of errno. */
int err_sys(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts "where: " in front of what is there. */
int err_where(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
