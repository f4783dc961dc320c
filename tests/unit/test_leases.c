/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases come back as they were last answered: after a good end, after a kill,
 * and out of a dump.  What is damaged is named, and never taken for empty.
 */
#include "queue/leases.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "lib/boot.h"
#include "queue/bytes.h"
#include "queue/dump.h"
#include "queue/verify.h"
#include "tests/tap.h"
#include "tests/unit/spool.h"

static const struct lease_record example = {
	.stamp = { 1760000000 * US_PER_S, 77 * US_PER_S, "0123456789abcde" },
	.max = 500,
	.period_us = 86400 * US_PER_S,
	.pending = 3,
	.lease = 15,
	.count = 2,
	.entries = { { 3600 * US_PER_S, 100 }, { 0, 20 } },
};

/* ---- bytes --------------------------------------------------------------- */

static void
test_bytes(void)
{
	struct slice key = SLICE_LIT("queue a.example/v msg");
	struct buf out = { 0 };
	struct lease_record got;
	struct err e = { .text = "" };

	leases_pack(&out, key, &example);
	is_int((int64_t)out.len, 8 + 68 + 2 * 16, "its length");
	ok(leases_unpack(key, bytes(out.p, out.len), &got, &e) == 0 &&
		memcmp(&got, &example, sizeof(got)) == 0,
	    "the same comes back: %s", e.text);
	ok(leases_unpack(SLICE_LIT("queue b.example/v msg"),
	       bytes(out.p, out.len), &got, &e) == -1,
	    "not under another name: %s", e.text);
	for (size_t i = 0; i < out.len; i++) {
		out.p[i] ^= 1;
		if (leases_unpack(key, bytes(out.p, out.len), &got, &e) == 0)
			break;
		out.p[i] ^= 1;
		if (i + 1 == out.len)
			ok(1, "each byte is looked at");
	}
	buf_fini(&out);
}

static void
test_impossible(void)
{
	static const struct {
		const char *label;
		size_t at; /* behind the head */
		uint64_t value;
	} wrongs[] = {
		{ "a time before 1970", 0, UINT64_MAX },
		{ "a boot time below 0", 8, UINT64_MAX },
		{ "a limit of nothing", 32, 0 },
		{ "a limit beyond all", 32, UINT64_MAX },
		{ "a period of nothing", 40, 0 },
		{ "more pending than there is", 48, UINT64_MAX },
		{ "a lease beyond all", 56, UINT64_MAX },
		{ "an event that is to come", 68, UINT64_MAX },
		{ "an entry of nothing", 76, 0 },
		{ "an older one behind it", 84, 7200 * UINT64_C(1000000) },
	};
	struct slice key = SLICE_LIT("x");
	struct lease_record got;
	struct buf out = { 0 };

	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		struct err e = { .text = "taken" };

		leases_pack(&out, key, &example);
		put_be64(out.p + RECORD_HEAD + wrongs[i].at, wrongs[i].value);
		record_seal(RECORD_LEASE, key, out.p, out.len);
		ok(leases_unpack(key, bytes(out.p, out.len), &got, &e) == -1,
		    "%s: %s", wrongs[i].label, e.text);
	}
	leases_pack(&out, key, &example);
	put_be32(out.p + RECORD_HEAD + 64, LEASE_ENTRIES + 1);
	record_seal(RECORD_LEASE, key, out.p, out.len);
	ok(leases_unpack(key, bytes(out.p, out.len), &got,
	       &(struct err){ 0 }) == -1,
	    "more entries than there are");
	buf_fini(&out);
}

static void
test_boot(void)
{
	static const char *const wrongs[] = { "",
		"5ab1c3f0-0000-4000-8000-00000000000",
		"5ab1c3f0-0000-4000-8000-0000000000001",
		"5ab1c3f0-0000-4000-8000-00000000000x" };
	unsigned char id[BOOT_ID], again[BOOT_ID], none[BOOT_ID] = { 0 };
	int64_t then = clock_boot_us();

	ok(boot_id(id) && boot_id(again) && memcmp(id, again, BOOT_ID) == 0 &&
		memcmp(id, none, BOOT_ID) != 0,
	    "this boot has a number");
	ok(boot_id_parse("01020304-0506-0708-090a-0b0c0d0e0fff\n", id) &&
		id[0] == 1 && id[9] == 10 && id[15] == 255,
	    "its text is read");
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++)
		ok(!boot_id_parse(wrongs[i], id) &&
			memcmp(id, none, BOOT_ID) == 0,
		    "\"%s\" is none", wrongs[i]);
	ok(then > 0 && clock_boot_us() >= then, "its clock runs");
}

/* ---- the table ----------------------------------------------------------- */

static void
on_kept(struct store_leases *l)
{
	(void)l;
	spool_wake('K');
}

