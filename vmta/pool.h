/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool - which member of a virtual MTA pool takes the next message.
 *
 * A round is the order of the members that is gone through again and again: in
 * it each has as many turns as its weight says (divided by what all weights
 * have in common), and they are spread evenly: after any number of turns
 * nobody is a whole turn ahead of its share, or behind it.  The round is made
 * at load; which member has a turn is a pure function of its number.  Turns
 * are counted for each pool, over all threads.  Used at intake; the stored
 * record names the member, and the pool beside it.
 */

#ifndef VMTA_POOL_H
#define VMTA_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "vmta/snapshot.h"

#define POOL_ROUND_MAX 1000000 /* turns: memory of two bytes each, and time */
#define POOL_MEMBERS_MAX 65535

/* In the region.  -1: it would be longer than POOL_ROUND_MAX. */
int pool_round_make(const struct conf_members *members, struct region *rg,
    struct pool_round *out, struct err *e);

/* NULL: the pool has no members. */
const struct vmta *pool_pick(const struct pool *pool, uint64_t turn);

/* The member whose turn it is now, which it is for one caller alone. */
const struct vmta *pool_next(const struct pool *pool);

/* Turns go on where they were in the configuration before. */
void pool_go_on(const struct snapshot *before, const struct snapshot *now);

#endif
