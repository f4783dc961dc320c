/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/lease_load.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "transport/dispatch.h"
#include "transport/lessor.h"
#include "vmta/lease.h"
#include "vmta/sched_lease.h"

struct loading {
	struct dispatch_ask ask;
	struct lease_record rec;
	int64_t elapsed_us;
	struct store_leases_loaded all;
	size_t key_len;
	char key[];
};

/*
 * What stands for a record that nobody can read: all of the limit, whatever it
 * is, was spent just now.  It is forgotten after a day, if there is no limit of
 * its name.
 */
static const struct lease_record unreadable = {
	.max = 1,
	.period_us = 86400 * US_PER_S,
	.pending = UINT64_C(1) << 60,
};

static void
on_one(struct dispatch_ask *ask, struct sched *s, int64_t now_us)
{
	struct loading *l = post_owner(ask, struct loading, ask);

	(void)now_us;
	sched_restore_lease(s, (struct slice){ l->key, l->key_len }, &l->rec,
	    l->elapsed_us);
	free(l);
}

void
lease_load_one(struct dispatch *d, struct slice key,
    const struct lease_record *rec)
{
	struct loading *l = mem_zalloc(sizeof(*l) + key.len);
	struct lease_stamp now;

	l->ask.fn = on_one;
	l->rec = rec == NULL ? unreadable : *rec;
	if (rec != NULL) {
		lessor_stamp(&now);
		l->elapsed_us = lease_elapsed(&rec->stamp, &now);
	}
	l->key_len = key.len;
	memcpy(l->key, key.p, key.len);
	dispatch_ask(d, &l->ask);
}

static void
on_done(struct dispatch_ask *ask, struct sched *s, int64_t now_us)
{
	struct loading *l = post_owner(ask, struct loading, ask);

	sched_restored(s, l->all.used_before, l->all.damaged > 0, now_us);
	free(l);
}

void
lease_load_done(struct dispatch *d, const struct store_leases_loaded *all)
{
	struct loading *l = mem_zalloc(sizeof(*l));

	l->ask.fn = on_done;
	l->all = *all;
	dispatch_ask(d, &l->ask);
}
