/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show senders: what sources, users and clients have brought of what they may,
 * the fullest first.
 */
#include <stdlib.h>

#include "lib/clock.h"
#include "transport/control_priv.h"
#include "transport/ingress_senders.h"
#include "vmta/rate_in_show.h"

#define SHOWN 100

struct listing {
	struct rate_in_list list;
	size_t count, next;
	int64_t now_us;
};

static void
listing_free(struct listing **lp)
{
	struct listing *l = *lp;

	*lp = NULL;
	rate_in_list_fini(&l->list);
	free(l);
}

static bool
send_row(void *ctx, struct ctl_request *r)
{
	struct listing *l = ctx;

	if (!ctl_is_gone(r) && l->next < l->count) {
		ctl_item(r, rate_in_row_json(&l->list.v[l->next++], l->now_us));
		return true;
	}
	ctl_done(r,
	    json_pack("{s:I,s:I}", "shown", (json_int_t)l->count, "matched",
		(json_int_t)l->list.n));
	listing_free(&l);
	return false;
}

void
control_show_senders(struct control *c, struct ctl_request *r,
    const json_t *args)
{
	struct sender_counts *counts = c->opt.sender_counts;
	struct listing *l = mem_new(struct listing);

	l->now_us = clock_us();
	rate_in_list_take(&l->list, shared_enter(counts->shared), l->now_us);
	shared_leave(counts->shared);
	rate_in_list_sort(&l->list);
	l->count = control_maxitems(args, SHOWN);
	if (l->count > l->list.n)
		l->count = l->list.n;
	ctl_stream(r, send_row, l);
}
