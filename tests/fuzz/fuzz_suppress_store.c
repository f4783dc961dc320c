/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the owner of suppression lists reads from its disk: columns of a base,
 * and rows of its database.  Bytes that are damaged are refused in words; those
 * of which the checksums fit are read without a step beyond their end, and rows
 * written again say the same.
 *
 * The first byte picks what it is, also with checksums made to fit; of a row
 * the next eight are the key.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "queue/bytes.h"
#include "queue/crc32c.h"
#include "queue/suppress_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEY = 8, OPT_SEAL = 0x80, KINDS = 4 };

static void
check_same(struct slice rec, const void *p, size_t len)
{
	CHECK(len == rec.len && memcmp(p, rec.p, len) == 0);
}

static void
read_columns(unsigned char *p, size_t size, bool seal)
{
	struct suppress_columns c;
	uint64_t sum = 0;
	struct err e;

	if (seal && size >= COLUMNS_HEAD) {
		memcpy(p, "MRSUPPC\n", 8);
		put_be32(p + 8, COLUMNS_VERSION);
		put_be32(p + 40,
		    crc32c(0, p + COLUMNS_HEAD, size - COLUMNS_HEAD));
		put_be32(p + 44, crc32c(0, p, 44));
	}
	if (suppress_columns_read(bytes(p, size), &c, &e) == -1) {
		CHECK(e.text[0] != '\0');
		return;
	}
	for (uint64_t i = 0; i < c.count; i++)
		sum += suppress_columns_at(&c, i).expires_s;
	CHECK(sum <= c.count * UINT32_MAX);
}

static void
read_list(struct slice key, struct slice rec)
{
	unsigned char out[ROW_LIST_LEN];
	struct row_list l;
	struct err e;

	if (row_list_unpack(key, rec, &l, &e) == -1)
		return;
	row_list_pack(&l, key, out);
	check_same(rec, out, sizeof(out));
}

static void
read_entry(struct slice key, struct slice rec)
{
	unsigned char out[ROW_ENTRY_LEN];
	struct row_entry r, again;
	struct err e;

	if (row_entry_unpack(key, rec, &r, &e) == -1)
		return;
	row_entry_pack(&r, key, out);
	CHECK(row_entry_unpack(key, bytes(out, sizeof(out)), &again, &e) == 0);
	CHECK(r.listed == again.listed && r.mark == again.mark &&
	    memcmp(&r.column, &again.column, sizeof(r.column)) == 0);
}

static void
read_origin(struct slice key, struct slice rec)
{
	struct slice reason, source;
	struct buf out = { 0 };
	struct err e;

	if (row_origin_unpack(key, rec, &reason, &source, &e) == -1)
		return;
	row_origin_pack(&out, key, reason, source);
	check_same(rec, out.p, out.len);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum record_tag tags[KINDS] = { 0, RECORD_LIST,
		RECORD_ENTRY, RECORD_ORIGIN };
	static void (*const readers[KINDS])(struct slice key,
	    struct slice rec) = { NULL, read_list, read_entry, read_origin };
	unsigned kind = size == 0 ? 0 : data[0] % KINDS;
	bool seal = size > 0 && (data[0] & OPT_SEAL) != 0;
	const size_t skip = kind == 0 ? 1 : 1 + KEY;
	struct slice key;
	unsigned char *p;

	if (size < skip)
		return 0;
	key = bytes(data + 1, KEY);
	/* Its own memory, of just that size: reading beyond it is seen. */
	p = mem_dup(data + skip, size - skip);
	size -= skip;
	if (kind == 0) {
		read_columns(p, size, seal);
	} else {
		if (seal && size >= RECORD_HEAD)
			record_seal(tags[kind], key, p, size);
		readers[kind](key, bytes(p, size));
	}
	free(p);
	return 0;
}
