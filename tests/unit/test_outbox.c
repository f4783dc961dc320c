/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's row and the outbox survive a reopening: numbers go on, blobs
 * that were not done come again in order, before new ones, and no others.
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
on_blob(void *ctx, uint64_t seq, const void *p, size_t len)
{
	size_t at = strlen(seen);

	(void)ctx;
	(void)snprintf(seen + at, sizeof(seen) - at, "%d=%.*s ", (int)seq,
	    (int)len, (const char *)p);
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
put(const char *text)
{
	uint64_t seq = ledger.row.outbox_next++;

	outbox_begin(&box);
	outbox_add(&box, text, strlen(text));
	env_begin(env);
	if (outbox_put(&box, seq, &e) != ENV_OK ||
	    ledger_save(env, &ledger, &e) != ENV_OK ||
	    env_commit(env, &e) != ENV_OK || env_flush(env, &e) != ENV_OK)
		return false;
	outbox_send(&box, seq);
	return true;
}

static void
trim(uint64_t seq)
{
	uint64_t upto;

	outbox_done(&box, seq);
	env_begin(env);
	if (outbox_trim(&box, &upto, &e) != ENV_OK ||
	    env_commit(env, &e) != ENV_OK || env_flush(env, &e) != ENV_OK)
		exit(99);
	outbox_trimmed(&box, upto);
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
	ok(put("a") && put("b") && put("c"), "three blobs are put");
	is_str(seen, "0=a 1=b 2=c ", "and sent as they come");
	trim(0);
	ok(!outbox_wants_trim(&box), "the first one is done");
	close_all();

	open_all();
	second = ledger_take_id(&ledger);
	ok(second >= first + LEDGER_ID_LEASE, "ids go on behind the lease");
	is_int(ledger.row.generation, 2, "the second start");
	ok(put("d"), "a new blob before the replay");
	is_str(seen, "", "waits");
	while (outbox_replay(&box, ledger.row.outbox_next))
		;
	is_str(seen, "1=b 2=c 3=d ", "the replay brings all, in order, once");
	ok(put("e"), "then new ones");
	is_str(seen, "1=b 2=c 3=d 4=e ", "are sent at once");
	trim(4);
	close_all();

	open_all();
	ok(!outbox_replay(&box, ledger.row.outbox_next), "all were done");
	is_str(seen, "", "so nothing comes again");
	ok(put("f"), "one more");
	is_str(seen, "5=f ", "its number was never used before");
	close_all();
	tmpdir_remove();
	return done_testing();
}
