/* SPDX-License-Identifier: Apache-2.0 */
/* Of two states the newer whole one counts, wherever the power went off. */
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"
#include "transport/acct_state.h"

static struct err e;

static void
keep(uint64_t next, const char *path, uint64_t length)
{
	struct acct_state *s;

	if (acct_state_open(tmpdir, &s, &e) == -1)
		exit(99);
	acct_state_begin(s, next);
	acct_state_add(s, "/var/log/other.csv",
	    &(struct acct_state_file){ 17, 18 });
	acct_state_add(s, path,
	    &(struct acct_state_file){ length, length + 1 });
	ok(acct_state_write(s, &e) == 0, "state %d is kept", (int)next);
	acct_state_free(&s);
}

static void
is_state(uint64_t next, uint64_t length, const char *label)
{
	struct acct_state *s;
	struct acct_state_file got = { 0, 1 };

	if (acct_state_open(tmpdir, &s, &e) == -1)
		exit(99);
	is_int((int64_t)acct_state_next(s), (int64_t)next, label);
	ok(acct_state_find(s, "/var/log/\xff.csv", &got) == (length > 0) &&
		got.length == length && got.inode == length + 1,
	    "%s: the length", label);
	ok(!acct_state_find(s, "/var/log", &got), "no other file");
	acct_state_free(&s);
}

int
main(void)
{
	struct acct_state *s;

	(void)tmpdir_make();
	is_state(0, 0, "a new one");
	is_state(0, 0, "read before it was ever written");
	keep(5, "/var/log/\xff.csv", 500);
	is_state(5, 500, "the first");
	keep(6, "/var/log/\xff.csv", 600);
	keep(7, "/var/log/\xff.csv", 700);
	is_state(7, 700, "the third");
	/* The third is in the slot of the first. */
	tmpdir_damage("acct-state", ACCT_STATE_SLOT + 40);
	is_state(6, 600, "a torn one: the one before");
	keep(7, "/var/log/\xff.csv", 701);
	is_state(7, 701, "it is written over the torn one");
	tmpdir_damage("acct-state", 40);
	tmpdir_damage("acct-state", ACCT_STATE_SLOT + 40);
	ok(acct_state_open(tmpdir, &s, &e) == -1, "both damaged: %s", e.text);
	tmpdir_remove();
	return done_testing();
}
