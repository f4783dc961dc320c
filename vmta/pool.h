/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool - which member of a virtual MTA pool takes the next recipient.
 *
 * Round robin: a pure function of the pool and of a counter that the caller
 * keeps.  Used at intake; the stored record names the member, not the pool.
 */

#ifndef VMTA_POOL_H
#define VMTA_POOL_H

#include <stdint.h>

#include "vmta/snapshot.h"

/* NULL: the pool has no members. */
const struct vmta *pool_pick(const struct pool *pool, uint64_t turn);

#endif
