/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of two states the newer whole one counts, wherever the power went off; that
 * of version 0.1 is taken over.
 */
#include "lib/mem.h"
#include "lib/str.h"
#include "queue/crc32c.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"
#include "transport/acct_state.h"

#define TAG "/var/log/\xff.csv"

static struct err e;

static struct acct_state *
open_state(void)
{
	struct acct_state *s;

	if (acct_state_open(tmpdir, &s, &e) == -1) {
		(void)printf("Bail out! %s\n", e.text);
		exit(99);
	}
	return s;
}

static struct acct_state_entry
entry(const char *tag, uint64_t length, const char *name)
{
	struct acct_state_entry en = { .length = length,
		.inode = length + 1,
		.tag = tag,
		.tag_len = strlen(tag),
		.name = name,
		.name_len = strlen(name) };

	return en;
}

static void
keep(uint64_t next, uint64_t length)
{
	const struct store_ledger ledger = { .accepted = next + 9,
		.deleted = 3,
		.unrecorded_b = 2 };
	struct acct_state *s = open_state();
	struct acct_state_entry en = entry("/var/log/other.csv", 17, "");

	acct_state_begin(s, next, &ledger);
	acct_state_add(s, &en);
	en = entry(TAG, length, "x-2026-01-01-0000.csv");
	en.dropped = 5;
	en.rows[ACCT_F] = 6;
	acct_state_add(s, &en);
	ok(acct_state_write(s, &e) == 0, "state %d is kept", (int)next);
	acct_state_free(&s);
}

static void
is_state(uint64_t next, uint64_t length, const char *label)
{
	struct acct_state *s = open_state();
	struct acct_state_entry got = { .length = 0 };
	struct store_ledger ledger;
	size_t at = 0;
	int count = 0;

	is_int((int64_t)acct_state_next(s), (int64_t)next, label);
	ok(acct_state_find(s, TAG, &got) == (length > 0) &&
		got.length == length &&
		(length == 0 || got.inode == length + 1),
	    "%s: the length", label);
	ok(!acct_state_find(s, "/var/log", &got), "no other file");
	acct_state_ledger(s, &ledger);
	ok(length == 0 ||
		(ledger.accepted == next + 9 && ledger.deleted == 3 &&
		    ledger.unrecorded_b == 2),
	    "%s: the ledger", label);
	while (acct_state_each(s, &at, &got))
		count++;
	is_int(count, length > 0 ? 2 : 0, "so many entries");
	acct_state_free(&s);
}

static void
test_slots(void)
{
	struct acct_state *s;
	struct acct_state_entry got;
	uint32_t origin;

	is_state(0, 0, "a new one");
	s = open_state();
	origin = acct_state_origin(s);
	acct_state_free(&s);
	is_state(0, 0, "read before it was ever written");
	keep(5, 500);
	is_state(5, 500, "the first");
	keep(6, 600);
	keep(7, 700);
	is_state(7, 700, "the third");
	s = open_state();
	ok(acct_state_find(s, TAG, &got) && got.dropped == 5 &&
		got.rows[ACCT_F] == 6 && got.rows[ACCT_D] == 0 &&
		got.name_len == 21 &&
		memcmp(got.name, "x-2026-01-01-0000.csv", 21) == 0,
	    "all that was kept");
	ok(acct_state_origin(s) == origin, "the origin stays");
	acct_state_free(&s);
	/* The first state of a file is in slot 1, so the third is in 0. */
	tmpdir_damage("acct-state", 40);
	is_state(6, 600, "a torn one: the one before");
	keep(7, 701);
	is_state(7, 701, "it is written over the torn one");
	tmpdir_damage("acct-state", 40);
	tmpdir_damage("acct-state", ACCT_STATE_SLOT + 40);
	ok(acct_state_open(tmpdir, &s, &e) == -1, "both damaged: %s", e.text);
	(void)unlink(tmpdir_path("acct-state"));
}

/* As version 0.1 wrote them: the file has next, one path and its length. */
static void
write_old(uint64_t turn, uint64_t next, uint64_t length)
{
	static const char path[] = TAG;
	char slot[200] = { 0 };
	size_t len = 12 + 16 + 18 + strlen(path);
	FILE *f = fopen(tmpdir_path("acct-state"), turn == 1 ? "w" : "r+");

	put_be64(slot + 12, turn);
	put_be64(slot + 20, next);
	put_be64(slot + 28, length);
	put_be64(slot + 36, length + 1);
	put_be16(slot + 44, (uint16_t)strlen(path));
	memcpy(slot + 46, path, strlen(path));
	put_be32(slot, UINT32_C(0x4d524131));
	put_be32(slot + 8, (uint32_t)(len - 12));
	put_be32(slot + 4, crc32c(0, slot + 8, len - 8));
	(void)fseek(f, (long)(turn % 2) * ACCT_STATE_SLOT_1, SEEK_SET);
	(void)fwrite(slot, 1, len, f);
	(void)fclose(f);
}

static void
test_old_form(void)
{
	struct acct_state *s;
	struct acct_state_entry got;

	write_old(1, 40, 400);
	write_old(2, 41, 410);
	s = open_state();
	is_int((int64_t)acct_state_next(s), 41, "the newer of the old form");
	ok(acct_state_find(s, TAG, &got) && got.length == 410 &&
		got.inode == 411 && got.next == 41,
	    "its file, to be cut back");
	ok(got.name_len == 5 && memcmp(got.name, "\xff.csv", 5) == 0,
	    "under the name that it had");
	acct_state_free(&s);
	is_int(tmpdir_file_size("acct-state"), 2L * ACCT_STATE_SLOT,
	    "the file has the new form at once");
	s = open_state();
	is_int((int64_t)acct_state_next(s), 41, "and says the same");
	ok(acct_state_find(s, TAG, &got) && got.length == 410, "of the file");
	acct_state_free(&s);
	keep(42, 420);
	is_state(42, 420, "and goes on");
}

/* Somebody's `cp /dev/null`, or a crash while the very first was made. */
static void
test_begun(void)
{
	FILE *f = fopen(tmpdir_path("acct-state"), "w");

	(void)fclose(f);
	is_state(0, 0, "one that was not more than begun");
	f = fopen(tmpdir_path("acct-state.new"), "w");
	(void)fputs("the rest of a crash", f);
	(void)fclose(f);
	(void)unlink(tmpdir_path("acct-state"));
	is_state(0, 0, "nor is what a crash left in the way");
}

/* As long as one slot, or too long for one. */
static void
test_many(void)
{
	static char name[256];
	struct acct_state *s = open_state();
	struct acct_state_entry en;
	int fit = 0;

	memset(name, 'n', 255);
	en = entry("/a/path", 1, name);
	acct_state_begin(s, 1, &(struct store_ledger){ 0 });
	while (acct_state_write(s, &e) == 0) {
		acct_state_add(s, &en);
		fit++;
	}
	ok(fit > 100, "%d acct-files fit", fit - 1);
	ok(e.text[0] != '\0', "then: %s", e.text);
	acct_state_free(&s);
}

int
main(void)
{
	(void)tmpdir_make();
	test_slots();
	test_old_form();
	test_begun();
	test_many();
	tmpdir_remove();
	return done_testing();
}
