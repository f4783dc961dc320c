/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_headers - what a snapshot knows about header fields that go and
 * come: the fields of include-headers-from, read at load, and how far
 * recipients can differ.
 *
 * Immutable; any thread.
 */

#ifndef VMTA_SNAPSHOT_HEADERS_H
#define VMTA_SNAPSHOT_HEADERS_H

#include <stdbool.h>

#include "vmta/extra_fields.h"
#include "vmta/snapshot.h"

/* Of the top level, of the pool, of the virtual MTA; in this order. */
enum { HEADER_LEVELS = 3 };

struct header_levels {
	const struct extra_fields *v[HEADER_LEVELS]; /* NULL: it has none */
};

/* May the header work of any message depend on where it goes, and how? */
bool snapshot_has_wishes(const struct snapshot *s);
/* Does a virtual MTA or pool add fields of its own, or rewrite From? */
bool snapshot_includes_by_vmta(const struct snapshot *s);

/* For mail that goes by the virtual MTA, or by all of the pool. */
void snapshot_includes(const struct snapshot *s, const char *vmta,
    struct header_levels *out);

#endif
