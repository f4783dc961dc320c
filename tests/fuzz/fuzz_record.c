/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of the spool's tables: a damaged value is refused; one whose checksum
 * fits is read without a step beyond its end, and written again it says the
 * same.
 *
 * The first byte picks what it is (also with a checksum made to fit), the
 * next 20 are the key.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "mail/waybill.h"
#include "queue/crc32c.h"
#include "queue/leases.h"
#include "queue/record.h"
#include "queue/segment_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEY_MAX = KEY_DOUBT, OPT_SEAL = 0x80 };

static void
check_same(struct slice rec, const void *p, size_t len)
{
	CHECK(len == rec.len && memcmp(p, rec.p, len) == 0);
}

/* ---- tables -------------------------------------------------------------- */

static void
read_message(struct slice key, struct slice rec)
{
	struct record_message m;
	struct buf out = { 0 };
	struct err e;

	if (record_message_unpack(key, rec, &m, &e) == -1)
		return;
	record_message_pack(&out, key, &m);
	check_same(rec, out.p, out.len);
	buf_fini(&out);
}

static void
read_state(struct slice key, struct slice rec)
{
	unsigned char out[RECORD_STATE_LEN];
	struct record_state s, again;
	struct err e;

	if (record_state_unpack(key, rec, &s, &e) == -1)
		return;
	CHECK(s.kind == STATE_DONE || s.kind == STATE_DEFERRED);
	record_state_pack(out, key, &s);
	CHECK(record_state_unpack(key,
		  (struct slice){ (char *)out, sizeof(out) }, &again, &e) == 0);
	CHECK(s.kind == again.kind && s.attempts == again.attempts &&
	    s.generation == again.generation &&
	    s.due_wall_us == again.due_wall_us &&
	    s.settled_us == again.settled_us);
}

static void
read_ledger(struct slice key, struct slice rec)
{
	unsigned char out[RECORD_LEDGER_LEN];
	struct record_ledger l;
	struct err e;

	if (record_ledger_unpack(key, rec, &l, &e) == -1)
		return;
	record_ledger_pack(out, key, &l);
	if (rec.len == sizeof(out)) /* that of version 0.1 is shorter */
		check_same(rec, out, sizeof(out));
}

static void
read_doubt(struct slice key, struct slice rec)
{
	struct record_doubt d;
	struct buf out = { 0 };
	struct err e;

	if (record_doubt_unpack(key, rec, &d, &e) == -1)
		return;
	record_doubt_pack(&out, key, &d);
	check_same(rec, out.p, out.len);
	buf_fini(&out);
}

static void
read_outbox(struct slice key, struct slice rec)
{
	struct record_outbox o;
	struct err e;
	char *out;

	if (record_outbox_open(key, rec, &o, &e) == -1)
		return;
	CHECK(o.records.len ==
	    rec.len - (o.has_ledger ? RECORD_OUTBOX_FIXED : RECORD_HEAD));
	if (!o.has_ledger)
		return;
	out = mem_dup(rec.p, rec.len);
	record_outbox_seal(key, &o.after, out, rec.len);
	check_same(rec, out, rec.len);
	free(out);
}

static void
read_lease(struct slice key, struct slice rec)
{
	struct lease_record l;
	struct buf out = { 0 };
	struct err e;

	if (leases_unpack(key, rec, &l, &e) == -1)
		return;
	CHECK(l.max > 0 && l.period_us > 0 && l.count <= LEASE_ENTRIES);
	leases_pack(&out, key, &l);
	check_same(rec, out.p, out.len);
	buf_fini(&out);
}

static void
read_any(enum record_tag tag, struct slice key, struct slice rec)
{
	struct slice payload;
	struct err e;

	if (record_open(tag, key, rec, &payload, &e) == 0)
		CHECK(payload.len == rec.len - RECORD_HEAD);
}

static void
read_record(unsigned options, struct slice key, struct slice bytes)
{
	static const struct {
		enum record_tag tag;
		void (*read)(struct slice key, struct slice rec);
	} tables[] = {
		{ RECORD_MESSAGE, read_message },
		{ RECORD_STATE, read_state },
		{ RECORD_LEDGER, read_ledger },
		{ RECORD_DOUBT, read_doubt },
		{ RECORD_OUTBOX, read_outbox },
		{ RECORD_HANDOVER, NULL },
		{ RECORD_LEASE, read_lease },
		{ RECORD_OUTBOX_LEDGER, read_outbox },
	};
	size_t i = options & 7;
	char *copy = mem_dup(bytes.p, bytes.len);
	struct slice rec = { copy, bytes.len };

	if ((options & OPT_SEAL) != 0 && rec.len >= RECORD_HEAD)
		record_seal(tables[i].tag, key, copy, rec.len);
	read_any(tables[i].tag, key, rec);
	if (tables[i].read != NULL)
		tables[i].read(key, rec);
	free(copy);
}

/* ---- the packed envelope and waybill, the head of a segment's record ------------------ */

static void
read_envelope(struct slice bytes)
{
	struct region *rg = region_new();
	struct buf out = { 0 };
	struct envelope env;
	struct err e;

	if (envelope_unpack(bytes.p, bytes.len, rg, &env, &e) == 0) {
		CHECK(env.rcpt_count > 0);
		envelope_pack(&env, &out);
		if (bytes.p[0] == out.p[0]) /* the first version is read too */
			check_same(bytes, out.p, out.len);
	}
	buf_fini(&out);
	region_free(&rg);
}

static void
read_waybill(struct slice bytes)
{
	struct region *rg = region_new();
	struct waybill w;
	struct err e;
	uint64_t sum = 0;

	if (waybill_unpack(bytes.p, bytes.len, rg, &w, &e) == 0) {
		CHECK(waybill_rcpt_count(bytes.p, bytes.len) == w.rcpt_count);
		for (uint32_t i = 0; i < w.run_count; i++) {
			CHECK(waybill_find(&w, (uint32_t)sum) == &w.runs[i]);
			sum += w.runs[i].count;
		}
		CHECK(sum == w.rcpt_count && sum > 0);
	}
	region_free(&rg);
}

static void
read_head(unsigned options, struct slice bytes)
{
	unsigned char head[SEGMENT_HEAD];
	struct segment_head h;

	if (bytes.len < SEGMENT_HEAD)
		return;
	memcpy(head, bytes.p, SEGMENT_HEAD);
	if ((options & OPT_SEAL) != 0) {
		put_be32(head, SEGMENT_MAGIC);
		put_be32(head + SEGMENT_HEAD - 4,
		    crc32c(0, head, SEGMENT_HEAD - 4));
	}
	if (segment_head_unpack(head, &h))
		CHECK(get_be32(head) == SEGMENT_MAGIC);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice key, bytes;
	unsigned options;

	if (size <= 1 + KEY_MAX)
		return 0;
	options = data[0];
	key = (struct slice){ (const char *)data + 1, KEY_MAX };
	bytes = (struct slice){ key.p + KEY_MAX, size - 1 - KEY_MAX };
	if (options % 16 == 8)
		read_envelope(bytes);
	else if (options % 16 == 9)
		read_head(options, bytes);
	else if (options % 16 == 10)
		read_waybill(bytes);
	else
		read_record(options & (OPT_SEAL | 7), key, bytes);
	return 0;
}
