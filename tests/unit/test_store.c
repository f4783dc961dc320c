/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store keeps what it answered, counts it rightly, recognises what it
 * knows, hands it out in order after a restart, and moves bodies without
 * losing a reader.
 */
#include "lib/flag.h"
#include "queue/bytes.h"
#include "queue/env.h"
#include "queue/record.h"
#include "tests/tap.h"
#include "tests/unit/spool.h"

static void
is_audit(const char *label, const char *want)
{
	struct store_audit a = spool_audit();
	char got[200];

	(void)snprintf(got, sizeof(got), "%d = %d+%d+%d+%d+%d + %d",
	    (int)a.ledger.accepted, (int)a.ledger.delivered,
	    (int)a.ledger.failed, (int)a.ledger.expired,
	    (int)a.ledger.suppressed, (int)a.ledger.deleted, (int)a.queued);
	is_str(got, want, label);
	store_audit_fini(&a);
}

static void
test_refusals(void)
{
	struct store *second;
	const struct store_options opt = { .dir = tmpdir_path("spool") };
	const struct store_owner owner = { 0 };
	struct store_accept a = { 0 };
	struct err e;

	ok(store_open(&opt, &owner, NULL, &second, &e) == -1,
	    "a second opener is refused: %s", e.text);
	a.done = spool_accept_done;
	spool_fill(&a, 1, 10);
	a.rcpt_count = 0;
	store_accept(spool.store, &a);
	ok(spool_wait('A') && a.answer == STORE_BAD,
	    "no recipients, no message: %s", a.err.text);
	message_unref(&a.msg);
}

static void
test_ends(void)
{
	static const enum store_verdict verdicts[] = { VERDICT_DELIVERED,
		VERDICT_FAILED, VERDICT_EXPIRED, VERDICT_SUPPRESSED,
		VERDICT_DELETED };
	struct store_accept a = { 0 };
	struct store_settled all[5];
	uint64_t id, many;

	id = spool_accept(&a, 1, 100);
	ok(id != 0, "a message is kept");
	is_audit("one is queued", "1 = 0+0+0+0+0 + 1");
	ok(spool_settle_one(id, 0, VERDICT_DELIVERED, "d1 "), "delivered");
	is_audit("and counted", "1 = 1+0+0+0+0 + 0");
	ok(spool_settle_one(id, 0, VERDICT_DELIVERED, ""), "once more");
	is_audit("does not count", "1 = 1+0+0+0+0 + 0");

	many = spool_accept(&a, 5, 100);
	ok(many > id, "ids grow");
	for (uint32_t n = 0; n < 5; n++)
		ok(spool_settle_one(many, n, verdicts[n], ""), "one ends");
	is_audit("each in its way", "6 = 2+1+1+1+1 + 0");

	many = spool_accept(&a, 5, 100);
	for (uint32_t n = 0; n < 5; n++)
		all[n] = (struct store_settled){ .id = many,
			.n = n,
			.verdict = verdicts[n] };
	ok(spool_settle(all, 5, "five "), "all at once");
	ok(all[4].last && !all[0].last && !all[3].last, "the last one is told");
	is_audit("the same", "11 = 3+2+2+2+2 + 0");

	many = spool_accept(&a, 3, 100);
	ok(spool_settle_one(many, 1, VERDICT_RETRY, ""), "one is deferred");
	ok(spool_settle_one(many, 0, VERDICT_FAILED, ""), "one fails");
	ok(spool_settle_one(many, 0, VERDICT_FAILED, ""), "twice");
	is_audit("two are left", "14 = 3+3+2+2+2 + 2");
	ok(spool_settle_one(many, 1, VERDICT_DELIVERED, "") &&
		spool_settle_one(many, 2, VERDICT_DELIVERED, ""),
	    "they end");
	is_audit("nothing is left", "14 = 5+3+2+2+2 + 0");
}

