/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Envelopes and bodies come back from the segments; what was not committed is
 * cut off; damage is told from mail, and a damaged body leaves its envelope;
 * files of no more use go.
 */
#include "lib/mem.h"
#include "queue/segment.h"
#include "queue/segment_priv.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"

enum { BODY = 1000, ENV = 11, RECORD = SEGMENT_HEAD + ENV + BODY };

static const char env[ENV] = "an envelope";

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

/* Appends count messages with BODY bytes, ids from id on; their places. */
static bool
append(struct segments *ss, uint64_t id, size_t count, struct message_loc *locs)
{
	static char text[BODY];
	struct segment_item items[64];
	size_t done;

	memset(text, 'b', sizeof(text));
	for (size_t i = 0; i < count; i++)
		items[i] = (struct segment_item){ .id = id + i,
			.env = env,
			.env_len = ENV,
			.body = text,
			.body_len = BODY };
	if (segments_append(ss, items, count, &done, &e) == -1 ||
	    done != count || segments_sync(ss, &e) == -1)
		return false;
	for (size_t i = 0; i < count; i++) {
		locs[i] = items[i].loc;
		segments_born(ss, locs[i].segment, RECORD);
	}
	return true;
}

/* "all", "envelope", or "" with err. */
static const char *
what_reads(struct segment_reader *r, uint64_t id, const struct message_loc *loc)
{
	struct region *rg = region_new();
	struct segment_got got;
	const char *what = "";

	if (segment_read(r, id, loc, rg, &got, &e) == 0 &&
	    memcmp(got.env, env, ENV) == 0) {
		what = "envelope";
		if (got.body != NULL && got.body->len == BODY &&
		    got.body->bytes[0] == 'b' &&
		    got.body->bytes[BODY - 1] == 'b')
			what = "all";
	}
	body_unref(&got.body);
	region_free(&rg);
	return what;
}

static bool
reads(struct segment_reader *r, uint64_t id, const struct message_loc *loc)
{
	return strcmp(what_reads(r, id, loc), "all") == 0;
}

static bool
envelope_reads(struct segment_reader *r, uint64_t id,
    const struct message_loc *loc)
{
	struct region *rg = region_new();
	struct segment_got got;
	bool good;

	good = segment_read_envelope(r, id, loc, rg, &got, &e) == 0 &&
	    got.body == NULL && memcmp(got.env, env, ENV) == 0;
	region_free(&rg);
	return good;
}

static void
test_append(void)
{
	struct segment_reader *r = segment_reader_new(tmpdir);
	struct segments *ss = open_at(0, 0);
	struct message_loc locs[10], wrong;
	uint64_t size, live, tail_len;
	bool all = true;

	ok(append(ss, 100, 10, locs), "ten messages are appended");
	for (size_t i = 0; i < 10; i++)
		all = all && reads(r, 100 + i, &locs[i]);
	ok(all, "and read back");
	ok(envelope_reads(r, 103, &locs[3]), "an envelope alone, too");
	ok(locs[0].segment == 1 && locs[9].segment == 3, "over three segments");
	is_int(segments_tail(ss, &tail_len), 3, "the last one is the tail");
	wrong = locs[2];
	ok(!reads(r, 104, &wrong), "not as another message: %s", e.text);
	wrong.offset++;
	ok(!reads(r, 102, &wrong), "not from beside it: %s", e.text);
	wrong = locs[2];
	wrong.segment = 99;
	ok(!reads(r, 102, &wrong), "not from no segment: %s", e.text);
	wrong = locs[2];
	wrong.env_len++;
	ok(!envelope_reads(r, 102, &wrong), "not in another length: %s",
	    e.text);
	wrong = locs[9];
	wrong.offset += 1 << 20;
	ok(!reads(r, 109, &wrong), "not from behind the end: %s", e.text);

	for (size_t i = 0; i < 4; i++)
		segments_dead(ss, locs[i].segment, RECORD);
	ok(tmpdir_file_size("seg/00000001") > 0, "a dead segment stays ...");
	segments_hold(ss, 1);
	segments_sweep(ss);
	ok(tmpdir_file_size("seg/00000001") > 0, "... while it is held");
	segments_release(ss, 1);
	segments_sweep(ss);
	is_int(tmpdir_file_size("seg/00000001"), -1, "then it goes");
	ok(reads(r, 101, &locs[1]), "who has it open can still read");
	segments_bytes(ss, &size, &live);
	is_int((int64_t)live, 6 * RECORD, "live bytes");
	is_int(segments_sparse(ss), 0, "no segment is mostly dead");
	for (size_t i = 4; i < 8; i++)
		segments_dead(ss, locs[i].segment, RECORD);
	segments_sweep(ss);
	segments_dead(ss, 3, RECORD);
	segments_dead(ss, 3, RECORD);
	segments_sweep(ss);
	is_int(tmpdir_count("seg"), 1, "the tail stays, even without bodies");
	segments_free(&ss);
	segment_reader_free(&r);
}

/* Message 300 at loc, from its end on. */
static void
test_damage(struct segment_reader *r, const struct message_loc *loc)
{
	long at = (long)loc->offset;

	tmpdir_damage("seg/00000003", at + SEGMENT_HEAD + ENV + 500);
	is_str(what_reads(r, 300, loc), "envelope",
	    "a damaged body leaves the envelope");
	(void)printf("# %s\n", e.text);
	ok(envelope_reads(r, 300, loc), "which is read alone as well");
	tmpdir_damage("seg/00000003", at + SEGMENT_HEAD + 3);
	is_str(what_reads(r, 300, loc), "", "a damaged envelope is noticed");
	ok(!envelope_reads(r, 300, loc), "likewise: %s", e.text);
	tmpdir_damage("seg/00000003", at + 20);
	is_str(what_reads(r, 300, loc), "", "a damaged head is noticed");
	ok(!envelope_reads(r, 300, loc), "likewise: %s", e.text);
}

static void
test_recovery(void)
{
	struct segment_reader *r = segment_reader_new(tmpdir);
	struct segments *ss = open_at(3, 2 * RECORD);
	struct message_loc locs[8], again[1];
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
	test_damage(r, &again[0]);
	(void)segments_tail(ss, &tail_len);
	segments_free(&ss);

	if (truncate(tmpdir_path("seg/00000003"), 100) == -1)
		exit(99);
	ok(segments_open(tmpdir, 0, 0, 0, &ss, &e) == -1,
	    "mail without its database is not removed: %s", e.text);
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
