/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - one event, one line: id, event name, key=value fields.
 *
 * Values that hold blanks, quotes or control bytes are quoted and escaped;
 * text from elsewhere is cut at 500 bytes.  A line is written with one
 * write(2), so lines of several threads do not mix.  Any thread.  Parsers and
 * policy do not log.
 *
 *	struct log_line l;
 *
 *	log_begin(&l, LOG_L_INFO, id, "attempt");
 *	log_str(&l, "vmta", vmta);
 *	log_int(&l, "code", 451);
 *	log_end(&l);
 */

#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

enum log_level { LOG_L_ERROR, LOG_L_WARN, LOG_L_INFO, LOG_L_DEBUG };

#define LOG_LINE_MAX 4000

struct log_line {
	enum log_level level;
	bool off; /* below the level asked for: all calls do nothing */
	size_t len;
	char text[LOG_LINE_MAX];
};

/* Lines go to standard error until log_open() names a file. */
int log_open(const char *path, struct err *e);
int log_reopen(struct err *e); /* after rotation */
void log_set_level(enum log_level level);
bool log_wants(enum log_level level);
enum log_level log_level_of(const char *name); /* unknown: info */
void log_set_program(const char *name);

/* id may be NULL: then "-". */
void log_begin(struct log_line *l, enum log_level level, const char *id,
    const char *event);
void log_str(struct log_line *l, const char *key, const char *value);
void log_int(struct log_line *l, const char *key, int64_t value);
void log_fmt(struct log_line *l, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void log_end(struct log_line *l);

/* A whole line in one call: event and text="...". */
void log_note(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
