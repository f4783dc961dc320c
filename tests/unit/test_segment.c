/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies come back from the segments; what was not committed is cut off;
 * damage is told from bodies; files of no more use go.
 */
#include "lib/mem.h"
#include "queue/segment.h"
#include "queue/segment_priv.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"

enum { BODY = 1000 };

static struct err e;

static struct segments *
open_at(uint32_t tail, uint64_t len)
{
	struct segments *ss;

	if (segments_open(tmpdir, 4096, tail, len, &ss, &e) == -1) {
		(void)printf("Bail out! %s\n", e.text);
		exit(99);
	}
	return ss;
}

/* Appends count bodies of BODY bytes, ids from id on; their places. */
static bool
append(struct segments *ss, uint64_t id, size_t count, struct body_loc *locs)
{
	static char text[BODY];
	struct segment_item items[64];
	size_t done;

	memset(text, 'b', sizeof(text));
	for (size_t i = 0; i < count; i++)
		items[i] = (struct segment_item){ .id = id + i,
			.p = text,
			.len = BODY };
	if (segments_append(ss, items, count, &done, &e) == -1 ||
	    done != count || segments_sync(ss, &e) == -1)
		return false;
	for (size_t i = 0; i < count; i++) {
		locs[i] = items[i].loc;
		segments_born(ss, locs[i].segment, BODY);
	}
	return true;
}

static bool
reads(struct segment_reader *r, uint64_t id, const struct body_loc *loc)
{
	struct body *b = segment_read(r, id, loc, &e);
	bool good = b != NULL && b->len == BODY && b->bytes[0] == 'b' &&
	    b->bytes[BODY - 1] == 'b';

	body_unref(&b);
	return good;
}

static void
test_append(void)
{
	struct segment_reader *r = segment_reader_new(tmpdir);
	struct segments *ss = open_at(0, 0);
	struct body_loc locs[10], wrong;
	uint64_t size, live, tail_len;
	bool all = true;

	ok(append(ss, 100, 10, locs), "ten bodies are appended");
	for (size_t i = 0; i < 10; i++)
		all = all && reads(r, 100 + i, &locs[i]);
	ok(all, "and read back");
	ok(locs[0].segment == 1 && locs[9].segment == 3, "over three segments");
	is_int(segments_tail(ss, &tail_len), 3, "the last one is the tail");
	wrong = locs[2];
	ok(!reads(r, 104, &wrong), "not as another message: %s", e.text);
	wrong.offset++;
	ok(!reads(r, 102, &wrong), "not from beside it: %s", e.text);
	wrong = locs[2];
	wrong.segment = 99;
	ok(!reads(r, 102, &wrong), "not from no segment: %s", e.text);
	wrong = locs[9];
	wrong.offset += 1 << 20;
	ok(!reads(r, 109, &wrong), "not from behind the end: %s", e.text);

	for (size_t i = 0; i < 4; i++)
		segments_dead(ss, locs[i].segment, BODY);
	ok(tmpdir_file_size("seg/00000001") > 0, "a dead segment stays ...");
	segments_hold(ss, 1);
	segments_sweep(ss);
	ok(tmpdir_file_size("seg/00000001") > 0, "... while it is held");
	segments_release(ss, 1);
	segments_sweep(ss);
	is_int(tmpdir_file_size("seg/00000001"), -1, "then it goes");
	ok(reads(r, 101, &locs[1]), "who has it open can still read");
	segments_bytes(ss, &size, &live);
	is_int((int64_t)live, 6 * (BODY + SEGMENT_HEAD), "live bytes");
	is_int(segments_sparse(ss), 0, "no segment is mostly dead");
	for (size_t i = 4; i < 8; i++)
		segments_dead(ss, locs[i].segment, BODY);
	segments_sweep(ss);
	segments_dead(ss, 3, BODY);
	segments_dead(ss, 3, BODY);
	segments_sweep(ss);
	is_int(tmpdir_count("seg"), 1, "the tail stays, even without bodies");
	segments_free(&ss);
	segment_reader_free(&r);
}

static void
test_recovery(void)
{
	struct segment_reader *r = segment_reader_new(tmpdir);
	struct segments *ss = open_at(3, 2 * (BODY + SEGMENT_HEAD));
	struct body_loc locs[8], again[1];
	uint64_t committed, tail_len;

	ok(append(ss, 200, 1, locs), "one more, committed");
	is_int(segments_tail(ss, &committed), 3, "in the old tail");
	ok(append(ss, 201, 5, locs + 1), "five more, not committed");
	is_int(locs[5].segment, 4, "the last of them in a new segment");
	segments_free(&ss);

	ss = open_at(3, committed);
	is_int(tmpdir_file_size("seg/00000003"), (int64_t)committed,
	    "what was not committed is cut off");
	is_int(tmpdir_file_size("seg/00000004"), -1, "its new segment too");
	ok(reads(r, 200, &locs[0]), "what was committed is there");
	ok(append(ss, 300, 1, again), "and writing goes on");
	is_int((int64_t)again[0].offset, (int64_t)locs[1].offset,
	    "in the same place");
	ok(!reads(r, 201, &locs[1]), "the lost one is not taken for it: %s",
	    e.text);
	tmpdir_damage("seg/00000003", (long)again[0].offset + 500);
	ok(!reads(r, 300, &again[0]), "a damaged body is noticed: %s", e.text);
	tmpdir_damage("seg/00000003", (long)again[0].offset - 4);
	ok(!reads(r, 300, &again[0]), "a damaged head is noticed: %s", e.text);
	(void)segments_tail(ss, &tail_len);
	segments_free(&ss);

	if (truncate(tmpdir_path("seg/00000003"), 100) == -1)
		exit(99);
	ok(segments_open(tmpdir, 0, 0, 0, &ss, &e) == -1,
	    "bodies without their database are not removed: %s", e.text);
	ss = open_at(3, tail_len);
	is_int(segments_tail(ss, &tail_len), 4,
	    "a tail that lost bytes is not written to again");
	segments_free(&ss);
	segment_reader_free(&r);
}

int
main(void)
{
	(void)tmpdir_make();
	test_append();
	test_recovery();
	tmpdir_remove();
	return done_testing();
}