static void
test_handover(void)
{
	uint64_t keys[3] = { 11, 12, 13 };
	bool known[3] = { false };
	struct store_accept a = { .has_key = true,
		.key = "host+queue+head",
		.rcpt_keys = keys,
		.known = known };
	uint64_t id = spool_accept(&a, 2, 100), again, more;

	ok(id != 0 && !known[0] && !known[1], "a first hand-over");
	again = spool_accept(&a, 2, 100);
	ok(a.answer == STORE_TAKEN && again == 0 && known[0] && known[1],
	    "again: taken, all known, nothing kept");
	is_audit("so not counted", "16 = 5+3+2+2+2 + 2");
	memset(known, 0, sizeof(known));
	more = spool_accept(&a, 3, 100);
	ok(more != 0 && known[0] && known[1] && !known[2],
	    "with a third recipient: only that is new");
	is_audit("and counted", "17 = 5+3+2+2+2 + 3");
	ok(spool_settle_one(more, 0, VERDICT_FAILED, ""),
	    "a known one has nothing to end");
	is_audit("as the ledger says", "17 = 5+3+2+2+2 + 3");
	ok(spool_settle_one(more, 2, VERDICT_DELIVERED, ""), "the new one");
	ok(spool_settle_one(id, 0, VERDICT_DELIVERED, "") &&
		spool_settle_one(id, 1, VERDICT_DELIVERED, ""),
	    "and the first two end");
	is_audit("all ended", "17 = 8+3+2+2+2 + 0");
}

static void
test_restart(void)
{
	struct store_accept a = { 0 };
	struct store_settled late[] = {
		{ .verdict = VERDICT_RETRY, .attempts = 2, .due_wall_us = 900 },
		{ .verdict = VERDICT_RETRY, .attempts = 4, .due_wall_us = 300 },
		{ .verdict = VERDICT_RETRY, .attempts = 6, .due_wall_us = 600 },
	};
	uint64_t ids[5], next;
	char got[300] = "", want[300];
	struct store_audit audit;

	for (int i = 0; i < 5; i++)
		ids[i] = spool_accept(&a, i == 3 ? 2 : 1, 200);
	for (int i = 0; i < 3; i++)
		late[i].id = ids[i];
	ok(spool_settle(late, 3, "late "), "three are deferred");
	late[0].id = ids[3];
	late[0].n = 1;
	ok(spool_settle(late, 1, ""), "and one of two recipients");
	ok(inflight_fill(inflight_part(store_inflight(spool.store), 1), ids[4],
	       77, clock_wall_us(), &(uint32_t){ 0 }, 1) != INFLIGHT_NONE,
	    "one is in flight");
	store_close(&spool.store);

	spool_open();
	next = spool_accept(&a, 1, 100);
	ok(next > ids[4], "mail flows before the load");
	ok(spool_load(), "the load ends");
	for (size_t i = 0; i < spool.recovered_count; i++) {
		const struct spool_rcpt *r = &spool.recovered[i];
		size_t at = strlen(got);

		(void)snprintf(got + at, sizeof(got) - at, "%d.%d/%d@%d ",
		    (int)(r->id - ids[0]), (int)r->n, (int)r->attempts,
		    (int)r->due_wall_us);
	}
	(void)snprintf(want, sizeof(want),
	    "0.0/2@900 1.0/4@300 2.0/6@600 3.0/0@0 3.1/2@900 4.0/0@0 ");
	is_str(got, want, "all that is left, the oldest first");
	is_int((int64_t)spool.doubts, 1, "one is in doubt");
	is_audit("nothing was lost", "24 = 8+3+2+2+2 + 7");
	ok(memcmp(spool.outbox, "d1 five late ", 13) == 0 &&
		spool.outbox_len == 13,
	    "the outbox comes again");
	store_outbox_done(spool.store, spool.outbox_seq);
	for (size_t i = 0; i < spool.recovered_count; i++)
		(void)spool_settle_one(spool.recovered[i].id,
		    spool.recovered[i].n, VERDICT_DELIVERED, "");
	(void)spool_settle_one(next, 0, VERDICT_DELIVERED, "last ");
	is_audit("and all can end", "24 = 15+3+2+2+2 + 0");
	audit = spool_audit();
	ok(memcmp(&spool.outbox_after, &audit.ledger, sizeof(audit.ledger)) ==
		0,
	    "records come with the ledger as their transaction left it");
	store_audit_fini(&audit);
	store_outbox_done(spool.store, spool.outbox_seq);
}

static void
end_all(uint64_t id, uint32_t from, uint32_t count)
{
	for (uint32_t n = from; n < count; n++)
		(void)spool_settle_one(id, n, VERDICT_DELIVERED, "");
}

