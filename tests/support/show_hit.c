/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/show_hit.h"

#include <inttypes.h>
#include <string.h>

#include "lib/clock.h"

static void
show_time(struct buf *b, bool has, int64_t us)
{
	if (!has)
		return;
	buf_str(b, "(");
	str_interval(b, us);
	buf_str(b, ")");
}

static void
end_action(struct buf *b, const struct reply_place *at, bool places)
{
	if (at->file == NULL)
		return;
	if (places)
		buf_printf(b, ":%s%u", strcmp(at->file, "list") == 0 ? "" : "r",
		    at->line);
	buf_str(b, " ");
}

const char *
show_hit(struct buf *b, const struct reply_hit *h, bool places)
{
	const struct reply_actions *a = &h->act;

	buf_clear(b);
	buf_str(b, a->backoff ? "backoff" : a->normal ? "normal" : "");
	show_time(b, a->has_normal_after, a->normal_after_us);
	end_action(b, &h->at[REPLY_MODE], places);
	buf_str(b, a->skip_mx ? "skip" : a->bounce_queue ? "queue" : "");
	end_action(b, &h->at[REPLY_ROUTE], places);
	buf_str(b,
	    a->bounce_rcpt ? "rcpt" :
		h->bounce  ? "bounce" :
		h->requeue ? "requeue" :
			     "");
	end_action(b, &h->at[REPLY_RCPT], places);
	buf_str(b, a->disable_source ? "source" : "");
	show_time(b, a->has_reenable_after, a->reenable_after_us);
	end_action(b, &h->at[REPLY_SOURCE], places);
	buf_str(b, a->defer_queue ? "defer" : "");
	end_action(b, &h->at[REPLY_DEFER], places);
	if (h->rule != NULL)
		buf_printf(b, "%s %" PRId64 "s ", h->rule->category,
		    h->rule->retry_us / US_PER_S);
	if (b->len > 0)
		b->len--;
	return buf_cstr(b);
}
