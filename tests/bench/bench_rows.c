/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_rows - writes a large accounting file, for find and stats to read.
 *
 *	bench_rows ROWS >FILE
 *
 * Three hours of mail to 5,000 domains, few of them large, through ten virtual
 * MTAs: of twenty rows sixteen are deliveries, two bounces, two delays.  The
 * same rows each time.  Ends with 1 when the file cannot be written.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/acct_record.h"
#include "mail/acct_row.h"
#include "tests/support/fake_layout.h"

enum { FLUSH = 1 << 20, SPAN_S = 3 * 3600, DOMAINS = 5000, PEOPLE = 999983 };

static const struct cause {
	enum acct_type type;
	const char *action;
	const char *before, *after; /* what is said, and the address between */
	const char *category;
	struct acct_status status;
} causes[20] = {
	[3] = { ACCT_B, "failed", "smtp;550 5.1.1 <", ">: user unknown",
	    "bad-mailbox", { { 5, 1, 1 } } },
	[7] = { ACCT_T, "delayed", "smtp;451 4.7.1 ", " greylisted, try later",
	    "policy-related", { { 4, 7, 1 } } },
	[11] = { ACCT_B, "failed", "smtp;554 5.7.1 message to ",
	    " refused, \"spam\", see rules", "spam-related", { { 5, 7, 1 } } },
	[13] = { ACCT_T, "delayed", "smtp;452 4.2.2 mailbox ", " full",
	    "quota-issues", { { 4, 2, 2 } } },
};
static const struct cause delivered = { ACCT_D, "relayed",
	"smtp;250 2.0.0 Ok: ", " queued", "", { { 2, 0, 0 } } };

struct strings {
	char rcpt[80], diag[200], mta[80], queue[80], vmta[8], source[20],
	    job[16];
};

/* Steps through all numbers below the limit in no visible order. */
static unsigned
scatter(unsigned long i, unsigned limit)
{
	return (unsigned)((i * UINT64_C(2654435761) >> 7) % limit);
}

/* A tenth of them goes to each of a few, as in real mail. */
static unsigned
domain_of(unsigned long i)
{
	return i % 10 < 5 ? (unsigned)(i % 10) : scatter(i, DOMAINS);
}

static void
fill(struct acct_record *r, struct strings *s, unsigned long i)
{
	const struct cause *c = &causes[scatter(i, 20)];
	unsigned domain = domain_of(i), vmta = scatter(i, 10);

	if (c->action == NULL)
		c = &delivered;
	(void)snprintf(s->rcpt, sizeof(s->rcpt), "person.%u@d%u.example.net",
	    scatter(i, PEOPLE), domain);
	(void)snprintf(s->diag, sizeof(s->diag), "%s%s%s", c->before, s->rcpt,
	    c->after);
	(void)snprintf(s->mta, sizeof(s->mta),
	    "mx1.d%u.example.net (192.0.2.%u)", domain, domain % 250 + 1);
	(void)snprintf(s->vmta, sizeof(s->vmta), "out%u", vmta);
	(void)snprintf(s->queue, sizeof(s->queue), "d%u.example.net/%s", domain,
	    s->vmta);
	(void)snprintf(s->source, sizeof(s->source), "198.51.100.%u", vmta + 1);
	(void)snprintf(s->job, sizeof(s->job), "news-%u", scatter(i, 40));
	r->type = c->type;
	r->dsn_action = c->action;
	r->dsn_status = c->status;
	r->bounce_cat = c->category;
	r->dlv_size = c->type == ACCT_D ? 2000 + scatter(i, 60000) : 0;
	r->queued_us = r->logged_us -
	    (int64_t)(1 + scatter(i, i % 50 == 0 ? 90000 : 20)) * US_PER_S;
}

static bool
flush(struct buf *b)
{
	bool good = fwrite(b->p, 1, b->len, stdout) == b->len;

	buf_clear(b);
	return good;
}

static bool
write_rows(const struct acct_layout *l, unsigned long count)
{
	struct strings s;
	struct acct_record r = { .orig = "news@news.example",
		.rcpt = s.rcpt,
		.orcpt = s.rcpt,
		.dsn_diag = s.diag,
		.dsn_mta = s.mta,
		.src_type = "smtp",
		.src_mta = "mail.news.example (198.51.100.7)",
		.dlv_type = "smtp",
		.dlv_source_ip = s.source,
		.dlv_destination_ip = "192.0.2.25",
		.dlv_esmtp = "8BITMIME,DSN,ENHANCEDSTATUSCODES,PIPELINING,SIZE",
		.vmta = s.vmta,
		.job_id = s.job,
		.env_id = "17f3a2c19d4e",
		.queue = s.queue,
		.vmta_pool = "pool-a" };
	const struct acct_id id = { 1, 1, 1 };
	struct acct_rows rows;
	struct buf out = { 0 };
	bool good = true;

	acct_rows_init(&rows);
	acct_row_header(l, &out);
	for (unsigned long i = 0; i < count && good; i++) {
		r.logged_us = (INT64_C(1795000000) +
				  (int64_t)(i * SPAN_S / count)) *
		    US_PER_S;
		fill(&r, &s, i);
		acct_row_add(&rows, l, &r, &id, &out);
		if (out.len > FLUSH)
			good = flush(&out);
	}
	good = flush(&out) && good;
	acct_rows_fini(&rows);
	buf_fini(&out);
	return good;
}

int
main(int argc, char **argv)
{
	struct region *rg = region_new();
	struct fake_layout *l = fake_layout_new(rg);
	bool good;

	if (argc != 2)
		return 2;
	fake_layout_add(l, ACCT_D, acct_type_columns(ACCT_D));
	fake_layout_add(l, ACCT_B, acct_type_columns(ACCT_B));
	fake_layout_add(l, ACCT_T, acct_type_columns(ACCT_T));
	good = write_rows(&l->pub, strtoul(argv[1], NULL, 10));
	region_free(&rg);
	return good && fflush(stdout) == 0 ? 0 : 1;
}
