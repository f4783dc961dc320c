/* SPDX-License-Identifier: Apache-2.0 */
/* What slots hold when the process ends is read back exactly. */
#include "lib/mem.h"
#include "queue/inflight_priv.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"

enum { SLOTS = 8 };

static struct err e;

static size_t
found(struct inflight_found **list_r)
{
	size_t count = 0;

	if (inflight_read(tmpdir, list_r, &count, &e) == -1)
		exit(99);
	return count;
}

static size_t
count_found(void)
{
	struct inflight_found *list;
	size_t count = found(&list);

	free(list);
	return count;
}

int
main(void)
{
	uint32_t rcpts[100], one[] = { 7 }, a, b, c;
	struct inflight_found *list;
	struct inflight_part *p, *q;
	struct inflight *f;
	bool synced, in_order = true;
	size_t count;

	(void)tmpdir_make();
	for (uint32_t i = 0; i < 100; i++)
		rcpts[i] = i * 3;
	is_int((int64_t)count_found(), 0, "no file, no slots");
	if (inflight_open(tmpdir, 2, SLOTS, 41, &f, &e) == -1)
		exit(99);
	p = inflight_part(f, 0);
	q = inflight_part(f, 1);
	ok(inflight_sync(f, &synced, &e) == 0 && !synced, "nothing to sync");
	a = inflight_fill(p, 1001, 5, 111, one, 1);
	ok(inflight_sync(f, &synced, &e) == 0 && synced, "a slot is synced");
	b = inflight_fill(p, 1002, 6, 222, rcpts, 100);
	c = inflight_fill(q, 1003, 7, 333, one, 1);
	ok(a != INFLIGHT_NONE && b != INFLIGHT_NONE && c != INFLIGHT_NONE,
	    "three transactions are under way");
	is_int((int64_t)count_found(), 102, "all their recipients are named");
	ok(inflight_is_short(p) && !inflight_is_short(q),
	    "six slots of eight are many, one is few");
	ok(inflight_fill(p, 1004, 8, 444, rcpts, 100) == INFLIGHT_NONE,
	    "five more slots are not to be had of eight");
	is_int((int64_t)count_found(), 102, "and none of them was taken");
	inflight_clear(p, a);
	inflight_clear(q, c);
	inflight_free(&f); /* as after the end of the process */

	count = found(&list);
	is_int((int64_t)count, 100, "those of the open transaction are left");
	for (size_t i = 0; i < count; i++)
		in_order = in_order && list[i].id == 1002 &&
		    list[i].session == 6 && list[i].wall_us == 222 &&
		    list[i].n == i * 3 && list[i].at_us > 0 &&
		    list[i].generation == 41;
	ok(in_order, "each with id, session, times and run");
	free(list);

	/* The second slot of the transaction, in the middle of a write. */
	tmpdir_damage("inflight", 2 * INFLIGHT_SLOT + INFLIGHT_HEAD + 1);
	is_int((int64_t)count_found(), 100 - INFLIGHT_RCPTS,
	    "a half-written slot is none");
	if (inflight_open(tmpdir, 1, SLOTS, 42, &f, &e) == -1)
		exit(99);
	is_int((int64_t)count_found(), 0, "a new run begins with none");
	p = inflight_part(f, 0);
	for (int i = 0; i < 1000; i++)
		inflight_clear(p, inflight_fill(p, 1, 1, 1, rcpts, 100));
	is_int((int64_t)count_found(), 0, "slots come back");
	inflight_free(&f);
	tmpdir_remove();
	return done_testing();
}