/* What the outbox has since then, with the id of each record. */
static const char *
receipts_since(size_t from)
{
	static char text[300];
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = from; i + 11 <= spool.outbox_len; i += 11)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
		    "%.3s/%llx ", spool.outbox + i,
		    (unsigned long long)get_be64(spool.outbox + i + 3));
	return text;
}

/* Records of those who came go with their message, those of the known stay. */
static void
test_receipts(void)
{
	static const char records[] = "r0:iiiiiiiir1:iiiiiiiir2:iiiiiiii";
	static const uint32_t ends[] = { 11, 22, 33 };
	static const struct store_receipts receipts = { records, ends, 3 };
	bool known[3] = { false };
	struct store_accept a = { .receipts = &receipts };
	struct store_accept keyed = { .has_key = true,
		.key = "receipts",
		.rcpt_keys = (uint64_t[]){ 11, 12, 13 },
		.known = known,
		.receipts = &receipts };
	size_t from = spool.outbox_len;
	unsigned long long id = spool_accept(&a, 3, 100);
	struct store_audit audit;
	char want[100];

	(void)snprintf(want, sizeof(want), "r0:/%llx r1:/%llx r2:/%llx ", id,
	    id, id);
	is_str(receipts_since(from), want, "each recipient has a record");
	end_all(id, 0, 3);
	from = spool.outbox_len;
	id = spool_accept(&keyed, 2, 100);
	(void)snprintf(want, sizeof(want), "r0:/%llx r1:/%llx ", id, id);
	is_str(receipts_since(from), want, "also with a key");
	end_all(id, 0, 2);
	from = spool.outbox_len;
	id = spool_accept(&keyed, 3, 100);
	(void)snprintf(want, sizeof(want), "r2:/%llx ", id);
	is_str(receipts_since(from), want, "known ones have none");
	end_all(id, 2, 3);
	from = spool.outbox_len;
	memset(known, 0, sizeof(known));
	ok(spool_accept(&keyed, 3, 100) == 0 && spool.outbox_len == from,
	    "a message of known ones alone has none");
	audit = spool_audit();
	is_int((int64_t)spool.outbox_after.accepted,
	    (int64_t)audit.ledger.accepted, "the ledger with them counts them");
	store_audit_fini(&audit);
	store_outbox_done(spool.store, spool.outbox_seq);
}

/* Those of which no record says that they ended are counted apart. */
static void
test_unrecorded(void)
{
	struct store_accept a = { 0 };
	struct store_audit before = spool_audit(), after;
	uint64_t id = spool_accept(&a, 3, 100);
	struct store_settled items[] = {
		{ .id = id,
		    .n = 0,
		    .verdict = VERDICT_DELIVERED,
		    .unrecorded = true },
		{ .id = id, .n = 1, .verdict = VERDICT_RETRY },
		{ .id = id, .n = 2, .verdict = VERDICT_FAILED },
		{ .id = id,
		    .n = 1,
		    .verdict = VERDICT_DELETED,
		    .unrecorded = true },
	};
	struct store_settled whole[2];

	ok(spool_settle(items, 4, ""), "one by one");
	id = spool_accept(&a, 2, 100);
	for (uint32_t n = 0; n < 2; n++)
		whole[n] = (struct store_settled){ .id = id,
			.n = n,
			.verdict = n == 0 ? VERDICT_EXPIRED : VERDICT_FAILED,
			.unrecorded = true };
	ok(spool_settle(whole, 2, ""), "and a whole message");
	after = spool_audit();
	is_int(
	    (int64_t)(after.ledger.unrecorded_d - before.ledger.unrecorded_d),
	    1, "delivered");
	is_int(
	    (int64_t)(after.ledger.unrecorded_b - before.ledger.unrecorded_b),
	    3, "ended otherwise");
	store_audit_fini(&before);
	store_audit_fini(&after);
}

static void
test_doubts(void)
{
	struct store_audit audit = spool_audit();

	is_int((int64_t)audit.doubt_count, 1, "the doubt is named");
	if (audit.doubt_count == 1)
		ok(audit.doubts[0].session == 77 && audit.doubts[0].n == 0 &&
			audit.doubts[0].id != 0,
		    "with session and recipient");
	if (audit.doubt_count == 1) {
		is_str(audit.doubts[0].to, "b@example.net", "its address");
		is_str(audit.doubts[0].queue, "example.net/{default}",
		    "its queue");
	}
	store_audit_fini(&audit);
}

