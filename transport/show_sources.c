/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show disabled sources: which queues do not use which of our addresses, until
 * when and why.
 *
 * Queues of a group have them together: that is a row of the group's name.
 *
 * The walk takes up to maxitems of them, in the order of queues and addresses,
 * and counts the others; the answer goes out as the client reads.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "mail/envelope.h"
#include "transport/control_priv.h"
#include "transport/control_rows.h"
#include "transport/queue_walk.h"
#include "vmta/sched_standing.h"

#define MAXITEMS 100

struct row {
	char *queue, *why;
	struct net_addr source;
	int64_t until_us;
};

struct listing {
	struct queue_walk walk;
	struct control_rows rows;
	struct queue_pattern queue;
	size_t max;
};

static void
listing_free(struct listing *l)
{
	control_rows_fini(&l->rows);
	queue_pattern_fini(&l->queue);
	free(l);
}

/* ---- the walk (scheduler) ------------------------------------------------ */

static void
add(struct listing *l, const struct sched_queue *q,
    const struct sched_source_info *info)
{
	struct buf name = { 0 };
	struct row *row;

	l->rows.matched++;
	if (l->rows.count == l->max)
		return;
	if (sched_queue_group(q)[0] != '\0')
		buf_printf(&name, "%s", sched_queue_group(q));
	else
		buf_printf(&name, "%s/%s", sched_queue_domain(q),
		    envelope_vmta_shown(sched_queue_vmta(q)));
	row = control_rows_add(&l->rows);
	*row = (struct row){ .queue = mem_strdup(buf_cstr(&name)),
		.why = mem_strdup(info->why == NULL ? "" : info->why),
		.source = info->addr,
		.until_us = info->until_us };
	buf_fini(&name);
}

static enum queue_walk_next
visit(struct queue_walk *w, struct sched_queue *q, int64_t now_us)
{
	struct listing *l = post_owner(w, struct listing, walk);
	struct sched_source_info info;

	for (uint32_t i = 0; sched_queue_source_at(q, i, now_us, &info); i++)
		add(l, q, &info);
	return WALK_ON;
}

/* ---- the answer (main) --------------------------------------------------- */

static json_t *
row_json(const void *p)
{
	const struct row *row = p;
	char source[NET_ADDR_TEXT];

	return json_pack("{s:s,s:o,s:o,s:o}", "source",
	    net_addr_text(&row->source, source), "queue",
	    ctl_string(row->queue), "until", control_when(row->until_us), "why",
	    ctl_string(row->why));
}

static void
row_fini(void *p)
{
	struct row *row = p;

	free(row->queue);
	free(row->why);
}

static void
on_done(struct control_rows *rows)
{
	listing_free(post_owner(rows, struct listing, rows));
}

static const struct control_rows_kind kind = { sizeof(struct row), row_json,
	row_fini, on_done };

static void
on_walked(struct queue_walk *w)
{
	control_rows_send(&post_owner(w, struct listing, walk)->rows);
}

void
control_show_sources(struct control *c, struct ctl_request *r,
    const json_t *args)
{
	struct listing *l = mem_new(struct listing);
	struct err e;

	control_rows_init(&l->rows, &kind, r, c->opt.main);
	l->max = control_maxitems(args, MAXITEMS);
	if (queue_pattern_parse(control_text(args, "queue"), &l->queue, &e) ==
	    -1) {
		ctl_fail(r, "%s", e.text);
		listing_free(l);
		return;
	}
	l->walk.dispatch = c->opt.dispatch;
	l->walk.wanted = &l->queue;
	l->walk.by_standing = true;
	l->walk.visit = visit;
	l->walk.done = on_walked;
	queue_walk_go(&l->walk);
}
