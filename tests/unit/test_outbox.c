/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's row and the outbox survive a reopening: numbers go on, blobs
 * that were not done come again in order, before new ones, and no others; each
 * with the ledger as it was committed with it.  No more than the window is
 * handed out before some of it was taken; a sink may go back, and forward.
 */
#include "lib/mem.h"
#include "queue/ledger.h"
#include "queue/outbox.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"

static struct env *env;
static struct outbox box;
static struct ledger ledger;
static struct err e;
static char seen[200];

static void
on_blob(void *ctx, uint64_t seq, const struct store_ledger *after,
    const void *p, size_t len)
{
	size_t at = strlen(seen);

	(void)ctx;
	at += (size_t)snprintf(seen + at, sizeof(seen) - at, "%d=%.*s",
	    (int)seq, (int)len, (const char *)p);
	if (after == NULL)
		(void)snprintf(seen + at, sizeof(seen) - at, "/- ");
	else
		(void)snprintf(seen + at, sizeof(seen) - at, "/%d/%d ",
		    (int)after->delivered, (int)after->unrecorded_b);
}

static void
open_all(void)
{
	if (env_open(tmpdir, &env, &e) != ENV_OK ||
	    ledger_load(env, 1000, &ledger, &e) != ENV_OK ||
	    outbox_init(&box, env, ledger.row.outbox_next, &e) == -1) {
		(void)printf("Bail out! %s\n", e.text);
		exit(99);
	}
	box.fn = on_blob;
	seen[0] = '\0';
}

static void
close_all(void)
{
	outbox_fini(&box);
	(void)env_close(&env);
}

static bool
put_row(const char *text, bool flush)
{
	uint64_t seq = ledger.row.outbox_next++;

	ledger.row.sums.delivered++;
	ledger.row.sums.unrecorded_b += 10;
	outbox_begin(&box);
	outbox_add(&box, text, strlen(text));
	env_begin(env);
	if (outbox_put(&box, seq, &ledger.row.sums, &e) != ENV_OK ||
	    ledger_save(env, &ledger, &e) != ENV_OK ||
	    env_commit(env, &e) != ENV_OK ||
	    (flush && env_flush(env, &e) != ENV_OK))
		return false;
	outbox_committed(&box, seq, &ledger.row.sums);
	return true;
}

static bool
put(const char *text)
{
	return put_row(text, true);
}

static bool
put_and_send(const char *text)
{
	bool good = put(text);

	outbox_send(&box);
	return good;
}

/* A row as version 0.1 wrote it. */
static bool
put_old(const char *text)
{
	unsigned char key[KEY_ID], rec[RECORD_HEAD + 20];
	size_t len = RECORD_HEAD + strlen(text);

	key_id(key, ledger.row.outbox_next++);
	memcpy(rec + RECORD_HEAD, text, strlen(text));
	record_seal(RECORD_OUTBOX, bytes(key, sizeof(key)), rec, len);
	env_begin(env);
	return env_put(env, TABLE_OUTBOX, bytes(key, sizeof(key)),
		   bytes(rec, len), &e) == ENV_OK &&
	    ledger_save(env, &ledger, &e) == ENV_OK &&
	    env_commit(env, &e) == ENV_OK && env_flush(env, &e) == ENV_OK;
}

/* One transaction; returns how many went. */
static uint64_t
trim_some(void)
{
	uint64_t upto, before = box.trimmed;

	env_begin(env);
	if (outbox_trim(&box, &upto, &e) != ENV_OK ||
	    env_commit(env, &e) != ENV_OK || env_flush(env, &e) != ENV_OK)
		exit(99);
	outbox_trimmed(&box, upto);
	return box.trimmed - before;
}

static void
trim(uint64_t seq)
{
	outbox_done(&box, seq);
	while (outbox_wants_trim(&box))
		if (trim_some() == 0)
			exit(99);
}

/* ---- many of them -------------------------------------------------------- */

enum { MANY = 10000, BLOB = 3000 };

static uint64_t expected; /* the next sequence */
static size_t came;       /* bytes, not yet taken */
static bool in_order;

static void
on_many(void *ctx, uint64_t seq, const struct store_ledger *after,
    const void *p, size_t len)
{
	(void)ctx;
	(void)p;
	in_order = in_order && seq == expected && after != NULL;
	expected = seq + 1;
	came += len;
}

static void
expect_from(uint64_t seq)
{
	expected = seq;
	came = 0;
	in_order = true;
}

static void
replay_all(void)
{
	while (outbox_replay(&box, ledger.row.outbox_next))
		;
}

static void
take_all(void)
{
	size_t bytes = came;

	came = 0;
	(void)outbox_taken(&box, bytes);
}

/* The disk is waited for now and then: how often is no matter here. */
static uint64_t
put_many(void)
{
	static char text[BLOB + 1];
	uint64_t first = ledger.row.outbox_next;

	memset(text, 'x', BLOB);
	for (int i = 0; i < MANY; i++) {
		if (!put_row(text, i % 100 == 0))
			exit(99);
		outbox_send(&box);
	}
	return first;
}

