/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_text - what came from elsewhere, as it may stand in a line of a log.
 *
 * No byte of it ends the line or the brackets of an address; what is cut is
 * too long for a line.  Pure; any thread.
 */

#ifndef COMPAT_LOG_TEXT_H
#define COMPAT_LOG_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "lib/str.h"

/* So much of a reply is shown: a line has to pass through a system log. */
#define LOG_REPLY_MAX 1000
#define LOG_ADDR_MAX 400

/*
 * As Postfix: what is not printable is '?', well-formed UTF-8 stays.  As Exim:
 * what is not printable ASCII is \ooo, and \n, \r, \t.
 */
enum log_escape { LOG_AS_POSTFIX, LOG_AS_EXIM };

void log_text(struct buf *out, const char *s, size_t max, enum log_escape as);

/*
 * An address, where < > stand around it or a blank ends it: those are escaped
 * as well, which no address has but one that wants to look like a log line.
 */
void log_address(struct buf *out, const char *s, enum log_escape as);

/* The name of a host, up to a blank, a comma or a bracket: they are escaped. */
void log_host(struct buf *out, const char *s, enum log_escape as);

/* "Nov 22 07:40:01 ", as system logs have it (RFC 3164, 4.1.2). */
void log_stamp(struct buf *out, const struct tm *tm);

/* An id of the host MTA, if it can be one of any: letters, digits, '-'. */
bool log_is_queue_id(const char *s);

/* The bits that the name of a cipher stands for, as tools want some. */
unsigned log_cipher_bits(const char *cipher);

#endif
