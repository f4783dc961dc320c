/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qshape: how old the mail of each domain is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/ctl_ask.h"
#include "admin/ctl_cmds.h"
#include "admin/mailq_gather.h"
#include "compat/postfix/pf_listing.h"
#include "compat/postfix/pf_qshape.h"
#include "lib/check.h"
#include "lib/clock.h"

struct qshape {
	struct pf_qshape *shape;
	struct mailq_gather *gather;
	bool senders;
	bool wanted[LISTED_HOLD + 1]; /* by enum listed_state */
	int64_t now_s;
	unsigned buckets;
};

static void
on_message(void *ctx, const struct listed *m)
{
	struct qshape *q = ctx;
	int64_t age_s = q->now_s - m->arrival_s;

	if (!q->wanted[m->state])
		return;
	if (q->senders) {
		pf_qshape_add(q->shape, m->sender, age_s);
		return;
	}
	for (size_t i = 0; i < m->rcpt_count; i++)
		pf_qshape_add(q->shape, m->rcpts[i].addr, age_s);
}

static void
on_item(void *ctx, const json_t *item)
{
	struct qshape *q = ctx;

	mailq_gather_add(q->gather, item);
}

/* ---- what is asked for --------------------------------------------------- */

/* Of Postfix's queues we have no incoming: what is there waits its turn. */
static int
choose_queues(const struct ctl_options *opt, struct qshape *q)
{
	if (opt->file_count == 0)
		q->wanted[LISTED_ACTIVE] = true;
	for (size_t i = 0; i < opt->file_count; i++) {
		enum listed_state s;

		if (strcmp(opt->files[i], "incoming") == 0)
			continue;
		if (!pf_state_read(opt->files[i], &s)) {
			(void)fprintf(stderr,
			    "mailrace: queues are incoming, active, deferred "
			    "and hold, not \"%s\"\n",
			    opt->files[i]);
			return 2;
		}
		q->wanted[s] = true;
	}
	return 0;
}

/* What was given, if it was; its form has been checked. */
static void
take(const struct ctl_options *opt, enum ctl_option which, unsigned *v)
{
	uint64_t given;
	struct err e;

	if (opt->values[which] == NULL)
		return;
	CHECK(str_to_u64(slice_of(opt->values[which]), &given, &e) == 0);
	*v = (unsigned)given;
}

static int
choose(const struct ctl_options *opt, struct qshape *q)
{
	struct pf_qshape_options o = pf_qshape_defaults;

	take(opt, OPT_BUCKETS, &o.buckets);
	take(opt, OPT_BUCKET_TIME, &o.minutes);
	take(opt, OPT_MIN_BELOW, &o.min_below);
	take(opt, OPT_WIDTH, &o.width);
	if (o.width < pf_qshape_defaults.width)
		o.width = pf_qshape_defaults.width;
	o.linear = opt->values[OPT_LINEAR] != NULL;
	o.parents = opt->values[OPT_PARENTS] != NULL;
	q->senders = opt->values[OPT_SENDER_DOMAINS] != NULL;
	if (o.buckets > PF_QSHAPE_BUCKETS_MAX) {
		(void)fprintf(stderr, "mailrace: at most %d buckets\n",
		    PF_QSHAPE_BUCKETS_MAX);
		return 2;
	}
	if (choose_queues(opt, q) != 0)
		return 2;
	q->buckets = o.buckets;
	q->shape = pf_qshape_new(&o);
	return 0;
}

/* ---- the answer ---------------------------------------------------------- */

struct json_rows {
	const struct qshape *q;
	json_t *rows;
};

static void
add_row(void *ctx, const char *domain, const uint64_t *counts)
{
	struct json_rows *r = ctx;
	json_t *list = json_array();

	for (unsigned i = 1; i <= r->q->buckets; i++)
		(void)json_array_append_new(list,
		    json_integer((json_int_t)counts[i]));
	(void)json_array_append_new(r->rows,
	    json_pack("{s:o,s:I,s:o}", "domain", ctl_string(domain), "total",
		(json_int_t)counts[0], "counts", list));
}

static void
print_json(const struct qshape *q)
{
	struct json_rows r = { q, json_array() };
	json_t *minutes = json_array(), *whole;

	for (unsigned i = 1; i < q->buckets; i++)
		(void)json_array_append_new(minutes,
		    json_integer((json_int_t)pf_qshape_end(q->shape, i)));
	pf_qshape_rows(q->shape, add_row, &r);
	whole = json_pack("{s:o,s:o}", "minutes", minutes, "rows", r.rows);
	ctl_print_json(whole);
	json_decref(whole);
}

static void
print_table(const struct qshape *q)
{
	struct buf out = { 0 };

	pf_qshape_print(q->shape, &out);
	(void)fwrite(out.p, 1, out.len, stdout);
	buf_fini(&out);
}

int
cmd_qshape(const struct ctl_options *opt)
{
	struct qshape q = { .now_s = clock_wall_us() / US_PER_S };
	struct ctl_options all = { .config = opt->config, .command = "mailq" };
	json_t *done;
	int rc;

	if (choose(opt, &q) != 0)
		return 2;
	q.gather = mailq_gather_new(on_message, &q);
	rc = ctl_ask_each(&all, on_item, &q, &done);
	mailq_gather_end(q.gather);
	mailq_gather_free(&q.gather);
	json_decref(done);
	if (rc == 0 && opt->json)
		print_json(&q);
	else if (rc == 0)
		print_table(&q);
	pf_qshape_free(&q.shape);
	return rc;
}
