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
	store_close(&spool.store);
	tmpdir_remove();
	return done_testing();
}