/* A writer that sleeps, while new ones come and after a start. */
static void
test_window(void)
{
	uint64_t first;

	open_all();
	replay_all();
	trim(ledger.row.outbox_next - 1);
	box.away = 0; /* of what other tests have got */
	box.fn = on_many;
	expect_from(ledger.row.outbox_next);
	first = put_many();
	ok(came >= OUTBOX_WINDOW && came < OUTBOX_WINDOW + BLOB,
	    "%zu bytes are handed out, and no more", came);
	ok(!outbox_replay(&box, ledger.row.outbox_next), "nor by the replay");
	ok(!outbox_taken(&box, 0), "nothing was taken");
	came -= BLOB;
	ok(outbox_taken(&box, BLOB), "one is taken");
	replay_all();
	ok(came >= OUTBOX_WINDOW, "then one more comes");
	while (expected < first + MANY) {
		take_all();
		replay_all();
	}
	ok(in_order, "in the end all, in order, once");
	take_all();
	ok(put_and_send("z") && came == 1, "new ones are sent at once again");
	close_all();

	open_all();
	box.fn = on_many;
	expect_from(box.trimmed);
	replay_all();
	ok(came < OUTBOX_WINDOW + BLOB && put_and_send("y"), "after a start");
	while (expected < ledger.row.outbox_next) {
		take_all();
		replay_all();
	}
	ok(in_order, "likewise");
	take_all();

	outbox_rewind(&box, first + 5);
	expect_from(first + 5);
	replay_all();
	ok(in_order && expected > first + 5, "back to an earlier one");
	outbox_rewind(&box, first + MANY - 2);
	take_all();
	expect_from(first + MANY - 2);
	replay_all();
	ok(in_order && expected == ledger.row.outbox_next,
	    "and forward: those between are left out");
	take_all();
	expect_from(ledger.row.outbox_next);
	ok(put_and_send("x") && in_order && came == 1, "and it is live");
	trim(first + 9);
	outbox_rewind(&box, first);
	expect_from(first + 10);
	replay_all();
	ok(in_order && expected > first + 10, "what is trimmed is gone");
	outbox_done(&box, first + MANY - 1);
	is_int((int64_t)trim_some(), OUTBOX_TRIM,
	    "of many that are done at once a transaction takes some");
	ok(outbox_wants_trim(&box), "and more are left");
	trim(first + MANY - 1);
	is_int((int64_t)box.trimmed, (int64_t)(first + MANY),
	    "in the end all are gone");
	close_all();
}

int
main(void)
{
	uint64_t first, second;

	(void)tmpdir_make();
	open_all();
	first = ledger_take_id(&ledger);
	ok(first >= 1000, "ids begin at the clock");
	ok(!outbox_replay(&box, 0), "nothing to replay in a new spool");
	ok(put_and_send("a"), "a blob is put");
	is_str(seen, "0=a/1/10 ", "and sent with its ledger");
	ok(put("b") && put("c"), "two in a batch");
	outbox_send(&box);
	is_str(seen, "0=a/1/10 1=b/2/20 2=c/3/30 ", "are sent in order");
	outbox_send(&box);
	is_str(seen, "0=a/1/10 1=b/2/20 2=c/3/30 ", "and once");
	trim(0);
	ok(!outbox_wants_trim(&box), "the first one is done");
	close_all();

	open_all();
	second = ledger_take_id(&ledger);
	ok(second >= first + LEDGER_ID_LEASE, "ids go on behind the lease");
	is_int(ledger.row.generation, 2, "the second start");
	ok(put_and_send("d"), "a new blob before the replay");
	is_str(seen, "", "waits");
	while (outbox_replay(&box, ledger.row.outbox_next))
		;
	is_str(seen, "1=b/2/20 2=c/3/30 3=d/4/40 ",
	    "the replay brings all, in order, once, with the ledger of then");
	ok(put_and_send("e"), "then new ones");
	is_str(seen, "1=b/2/20 2=c/3/30 3=d/4/40 4=e/5/50 ",
	    "are sent at once");
	trim(4);
	close_all();

	open_all();
	ok(!outbox_replay(&box, ledger.row.outbox_next), "all were done");
	is_str(seen, "", "so nothing comes again");
	ok(put_and_send("f"), "one more");
	is_str(seen, "5=f/6/60 ", "its number was never used before");
	trim(5);
	ok(put_old("g") && put("h"), "one of version 0.1, and one of today");
	close_all();

	open_all();
	while (outbox_replay(&box, ledger.row.outbox_next))
		;
	is_str(seen, "6=g/- 7=h/7/70 ", "the old one comes without a ledger");
	close_all();
	test_window();
	tmpdir_remove();
	return done_testing();
}
