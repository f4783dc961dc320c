/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/suppress_record.h"

#include <string.h>

#include "lib/check.h"
#include "queue/bytes.h"

/* ---- keys ---------------------------------------------------------------- */

struct slice
row_key_slice(const struct row_key *k)
{
	return bytes(k->p, k->len);
}

struct row_key
row_key_entry(uint32_t number, const void *digest, uint32_t len)
{
	struct row_key k = { .len = 4 + (size_t)len };

	CHECK(len <= SUPPRESS_LEN_MAX);
	put_be32(k.p, number);
	if (len > 0)
		memcpy(k.p + 4, digest, len);
	return k;
}

struct row_key
row_key_origin(uint32_t number, uint32_t origin)
{
	struct row_key k = { .len = 8 };

	put_be32(k.p, number);
	put_be32(k.p + 4, origin);
	return k;
}

struct row_key
row_key_expiry(uint32_t number, uint32_t expires_s, const void *digest,
    uint32_t len)
{
	struct row_key k = { .len = 8 + (size_t)len };

	CHECK(len <= SUPPRESS_LEN_MAX);
	put_be32(k.p, number);
	put_be32(k.p + 4, expires_s);
	if (len > 0)
		memcpy(k.p + 8, digest, len);
	return k;
}

/* ---- a list -------------------------------------------------------------- */

enum { NUMBERS = 12, PAYLOAD = ROW_LIST_LEN - RECORD_HEAD };

void
row_list_pack(const struct row_list *l, struct slice key,
    unsigned char out[ROW_LIST_LEN])
{
	const uint64_t numbers[NUMBERS] = { l->id, l->base, l->next, l->delta,
		l->mark, l->folded, (uint64_t)l->expired_s,
		(uint64_t)l->changed_s, l->coming.id, l->coming.generation,
		l->coming.mark, (uint64_t)l->coming.expired_s };
	unsigned char *p = out + RECORD_HEAD;

	put_be32(p, l->number);
	put_be32(p + 4, l->digest_len);
	put_be32(p + 8, l->coming.digest_len);
	for (size_t i = 0; i < NUMBERS; i++)
		put_be64(p + 12 + 8 * i, numbers[i]);
	record_seal(RECORD_LIST, key, out, ROW_LIST_LEN);
}

static bool
is_len(uint32_t len)
{
	return len >= SUPPRESS_LEN_MIN && len <= SUPPRESS_LEN_MAX;
}

int
row_list_unpack(struct slice key, struct slice rec, struct row_list *l_r,
    struct err *e)
{
	struct slice p;
	uint64_t numbers[NUMBERS];

	if (record_open(RECORD_LIST, key, rec, &p, e) == -1)
		return -1;
	if (p.len != PAYLOAD)
		return err_set(e, "record l has a wrong length");
	for (size_t i = 0; i < NUMBERS; i++)
		numbers[i] = get_be64(p.p + 12 + 8 * i);
	*l_r = (struct row_list){
		.number = get_be32(p.p),
		.digest_len = get_be32(p.p + 4),
		.id = numbers[0],
		.base = numbers[1],
		.next = numbers[2],
		.delta = numbers[3],
		.mark = numbers[4],
		.folded = numbers[5],
		.expired_s = (int64_t)numbers[6],
		.changed_s = (int64_t)numbers[7],
	};
	l_r->coming.digest_len = get_be32(p.p + 8);
	l_r->coming.id = numbers[8];
	l_r->coming.generation = numbers[9];
	l_r->coming.mark = numbers[10];
	l_r->coming.expired_s = (int64_t)numbers[11];
	if (!is_len(l_r->digest_len) ||
	    (l_r->coming.generation != 0 && !is_len(l_r->coming.digest_len)))
		return err_set(e, "record l has a wrong number");
	return 0;
}

/* ---- an entry ------------------------------------------------------------ */

void
row_entry_pack(const struct row_entry *r, struct slice key,
    unsigned char out[ROW_ENTRY_LEN])
{
	unsigned char *p = out + RECORD_HEAD;

	memset(out, 0, ROW_ENTRY_LEN);
	p[0] = r->listed ? 1 : 0;
	put_be32(p + 4, r->column.origin);
	put_be32(p + 8, r->column.created_s);
	put_be32(p + 12, r->column.expires_s);
	put_be64(p + 16, r->mark);
	record_seal(RECORD_ENTRY, key, out, ROW_ENTRY_LEN);
}

int
row_entry_unpack(struct slice key, struct slice rec, struct row_entry *r_r,
    struct err *e)
{
	struct slice p;

	if (record_open(RECORD_ENTRY, key, rec, &p, e) == -1)
		return -1;
	if (p.len != ROW_ENTRY_LEN - RECORD_HEAD || (p.p[0] & ~1) != 0)
		return err_set(e, "record e is not an entry");
	*r_r = (struct row_entry){ .listed = p.p[0] == 1,
		.column = { .origin = get_be32(p.p + 4),
		    .created_s = get_be32(p.p + 8),
		    .expires_s = get_be32(p.p + 12) },
		.mark = get_be64(p.p + 16) };
	return 0;
}

/* ---- an origin ----------------------------------------------------------- */

void
row_origin_pack(struct buf *out, struct slice key, struct slice reason,
    struct slice source)
{
	static const unsigned char head[RECORD_HEAD];

	CHECK(reason.len <= UINT8_MAX);
	buf_clear(out);
	buf_add(out, head, sizeof(head));
	buf_byte(out, (char)reason.len);
	buf_add(out, reason.p, reason.len);
	buf_add(out, source.p, source.len);
	record_seal(RECORD_ORIGIN, key, out->p, out->len);
}

int
row_origin_unpack(struct slice key, struct slice rec, struct slice *reason_r,
    struct slice *source_r, struct err *e)
{
	struct slice p;
	size_t len;

	if (record_open(RECORD_ORIGIN, key, rec, &p, e) == -1)
		return -1;
	len = p.len == 0 ? 0 : (unsigned char)p.p[0];
	if (p.len < 1 + len)
		return err_set(e, "record o is cut short");
	*reason_r = bytes(p.p + 1, len);
	*source_r = bytes(p.p + 1 + len, p.len - 1 - len);
	return 0;
}
