/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source - from which address a connection of a virtual MTA goes out: its
 * own addresses in turn; those of the top level when it has none.
 *
 * A pure function of the configuration and of a counter by virtual MTA.
 */

#ifndef VMTA_SOURCE_H
#define VMTA_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "vmta/snapshot.h"

/* Never NULL: without any address family is 0 and name is "". */
const struct conf_source *source_pick(const struct vmta *vmta,
    const struct global_conf *global, uint64_t turn);

/* How many it has in all; at least 1. */
size_t source_count(const struct vmta *vmta, const struct global_conf *global);

#endif