/* A session that waits for a slow server's reply, and nothing else moves. */
static void
test_slot_sync(void)
{
	struct inflight_part *part = inflight_part(store_inflight(spool.store),
	    1);
	struct store_audit before = spool_audit(), after = { 0 };
	uint32_t slot = inflight_fill(part, 1, 2, 3, &(uint32_t){ 0 }, 1);

	for (int i = 0; i < 200 && after.syncs <= before.syncs; i++) {
		(void)usleep(10000);
		after = spool_audit();
		store_audit_fini(&after);
	}
	ok(after.syncs > before.syncs && after.batches == before.batches,
	    "a slot is synced without a batch");
	inflight_clear(part, slot);
	store_audit_fini(&before);
}

/* What an operator may ask for each second reads nothing of the queue. */
static void
test_counters(void)
{
	enum { MORE = 200 };
	struct store_accept a = { 0 };
	struct store_audit before = spool_counters(), after, audit;
	uint64_t ids[MORE];

	for (int i = 0; i < MORE; i++)
		ids[i] = spool_accept(&a, 1, 10);
	after = spool_counters();
	is_int((int64_t)(after.ledger.accepted - before.ledger.accepted), MORE,
	    "counters know of each message");
	for (int i = 0; i < 20; i++)
		after = spool_counters();
	is_int((int64_t)after.audited, (int64_t)before.audited,
	    "and look at none");
	audit = spool_audit();
	ok(audit.audited >= before.audited + MORE, "an audit looks at all");
	store_audit_fini(&audit);
	for (int i = 0; i < MORE; i++)
		(void)spool_settle_one(ids[i], 0, VERDICT_DELIVERED, "");
}

static struct flag go_on;

static void
stall(struct store_accept *a) /* store thread */
{
	spool_wake('A');
	while (!flag_take(&go_on))
		(void)usleep(100);
	spool_accept_done(a);
}

/*
 * A slow disk: the outcome of a first attempt waits for its flush while the
 * dot of a second one is sent.  That one is in doubt, whenever the first is
 * committed.
 */
static void
test_overtaken(void)
{
	struct store_accept a = { 0 }, stalling = { .done = stall };
	uint64_t id = spool_accept(&a, 1, 100);
	struct store_settled item = { .id = id,
		.verdict = VERDICT_RETRY,
		.attempts = 1,
		.due_wall_us = 1 };
	struct store_settle first = { .done = spool_settle_done,
		.count = 1,
		.items = &item };
	struct inflight_part *part = inflight_part(store_inflight(spool.store),
	    0);
	uint32_t slot = inflight_fill(part, id, 81, clock_wall_us(),
	    &(uint32_t){ 0 }, 1);

	spool_fill(&stalling, 1, 100);
	store_accept(spool.store, &stalling);
	ok(spool_wait('A'), "the store is busy");
	store_settle(spool.store, &first);
	(void)usleep(10);
	(void)inflight_fill(part, id, 82, clock_wall_us(), &(uint32_t){ 0 }, 1);
	flag_raise(&go_on);
	ok(spool_wait('A') && spool_wait('O'), "the first attempt is settled");
	inflight_clear(part, slot);
	(void)spool_settle_one(stalling.msg->id, 0, VERDICT_DELIVERED, "");
	message_unref(&stalling.msg);
	store_close(&spool.store);

	spool_open();
	ok(spool_load(), "the load ends");
	is_int((int64_t)spool.doubts, 1, "the second attempt is in doubt");
	ok(spool_settle_one(id, 0, VERDICT_DELIVERED, ""), "and it ends");
	store_outbox_done(spool.store, spool.outbox_seq);
}

