/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records come back as they were written; any damaged byte, another key or
 * another table is noticed.
 */
#include "lib/mem.h"
#include "mail/waybill.h"
#include "queue/bytes.h"
#include "queue/crc32c.h"
#include "queue/record.h"
#include "tests/tap.h"

#include <stdlib.h>

static const struct {
	const char *label;
	const char *text;
	size_t len;
	uint32_t crc;
} sums[] = {
	{ "nothing", "", 0, 0 },
	{ "the check word", "123456789", 9, UINT32_C(0xe3069283) },
	{ "32 zero bytes (RFC 3720 B.4)",
	    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
	    32, UINT32_C(0x8a9136aa) },
};

static void
test_sums(void)
{
	unsigned char noise[300];
	bool same = true;

	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
		is_int(crc32c(0, sums[i].text, sums[i].len), sums[i].crc,
		    sums[i].label);
		is_int(crc32c_by_table(0, sums[i].text, sums[i].len),
		    sums[i].crc, "the same by table");
	}
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (unsigned char)(i * 31 + 7);
	for (size_t len = 0; len + 9 < sizeof(noise); len++)
		for (size_t at = 0; at < 9; at++)
			same = same &&
			    crc32c(5, noise + at, len) ==
				crc32c_by_table(5, noise + at, len);
	ok(same, "instruction and table agree on any length and place");
	is_int(crc32c(crc32c(0, "1234", 4), "56789", 5), UINT32_C(0xe3069283),
	    "in two pieces");
}

static void
test_message(void)
{
	struct env_rcpt rcpts[3] = { { .domain = "example.net" },
		{ .domain = "example.net" }, { .domain = "example.org" } };
	const struct envelope env = { .rcpt_count = 3, .rcpts = rcpts };
	struct record_message in = {
		.loc = { .segment = 7,
		    .offset = UINT32_MAX - 5,
		    .env_len = 300,
		    .body_len = 5120 },
	};
	struct record_message out;
	unsigned char key[KEY_ID], other[KEY_ID];
	struct buf rec = { 0 }, bill = { 0 };
	int noticed = 0;
	struct err e;

	waybill_pack(&env, &bill);
	in.waybill = bytes(bill.p, bill.len);
	key_id(key, 42);
	key_id(other, 43);
	record_message_pack(&rec, bytes(key, 8), &in);
	ok(record_message_unpack(bytes(key, 8), bytes(rec.p, rec.len), &out,
	       &e) == 0,
	    "a message opens");
	ok(memcmp(&out.loc, &in.loc, sizeof(in.loc)) == 0, "its place");
	is_int(out.rcpt_count, 3, "its recipients");
	ok(out.waybill.len == bill.len &&
		memcmp(out.waybill.p, bill.p, bill.len) == 0,
	    "its waybill");
	ok(record_message_unpack(bytes(other, 8), bytes(rec.p, rec.len), &out,
	       &e) == -1,
	    "not under another key: %s", e.text);
	for (size_t i = 0; i < rec.len; i++) {
		rec.p[i] ^= 0x10;
		noticed += record_message_unpack(bytes(key, 8),
			       bytes(rec.p, rec.len), &out, &e) == -1;
		rec.p[i] ^= 0x10;
	}
	/* The two bytes that are always zero are covered as well. */
	is_int(noticed, (int64_t)rec.len, "each damaged byte is noticed");
	noticed = 0;
	for (size_t len = 0; len < rec.len; len++)
		noticed += record_message_unpack(bytes(key, 8),
			       bytes(rec.p, len), &out, &e) == -1;
	is_int(noticed, (int64_t)rec.len, "each cut is noticed");
	buf_fini(&bill);
	buf_fini(&rec);
}

static void
test_state(void)
{
	const struct record_state in = { .kind = STATE_DEFERRED,
		.attempts = 65535,
		.generation = 9,
		.due_wall_us = INT64_C(1800000000000000),
		.settled_us = 12345 };
	unsigned char key[KEY_STATE], rec[RECORD_STATE_LEN];
	struct record_state out;
	struct slice p;
	struct err e;

	key_state(key, 42, 17);
	record_state_pack(rec, bytes(key, sizeof(key)), &in);
	ok(record_state_unpack(bytes(key, sizeof(key)), bytes(rec, sizeof(rec)),
	       &out, &e) == 0,
	    "a state opens");
	ok(out.kind == in.kind && out.attempts == in.attempts &&
		out.generation == in.generation &&
		out.due_wall_us == in.due_wall_us &&
		out.settled_us == in.settled_us,
	    "as it was");
	ok(record_open(RECORD_MESSAGE, bytes(key, sizeof(key)),
	       bytes(rec, sizeof(rec)), &p, &e) == -1,
	    "not as a message: %s", e.text);
}

