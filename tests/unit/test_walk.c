/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over a spool finds each message with what is left of its recipients,
 * envelope and body; a damaged row is named and hides no other.
 */
#include "queue/walk.h"

#include "queue/bytes.h"
#include "tests/tap.h"
#include "tests/unit/spool.h"

enum { COUNT = 3 };

static uint64_t ids[COUNT];
static struct err e;

/* Of one, three and two recipients; one of the three has ended. */
static void
fill(void)
{
	struct store_accept a = { 0 };
	bool settled;

	spool_open();
	ok(spool_load(), "an empty spool");
	for (uint32_t i = 0; i < COUNT; i++)
		ids[i] = spool_accept(&a, i == 0 ? 1 : 4 - i, 1000);
	settled = spool_settle_one(ids[0], 0, VERDICT_RETRY, "") &&
	    spool_settle_one(ids[1], 1, VERDICT_DELIVERED, "d") &&
	    spool_settle_one(ids[1], 2, VERDICT_RETRY, "");
	ok(settled, "some are tried");
	store_close(&spool.store);
}

static const char *
describe(const struct walk_message *m, struct segment_reader *r)
{
	static char text[200];
	struct store_rcpt rcpts[8];
	int at;

	if (m->trouble != NULL)
		return m->trouble;
	walk_rcpts(m, rcpts);
	at = snprintf(text, sizeof(text),
	    "s%u:", spool_read(r, m->id, &m->rec.loc));
	for (uint32_t i = 0; i < m->left; i++)
		at += snprintf(text + at, sizeof(text) - (size_t)at,
		    " %u/%u@%d", rcpts[i].n, rcpts[i].attempts,
		    (int)rcpts[i].due_wall_us);
	return text;
}

static void
is_walk(struct env *v, uint64_t end, const char *const want[COUNT])
{
	struct segment_reader *r = segment_reader_new(tmpdir_path("spool"));
	struct walk *w = walk_new(v);
	struct walk_message m;
	size_t n = 0;

	while (walk_next(w, end, &m, &e) == ENV_OK && n < COUNT) {
		ok(m.id == ids[n], "message %zu", n);
		is_str(describe(&m, r), want[n], "as it is");
		n++;
	}
	ok(n == COUNT || want[n] == NULL, "so many: %zu", n);
	walk_free(&w);
	segment_reader_free(&r);
}

/* Changes the last byte of the row under a key. */
static void
damage(struct env *v, enum env_table table, struct slice key)
{
	struct slice rec;
	char row[200];

	if (env_get(v, table, key, &rec, &e) != ENV_OK || rec.len > sizeof(row))
		exit(99);
	memcpy(row, rec.p, rec.len);
	row[rec.len - 1] ^= 1;
	env_begin(v);
	if (env_put(v, table, key, bytes(row, rec.len), &e) != ENV_OK ||
	    env_commit(v, &e) != ENV_OK)
		exit(99);
}

int
main(void)
{
	static const char *const whole[] = { "s1: 0/3@5000",
		"s2: 0/0@0 2/3@5000", "s3: 0/0@0 1/0@0" };
	static const char *const two[] = { "s1: 0/3@5000", "s2: 0/0@0 2/3@5000",
		NULL };
	static const char *const broken[] = { "s1: 0/0@0",
		"record M is damaged", "s3: 0/0@0 1/0@0" };
	unsigned char state[KEY_STATE], message[KEY_ID];
	struct env *v;

	(void)tmpdir_make();
	fill();
	if (env_open(tmpdir_path("spool"), &v, &e) != ENV_OK)
		return 99;
	is_walk(v, UINT64_MAX, whole);
	is_walk(v, ids[2], two);
	key_state(state, ids[0], 0);
	key_id(message, ids[1]);
	damage(v, TABLE_STATE, bytes(state, sizeof(state)));
	damage(v, TABLE_MESSAGE, bytes(message, sizeof(message)));
	is_walk(v, UINT64_MAX, broken);
	env_close(&v);
	tmpdir_remove();
	return done_testing();
}
