/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names - strings that many hold, as numbers.
 *
 * A job's name is the same in a million messages: each holds 4 bytes.  Names
 * are counted and go with their last holder; their numbers are used again.
 * Number 0 is "".  One thread.
 */

#ifndef VMTA_NAMES_H
#define VMTA_NAMES_H

#include <stdint.h>

#include "vmta/table.h"

struct name;

struct names {
	struct table by_text;
	struct name **all;  /* by number; NULL: free */
	uint32_t used, cap; /* of all */
	uint32_t *free;     /* numbers of those that have gone */
	uint32_t free_count, free_cap;
};

void names_init(struct names *n);
void names_fini(struct names *n); /* CHECKs that nobody holds one */

uint32_t names_hold(struct names *n, const char *text); /* NULL is "" */
void names_drop(struct names *n, uint32_t number);
const char *names_text(const struct names *n, uint32_t number);

#endif
