/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease_load - what limits had spent when the process before ended, from the
 * spool to the scheduler: before any message, since posts keep their order.
 */

#ifndef TRANSPORT_LEASE_LOAD_H
#define TRANSPORT_LEASE_LOAD_H

#include "lib/str.h"
#include "queue/store.h"

struct dispatch;

/*
 * What stands for a record that nobody can read, and takes its place: all of
 * the limit, whatever it is, was spent just now.  It is forgotten after a
 * week, if there is no limit of its name until then.
 */
extern const struct lease_record lease_unreadable;

/* As in store_owner; store thread. */
void lease_load_one(struct dispatch *d, struct slice key,
    const struct lease_record *rec);
void lease_load_done(struct dispatch *d, const struct store_leases_loaded *all);

#endif
