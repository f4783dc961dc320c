/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arrival - messages enter the scheduler: what a waybill says becomes what
 * sched_add() wants.
 *
 * On the scheduler's thread.  rg is worked in and emptied.
 */

#ifndef TRANSPORT_ARRIVAL_H
#define TRANSPORT_ARRIVAL_H

#include <stdbool.h>

#include "lib/mem.h"
#include "lib/str.h"
#include "mail/message.h"
#include "queue/store.h"
#include "vmta/sched.h"

/* Just accepted.  known[], by recipient, marks those that are not new. */
void arrival_accepted(struct sched *s, struct message *m, struct slice waybill,
    const bool *known, struct region *rg);

/* Found in the spool at start. */
void arrival_recovered(struct sched *s, const struct store_arrivals *list,
    struct region *rg);

#endif
