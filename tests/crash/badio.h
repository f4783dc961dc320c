/* SPDX-License-Identifier: Apache-2.0 */
/*
 * badio - a disk that is slow, or that fails, on command.
 *
 *	BADIO_CONTROL=FILE	"CALL ERRNO COUNT DELAY PATTERN", one line of
 *				decimal numbers but for CALL (sync, write,
 *				none) and PATTERN, a part of a path; a COUNT
 *				below 0 is for ever, DELAY is milliseconds
 *				before each sync of such a file
 *	BADIO_LOG=FILE		"begin end result path" of each sync, in us of
 *				CLOCK_MONOTONIC
 *
 * The file may be rewritten at any time; a failure that was used up begins
 * anew with the next content.  Part of disk.so.
 */

#ifndef TESTS_CRASH_BADIO_H
#define TESTS_CRASH_BADIO_H

#include <stdbool.h>

struct badio_sync {
	long long begin;
	char path[512]; /* empty: nobody wants to know */
};

/* Waits as told; true: fail with errno, badio_sync_end() too. */
bool badio_sync_begin(int fd, struct badio_sync *s);
void badio_sync_end(const struct badio_sync *s, int rc);

/* True: fail with errno. */
bool badio_write(int fd);

long long badio_now_us(void);

#endif