/* lease -1: forgets it. */
static bool
put(const char *name, int lease)
{
	struct lease_record rec = example;
	struct store_lease item = { slice_of(name), lease == -1 ? NULL : &rec };
	struct store_leases l = { .done = on_kept, .count = 1, .items = &item };

	rec.lease = (uint64_t)lease;
	store_put_leases(spool.store, &l);
	return spool_wait('K') && l.kept;
}

static void
reopen(void)
{
	store_close(&spool.store);
	spool_open();
	is_str(spool.leases, "", "nothing is said before the load");
	(void)spool_load();
}

static void
test_table(void)
{
	struct lease_record recs[2] = { example, example };
	struct store_lease items[3] = { { SLICE_LIT("vmta v"), &recs[0] },
		{ SLICE_LIT("pool p"), &recs[1] },
		{ SLICE_LIT("absent"), NULL } };
	struct store_leases l = { .done = on_kept, .count = 3, .items = items };
	char longest[LEASE_KEY_MAX + 1];

	is_str(spool.leases, "", "a new spool has none");
	ok(!spool.leases_loaded.used_before, "and has had no mail");
	store_put_leases(spool.store, &l);
	ok(spool_wait('K') && l.kept, "two at once, and one that is not there");
	ok(put("vmta v", 7) && put("vmta v", 8), "written again");
	reopen();
	is_str(spool.leases, "pool p=15+3; vmta v=8+3; ", "the last of each");
	ok(put("vmta v", -1), "one is forgotten");
	memset(longest, 'n', LEASE_KEY_MAX);
	longest[LEASE_KEY_MAX] = '\0';
	ok(put(longest, 1) && put("queue", 2), "the longest name");
	reopen();
	ok(strncmp(spool.leases, "nnn", 3) == 0 &&
		strcmp(spool.leases + LEASE_KEY_MAX,
		    "=1+3; pool p=15+3; queue=2+3; ") == 0,
	    "comes back among the others");
	ok(put(longest, -1) && put("queue", -1), "both are forgotten");
	ok(spool.leases_loaded.damaged == 0, "none was damaged");
}

static void
test_used_before(void)
{
	struct store_accept a = { 0 };

	reopen();
	ok(!spool.leases_loaded.used_before, "opened again, but without mail");
	ok(spool_accept(&a, 1, 100) != 0, "mail");
	reopen();
	ok(spool.leases_loaded.used_before, "and it has been used");
}

/* ---- kills --------------------------------------------------------------- */

enum { KILLS = 6 };

/* One limit, written again and again; told what is durable. */
static void
child(volatile unsigned *told)
{
	spool.pipe[1] = 0; /* one of its own: the parent's stays empty */
	spool_open();
	(void)spool_load();
	for (unsigned n = *told + 1;; n++) {
		if (!put("busy", (int)n))
			_exit(3);
		*told = n;
	}
}

static void
kill_soon(volatile unsigned *told, unsigned more)
{
	unsigned then = *told;
	int64_t end = clock_us() + 20 * US_PER_S;
	pid_t pid = fork();
	int status;

	if (pid == 0)
		child(told);
	while (*told < then + more && clock_us() < end)
		(void)usleep(100);
	(void)kill(pid, SIGKILL);
	ok(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
		*told >= then + more,
	    "killed behind answer %u", *told);
}

