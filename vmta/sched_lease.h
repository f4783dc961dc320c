/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_lease - limits that outlive the process (vmta/lease.h), as far as the
 * owner of a sched has to know.
 *
 * At the start, before any mail: sched_restore_lease() for each record that was
 * kept, then sched_restored().  While it runs owner->lease asks to keep a
 * record, and each ticket gets its sched_leased() when it is durable: what
 * waits for it is served by the next sched_run().  A clean stop ends with
 * sched_leases_end().
 *
 * After a start of a spool that was in use, rates over a short period, which
 * are not kept, count as full from the start, also those that become short in
 * that period.
 */

#ifndef VMTA_SCHED_LEASE_H
#define VMTA_SCHED_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"
#include "mail/lease_record.h"

struct sched;

/* elapsed_us: what lease_elapsed() says.  One of a key that is known is lost. */
void sched_restore_lease(struct sched *s, struct slice key,
    const struct lease_record *rec, int64_t elapsed_us);
/*
 * used: there was mail in this spool before.  damaged: some record could not
 * be read; then limits without one count as full, too.
 */
void sched_restored(struct sched *s, bool used, bool damaged, int64_t now_us);

void sched_leased(struct sched *s, uint64_t ticket, bool kept, int64_t now_us);

/* owner->lease is called for the last time; connections are closed. */
void sched_leases_end(struct sched *s, int64_t now_us);

#endif
