/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailq: what is queued, in the form of a host MTA's own command.
 */
#include <stdio.h>
#include <time.h>

#include "admin/ctl_ask.h"
#include "admin/ctl_cmds.h"
#include "admin/host_queue.h"
#include "admin/mailq_gather.h"
#include "compat/exim/ex_listing.h"
#include "compat/postfix/pf_listing.h"
#include "compat/postfix/pf_showq.h"
#include "lib/clock.h"

struct mailq {
	enum queue_form form;
	struct mailq_gather *gather;
	struct buf out; /* of one message */
	struct host_queue host;
	uint64_t bytes, messages;
};

/* ---- ours ---------------------------------------------------------------- */

static void
print(struct buf *out)
{
	if (out->len > 0)
		(void)fwrite(out->p, 1, out->len, stdout);
	buf_clear(out);
}

static void
print_for_people(struct mailq *q, const struct listed *m)
{
	time_t s = (time_t)m->arrival_s;
	struct tm tm;

	if (q->host.requests + q->messages == 0)
		pf_listing_head(&q->out);
	pf_listing_message(m, localtime_r(&s, &tm), &q->out);
}

static void
on_message(void *ctx, const struct listed *m)
{
	struct mailq *q = ctx;

	switch (q->form) {
	case QUEUE_FORM_POSTFIX:
		print_for_people(q, m);
		break;
	case QUEUE_FORM_JSON:
		pf_listing_json(m, &q->out);
		break;
	case QUEUE_FORM_EXIM:
		ex_listing_message(m, clock_wall_us() / US_PER_S, &q->out);
		break;
	case QUEUE_FORM_SHOWQ:
		pf_showq_message(m, &q->out);
		break;
	}
	print(&q->out);
	q->bytes += m->size;
	q->messages++;
}

static void
on_item(void *ctx, const json_t *item)
{
	struct mailq *q = ctx;

	mailq_gather_add(q->gather, item);
}

static int
print_ours(const struct ctl_options *opt, struct mailq *q)
{
	json_t *done;
	int rc;

	if (q->form == QUEUE_FORM_SHOWQ)
		pf_showq_begin(&q->out);
	print(&q->out);
	q->gather = mailq_gather_new(on_message, q);
	rc = ctl_ask_each(opt, on_item, q, &done);
	mailq_gather_end(q->gather);
	mailq_gather_free(&q->gather);
	json_decref(done);
	return rc;
}

/* ---- both ---------------------------------------------------------------- */

/*
 * Who reads showq takes a listing without its end for one that was cut, so
 * where mailraced has not answered it gets none.
 */
static void
print_end(struct mailq *q, bool complete)
{
	if (q->form == QUEUE_FORM_POSTFIX)
		pf_listing_sum(q->host.kbytes + q->bytes / 1024,
		    q->host.requests + q->messages, &q->out);
	else if (q->form == QUEUE_FORM_SHOWQ && complete)
		pf_showq_end(&q->out);
	print(&q->out);
}

static int
print_host(struct mailq *q)
{
	struct err e;

	if (host_queue_print(&q->form, &q->host, &e) == 0)
		return 0;
	(void)fprintf(stderr, "mailrace: %s\n", e.text);
	return 2;
}

/* The one form that the options ask for; false: two of them, and it is told. */
static bool
choose(const struct ctl_options *opt, enum queue_form *form_r)
{
	bool exim = opt->values[OPT_EXIM] != NULL;
	bool showq = opt->values[OPT_SHOWQ] != NULL;

	*form_r = opt->json ? QUEUE_FORM_JSON :
	    exim            ? QUEUE_FORM_EXIM :
	    showq           ? QUEUE_FORM_SHOWQ :
			      QUEUE_FORM_POSTFIX;
	if (opt->json + exim + showq <= 1 &&
	    (!showq || opt->values[OPT_HOST] == NULL))
		return true;
	(void)fprintf(stderr,
	    "mailrace: mailq takes one of --json, --exim and --showq, "
	    "and --showq no --host\n");
	return false;
}

int
cmd_mailq(const struct ctl_options *opt)
{
	struct mailq q = { 0 };
	int rc = 0, ours;

	if (!choose(opt, &q.form))
		return 2;
	if (opt->values[OPT_HOST] != NULL)
		rc = print_host(&q);
	ours = print_ours(opt, &q);
	if (ours > rc)
		rc = ours;
	/* Nobody has said how much that is in all. */
	if (rc == 0 || q.host.requests + q.messages > 0)
		print_end(&q, rc == 0);
	buf_fini(&q.out);
	return rc;
}
