/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory - how much this process uses, and how much there is for it: the
 * machine's, or what a control group above it allows (cgroup 1 and 2).
 *
 * Reads a handful of small files of the kernel: once a second, not for each
 * message.  Any thread.
 */

#ifndef LIB_MEMORY_H
#define LIB_MEMORY_H

#include <stdint.h>

#include "lib/err.h"

struct memory_use {
	uint64_t used; /* bytes that are resident */
	uint64_t all;
};

int memory_read(struct memory_use *m, struct err *e);

/* The same with all paths below root: for tests. */
int memory_read_at(const char *root, struct memory_use *m, struct err *e);

/* Gives back to the system what was freed, as far as that is possible. */
void memory_trim(void);

#endif
