/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domain_obj - one domain that mail is queued for, and its queues, one by
 * virtual MTA.
 *
 * The stored record names the domain, never a rollup: so this object is what
 * would move to another queue when the domain's MX hosts change.  It lives as
 * long as it has a queue.  Scheduler thread only.
 */

#ifndef VMTA_DOMAIN_OBJ_H
#define VMTA_DOMAIN_OBJ_H

#include <stdint.h>

#include "vmta/table.h"

struct domain_place;

struct domain_obj {
	struct table_link link;
	uint32_t queues;            /* that point here */
	struct domain_place *place; /* vmta/sched_place.c; or NULL */
	char name[];
};

struct domain_set {
	struct table table;
};

void domain_set_init(struct domain_set *set);
void domain_set_fini(struct domain_set *set); /* CHECKs that it is empty */

/* NULL: there is none. */
struct domain_obj *domain_obj_find(const struct domain_set *set,
    const char *name);
/* Finds or makes; counts one queue. */
struct domain_obj *domain_obj_get(struct domain_set *set, const char *name);
void domain_obj_put(struct domain_set *set, struct domain_obj **dp);

#endif