static void
test_kills(void)
{
	volatile unsigned *told = mmap(NULL, sizeof(*told),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	store_close(&spool.store);
	for (unsigned i = 0; i < KILLS; i++) {
		const char *at;
		unsigned kept = 0;

		kill_soon(told, 1 + 13 * i);
		spool_open();
		(void)spool_load();
		at = strstr(spool.leases, "busy=");
		if (at != NULL)
			kept = (unsigned)atoi(at + 5);
		ok(kept == *told || kept == *told + 1,
		    "%u was answered, %u is kept", *told, kept);
		*told = kept;
		store_close(&spool.store);
	}
	spool_open();
	(void)spool_load();
	ok(put("busy", -1), "it is forgotten");
}

/* ---- damage and dumps ---------------------------------------------------- */

/* As a fault of ours or of memory would leave it; the spool is closed. */
static void
damage(const char *name)
{
	struct slice rec;
	struct buf copy = { 0 };
	struct env *v;
	struct err e;
	bool done = env_open(tmpdir_path("spool"), &v, &e) == ENV_OK &&
	    env_get(v, TABLE_LEASE, slice_of(name), &rec, &e) == ENV_OK;

	if (done) {
		buf_add(&copy, rec.p, rec.len);
		copy.p[20] ^= 4;
		env_begin(v);
		done = env_put(v, TABLE_LEASE, slice_of(name),
			   bytes(copy.p, copy.len), &e) == ENV_OK &&
		    env_commit(v, &e) == ENV_OK && env_flush(v, &e) == ENV_OK;
	}
	env_close(&v);
	buf_fini(&copy);
	ok(done, "a bit of \"%s\" is turned over", name);
}

static char told[400];

static void
on_damage(void *ctx, const struct verify_damage *d)
{
	(void)ctx;
	(void)snprintf(told, sizeof(told), "%s; %s", d->what, d->after);
}

static void
nothing(void *ctx, uint64_t messages)
{
	(void)ctx;
	(void)messages;
}

/* What `mailrace queue verify' says, and into a dump. */
static int
look(struct verify_sums *sums_r, const char *file)
{
	static const struct verify_owner owner = { on_damage, nothing };
	char *dir = mem_strdup(tmpdir_path("spool"));
	struct dump_sums sums;
	struct offline sp;
	struct err e = { .text = "" };
	int rc;

	told[0] = '\0';
	rc = offline_open(dir, false, &sp, &e);
	if (rc == 0) {
		FILE *f = fopen(tmpdir_path(file), "w");

		verify(&sp, &owner, NULL, sums_r);
		rc = dump(&sp, f, nothing, NULL, &sums, &e);
		(void)fclose(f);
	}
	offline_close(&sp);
	free(dir);
	(void)printf("# %s; %s\n", told, e.text);
	return rc;
}

static void
test_dump(void)
{
	struct verify_sums sums;
	struct dump_sums loaded;
	struct err e = { .text = "" };
	char *dir = mem_strdup(tmpdir_path("spool"));
	FILE *f;

	ok(put("queue q", 5), "another");
	store_close(&spool.store);
	ok(look(&sums, "dump") == 0 && sums.damages == 0 && sums.rows >= 3,
	    "a good spool is dumped");
	ok(rename(dir, tmpdir_path("before")) == 0, "it is put aside");
	f = fopen(tmpdir_path("dump"), "r");
	ok(dump_load(dir, f, nothing, NULL, &loaded, &e) == 0, "and loaded: %s",
	    e.text);
	(void)fclose(f);
	free(dir);
	spool_open();
	(void)spool_load();
	is_str(spool.leases, "pool p=15+3; queue q=5+3; ",
	    "its limits know what they know");
	ok(spool.leases_loaded.used_before, "and that it has had mail");
}

static void
test_damage(void)
{
	struct verify_sums sums;

	store_close(&spool.store);
	damage("pool p");
	ok(look(&sums, "part") == -1, "no dump of it");
	is_int((int64_t)sums.damages, 1, "one damage");
	is_str(told,
	    "table lease: limit pool p: record R is damaged; its limit counts "
	    "as used up",
	    "it is named, and what comes of it");
	spool_open();
	(void)spool_load();
	is_str(spool.leases, "pool p=?; queue q=5+3; ",
	    "the limit is told, and not as empty");
	is_int((int64_t)spool.leases_loaded.damaged, 1, "and counted");
	ok(put("pool p", 0), "it is written anew");
	reopen();
	is_str(spool.leases, "pool p=0+3; queue q=5+3; ", "and all is well");
	is_int((int64_t)spool.leases_loaded.damaged, 0, "no more damages");
}

/* Records of names that nothing can be kept under; the spool is closed. */
static void
put_keys(void)
{
	static const size_t lens[] = { 0, LEASE_KEY_MAX + 1,
		LEASE_KEY_MAX + 7 };
	char name[LEASE_KEY_MAX + 7];
	struct buf rec = { 0 };
	struct env *v;
	struct err e;
	bool done = env_open(tmpdir_path("spool"), &v, &e) == ENV_OK;

	memset(name, 'n', sizeof(name));
	env_begin(v);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct slice key = { name, lens[i] };

		leases_pack(&rec, key, &example);
		done = done &&
		    env_put(v, TABLE_LEASE, key, bytes(rec.p, rec.len), &e) ==
			ENV_OK;
	}
	done = done && env_commit(v, &e) == ENV_OK &&
	    env_flush(v, &e) == ENV_OK;
	env_close(&v);
	buf_fini(&rec);
	ok(done, "names that are empty or too long");
}

static void
test_keys(void)
{
	store_close(&spool.store);
	put_keys();
	spool_open();
	(void)spool_load();
	is_str(spool.leases, "pool p=0+3; queue q=5+3; ", "they are no limits");
	is_int((int64_t)spool.leases_loaded.damaged, 3, "but damages");
}

int
main(void)
{
	(void)tmpdir_make();
	test_bytes();
	test_impossible();
	test_boot();
	spool_open();
	(void)spool_load();
	test_table();
	test_used_before();
	test_kills();
	test_dump();
	test_damage();
	test_keys();
	store_close(&spool.store);
	tmpdir_remove();
	return done_testing();
}
