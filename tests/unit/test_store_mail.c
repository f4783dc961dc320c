/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message that an outcome causes is accepted with that outcome or not at
 * all: counted, readable, found after a restart; and however often a process
 * that ends messages is killed, each of them is still queued or has left
 * exactly one message behind.
 */
#include <signal.h>
#include <sys/wait.h>

#include "tests/tap.h"
#include "tests/unit/spool.h"

enum { ORIGINALS = 300, KILLS = 6 };

static struct {
	int pipe[2]; /* the child tells that it has begun */
} began;

/* The cause of the message whose body stands at loc; 0: an original. */
static uint64_t
cause_of(struct segment_reader *r, const struct spool_rcpt *got)
{
	unsigned long long cause = 0;
	struct region *rg = region_new();
	struct segment_got g;
	char text[64] = "";
	struct err e;

	if (segment_read(r, got->id, &got->loc, rg, &g, &e) == -1 ||
	    g.body == NULL) {
		ok(false, "body of %llx: %s", (unsigned long long)got->id,
		    e.text);
		region_free(&rg);
		return 0;
	}
	memcpy(text, g.body->bytes, g.body->len < 63 ? g.body->len : 63);
	body_unref(&g.body);
	region_free(&rg);
	if (sscanf(text, "caused by %llu", &cause) != 1)
		cause = 0;
	return cause;
}

static void
test_together(void)
{
	struct store_accept a = { 0 };
	struct store_audit audit;
	struct segment_reader *r = segment_reader_new(tmpdir_path("spool"));
	uint64_t id, mail;

	spool_open();
	ok(spool_load(), "a new spool");
	id = spool_accept(&a, 2, 1000);
	ok(spool_settle_one(id, 0, VERDICT_DELIVERED, "d"), "one is delivered");
	mail = spool_settle_mail(id, 1, VERDICT_FAILED);
	ok(mail > id, "the other fails, which causes a message");
	audit = spool_audit();
	is_int((int64_t)audit.ledger.accepted, 3, "it counts as accepted");
	is_int((int64_t)audit.ledger.failed, 1, "the cause as failed");
	is_int((int64_t)audit.queued, 1, "it is queued");
	store_audit_fini(&audit);
	store_close(&spool.store);

	spool_open();
	ok(spool_load(), "again");
	is_int((int64_t)spool.recovered_count, 1, "it is there");
	ok(spool.recovered[0].id == mail, "under its id");
	ok(cause_of(r, &spool.recovered[0]) == id, "with its body");
	ok(spool_settle_one(mail, 0, VERDICT_DELIVERED, "d"), "it ends");
	audit = spool_audit();
	ok(spool_balances(&audit) && audit.queued == 0, "nothing is left");
	store_audit_fini(&audit);
	segment_reader_free(&r);
	store_close(&spool.store);
}

/* ---- kills --------------------------------------------------------------- */

/* Ends every original that is left, one after the other, until it is killed. */
static void
child(void)
{
	struct segment_reader *r = segment_reader_new(tmpdir_path("spool"));

	spool.pipe[0] = spool.pipe[1] = 0; /* not the parent's */
	spool_open();
	if (!spool_load() || write(began.pipe[1], "x", 1) != 1)
		_exit(2);
	for (size_t i = 0; i < spool.recovered_count; i++) {
		const struct spool_rcpt *got = &spool.recovered[i];

		if (cause_of(r, got) == 0 &&
		    spool_settle_mail(got->id, 0, VERDICT_FAILED) == 0)
			_exit(3);
	}
	(void)pause();
	_exit(4);
}

static void
run_child(unsigned round)
{
	int status;
	pid_t pid;
	char c;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0)
		child();
	if (read(began.pipe[0], &c, 1) != 1)
		_exit(99);
	(void)usleep(20000 + round * 17777 % 60000);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "kill %u",
	    round);
}

/* Every original is queued, or the cause of one message that is. */
static void
check_spool(unsigned round)
{
	struct segment_reader *r = segment_reader_new(tmpdir_path("spool"));
	static uint64_t seen[2 * ORIGINALS];
	struct store_audit audit;
	size_t caused = 0, count = 0;
	unsigned twice = 0;

	spool_open();
	ok(spool_load(), "it is read");
	for (size_t i = 0; i < spool.recovered_count; i++) {
		uint64_t cause = cause_of(r, &spool.recovered[i]);
		uint64_t id = cause == 0 ? spool.recovered[i].id : cause;

		caused += cause != 0;
		for (size_t k = 0; k < count; k++)
			twice += seen[k] == id;
		if (count < 2 * ORIGINALS)
			seen[count++] = id;
	}
	ok(spool.recovered_count == ORIGINALS,
	    "round %u: each is queued or has caused one (%zu have)", round,
	    caused);
	is_int(twice, 0, "none has both, or two");
	audit = spool_audit();
	ok(spool_balances(&audit), "the ledger balances");
	is_int((int64_t)audit.ledger.failed, (int64_t)caused,
	    "and counts the same");
	store_audit_fini(&audit);
	segment_reader_free(&r);
	store_close(&spool.store);
}

static void
test_kills(void)
{
	struct store_accept a = { 0 };

	spool_open();
	ok(spool_load(), "a spool to be killed with");
	for (int i = 0; i < ORIGINALS; i++)
		if (spool_accept(&a, 1, 400) == 0)
			ok(false, "original %d is taken", i);
	store_close(&spool.store);
	for (unsigned round = 0; round < KILLS; round++) {
		run_child(round);
		check_spool(round);
	}
}

int
main(void)
{
	(void)tmpdir_make();
	if (pipe(began.pipe) == -1)
		return 99;
	test_together();
	tmpdir_remove();
	(void)tmpdir_make();
	test_kills();
	tmpdir_remove();
	return done_testing();
}
