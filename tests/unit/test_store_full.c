/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A full disk: mail is refused whole, outcomes are still written (from the
 * reserve), nothing is lost, and it recovers by itself.  Needs a small file
 * system of its own, in a mount namespace; skipped where that is forbidden.
 */
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

#include "queue/reserve.h"
#include "tests/tap.h"
#include "tests/unit/spool.h"

enum { BODY = 1 << 20, DEFERRED = 20, ROUNDS = 100000 };

static bool
write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool good = fd != -1 && write(fd, text, strlen(text)) > 0;

	(void)close(fd);
	return good;
}

/* Who is not root becomes root of a namespace: files need a known owner. */
static bool
become_root(void)
{
	char uid[40], gid[40];

	(void)snprintf(uid, sizeof(uid), "0 %u 1", (unsigned)getuid());
	(void)snprintf(gid, sizeof(gid), "0 %u 1", (unsigned)getgid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	    write_text("/proc/self/setgroups", "deny") &&
	    write_text("/proc/self/uid_map", uid) &&
	    write_text("/proc/self/gid_map", gid);
}

static bool
make_small_disk(void)
{
	if (unshare(CLONE_NEWNS) == -1 && !become_root())
		return false;
	(void)mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
	return mount("none", tmpdir, "tmpfs", 0, "size=100m") == 0;
}

static const struct store_receipts receipts = { "r:12345678",
	(const uint32_t[]){ 10 }, 2 };

/* In all of the outbox; outcomes have records of one byte. */
static size_t
count_receipts(void)
{
	size_t n = 0;

	for (size_t i = 0; i < spool.outbox_len;
	     i += spool.outbox[i] == 'r' ? 10 : 1)
		n += spool.outbox[i] == 'r';
	return n;
}

/* Fills what is left of the disk, but for the reserve. */
static void
fill_disk(void)
{
	static char block[4096];
	int fd = open(tmpdir_path("filler"), O_WRONLY | O_CREAT | O_APPEND,
	    0600);

	while (write(fd, block, sizeof(block)) > 0)
		;
	ok(errno == ENOSPC, "somebody fills the disk");
	(void)close(fd);
}

static void
test_way_back(void)
{
	ok(!reserve_is_short(100, 100, false), "as much as there should be");
	ok(reserve_is_short(99, 100, false), "less");
	ok(reserve_is_short(104, 100, true), "a little more, after less");
	ok(!reserve_is_short(105, 100, true), "enough more");
	ok(!reserve_is_short(0, 0, true), "no minimum");
}

int
main(void)
{
	struct store_accept a = { .receipts = &receipts };
	struct store_audit audit;
	uint64_t ids[200];
	size_t count = 0;
	bool written = true;

	(void)tmpdir_make();
	if (!make_small_disk()) {
		(void)rmdir(tmpdir);
		(void)printf("1..0 # SKIP no mount namespace\n");
		return 0;
	}
	test_way_back();
	spool_open();
	ok(spool_load(), "a spool on a small disk");
	while (count < 200 && (ids[count] = spool_accept(&a, 1, BODY)) != 0)
		count++;
	ok(count > DEFERRED && a.answer == STORE_NO_SPACE,
	    "after %zu messages: %s", count, a.err.text);
	audit = spool_audit();
	is_int((int64_t)audit.queued, (int64_t)count, "nothing half done");
	is_int((int64_t)audit.segment_bytes, (int64_t)spool.taken_bytes,
	    "no piece of the refused one is left");
	store_audit_fini(&audit);

	fill_disk();
	for (int i = 0;
	     written && i < ROUNDS && spool.space != STORE_SPACE_FULL; i++)
		written = spool_settle_one(ids[i % DEFERRED], 0, VERDICT_RETRY,
		    "t");
	ok(written, "outcomes are written");
	ok(spool_wait('S') && spool.space == STORE_SPACE_FULL,
	    "from the reserve, and that is told");
	is_int(tmpdir_file_size("spool/reserve"), 0, "it was given up");
	ok(spool_accept(&a, 1, 10) == 0 && a.answer == STORE_NO_SPACE,
	    "mail is refused: %s", a.err.text);
	ids[count - 1] = spool_settle_mail(ids[count - 1], 0, VERDICT_FAILED);
	ok(ids[count - 1] != 0, "an outcome may still cause a message");
	store_close(&spool.store);

	spool_open();
	ok(spool_load(), "the spool opens on a full disk");
	is_int((int64_t)spool.recovered_count, (int64_t)count,
	    "with all its messages");
	for (size_t i = 0; i < count; i++)
		written = written &&
		    spool_settle_one(ids[i], 0, VERDICT_DELIVERED, "d");
	ok(written, "they end");
	(void)unlink(tmpdir_path("filler"));
	while (spool.space != STORE_SPACE_OK && spool_wait('S'))
		;
	ok(tmpdir_file_size("spool/reserve") > 0, "the reserve comes back");
	ok(spool_accept(&a, 1, 1000) != 0, "mail is taken again");
	audit = spool_audit();
	ok(spool_balances(&audit), "the ledger balances");
	is_int((int64_t)audit.ledger.accepted, (int64_t)count + 2,
	    "with all that was answered, and what an outcome caused");
	is_int((int64_t)count_receipts(), (int64_t)audit.ledger.accepted - 1,
	    "each that was answered has a receipt, the caused one has none");
	store_audit_fini(&audit);
	store_close(&spool.store);
	(void)umount2(tmpdir, MNT_DETACH);
	(void)rmdir(tmpdir);
	return done_testing();
}
