/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that come together are kept together or not at all, each with its
 * recipients, and its id in their records.
 */
#include "tests/tap.h"
#include "tests/unit/spool.h"

enum { OTHERS = 2 };

static const char records[] = "r0:iiiiiiiir1:iiiiiiii";
static const uint32_t ends[] = { 11, 22 };
static const struct store_receipts receipts = { records, ends, 3 };

static struct store_mail mails[OTHERS];

/* The first has one recipient, the others have two; only they have records. */
static void
fill(struct store_accept *first)
{
	for (size_t i = 0; i < OTHERS; i++) {
		struct store_accept a = { 0 };

		spool_fill(&a, 2, 50);
		mails[i] = (struct store_mail){ .msg = a.msg,
			.waybill = a.waybill,
			.rcpt_count = 2,
			.receipts = &receipts };
	}
	*first = (struct store_accept){ .mails = mails, .mail_count = OTHERS };
}

static void
is_audit(const char *label, int accepted, int queued)
{
	struct store_audit a = spool_audit();

	ok((int)a.ledger.accepted == accepted && (int)a.queued == queued,
	    "%s: %d accepted, %d queued", label, (int)a.ledger.accepted,
	    (int)a.queued);
	store_audit_fini(&a);
}

static void
unref(void)
{
	for (size_t i = 0; i < OTHERS; i++)
		message_unref(&mails[i].msg);
}

static void
test_kept(void)
{
	struct store_accept a;
	uint64_t id;

	fill(&a);
	id = spool_accept(&a, 1, 100);
	ok(id != 0 && mails[0].msg->id > id &&
		mails[1].msg->id > mails[0].msg->id,
	    "each has an id");
	is_audit("all are in", 5, 5);
	ok(spool.outbox_len == 44, "four records");
	for (size_t i = 0; i < 4; i++)
		ok(get_be64(spool.outbox + 11 * i + 3) == mails[i / 2].msg->id,
		    "record %zu has the id of its message", i);
	ok(spool_settle_one(id, 0, VERDICT_DELIVERED, ""), "the first ends");
	ok(spool_settle_one(mails[1].msg->id, 1, VERDICT_DELIVERED, ""),
	    "and a recipient of the last");
	is_audit("the rest stays", 5, 3);
	unref();
}

/* The last of them has no recipient. */
static void
test_refused(void)
{
	struct store_accept a;

	fill(&a);
	mails[1].rcpt_count = 0;
	a.done = spool_accept_done;
	spool_fill(&a, 1, 100);
	store_accept(spool.store, &a);
	ok(spool_wait('A') && a.answer == STORE_BAD, "one that cannot be kept");
	is_audit("none is", 5, 3);
	message_unref(&a.msg);
	unref();
}

static void
test_restart(void)
{
	store_close(&spool.store);
	spool_open();
	is_audit("all is as before after a restart", 5, 3);
}

int
main(void)
{
	(void)tmpdir_make();
	spool_open();
	ok(spool_load(), "the outbox is open");
	test_kept();
	test_refused();
	test_restart();
	store_close(&spool.store);
	tmpdir_remove();
	return done_testing();
}