/* The connection was lost behind the dot: tried again, and named. */
static void
test_lost_answer(void)
{
	struct store_accept a = { 0 };
	uint64_t id = spool_accept(&a, 1, 100);
	int64_t sent_us = clock_wall_us();
	char to[] = "b@example.net", queue[] = "example.net/v";
	const struct store_doubt doubt = { .id = id,
		.session = 91,
		.wall_us = sent_us,
		.to = to,
		.queue = queue };
	struct store_settled item = { .id = id,
		.verdict = VERDICT_RETRY,
		.attempts = 1,
		.due_wall_us = 1 };
	struct store_settle o = { .done = spool_settle_done,
		.count = 1,
		.items = &item,
		.doubt_count = 1,
		.doubts = &doubt };
	struct store_audit audit, before = spool_audit();
	size_t last;

	(void)inflight_fill(inflight_part(store_inflight(spool.store), 0), id,
	    91, sent_us, &(uint32_t){ 0 }, 1);
	store_settle(spool.store, &o);
	ok(spool_wait('O'), "the loss is settled");
	store_close(&spool.store);
	spool_open();
	ok(spool_load(), "killed before the slot was cleared");
	audit = spool_audit();
	is_int((int64_t)(audit.doubt_count - before.doubt_count), 1,
	    "one more is in doubt, once");
	last = audit.doubt_count - 1;
	ok(audit.doubts[last].id == id && audit.doubts[last].session == 91 &&
		audit.doubts[last].wall_us == sent_us &&
		strcmp(audit.doubts[last].queue, queue) == 0,
	    "by name");
	store_audit_fini(&before);
	store_audit_fini(&audit);
	ok(spool_settle_one(id, 0, VERDICT_DELIVERED, ""), "and it ends");
	store_outbox_done(spool.store, spool.outbox_seq);
}

/* The serial number of the message at loc, or 0. */
static unsigned
read_at(uint64_t id, const struct message_loc *loc)
{
	struct segment_reader *r = segment_reader_new(store_dir(spool.store));
	unsigned serial = spool_read(r, id, loc);

	segment_reader_free(&r);
	return serial;
}

/* Is at loc what was accepted as ids[i], whose serials begin at first? */
static bool
is_right(const uint64_t *ids, unsigned first, uint64_t id,
    const struct message_loc *loc)
{
	unsigned i = 0;

	while (i < 48 && ids[i] != id)
		i++;
	return i < 48 && read_at(id, loc) == first + i;
}

/* Of 48 messages in six segments, each eighth lives on. */
static void
test_compaction(void)
{
	struct store_accept a = { 0 };
	struct store_audit audit;
	unsigned first = spool.serial + 1;
	bool reads = true;
	uint64_t ids[48], live = 0;
	int old;

	spool.segment_size = 8 * 4000;
	store_close(&spool.store);
	spool_open();
	ok(spool_load(), "opened with small segments");
	is_int((int64_t)spool.outbox_len, 0, "what was done is not replayed");
	for (int i = 0; i < 48; i++)
		ids[i] = spool_accept(&a, 1, 4000);
	old = tmpdir_count("spool/seg");
	ok(old >= 5, "several segments (%d)", old);
	for (int i = 0; i < 48; i++)
		if (i % 8 != 3)
			(void)spool_settle_one(ids[i], 0, VERDICT_DELIVERED,
			    "");
	for (int i = 0; i < 4; i++)
		ok(spool_wait('M'), "a message is moved");
	for (size_t i = 0; i < spool.moved_count; i++)
		reads = reads &&
		    is_right(ids, first, spool.moved[i].id,
			&spool.moved[i].loc);
	ok(reads, "and read in its new place, envelope and body");
	is_int(tmpdir_file_size("spool/seg/00000002") > 0, 1,
	    "the old file stays until that is acknowledged");
	for (size_t i = 0; i < spool.moved_count; i++)
		for (uint32_t seg = 1; seg < 6; seg++)
			store_moved_done(spool.store, spool.moved[i].id, seg);
	for (int i = 0; i < 300 && tmpdir_count("spool/seg") > old - 3; i++)
		(void)usleep(10000);
	ok(tmpdir_count("spool/seg") <= old - 3, "then it goes");
	audit = spool_audit();
	ok(spool_balances(&audit), "it balances");
	store_audit_fini(&audit);
	store_close(&spool.store);
	spool_open();
	ok(spool_load() && spool.recovered_count == 6, "all six come again");
	for (size_t i = 0; i < spool.recovered_count; i++) {
		live += segment_size(&spool.recovered[i].loc);
		reads = reads &&
		    is_right(ids, first, spool.recovered[i].id,
			&spool.recovered[i].loc);
	}
	ok(reads, "from where they are now");
	is_int((int64_t)audit.live_bytes, (int64_t)live, "they alone are live");
}

