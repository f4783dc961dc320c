/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show cold: how many messages went by virtual MTAs that are new today, by whom
 * they are from and by queue.  Copied on the scheduler's thread, at most
 * maxitems.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "transport/control_priv.h"
#include "transport/dispatch.h"
#include "vmta/sched_cold.h"

#define SHOWN 100

struct row {
	char *name; /* FROM/COLD/QUEUE; then three texts */
	uint32_t number;
	uint64_t used, max;
};

struct listing {
	struct dispatch_ask ask;
	struct post home;
	struct control *control;
	struct ctl_request *request;
	size_t limit, count, matched, next;
	struct row *rows;
};

static void
listing_free(struct listing *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->rows[i].name);
	free(l->rows);
	free(l);
}

/* ---- scheduler ------------------------------------------------------------ */

static void
take_one(void *ctx, const struct sched_cold_info *info)
{
	struct listing *l = ctx;

	l->rows = mem_realloc(l->rows, (l->count + 1) * sizeof(*l->rows));
	l->rows[l->count] = (struct row){ mem_strdup(info->name), info->number,
		info->used, info->max };
	l->count++;
}

static void
take_all(struct dispatch_ask *ask, struct sched *s, int64_t now_us)
{
	struct listing *l = post_owner(ask, struct listing, ask);

	(void)now_us;
	l->matched = sched_cold_each(s, l->limit, take_one, l);
	worker_post(l->control->opt.main, &l->home);
}

/* ---- the answer (main) ---------------------------------------------------- */

static json_t *
row_json(struct row *row)
{
	char *rest = row->name;
	const char *from = strsep(&rest, "/"), *cold = strsep(&rest, "/");

	return json_pack("{s:o,s:o,s:o,s:I,s:I,s:I}", "from", ctl_string(from),
	    "cold", ctl_string(cold), "queue",
	    ctl_string(rest == NULL ? "" : rest), "day",
	    (json_int_t)row->number, "used", (json_int_t)row->used, "max",
	    (json_int_t)row->max);
}

static bool
send_row(void *ctx, struct ctl_request *r)
{
	struct listing *l = ctx;

	if (!ctl_is_gone(r) && l->next < l->count) {
		ctl_item(r, row_json(&l->rows[l->next++]));
		return true;
	}
	ctl_done(r,
	    json_pack("{s:I,s:I}", "shown", (json_int_t)l->count, "matched",
		(json_int_t)l->matched));
	listing_free(l);
	return false;
}

static void
on_home(struct post *post)
{
	struct listing *l = post_owner(post, struct listing, home);

	ctl_stream(l->request, send_row, l);
}

void
control_show_cold(struct control *c, struct ctl_request *r, const json_t *args)
{
	struct listing *l = mem_new(struct listing);

	l->control = c;
	l->request = r;
	l->limit = control_maxitems(args, SHOWN);
	l->home.fn = on_home;
	l->ask.fn = take_all;
	dispatch_ask(c->opt.dispatch, &l->ask);
}
