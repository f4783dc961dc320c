/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A waybill says of each recipient what the envelope says, in as few runs as
 * there are; broken bytes are refused, never read past.
 */
#include <stdlib.h>

#include "mail/waybill.h"
#include "tests/tap.h"

static struct env_rcpt rcpts[] = {
	{ .domain = "example.net", .vmta = "v1", .priority = 50 },
	{ .domain = "example.net", .vmta = "v1", .priority = 50 },
	{ .domain = "example.net", .vmta = "v1", .priority = 90 },
	{ .domain = "example.net", .vmta = "v2", .priority = 90 },
	{ .domain = "example.org", .vmta = "v2", .priority = 90 },
	{ .domain = "example.org", .vmta = "v2", .priority = 90, .pool = "p" },
	{ .domain = "example.net", .vmta = "v1", .priority = 50 },
};

enum { COUNT = sizeof(rcpts) / sizeof(rcpts[0]) };

static struct region *rg;
static struct err e;

static void
test_runs(const struct buf *b)
{
	struct waybill w;
	bool same = true;

	ok(waybill_unpack(b->p, b->len, rg, &w, &e) == 0, "unpacks");
	is_int(w.arrival_us, 1234567890123456, "arrival");
	is_str(w.job, "spring", "job");
	is_str(w.user, "shop", "user");
	is_int(w.rcpt_count, COUNT, "recipients");
	is_int(waybill_rcpt_count(b->p, b->len), COUNT, "known at a glance");
	is_int(w.run_count, 6, "two neighbours are one run");
	for (uint32_t n = 0; n < COUNT; n++) {
		const struct waybill_run *run = waybill_find(&w, n);

		same = same && strcmp(run->domain, rcpts[n].domain) == 0 &&
		    strcmp(run->vmta, rcpts[n].vmta) == 0 &&
		    run->priority == rcpts[n].priority &&
		    run->by_pool == (rcpts[n].pool != NULL);
	}
	ok(same, "each recipient has its queue");
}

static void
test_broken(struct buf *b)
{
	struct waybill w;
	int refused = 0;

	for (size_t len = 0; len < b->len; len++) {
		char *cut = mem_dup(b->p, len); /* ASan sees a read past it */

		refused += waybill_unpack(cut, len, rg, &w, &e) == -1;
		free(cut);
	}
	is_int(refused, (int64_t)b->len, "every shorter form is refused");
	for (size_t i = 0; i < b->len; i++) {
		b->p[i] ^= 0x10;
		(void)waybill_unpack(b->p, b->len, rg, &w, &e);
		b->p[i] ^= 0x10;
	}
	b->p[4]++;
	ok(waybill_unpack(b->p, b->len, rg, &w, &e) == -1,
	    "counts that do not add up: %s", e.text);
	b->p[4]--;
	b->p[0] = 9;
	ok(waybill_unpack(b->p, b->len, rg, &w, &e) == -1,
	    "an unknown version: %s", e.text);
	is_int(waybill_rcpt_count(b->p, b->len), 0, "has no recipients");
}

/* Nobody's recipients in the middle: the sum is right all the same. */
static void
test_empty_run(void)
{
	struct env_rcpt three[] = { rcpts[0], rcpts[2], rcpts[3] };
	const struct envelope env = { .job = "",
		.rcpt_count = 3,
		.rcpts = three };
	enum { FIRST = 20, RUN = 5 + 14 + 5 }; /* where runs are */
	struct waybill w;
	struct buf b = { 0 };

	waybill_pack(&env, &b);
	ok(waybill_unpack(b.p, b.len, rg, &w, &e) == 0 && w.run_count == 3,
	    "three runs");
	put_be32(b.p + FIRST, 3);
	put_be32(b.p + FIRST + RUN, 0);
	put_be32(b.p + FIRST + 2 * RUN, 0);
	ok(waybill_unpack(b.p, b.len, rg, &w, &e) == -1,
	    "runs of nobody are refused: %s", e.text);
	buf_fini(&b);
}

/* Without a user it is as it was before there were any. */
static void
test_no_user(void)
{
	static const char before[] = "\1\0\0\0\1\0\0\0\0\0\0\0\11\0\0\0\1";
	const struct envelope env = { .arrival_us = 9,
		.job = "",
		.rcpt_count = 1,
		.rcpts = rcpts };
	struct waybill w;
	struct buf b = { 0 };

	waybill_pack(&env, &b);
	ok(memcmp(b.p, before, sizeof(before) - 1) == 0, "version 1");
	ok(waybill_unpack(b.p, b.len, rg, &w, &e) == 0, "unpacks");
	is_str(w.user, "", "nobody");
	is_str(w.runs[0].domain, "example.net", "the domain is in its place");
	buf_fini(&b);
}

