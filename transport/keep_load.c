/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/keep_load.h"

#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/mem.h"
#include "queue/leases.h"
#include "transport/dispatch.h"
#include "transport/keeper.h"
#include "transport/lessor.h"
#include "vmta/lease.h"
#include "vmta/sched_keep.h"

struct loading {
	struct dispatch_ask ask;
	struct dispatch *home;
	size_t name_len, len;
	char bytes[]; /* of the name, then of the value */
};

static int
restore(const struct loading *l, struct sched *s, int64_t now_us, struct err *e)
{
	const struct slice value = { l->bytes + l->name_len, l->len };
	struct sched_was_kept what = { .name = { l->bytes, l->name_len } };
	struct lease_stamp then, now;

	if (keeper_unstamp(value, &then, &what.bytes, e) == -1)
		return -1;
	lessor_stamp(&now);
	what.elapsed_us = lease_elapsed(&then, &now);
	return sched_restore_kept(s, &what, now_us, e);
}

static void
on_one(struct dispatch_ask *ask, struct sched *s, int64_t now_us)
{
	struct loading *l = post_owner(ask, struct loading, ask);
	const struct slice name = { l->bytes, l->name_len };
	static const struct slice nothing;
	char text[LEASES_NAME];
	struct err e;

	if (restore(l, s, now_us, &e) == -1) {
		log_note(LOG_L_ERROR, "record-damaged",
		    "%s: %s; what it said is forgotten",
		    leases_name(name, text), e.text);
		dispatch_keep(l->home, name, nothing);
	}
	free(l);
}

void
keep_load_one(struct dispatch *d, struct slice name, struct slice value)
{
	struct loading *l;

	if (!sched_keep_is_name(name))
		return;
	l = mem_zalloc(sizeof(*l) + name.len + value.len);
	l->ask.fn = on_one;
	l->home = d;
	l->name_len = name.len;
	l->len = value.len;
	memcpy(l->bytes, name.p, name.len);
	memcpy(l->bytes + name.len, value.p, value.len);
	dispatch_ask(d, &l->ask);
}
