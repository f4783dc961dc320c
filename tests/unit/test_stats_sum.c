/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sum counts each record where it belongs, and sums of parts put together
 * are the sum of the whole.
 */
#include "admin/stats_sum.h"

#include "tests/tap.h"

#define NOON INT64_C(1763899200) /* 2025-11-23 12:00:00 */

#define L(s) \
	{ \
		s, sizeof(s) - 1 \
	}

static const struct stats_row rows[] = {
	{ ACCT_D, NOON, NOON - 3, 1000, L("a@GMail.example"), L(""),
	    L("2.0.0 (success)"), L("smtp;250 ok"), L("out1") },
	{ ACCT_D, NOON + 59, NOON - 3000, 500, L("\"a@b\"@gmail.example"),
	    L(""), L("2.0.0 (success)"), L("smtp;250 ok"), L("out2") },
	{ ACCT_D, NOON - 1, NOON + 10, 1, L("b@other.example"), L(""), L(""),
	    L(""), L("out1") },
	{ ACCT_D, 0, NOON, 0, L("c@other.example"), L(""), L(""), L(""),
	    L("out1") },
	{ ACCT_B, NOON + 60, NOON, 77, L("x@gmail.example"), L("bad-mailbox"),
	    L("5.1.1 (bad destination mailbox address)"),
	    L("smtp;550 5.1.1 <x@gmail.example> unknown"), L("out1") },
	{ ACCT_B, NOON + 3600, NOON, 0, L("y@gmail.example"), L("bad-mailbox"),
	    L("5.1.1 (bad destination mailbox address)"),
	    L("smtp;550 5.1.1 <y@gmail.example> unknown"), L("out1") },
	{ ACCT_RB, NOON + 3601, 0, 0, L("y@gmail.example"), L("bad-mailbox"),
	    L("5.0.0"), L("full\tof tabs"), L("") },
	{ ACCT_T, NOON + 5, NOON, 0, L("z@gmail.example"), L("quota-issues"),
	    L("4.2.2"), L("smtp;452"), L("out1") },
	{ ACCT_TQ, NOON + 6, 0, 0, L(""), L(""), L("4.4.1"), L(""), L("out2") },
	{ ACCT_R, NOON + 7, 0, 0, L("nobody"), L(""), L(""), L(""), L("out1") },
	{ ACCT_RS, NOON + 8, 0, 0, L("a@gmail.example"), L("other"), L(""),
	    L(""), L("") },
	{ ACCT_F, NOON - 7200, 0, 0, L("a@gmail.example"), L(""), L(""), L(""),
	    L("") },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* A counter of a row that must be there already. */
static int64_t
counter(struct stats_sum *s, enum stats_by by, struct slice key, size_t column)
{
	struct stats_table *t = &s->tables[by];
	uint32_t count = t->count, row = stats_table_row(t, key);

	return row >= count ? -1 : (int64_t)stats_table_get(t, row)[column];
}

static int64_t
timed(struct stats_sum *s, enum stats_by by, int64_t number, size_t column)
{
	unsigned char be[8];

	put_be64(be, (uint64_t)number);
	return counter(s, by, (struct slice){ (const char *)be, 8 }, column);
}

static void
add_all(struct stats_sum *s)
{
	for (size_t i = 0; i < ROWS; i++)
		stats_sum_add(s, &rows[i]);
}

static void
test_totals(struct stats_sum *s)
{
	static const int64_t want[STATS_MEASURES] = { [ACCT_D] = 4,
		[ACCT_B] = 2,
		[ACCT_T] = 1,
		[ACCT_TQ] = 1,
		[ACCT_R] = 1,
		[ACCT_RB] = 1,
		[ACCT_RS] = 1,
		[ACCT_F] = 1,
		[STATS_BYTES] = 1501 };

	is_int((int64_t)s->records, ROWS, "all records");
	is_int(s->first_s, NOON - 7200, "the first, wherever it came");
	is_int(s->last_s, NOON + 3601, "the last");
	for (size_t i = 0; i < STATS_MEASURES; i++)
		is_int((int64_t)s->measures[i], want[i],
		    i == STATS_BYTES ? "bytes of what was delivered" :
				       acct_type_letter((enum acct_type)i));
}

static void
test_tables(struct stats_sum *s)
{
	static const struct slice gmail = L("gmail.example"), out1 = L("out1");

	is_int(counter(s, STATS_DOMAINS, gmail, ACCT_D), 2,
	    "domains have no case, and are behind the last @");
	is_int(counter(s, STATS_DOMAINS, gmail, STATS_BYTES), 1500,
	    "bytes of a domain");
	is_int(counter(s, STATS_DOMAINS, gmail, ACCT_F), 1, "a complaint");
	is_int(counter(s, STATS_DOMAINS, SLICE_LIT(""), ACCT_R), 1,
	    "an address without domain");
	is_int(s->tables[STATS_DOMAINS].count, 3,
	    "a queue that failed has no recipient");
	is_int(counter(s, STATS_VMTAS, out1, ACCT_D), 3, "of a virtual MTA");
	is_int(counter(s, STATS_VMTAS, SLICE_LIT("out2"), ACCT_TQ), 1,
	    "a queue that failed");
	is_int(s->tables[STATS_VMTAS].count, 2,
	    "remote bounces and complaints have no virtual MTA");
}

static void
test_times(struct stats_sum *s)
{
	is_int(timed(s, STATS_HOURS, NOON / 3600, ACCT_D), 2, "an hour");
	is_int(timed(s, STATS_HOURS, NOON / 3600 - 1, ACCT_D), 1,
	    "the one before, one second earlier");
	is_int(s->tables[STATS_HOURS].count, 4,
	    "a record without a time is in no hour");
	is_int(timed(s, STATS_MINUTES, NOON / 60, STATS_MINUTE_D), 2,
	    "a minute has what was delivered");
	is_int(timed(s, STATS_MINUTES, NOON / 60, STATS_MINUTE_R), 1,
	    "and received");
	is_int(s->tables[STATS_MINUTES].count, 2, "and nothing else");
	is_int(timed(s, STATS_DELAYS, 3, 0), 1, "three seconds under way");
	is_int(timed(s, STATS_DELAYS, 3059, 0), 1, "an hour under way");
	is_int(timed(s, STATS_DELAYS, 0, 0), 1, "a clock that was set back");
	is_int(s->tables[STATS_DELAYS].count, 3,
	    "only of what was delivered at a known time");
}

static void
test_bounces(struct stats_sum *s)
{
	static const struct slice bad = L("bad-mailbox"),
				  key = L("gmail.example\tbad-mailbox");

	is_int(counter(s, STATS_CATEGORIES, bad, STATS_BOUNCED), 2,
	    "a category");
	is_int(counter(s, STATS_CATEGORIES, bad, STATS_REMOTE), 1,
	    "remote bounces apart");
	is_int(s->tables[STATS_CATEGORIES].count, 1, "of bounces only");
	is_int(counter(s, STATS_BOUNCES, key, STATS_BOUNCED), 2,
	    "by domain and category");
	is_int(s->tables[STATS_BOUNCES].count, 1, "and nothing else");
}

static void
test_dsn(struct stats_room *room)
{
	static const struct slice bounced = L(
	    "gmail.example\tbad-mailbox\t5.1.1 (bad destination mailbox "
	    "address)\tsmtp;550 5.1.1 <*> unknown");
	static const struct slice remote = L(
	    "gmail.example\tbad-mailbox\t5.0.0\tfull of tabs");
	struct stats_sum s;

	stats_sum_init(&s, true, room);
	add_all(&s);
	is_int(counter(&s, STATS_BOUNCES, bounced, STATS_BOUNCED), 2,
	    "by reason: answers that differ in the address are one");
	is_int(counter(&s, STATS_BOUNCES, remote, STATS_REMOTE), 1,
	    "a tab does not tear the key");
	stats_sum_fini(&s);
}

/* ---- parts --------------------------------------------------------------- */

static uint32_t
next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static struct slice
word(uint32_t *seed, const char *before, unsigned of, char text[32])
{
	(void)snprintf(text, 32, "%s%u", before, next(seed) % of);
	return slice_of(text);
}

struct random_row {
	struct stats_row row;
	char rcpt[32], category[32], vmta[32];
};

static void
make_row(struct random_row *r, uint32_t *seed)
{
	int64_t now = NOON + next(seed) % 1000000;

	r->row = (struct stats_row){
		.type = (enum acct_type)(next(seed) % ACCT_TYPES),
		.logged_s = next(seed) % 50 == 0 ? 0 : now,
		.queued_s = now - next(seed) % 100000,
		.size = next(seed) % 10000,
		.rcpt = word(seed, "u@d", 300, r->rcpt),
		.bounce_cat = word(seed, "cat", 9, r->category),
		.vmta = word(seed, "v", 5, r->vmta),
	};
}

/* Are all counters of a table in the other one, too? */
static bool
same_table(struct stats_sum *a, struct stats_sum *b, enum stats_by by)
{
	struct stats_table *x = &a->tables[by], *y = &b->tables[by];
	size_t size = x->width * sizeof(uint64_t);

	if (x->count != y->count || x->count == 0)
		return false;
	for (uint32_t i = 0; i < x->count; i++) {
		uint32_t k = stats_table_row(y, stats_table_key(x, i));

		if (memcmp(stats_table_get(x, i), stats_table_get(y, k),
			size) != 0)
			return false;
	}
	return true;
}

static void
test_parts(struct stats_room *room)
{
	struct stats_sum whole, parts[3], put;
	uint32_t seed = 7;

	stats_sum_init(&whole, false, room);
	stats_sum_init(&put, false, room);
	for (size_t i = 0; i < 3; i++)
		stats_sum_init(&parts[i], false, room);
	for (unsigned i = 0; i < 20000; i++) {
		struct random_row r;

		make_row(&r, &seed);
		stats_sum_add(&whole, &r.row);
		stats_sum_add(&parts[next(&seed) % 3], &r.row);
	}
	for (size_t i = 0; i < 3; i++) {
		stats_sum_merge(&put, &parts[i]);
		stats_sum_fini(&parts[i]);
	}
	ok(put.records == 20000 && put.records == whole.records &&
		put.first_s == whole.first_s && put.last_s == whole.last_s,
	    "parts put together: records and times");
	ok(memcmp(put.measures, whole.measures, sizeof(put.measures)) == 0,
	    "parts put together: measures");
	for (size_t by = 0; by < STATS_TABLES; by++)
		ok(same_table(&whole, &put, (enum stats_by)by),
		    "parts put together: table %zu", by);
	stats_sum_fini(&whole);
	stats_sum_fini(&put);
}

int
main(void)
{
	struct stats_room room = { SIZE_MAX };
	struct stats_sum s;

	stats_sum_init(&s, false, &room);
	add_all(&s);
	test_totals(&s);
	test_tables(&s);
	test_times(&s);
	test_bounces(&s);
	stats_sum_fini(&s);
	test_dsn(&room);
	test_parts(&room);
	ok(room.bytes == SIZE_MAX, "all room is given back");
	return done_testing();
}
