/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recipients that are refused at intake are counted, have their records, and
 * are never queued: with a message, and without one.
 */
#include "tests/tap.h"
#include "tests/unit/spool.h"

static const char records[] = "r0:iiiiiiiir2:iiiiiiii";
static const uint32_t ends[] = { 11, 11, 22 };
static const struct store_refused refused = { .count = 3,
	.unrecorded = 1,
	.p = records,
	.ends = ends,
	.id_at = 3 };

/* Before those who bounce. */
static struct {
	int accepted, failed;
} base;

static void
is_audit(const char *label, const char *want)
{
	struct store_audit a = spool_audit();
	char got[200];

	(void)snprintf(got, sizeof(got),
	    "%d = %d delivered, %d suppressed (%d unrecorded), %d queued",
	    (int)a.ledger.accepted, (int)a.ledger.delivered,
	    (int)a.ledger.suppressed, (int)a.ledger.unrecorded_b,
	    (int)a.queued);
	is_str(got, want, label);
	store_audit_fini(&a);
}

static void
is_failed(const char *label, int accepted, int failed)
{
	struct store_audit a = spool_audit();

	ok((int)a.ledger.accepted - base.accepted == accepted &&
		(int)a.ledger.failed - base.failed == failed &&
		a.ledger.accepted == store_ledger_ended(&a.ledger) + a.queued,
	    "%s: %d accepted, %d failed, %d queued", label,
	    (int)a.ledger.accepted - base.accepted,
	    (int)a.ledger.failed - base.failed, (int)a.queued);
	store_audit_fini(&a);
}

static void
test_with_message(void)
{
	struct store_accept a = { .refused = &refused };
	unsigned long long id = spool_accept(&a, 1, 100);
	char want[100], got[100];

	is_audit("with a message",
	    "4 = 0 delivered, 3 suppressed (1 unrecorded), 1 queued");
	(void)snprintf(want, sizeof(want), "r0:/%llx r2:/%llx, 22 bytes", id,
	    id);
	(void)snprintf(got, sizeof(got), "%.3s/%llx %.3s/%llx, %zu bytes",
	    spool.outbox, (unsigned long long)get_be64(spool.outbox + 3),
	    spool.outbox + 11, (unsigned long long)get_be64(spool.outbox + 14),
	    spool.outbox_len);
	is_str(got, want, "their records have its id");
	ok(spool_settle_one(id, 0, VERDICT_DELIVERED, ""), "it ends");
}

static void
test_alone(void)
{
	struct store_settle alone = { .done = spool_settle_done,
		.refused = &refused };

	store_settle(spool.store, &alone);
	ok(spool_wait('O') && spool.outbox_len == 44 &&
		memcmp(spool.outbox + 22, records, 22) == 0,
	    "alone: the records are as they came");
	is_audit("they count as well",
	    "7 = 1 delivered, 6 suppressed (2 unrecorded), 0 queued");
}

/*
 * Of those who bounce somebody is told: by a message that is made with theirs,
 * or alone, and not at all where theirs is not.
 */
static void
test_bounced(void)
{
	static const struct store_refused bounced = { .count = 3,
		.failed = 2,
		.p = records,
		.ends = ends,
		.id_at = 3 };
	struct store_accept told = { 0 }, full = { 0 };
	struct store_mail mail = { .rcpt_count = 1 };
	struct store_accept a = { .refused = &bounced,
		.mails = &mail,
		.mail_count = 1 };
	struct store_settle alone = { .done = spool_settle_done,
		.refused = &bounced,
		.mails = &mail,
		.mail_count = 1 };
	struct store_audit before = spool_audit();
	uint64_t id;

	base.accepted = (int)before.ledger.accepted;
	base.failed = (int)before.ledger.failed;
	store_audit_fini(&before);
	spool_fill(&told, 1, 50);
	mail.msg = told.msg;
	mail.waybill = told.waybill;
	id = spool_accept(&a, 1, 100);
	ok(id != 0 && mail.msg->id > id, "a message and what tells of it");
	is_failed("with a message", 5, 2);
	ok(spool_settle_one(id, 0, VERDICT_DELIVERED, "") &&
		spool_settle_one(mail.msg->id, 0, VERDICT_DELIVERED, ""),
	    "both end");
	store_settle(spool.store, &alone);
	ok(spool_wait('O'), "alone");
	is_failed("alone", 9, 4);
	ok(spool_settle_one(mail.msg->id, 0, VERDICT_DELIVERED, ""),
	    "that ends");
	spool_fill(&full, 1, 100);
	full.done = spool_accept_done;
	full.rcpt_count = 0;
	full.refused = &bounced;
	full.mails = &mail;
	full.mail_count = 1;
	store_accept(spool.store, &full);
	ok(spool_wait('A') && full.answer == STORE_BAD, "one that is refused");
	is_failed("of that nobody is told", 9, 4);
	message_unref(&full.msg);
	message_unref(&mail.msg);
}

/* A message that is not made takes nobody along. */
static void
test_no_message(void)
{
	uint64_t keys[] = { 7 };
	bool known[] = { false };
	struct store_accept a = { .has_key = true,
		.key = "refused",
		.rcpt_keys = keys,
		.known = known };

	ok(spool_accept(&a, 1, 100) != 0, "a hand-over");
	a.refused = &refused;
	ok(spool_accept(&a, 1, 100) == 0 && known[0], "the same again");
	a.has_key = false;
	spool_fill(&a, 1, 100);
	a.rcpt_count = 0;
	store_accept(spool.store, &a);
	ok(spool_wait('A') && a.answer == STORE_BAD, "one that is refused");
	message_unref(&a.msg);
	is_audit("nothing is counted",
	    "8 = 1 delivered, 6 suppressed (2 unrecorded), 1 queued");
	ok(spool.outbox_len == 44, "nor recorded");
}

static void
test_restart(void)
{
	store_close(&spool.store);
	spool_open();
	is_audit("all is as before after a restart",
	    "8 = 1 delivered, 6 suppressed (2 unrecorded), 1 queued");
}

int
main(void)
{
	(void)tmpdir_make();
	spool_open();
	ok(spool_load(), "the outbox is open");
	test_with_message();
	test_alone();
	test_no_message();
	test_restart();
	test_bounced();
	store_close(&spool.store);
	tmpdir_remove();
	return done_testing();
}
