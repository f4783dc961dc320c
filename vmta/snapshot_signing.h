/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_signing - what a snapshot knows about DKIM: keys by level and by
 * named list, the sets of fields that are signed, and how far queues differ.
 *
 * Immutable; any thread.
 */

#ifndef VMTA_SNAPSHOT_SIGNING_H
#define VMTA_SNAPSHOT_SIGNING_H

#include <stdbool.h>
#include <stdint.h>

#include "vmta/key_index.h"
#include "vmta/snapshot.h"

struct dkim_fields;
struct opendkim;

/* May any message be signed? */
bool snapshot_signs(const struct snapshot *s);
/* NULL: no opendkim-tables. */
const struct opendkim *snapshot_opendkim(const struct snapshot *s);
/* Does it depend on the domain of the recipient how? */
bool snapshot_signs_by_domain(const struct snapshot *s);
/*
 * Members of the pool, of those by which mail is signed alike, wherever it
 * goes, one; NULL: there is no such pool.
 */
const struct vmta *const *snapshot_pool_signers(const struct snapshot *s,
    const char *pool, size_t *n_r);

/*
 * The first key that fits: of those of the virtual MTA, else of those of its
 * pool, else of the global ones.  false: none does.
 */
bool snapshot_key(const struct snapshot *s, const char *vmta,
    const struct key_wish *w, struct key_found *out);
/* The same of a <domain-key-list>; false also if there is none of the name. */
bool snapshot_list_key(const struct snapshot *s, const char *list,
    const struct key_wish *w, struct key_found *out);

/*
 * dkim-headers and dkim-disallow-adding-headers together, by their numbers;
 * NULL: the fixed set.  The same two give the same pointer.
 */
const struct dkim_fields *snapshot_fields(const struct snapshot *s,
    uint32_t more, uint32_t oversign);

#endif
