/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_acct - rows of accounting files a second, on one core.
 *
 *	bench_acct [ROWS]
 *
 * Records as the outbox holds them are unpacked and written as rows of 23
 * columns, by each form of a file.  Seconds are those of the processor, so
 * that other work on the machine does not count; the best of five rounds is
 * told.  Prints one JSON object: rows a second by form, and bytes of a row.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/acct_record.h"
#include "mail/acct_row.h"
#include "tests/support/cpu_time.h"
#include "tests/support/fake_layout.h"

enum { ROUNDS = 5, RECORDS = 1000, PEOPLE = 10007 };

/* 1,000 deliveries and failures of 10,007 people, 50 a second. */
static void
make_records(struct buf *out)
{
	struct acct_record r = { .orig = "news@news.example",
		.dsn_mta = "mx1.example.net (192.0.2.25)",
		.src_type = "smtp",
		.src_mta = "mail.news.example (198.51.100.7)",
		.dlv_type = "smtp",
		.dlv_source_ip = "198.51.100.20",
		.dlv_destination_ip = "192.0.2.25",
		.dlv_esmtp = "8BITMIME,DSN,ENHANCEDSTATUSCODES,PIPELINING,SIZE,"
			     "STARTTLS",
		.vmta = "out1",
		.job_id = "news-47",
		.env_id = "17f3a2c19d4e",
		.queue = "example.net/out1",
		.vmta_pool = "pool-a" };
	char rcpt[64], diag[160];

	for (unsigned i = 0; i < RECORDS; i++) {
		bool delivered = i % 10 != 0;

		(void)snprintf(rcpt, sizeof(rcpt), "person.%u@example.net",
		    i * 7919 % PEOPLE);
		(void)snprintf(diag, sizeof(diag),
		    delivered ? "smtp;250 2.0.0 Ok: queued as %u" :
				"smtp;550 5.1.1 <person.%u@example.net>: user "
				"unknown, sorry",
		    i * 7919 % PEOPLE);
		r.type = delivered ? ACCT_D : ACCT_B;
		r.id = i + 1;
		r.logged_us = (INT64_C(1795000000) + i / 50) * US_PER_S;
		r.queued_us = r.logged_us - (1 + i % 3) * US_PER_S;
		r.rcpt = rcpt;
		r.orcpt = rcpt;
		r.dsn_action = delivered ? "relayed" : "failed";
		r.dsn_status = delivered ? (struct acct_status){ { 2, 0, 0 } } :
					   (struct acct_status){ { 5, 1, 1 } };
		r.dsn_diag = diag;
		r.bounce_cat = delivered ? "" : "bad-mailbox";
		r.dlv_size = delivered ? 20000 + i : 0;
		acct_record_pack(&r, out);
	}
}

struct bench {
	struct acct_rows rows;
	struct buf records, out;
	unsigned long count; /* rows of a round */
};

/* Returns the rows written; without a layout they are only unpacked. */
static unsigned long
write_rows(struct bench *b, const struct acct_layout *l)
{
	const char *at = b->records.p;
	size_t left = b->records.len;
	struct acct_id id = { 0x7c1f09a2, 18842, 0 };
	struct acct_record r;

	buf_clear(&b->out);
	while (acct_record_unpack(&at, &left, b->rows.rg, &r) == ACCT_RECORD) {
		if (l != NULL)
			acct_row_add(&b->rows, l, &r, &id, &b->out);
		region_reset(b->rows.rg);
		id.index++;
	}
	CHECK(id.index == RECORDS && left == 0);
	return id.index;
}

static double
best_rate(struct bench *b, const struct acct_layout *l)
{
	double best = 0;

	for (int i = 0; i < ROUNDS; i++) {
		double start = cpu_time_s(), rate;
		unsigned long done = 0;

		while (done < b->count)
			done += write_rows(b, l);
		rate = (double)done / (cpu_time_s() - start);
		if (rate > best)
			best = rate;
	}
	return best;
}

static void
tell(struct bench *b, const char *name, const struct acct_layout *l)
{
	double rate = best_rate(b, l);

	(void)printf("\"%s\": %.0f, \"%s_row_bytes\": %zu, ", name, rate, name,
	    b->out.len / RECORDS);
	(void)fflush(stdout);
}

static struct acct_layout *
make_layout(struct region *rg, const char *more)
{
	struct fake_layout *l = fake_layout_new(rg);

	for (enum acct_type t = ACCT_D; t <= ACCT_B; t++) {
		fake_layout_add(l, t, acct_type_columns(t));
		fake_layout_add(l, t, more);
	}
	return &l->pub;
}

static void
run(struct bench *b, struct region *rg)
{
	struct acct_layout *l = make_layout(rg, "");
	struct privacy hmac, siphash;
	struct err e;

	CHECK(privacy_parse(SLICE_LIT("hmac-sha256 openmta"), rg, &hmac, &e) ==
	    0);
	CHECK(
	    privacy_parse(SLICE_LIT("siphash openmta"), rg, &siphash, &e) == 0);
	(void)printf("{");
	tell(b, "csv", l);
	tell(b, "csv_26_columns",
	    make_layout(rg, "totalSecondsQueued,recordId,header_x-job"));
	l->privacy = &siphash;
	tell(b, "csv_siphash", l);
	l->privacy = &hmac;
	tell(b, "csv_hmac", l);
	l->json = true;
	tell(b, "json_hmac", l);
	l->privacy = NULL;
	tell(b, "json", l);
	(void)printf("\"unpack_only\": %.0f}\n", best_rate(b, NULL));
}

int
main(int argc, char **argv)
{
	struct region *rg = region_new();
	struct bench b = { .count = argc > 1 ? strtoul(argv[1], NULL, 10) :
					       500000 };

	acct_rows_init(&b.rows);
	make_records(&b.records);
	run(&b, rg);
	acct_rows_fini(&b.rows);
	buf_fini(&b.records);
	buf_fini(&b.out);
	region_free(&rg);
	return 0;
}
