/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/queue_record.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "transport/record.h"

struct event {
	struct store_settle settle; /* of no outcome: the record alone */
	struct buf record;
};

/* On the store's thread; nobody else has it any more. */
static void
on_kept(struct store_settle *s)
{
	struct event *ev = post_owner(s, struct event, settle);

	buf_fini(&ev->record);
	free(ev);
}

void
queue_record(struct store *store, const struct snapshot *conf,
    const struct sched_queue *q, const struct outcome *why)
{
	const char *vmta = envelope_vmta_shown(sched_queue_vmta(q));
	struct event *ev;
	char queue[600];

	if ((snapshot_acct_wants(conf)->types & ACCT_BIT(ACCT_TQ)) == 0 ||
	    acct_is_disabled(sched_queue_conf(q), ACCT_TQ))
		return;
	(void)snprintf(queue, sizeof(queue), "%s/%s", sched_queue_domain(q),
	    vmta);
	ev = mem_new(struct event);
	record_queue_pack(queue, vmta, why, sched_queue_conf(q), &ev->record);
	ev->settle.records = ev->record.p;
	ev->settle.records_len = ev->record.len;
	ev->settle.done = on_kept;
	store_settle(store, &ev->settle);
}