static void
test_ledger(void)
{
	const struct record_ledger in = { { 1, 2, 3, 4, 5, 6, 12, 13 }, 7, 8, 9,
		10, 11 };
	unsigned char rec[RECORD_LEDGER_LEN];
	struct record_ledger out;
	struct err e;

	record_ledger_pack(rec, SLICE_LIT("ledger"), &in);
	ok(record_ledger_unpack(SLICE_LIT("ledger"), bytes(rec, sizeof(rec)),
	       &out, &e) == 0,
	    "the ledger opens");
	ok(memcmp(&in, &out, sizeof(in)) == 0, "as it was");
	record_seal(RECORD_LEDGER, SLICE_LIT("ledger"), rec, RECORD_HEAD + 80);
	ok(record_ledger_unpack(SLICE_LIT("ledger"),
	       bytes(rec, RECORD_HEAD + 80), &out, &e) == 0 &&
		out.tail_len == 11 && out.sums.deleted == 6 &&
		out.sums.unrecorded_d == 0 && out.sums.unrecorded_b == 0,
	    "that of version 0.1 counts nothing as unrecorded");
	record_seal(RECORD_LEDGER, SLICE_LIT("ledger"), rec, RECORD_HEAD + 88);
	ok(record_ledger_unpack(SLICE_LIT("ledger"),
	       bytes(rec, RECORD_HEAD + 88), &out, &e) == -1,
	    "another length: %s", e.text);
	record_ledger_pack(rec, SLICE_LIT("ledger"), &in);
	rec[0] = 3;
	ok(record_ledger_unpack(SLICE_LIT("ledger"), bytes(rec, sizeof(rec)),
	       &out, &e) == -1,
	    "a version of tomorrow is refused: %s", e.text);
}

static void
test_outbox(void)
{
	const struct store_ledger in = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct slice key = SLICE_LIT("12345678");
	unsigned char rec[RECORD_OUTBOX_FIXED + 3];
	struct record_outbox out;
	struct err e;

	memcpy(rec + RECORD_OUTBOX_FIXED, "abc", 3);
	record_outbox_seal(key, &in, rec, sizeof(rec));
	ok(record_outbox_open(key, bytes(rec, sizeof(rec)), &out, &e) == 0 &&
		out.has_ledger && slice_eq(out.records, "abc"),
	    "a blob opens");
	ok(memcmp(&in, &out.after, sizeof(in)) == 0, "with its ledger");
	record_seal(RECORD_OUTBOX_LEDGER, key, rec, RECORD_OUTBOX_FIXED - 1);
	ok(record_outbox_open(key, bytes(rec, RECORD_OUTBOX_FIXED - 1), &out,
	       &e) == -1,
	    "cut in the ledger: %s", e.text);
	ok(record_outbox_open(key, bytes(rec, 1), &out, &e) == -1,
	    "cut in the head: %s", e.text);
	memcpy(rec + RECORD_HEAD, "xyz", 3);
	record_seal(RECORD_OUTBOX, key, rec, RECORD_HEAD + 3);
	ok(record_outbox_open(key, bytes(rec, RECORD_HEAD + 3), &out, &e) ==
		    0 &&
		!out.has_ledger && slice_eq(out.records, "xyz"),
	    "one of version 0.1 has none");
}

static void
test_doubt(void)
{
	const struct record_doubt in = { 77, SLICE_LIT("b@example.net"),
		SLICE_LIT("example.net/vmta1") };
	struct slice key = SLICE_LIT("12345678901234567890");
	struct record_doubt out;
	struct buf rec = { 0 };
	struct err e;

	record_doubt_pack(&rec, key, &in);
	ok(record_doubt_unpack(key, bytes(rec.p, rec.len), &out, &e) == 0 &&
		out.session == 77 && slice_eq(out.to, "b@example.net") &&
		slice_eq(out.queue, "example.net/vmta1"),
	    "a doubt opens as it was");
	record_seal(RECORD_DOUBT, key, rec.p, rec.len - 1);
	ok(record_doubt_unpack(key, bytes(rec.p, rec.len - 1), &out, &e) == -1,
	    "cut in a name: %s", e.text);
	record_doubt_pack(&rec, key, &in);
	buf_byte(&rec, 'x');
	record_seal(RECORD_DOUBT, key, rec.p, rec.len);
	ok(record_doubt_unpack(key, bytes(rec.p, rec.len), &out, &e) == -1,
	    "something behind it: %s", e.text);
	buf_fini(&rec);
}

int
main(void)
{
	test_sums();
	test_message();
	test_state();
	test_ledger();
	test_outbox();
	test_doubt();
	return done_testing();
}
