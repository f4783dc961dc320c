/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qconf - the effective settings of queues, one copy for all that are alike.
 *
 * A hundred thousand idle queues may not each carry their settings.  A qconf
 * holds the snapshot that its pointers lead into.  Counted; the set holds a
 * reference of its own until qconf_set_forget().  Scheduler thread only.
 */

#ifndef VMTA_QCONF_H
#define VMTA_QCONF_H

#include <stdint.h>

#include "vmta/family_wish.h"
#include "vmta/snapshot.h"
#include "vmta/table.h"

struct qconf {
	struct table_link link;
	uint32_t refs;
	struct snapshot *snapshot;
	struct queue_conf conf;
	struct family_wish family; /* of conf */
};

struct qconf_set {
	struct table table;
};

void qconf_set_init(struct qconf_set *set);
void qconf_set_fini(struct qconf_set *set);
/* At a reload: what is used by nobody goes. */
void qconf_set_forget(struct qconf_set *set);

struct qconf *qconf_get(struct qconf_set *set, const struct snapshot *snapshot,
    const char *domain, const char *vmta);
/* Of a queue that is in a group. */
struct qconf_member {
	const char *domain, *group, *vmta;
};
struct qconf *qconf_get_member(struct qconf_set *set,
    const struct snapshot *snapshot, const struct qconf_member *m);
struct qconf *qconf_ref(struct qconf *c);
void qconf_unref(struct qconf **cp);

#endif
