/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress - how far a long reading is, on standard error.
 *
 * On a terminal a line that changes twice a second, else a line each ten
 * seconds: bytes done of all, rows a second, and when it will end.  Nothing
 * for what is done within a second.  One thread.
 */

#ifndef ADMIN_PROGRESS_H
#define ADMIN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"

struct progress {
	bool on, terminal, shown;
	uint64_t total; /* bytes; 0: not known */
	int64_t began_us, next_us;
};

void progress_begin(struct progress *p, bool on, uint64_t total);
void progress_tick(struct progress *p, uint64_t bytes, uint64_t rows);

/* Takes the line off the terminal: before anything is printed there. */
void progress_hide(struct progress *p);

/* "12% of 3500.0 MB, 1200000 rows, 800000 rows/s, 0:12 left" */
void progress_text(struct buf *out, const struct progress *p, uint64_t bytes,
    uint64_t rows, int64_t took_us);

#endif
