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
	struct dispatch *home;
	bool keep_anew; /* what it says now is not what it would say later */
	int64_t elapsed_us;
	struct store_leases_loaded all;
	size_t key_len;
	char key[];
};

const struct lease_record lease_unreadable = {
	.max = 1,
	.period_us = 86400 * US_PER_S,
	.count = 1,
	.entries = { { 0, UINT64_C(1) << 60 } },
};

static void
on_one(struct dispatch_ask *ask, struct sched *s, int64_t now_us)
{
	struct loading *l = post_owner(ask, struct loading, ask);
	const struct slice key = { l->key, l->key_len };

	(void)now_us;
	sched_restore_lease(s, key, &l->rec, l->elapsed_us);
	if (l->keep_anew) {
		lease_age(&l->rec, l->elapsed_us);
		dispatch_keep_lease(l->home, key, &l->rec);
	}
	free(l);
}

void
lease_load_one(struct dispatch *d, struct slice key,
    const struct lease_record *rec)
{
	struct loading *l = mem_zalloc(sizeof(*l) + key.len);
	struct lease_stamp now;

	l->ask.fn = on_one;
	l->home = d;
	l->rec = rec == NULL ? lease_unreadable : *rec;
	l->keep_anew = rec == NULL;
	if (rec != NULL) {
		lessor_stamp(&now);
		l->elapsed_us = lease_elapsed(&rec->stamp, &now);
		l->keep_anew = lease_is_doubtful(&rec->stamp, &now);
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
