/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mx_set - the MX hosts of domains, one copy for all domains that have the
 * same: thousands at one provider cost its few names once.
 *
 * Hosts are kept in lower case and in order, so that answers that are turned
 * round each time are one set.  Counted; a set goes with its last user.  What
 * it gives is of the set, without the time that it counts for.  One thread.
 */

#ifndef VMTA_MX_SET_H
#define VMTA_MX_SET_H

#include "vmta/rollup.h"
#include "vmta/table.h"

struct mx_set;

struct mx_sets {
	struct table table;
};

void mx_sets_init(struct mx_sets *sets);
void mx_sets_fini(struct mx_sets *sets); /* CHECKs that it is empty */

/* Finds or makes; a reference of the caller's. */
struct mx_set *mx_set_get(struct mx_sets *sets, const struct mx_facts *facts);
void mx_set_put(struct mx_sets *sets, struct mx_set **setp);

/* ok, and without a time. */
const struct mx_facts *mx_set_facts(const struct mx_set *set);

#endif