static void
test_space(void)
{
	struct store_accept a = { 0 };

	store_set_min_free(spool.store, UINT64_C(1) << 60);
	ok(spool_wait('S') && spool.space == STORE_SPACE_LOW,
	    "less than the minimum is told");
	ok(spool_accept(&a, 1, 10) == 0 && a.answer == STORE_NO_SPACE,
	    "mail is refused: %s", a.err.text);
	ok(spool_settle_one(spool.recovered[0].id, 0, VERDICT_FAILED, "x"),
	    "outcomes are not");
	store_set_min_free(spool.store, 0);
	ok(spool_wait('S') && spool.space == STORE_SPACE_OK,
	    "room again is told");
	ok(spool_accept(&a, 1, 10) != 0, "mail is taken again");
}

static void
on_state_kept(struct store_state *st)
{
	(void)st;
	spool_wake('K');
}

static bool
put_state(const char *name, const char *value)
{
	struct store_state st = { .done = on_state_kept,
		.name = name,
		.value = value,
		.len = strlen(value) };

	store_put_state(spool.store, &st);
	return spool_wait('K') && st.kept;
}

/* Beside messages: a value by name, the last one that was put. */
static void
test_state(void)
{
	ok(put_state("pauses", "all") && put_state("modes", "b") &&
		put_state("pauses", "none") && put_state("leases", "x"),
	    "values are kept");
	store_close(&spool.store);
	spool_open();
	is_str(spool.states, "", "nothing is said before the load");
	(void)spool_load();
	is_str(spool.states, "leases=x; modes=b; pauses=none; ",
	    "all come back, the last of each");
	ok(put_state("modes", "") && put_state("absent", ""),
	    "names are forgotten");
	store_close(&spool.store);
	spool_open();
	(void)spool_load();
	is_str(spool.states, "leases=x; pauses=none; ", "and stay so");
}

static struct store_arrivals *kept;

static void
keep(void *ctx, struct store_arrivals *a)
{
	(void)ctx;
	kept = a;
	spool_wake('K');
}

static void
on_too_late(void *ctx, size_t doubts)
{
	(void)doubts;
	*(bool *)ctx = true;
}

/* The daemon ends while what was found is on the way; the spool is closed. */
static void
test_load_stop(void)
{
	const struct store_options opt = { .dir = tmpdir_path("spool") };
	const struct store_owner owner = { .recovered = keep,
		.loaded = on_too_late };
	struct store_audit audit;
	bool loaded = false;
	struct err e;

	ok(store_open(&opt, &owner, &loaded, &spool.store, &e) == 0,
	    "opened once more");
	store_load(spool.store);
	ok(spool_wait('K'), "mail is found");
	store_load_stop(spool.store);
	store_arrivals_done(&kept);
	audit = spool_audit(); /* all posts before it have been done */
	ok(spool_balances(&audit), "it balances");
	store_audit_fini(&audit);
	store_close(&spool.store);
	ok(!loaded, "a load that was stopped never ends");
}

/* As version 1 wrote its ledger; the spool is closed. */
static void
test_old_format(void)
{
	const struct store_options opt = { .dir = tmpdir_path("spool") };
	const struct store_owner owner = { 0 };
	unsigned char row[RECORD_LEDGER_LEN];
	struct slice rec;
	struct store *s;
	struct env *v;
	struct err e;

	ok(env_open(opt.dir, &v, &e) == ENV_OK &&
		env_get(v, TABLE_LEDGER, SLICE_LIT("ledger"), &rec, &e) ==
		    ENV_OK &&
		rec.len == sizeof(row),
	    "the ledger is there");
	memcpy(row, rec.p, sizeof(row));
	row[0] = 1;
	env_begin(v);
	ok(env_put(v, TABLE_LEDGER, SLICE_LIT("ledger"),
	       bytes(row, sizeof(row)), &e) == ENV_OK &&
		env_commit(v, &e) == ENV_OK && env_flush(v, &e) == ENV_OK,
	    "now one of format 1");
	env_close(&v);
	ok(store_open(&opt, &owner, NULL, &s, &e) == -1 &&
		strstr(e.text, "format 1") != NULL,
	    "refused: %s", e.text);
}

int
main(void)
{
	(void)tmpdir_make();
	spool_open();
	test_refusals();
	test_ends();
	test_handover();
	test_restart();
	test_receipts();
	test_unrecorded();
	test_state();
	test_doubts();
	test_overtaken();
	test_lost_answer();
	test_slot_sync();
	test_compaction();
	test_counters();
	test_space();
	store_close(&spool.store);
	test_load_stop();
	test_old_format();
	tmpdir_remove();
	return done_testing();
}