/* As spools have them that were written before there were later ones. */
static void
test_old(void)
{
#define HEAD "\0\0\0\1\0\0\0\0\0\0\0\11\0\0\0\1\0\1j\0"
#define RUN "\0\0\0\1\262\0\13example.net\0\0\2v1\0"
#define OLD(text) \
	{ \
		text, sizeof(text) - 1 \
	}
	static const struct {
		struct slice bytes;
		const char *user;
		uint32_t room;
		bool one_by_one;
	} cases[] = {
		{ OLD("\1" HEAD RUN), "", 0, false },
		{ OLD("\2" HEAD "\0\4shop\0" RUN), "shop", 0, false },
		{ OLD("\3" HEAD "\0\0\0\0\1\21\160" RUN), "", 70000, false },
		{ OLD("\4" HEAD "\0\0\0\0\0\0\0\1" RUN), "", 0, true },
	};
	struct waybill w;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ok(waybill_unpack(cases[i].bytes.p, cases[i].bytes.len, rg, &w,
		       &e) == 0 &&
			w.arrival_us == 9 && w.rcpt_count == 1 &&
			w.room == cases[i].room && w.spans.n == 0 &&
			w.one_by_one == cases[i].one_by_one,
		    "version %zu", i + 1);
		is_str(w.job, "j", "its job");
		is_str(w.user, cases[i].user, "its user");
		ok(w.runs[0].priority == 50 && w.runs[0].by_pool &&
			strcmp(w.runs[0].domain, "example.net") == 0 &&
			strcmp(w.runs[0].vmta, "v1") == 0,
		    "its queue");
	}
#undef OLD
#undef RUN
#undef HEAD
}

/* Room for what comes later is version 3, also without a user. */
static void
test_room(void)
{
	const struct env_signing signing = { .text = "", .room = 70000 };
	const struct envelope env = { .job = "j",
		.signing = &signing,
		.rcpt_count = COUNT,
		.rcpts = rcpts };
	struct waybill w;
	struct buf b = { 0 };

	waybill_pack(&env, &b);
	ok(waybill_unpack(b.p, b.len, rg, &w, &e) == 0, "unpacks");
	is_int(w.room, 70000, "room");
	is_str(w.user, "", "nobody");
	is_int(w.run_count, 6, "runs");
	buf_fini(&b);
}

/* A sender for each recipient is version 4; flags that nobody knows are none. */
static void
test_flags(void)
{
	const struct env_signing signing = { .text = "", .room = 70000 };
	struct envelope env = { .job = "",
		.flags = ENVELOPE_8BIT,
		.rcpt_count = COUNT,
		.rcpts = rcpts };
	enum { FLAGS = 17 + 3 + 3 + 4 }; /* behind job, user and room */
	struct waybill w;
	struct buf b = { 0 };

	waybill_pack(&env, &b);
	ok(waybill_unpack(b.p, b.len, rg, &w, &e) == 0 && !w.one_by_one,
	    "together");
	env.flags |= ENVELOPE_VERP;
	buf_clear(&b);
	waybill_pack(&env, &b);
	ok(waybill_unpack(b.p, b.len, rg, &w, &e) == 0 && w.one_by_one,
	    "one by one");
	is_int(w.room, 0, "no room");
	is_str(w.user, "", "nobody");
	is_int(w.run_count, 6, "runs");
	b.p[FLAGS] |= 4;
	ok(waybill_unpack(b.p, b.len, rg, &w, &e) == -1, "an unknown flag: %s",
	    e.text);
	env.signing = &signing;
	buf_clear(&b);
	waybill_pack(&env, &b);
	ok(waybill_unpack(b.p, b.len, rg, &w, &e) == 0 && w.one_by_one,
	    "also with room");
	is_int(w.room, 70000, "which is there");
	buf_fini(&b);
}

/* Times in which it may be delivered are a flag, with room or without. */
static void
test_spans(void)
{
	static const struct span v[] = { { 5, 7 }, { 9, 12 } };
	const struct envelope env = { .job = "j",
		.spans = { 2, v },
		.rcpt_count = COUNT,
		.rcpts = rcpts };
	enum { FIRST = 28 }; /* behind room, flags and the number of them */
	struct waybill w;
	struct buf b = { 0 };

	waybill_pack(&env, &b);
	ok(waybill_unpack(b.p, b.len, rg, &w, &e) == 0, "unpacks");
	ok(spans_equal(&w.spans, &env.spans), "the times");
	is_int(w.room, 0, "no room");
	is_int(w.run_count, 6, "runs");
	is_int(waybill_rcpt_count(b.p, b.len), COUNT, "known at a glance");
	b.p[FIRST + 7] = 8;
	ok(waybill_unpack(b.p, b.len, rg, &w, &e) == -1,
	    "one that ends before it begins is refused: %s", e.text);
	b.p[FIRST + 7] = 5;
	test_broken(&b);
	buf_fini(&b);
}

int
main(void)
{
	const struct envelope env = { .arrival_us = 1234567890123456,
		.job = "spring",
		.auth_user = "shop",
		.rcpt_count = COUNT,
		.rcpts = rcpts };
	struct buf b = { 0 };

	rg = region_new();
	waybill_pack(&env, &b);
	test_runs(&b);
	test_broken(&b);
	test_empty_run();
	test_no_user();
	test_old();
	test_room();
	test_flags();
	test_spans();
	buf_fini(&b);
	region_free(&rg);
	return done_testing();
}
