/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show warmup, report complaints: how far new source addresses have come at
 * their providers, and what is said of them elsewhere.
 *
 * All are copied on the scheduler's thread at once: there is one for each
 * address and provider that had mail, and no more.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/day.h"
#include "lib/mem.h"
#include "transport/control_priv.h"
#include "transport/control_rows.h"
#include "transport/dispatch.h"
#include "vmta/sched_warmup.h"

struct row {
	struct net_addr source;
	char *name, *provider;
	struct warm warm;
	uint32_t quota, steps;
	uint64_t used;
};

struct listing {
	struct dispatch_ask ask;
	struct control_rows rows;
};

/* ---- scheduler ------------------------------------------------------------ */

static void
take_all(struct dispatch_ask *ask, struct sched *s, int64_t now_us)
{
	struct listing *l = post_owner(ask, struct listing, ask);
	size_t n = sched_warmup_count(s);
	struct sched_warmup_info info;
	struct row *row;

	(void)now_us;
	for (size_t i = 0; i < n; i++) {
		if (!sched_warmup_at(s, i, &info))
			continue;
		row = control_rows_add(&l->rows);
		*row = (struct row){ .source = info.source,
			.name = mem_strdup(info.name),
			.provider = mem_strdup(info.provider),
			.warm = info.warm,
			.quota = info.quota,
			.steps = (uint32_t)info.plan->numbers->n,
			.used = info.used };
	}
	l->rows.matched = l->rows.count;
	control_rows_send(&l->rows);
}

/* ---- the answer (main) --------------------------------------------------- */

static const char *
state_of(const struct row *row)
{
	if (row->quota == WARMUP_NO_LIMIT)
		return "warm";
	return row->warm.closed ? "closed" :
				  warmup_verdict_name(row->warm.verdict);
}

static json_t *
row_json(const void *p)
{
	const struct row *row = p;
	const struct warm *w = &row->warm;
	char source[NET_ADDR_TEXT];
	json_t *j = json_pack("{s:s,s:s,s:o,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I}",
	    "source", net_addr_text(&row->source, source), "provider",
	    row->provider[0] == '\0' ? "*" : row->provider, "warmup",
	    ctl_string(row->name), "state", state_of(row), "step",
	    (json_int_t)(w->step < row->steps ? w->step + 1 : row->steps),
	    "steps", (json_int_t)row->steps, "used", (json_int_t)row->used,
	    "attempted", (json_int_t)w->attempted, "deferred",
	    (json_int_t)w->deferred, "delivered", (json_int_t)w->delivered,
	    "complaints", (json_int_t)w->complaints);

	if (j != NULL)
		(void)json_object_set_new(j, "quota",
		    row->quota == WARMUP_NO_LIMIT ? json_null() :
						    json_integer(row->quota));
	return j;
}

static void
row_fini(void *p)
{
	struct row *row = p;

	free(row->name);
	free(row->provider);
}

static void
on_done(struct control_rows *rows)
{
	free(post_owner(rows, struct listing, rows));
}

static const struct control_rows_kind kind = { sizeof(struct row), row_json,
	row_fini, on_done };

void
control_show_warmup(struct control *c, struct ctl_request *r,
    const json_t *args)
{
	struct listing *l = mem_new(struct listing);

	(void)args;
	control_rows_init(&l->rows, &kind, r, c->opt.main);
	l->ask.fn = take_all;
	dispatch_ask(c->opt.dispatch, &l->ask);
}

/* ---- complaints ----------------------------------------------------------- */

struct report {
	struct dispatch_ask ask;
	struct post home;
	struct control *control;
	struct ctl_request *request;
	struct net_addr source;
	char *provider;
	uint32_t n;
	bool known;
};

static void
count(struct dispatch_ask *ask, struct sched *s, int64_t now_us)
{
	struct report *p = post_owner(ask, struct report, ask);

	(void)now_us;
	p->known = sched_warmup_complaints(s, &p->source, p->provider, p->n);
	worker_post(p->control->opt.main, &p->home);
}

static void
on_counted(struct post *post)
{
	struct report *p = post_owner(post, struct report, home);
	char source[NET_ADDR_TEXT];

	if (p->known)
		ctl_done(p->request,
		    json_pack("{s:I}", "complaints", (json_int_t)p->n));
	else
		ctl_fail(p->request, "%s is not being warmed up at %s",
		    net_addr_text(&p->source, source),
		    p->provider[0] == '\0' ? "*" : p->provider);
	free(p->provider);
	free(p);
}

void
control_report_complaints(struct control *c, struct ctl_request *r,
    const json_t *args)
{
	const char *source = control_text(args, "source");
	const char *provider = control_text(args, "provider");
	json_int_t n = json_integer_value(json_object_get(args, "count"));
	struct report *p = mem_new(struct report);
	struct err e;

	p->control = c;
	p->request = r;
	p->n = n > 0 && n < UINT32_MAX ? (uint32_t)n : 1;
	if (source == NULL || provider == NULL) {
		ctl_fail(r, "a source address and a provider are needed");
		free(p);
		return;
	}
	if (net_addr_parse(slice_of(source), &p->source, &e) == -1) {
		ctl_fail(r, "%s", e.text);
		free(p);
		return;
	}
	p->provider = mem_strdup(strcmp(provider, "*") == 0 ? "" : provider);
	p->home.fn = on_counted;
	p->ask.fn = count;
	dispatch_ask(c->opt.dispatch, &p->ask);
}
