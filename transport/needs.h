/* SPDX-License-Identifier: Apache-2.0 */
/*
 * needs - how many files a configuration needs to be open at once, at most.
 *
 * Main thread, at start and before a reload takes effect.
 */

#ifndef TRANSPORT_NEEDS_H
#define TRANSPORT_NEEDS_H

#include <stddef.h>

#include "lib/err.h"
#include "vmta/snapshot.h"

/* Raises the limit of this process to that, or says how to (lib/files.h). */
int needs_raise_files(const struct snapshot *conf, size_t workers,
    struct err *e);

#endif
