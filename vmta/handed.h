/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handed - from which queue mail came that goes back to the host MTA: by the
 * settings of that it is made ready, wherever it was before.
 *
 * By group (vmta/backlog.h), no more than those under way to the host.  The
 * table is the backlog's; scheduler thread only.
 */

#ifndef VMTA_HANDED_H
#define VMTA_HANDED_H

#include "vmta/table.h"

struct group;

extern const struct table_ops handed_ops;

struct handed_from {
	const char *domain, *vmta; /* live until handed_forget() */
};

/* The group must not be there yet. */
void handed_note(struct table *t, const struct group *g,
    const struct handed_from *from);
/* It must be there. */
struct handed_from handed_find(const struct table *t, const struct group *g);
void handed_forget(struct table *t, const struct group *g);

#endif
