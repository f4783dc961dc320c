/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spool of version 0.1 (tests/old/spool-0.1.dump, as that version's `mailrace
 * queue dump` wrote it after a kill -9) is still read: its ledger, envelopes
 * and the blob of its outbox, whose three records are of the first form.
 */
#include <stdlib.h>

#include "mail/acct_record.h"
#include "queue/dump.h"
#include "tests/tap.h"
#include "tests/unit/spool.h"

static void
nothing(void *ctx, uint64_t messages)
{
	(void)ctx;
	(void)messages;
}

static int
load_old(struct err *e)
{
	const char *top = getenv("top_srcdir");
	struct dump_sums sums;
	char path[600];
	FILE *f;
	int rc;

	(void)snprintf(path, sizeof(path), "%s/tests/old/spool-0.1.dump",
	    top == NULL ? "." : top);
	f = fopen(path, "r");
	if (f == NULL)
		return err_sys(e, "%s", path);
	rc = dump_load(tmpdir_path("spool"), f, nothing, NULL, &sums, e);
	(void)fclose(f);
	return rc;
}

static void
check_ledger(void)
{
	struct store_audit a = spool_audit();

	is_int((int64_t)a.ledger.accepted, 7, "accepted");
	is_int((int64_t)a.ledger.delivered, 2, "delivered");
	is_int((int64_t)a.ledger.failed, 2, "failed");
	is_int((int64_t)a.queued, 3, "queued");
	is_int((int64_t)(a.ledger.unrecorded_d + a.ledger.unrecorded_b), 0,
	    "nothing is unrecorded");
	ok(spool_balances(&a), "it balances");
	store_audit_fini(&a);
}

/* Recipients that wait, in their order. */
static void
check_queued(void)
{
	struct segment_reader *r = segment_reader_new(store_dir(spool.store));
	struct region *rg = region_new();
	struct envelope env = envelope_blank;
	struct segment_got got;
	char text[300] = "";
	struct err e;

	for (size_t i = 0; i < spool.recovered_count; i++) {
		const struct spool_rcpt *rc = &spool.recovered[i];
		size_t at = strlen(text);

		if (segment_read(r, rc->id, &rc->loc, rg, &got, &e) == -1 ||
		    got.body == NULL ||
		    envelope_unpack(got.env, rc->loc.env_len, rg, &env, &e) ==
			-1)
			break;
		body_unref(&got.body);
		(void)snprintf(text + at, sizeof(text) - at, "%s/%s %d; ",
		    env.rcpts[rc->n].addr, env.job, rc->attempts);
	}
	is_str(text,
	    "later0@in.example/job-1 1; doubt@slow.example/ 0; "
	    "later1@in.example/job-1 1; ",
	    "what waits can be read, with its attempts");
	is_str(env.sender, "from@sender.example", "sender");
	region_free(&rg);
	segment_reader_free(&r);
}

static void
check_outbox(void)
{
	struct region *rg = region_new();
	const char *p = spool.outbox;
	size_t left = spool.outbox_len;
	struct acct_record rec;
	char text[300] = "";

	while (acct_record_unpack(&p, &left, rg, &rec) == ACCT_RECORD) {
		size_t at = strlen(text);

		(void)snprintf(text + at, sizeof(text) - at, "%s %s %s; ",
		    acct_type_letter(rec.type), rec.rcpt, rec.queue);
	}
	is_str(text,
	    "d yes1@in.example in.example/v1; t later1@in.example "
	    "in.example/v1; b no1@in.example in.example/v1; ",
	    "the records that no file had yet");
	is_int((int64_t)left, 0, "and nothing else");
	ok(!spool.outbox_has_ledger, "they come without a ledger");
	region_free(&rg);
}

/* What the next start finds, with a row of today beside the old ones. */
static void
check_goes_on(void)
{
	struct store_accept a = { 0 };
	uint64_t id = spool_accept(&a, 1, 100);

	ok(id != 0 && spool_settle_one(id, 0, VERDICT_DELIVERED, "new"),
	    "mail flows");
	ok(spool.outbox_has_ledger && spool.outbox_after.delivered == 3,
	    "its record comes with the ledger");
	store_close(&spool.store);
	spool_open();
	(void)spool_load();
	ok(spool.outbox_len > 900 && spool.outbox_has_ledger &&
		spool.outbox_after.delivered == 3,
	    "old and new rows are replayed");
}

int
main(void)
{
	struct err e = { .text = "" };

	(void)tmpdir_make();
	ok(load_old(&e) == 0, "the dump is loaded %s", e.text);
	spool_open();
	ok(spool_load(), "and opened");
	check_ledger();
	check_queued();
	check_outbox();
	check_goes_on();
	store_close(&spool.store);
	tmpdir_remove();
	return done_testing();
}
