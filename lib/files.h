/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files - how many file descriptors this process may have.
 *
 * At start the limit is raised to what the configuration needs.  Should they
 * run short all the same (somebody lowered the limit), sockets leave the last
 * ones to what must not fail: the spool, its database, logs, the resolver.
 * Any thread.
 */

#ifndef LIB_FILES_H
#define LIB_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/* So many are not for sockets of mail. */
#define FILES_SPARE 64

/* What needs descriptors: a directive and its value, as far as it is one. */
struct files_need {
	const char *directive;
	uint32_t count;
};

/*
 * Raises the soft limit, and the hard one where we may, to the sum of the
 * needs and others; or says how many are needed, because of what, and how to
 * get them.
 */
int files_raise(const struct files_need *needs, size_t count, uint32_t others,
    struct err *e);

/* Raises the soft limit to most, or as far as the hard one lets us. */
int files_raise_to(uint32_t least, uint32_t most, struct err *e);

/* Is this descriptor one of the spare ones? */
bool files_is_spare(int fd);

/* Would the next one be a spare one, or is there none at all? */
bool files_are_low(void);

/* Writes a line about it into the log, at most once a minute. */
void files_log_low(void);

#endif
