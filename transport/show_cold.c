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
#include "transport/control_rows.h"
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
	struct control_rows rows;
	size_t limit;
};

/* ---- scheduler ------------------------------------------------------------ */

static void
take_one(void *ctx, const struct sched_cold_info *info)
{
	struct listing *l = ctx;
	struct row *row = control_rows_add(&l->rows);

	*row = (struct row){ mem_strdup(info->name), info->number, info->used,
		info->max };
}

static void
take_all(struct dispatch_ask *ask, struct sched *s, int64_t now_us)
{
	struct listing *l = post_owner(ask, struct listing, ask);

	(void)now_us;
	l->rows.matched = sched_cold_each(s, l->limit, take_one, l);
	control_rows_send(&l->rows);
}

/* ---- the answer (main) ---------------------------------------------------- */

static json_t *
row_json(const void *p)
{
	const struct row *row = p;
	char *rest = row->name;
	const char *from = strsep(&rest, "/"), *cold = strsep(&rest, "/");

	return json_pack("{s:o,s:o,s:o,s:I,s:I,s:I}", "from", ctl_string(from),
	    "cold", ctl_string(cold), "queue",
	    ctl_string(rest == NULL ? "" : rest), "day",
	    (json_int_t)row->number, "used", (json_int_t)row->used, "max",
	    (json_int_t)row->max);
}

static void
row_fini(void *p)
{
	free(((struct row *)p)->name);
}

static void
on_done(struct control_rows *rows)
{
	free(post_owner(rows, struct listing, rows));
}

static const struct control_rows_kind kind = { sizeof(struct row), row_json,
	row_fini, on_done };

void
control_show_cold(struct control *c, struct ctl_request *r, const json_t *args)
{
	struct listing *l = mem_new(struct listing);

	control_rows_init(&l->rows, &kind, r, c->opt.main);
	l->limit = control_maxitems(args, SHOWN);
	l->ask.fn = take_all;
	dispatch_ask(c->opt.dispatch, &l->ask);
}
