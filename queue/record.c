/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/record.h"

#include <string.h>

#include "lib/check.h"
#include "mail/waybill.h"
#include "queue/crc32c.h"

static uint32_t
checksum(struct slice key, const unsigned char *rec, size_t len)
{
	uint32_t crc = crc32c(0, rec, 4);

	crc = crc32c(crc, key.p, key.len);
	return crc32c(crc, rec + RECORD_HEAD, len - RECORD_HEAD);
}

void
record_seal(enum record_tag tag, struct slice key, void *rec, size_t len)
{
	unsigned char *head = rec;

	CHECK(len >= RECORD_HEAD);
	head[0] = RECORD_VERSION;
	head[1] = (unsigned char)tag;
	put_be16(head + 2, 0);
	put_be32(head + 4, checksum(key, head, len));
}

int
record_open(enum record_tag tag, struct slice key, struct slice rec,
    struct slice *payload_r, struct err *e)
{
	const unsigned char *head = (const void *)rec.p;

	if (rec.len < RECORD_HEAD)
		return err_set(e, "record %c is cut short", (int)tag);
	if (head[0] != RECORD_VERSION)
		return err_set(e, "record %c has version %u, not %u", (int)tag,
		    (unsigned)head[0], (unsigned)RECORD_VERSION);
	if (head[1] != (unsigned char)tag)
		return err_set(e, "record %c is of another table", (int)tag);
	if (get_be32(head + 4) != checksum(key, head, rec.len))
		return err_set(e, "record %c is damaged", (int)tag);
	*payload_r = bytes(rec.p + RECORD_HEAD, rec.len - RECORD_HEAD);
	return 0;
}

/* ---- messages ------------------------------------------------------------ */

void
record_message_pack(struct buf *out, struct slice key,
    const struct record_message *m)
{
	unsigned char fixed[RECORD_MESSAGE_FIXED] = { 0 };
	unsigned char *p = fixed + RECORD_HEAD;

	put_be32(p, m->loc.segment);
	put_be32(p + 4, m->loc.offset);
	put_be32(p + 8, m->loc.env_len);
	put_be32(p + 12, m->loc.body_len);
	buf_clear(out);
	buf_reserve(out, sizeof(fixed) + m->waybill.len);
	buf_add(out, fixed, sizeof(fixed));
	buf_add(out, m->waybill.p, m->waybill.len);
	record_seal(RECORD_MESSAGE, key, out->p, out->len);
}

int
record_message_unpack(struct slice key, struct slice rec,
    struct record_message *m_r, struct err *e)
{
	const size_t fixed = RECORD_MESSAGE_FIXED - RECORD_HEAD;
	struct slice p = { NULL, 0 };

	if (record_open(RECORD_MESSAGE, key, rec, &p, e) == -1)
		return -1;
	if (p.len < fixed)
		return err_set(e, "record M is too short");
	m_r->loc.segment = get_be32(p.p);
	m_r->loc.offset = get_be32(p.p + 4);
	m_r->loc.env_len = get_be32(p.p + 8);
	m_r->loc.body_len = get_be32(p.p + 12);
	m_r->waybill = bytes(p.p + fixed, p.len - fixed);
	m_r->rcpt_count = waybill_rcpt_count(m_r->waybill.p, m_r->waybill.len);
	if (m_r->rcpt_count == 0)
		return err_set(e, "record M has an impossible count");
	return 0;
}

/* ---- states -------------------------------------------------------------- */

void
record_state_pack(unsigned char out[RECORD_STATE_LEN], struct slice key,
    const struct record_state *s)
{
	unsigned char *p = out + RECORD_HEAD;

	p[0] = (unsigned char)s->kind;
	p[1] = 0;
	put_be16(p + 2, s->attempts);
	put_be32(p + 4, s->generation);
	put_be64(p + 8, (uint64_t)s->due_wall_us);
	put_be64(p + 16, (uint64_t)s->settled_us);
	record_seal(RECORD_STATE, key, out, RECORD_STATE_LEN);
}

int
record_state_unpack(struct slice key, struct slice rec,
    struct record_state *s_r, struct err *e)
{
	struct slice p = { NULL, 0 };

	if (record_open(RECORD_STATE, key, rec, &p, e) == -1)
		return -1;
	if (p.len != RECORD_STATE_LEN - RECORD_HEAD)
		return err_set(e, "record S has a wrong length");
	if (p.p[0] != STATE_DONE && p.p[0] != STATE_DEFERRED)
		return err_set(e, "record S has an unknown kind");
	s_r->kind = p.p[0] == STATE_DONE ? STATE_DONE : STATE_DEFERRED;
	s_r->attempts = get_be16(p.p + 2);
	s_r->generation = get_be32(p.p + 4);
	s_r->due_wall_us = (int64_t)get_be64(p.p + 8);
	s_r->settled_us = (int64_t)get_be64(p.p + 16);
	return 0;
}

/* ---- the ledger ---------------------------------------------------------- */

enum { LEDGER_SUMS = 48, LEDGER_SHORT = 80 }; /* bytes */

static void
pack_sums(unsigned char *p, const struct store_ledger *l)
{
	put_be64(p, l->accepted);
	put_be64(p + 8, l->delivered);
	put_be64(p + 16, l->failed);
	put_be64(p + 24, l->expired);
	put_be64(p + 32, l->suppressed);
	put_be64(p + 40, l->deleted);
}

static void
read_sums(const char *p, struct store_ledger *l)
{
	l->accepted = get_be64(p);
	l->delivered = get_be64(p + 8);
	l->failed = get_be64(p + 16);
	l->expired = get_be64(p + 24);
	l->suppressed = get_be64(p + 32);
	l->deleted = get_be64(p + 40);
}

/* What ended without a record: behind what else there is. */
static void
pack_unrecorded(unsigned char *p, const struct store_ledger *l)
{
	put_be64(p, l->unrecorded_d);
	put_be64(p + 8, l->unrecorded_b);
}

static void
read_unrecorded(const char *p, struct store_ledger *l)
{
	l->unrecorded_d = get_be64(p);
	l->unrecorded_b = get_be64(p + 8);
}

void
record_ledger_pack(unsigned char out[RECORD_LEDGER_LEN], struct slice key,
    const struct record_ledger *l)
{
	unsigned char *p = out + RECORD_HEAD;

	pack_sums(p, &l->sums);
	put_be64(p + LEDGER_SUMS, l->id_limit);
	put_be64(p + 56, l->outbox_next);
	put_be32(p + 64, l->generation);
	put_be32(p + 68, l->tail);
	put_be64(p + 72, l->tail_len);
	pack_unrecorded(p + LEDGER_SHORT, &l->sums);
	record_seal(RECORD_LEDGER, key, out, RECORD_LEDGER_LEN);
}

int
record_ledger_unpack(struct slice key, struct slice rec,
    struct record_ledger *l_r, struct err *e)
{
	struct slice p = { NULL, 0 };

	if (record_open(RECORD_LEDGER, key, rec, &p, e) == -1)
		return -1;
	if (p.len != RECORD_LEDGER_LEN - RECORD_HEAD && p.len != LEDGER_SHORT)
		return err_set(e, "record L has a wrong length");
	read_sums(p.p, &l_r->sums);
	l_r->sums.unrecorded_d = l_r->sums.unrecorded_b = 0;
	if (p.len > LEDGER_SHORT)
		read_unrecorded(p.p + LEDGER_SHORT, &l_r->sums);
	l_r->id_limit = get_be64(p.p + LEDGER_SUMS);
	l_r->outbox_next = get_be64(p.p + 56);
	l_r->generation = get_be32(p.p + 64);
	l_r->tail = get_be32(p.p + 68);
	l_r->tail_len = get_be64(p.p + 72);
	return 0;
}

/* ---- the outbox ---------------------------------------------------------- */

void
record_outbox_seal(struct slice key, const struct store_ledger *after,
    void *rec, size_t len)
{
	unsigned char *p = rec;

	CHECK(len >= RECORD_OUTBOX_FIXED);
	pack_sums(p + RECORD_HEAD, after);
	pack_unrecorded(p + RECORD_HEAD + LEDGER_SUMS, after);
	record_seal(RECORD_OUTBOX_LEDGER, key, rec, len);
}

int
record_outbox_open(struct slice key, struct slice rec,
    struct record_outbox *o_r, struct err *e)
{
	const size_t fixed = RECORD_OUTBOX_FIXED - RECORD_HEAD;
	struct slice p = { NULL, 0 };

	memset(o_r, 0, sizeof(*o_r));
	if (rec.len >= RECORD_HEAD && rec.p[1] == RECORD_OUTBOX)
		return record_open(RECORD_OUTBOX, key, rec, &o_r->records, e);
	if (record_open(RECORD_OUTBOX_LEDGER, key, rec, &p, e) == -1)
		return -1;
	if (p.len < fixed)
		return err_set(e, "record Q is too short");
	o_r->has_ledger = true;
	read_sums(p.p, &o_r->after);
	read_unrecorded(p.p + LEDGER_SUMS, &o_r->after);
	o_r->records = bytes(p.p + fixed, p.len - fixed);
	return 0;
}

/* ---- doubts -------------------------------------------------------------- */

static void
add_name(struct buf *out, struct slice name)
{
	unsigned char len[2];

	if (name.len > UINT16_MAX)
		name.len = UINT16_MAX;
	put_be16(len, (uint16_t)name.len);
	buf_add(out, len, sizeof(len));
	buf_add(out, name.p, name.len);
}

static bool
take_name(struct slice *p, struct slice *name_r)
{
	size_t len;

	if (p->len < 2)
		return false;
	len = get_be16(p->p);
	if (p->len - 2 < len)
		return false;
	*name_r = bytes(p->p + 2, len);
	*p = bytes(p->p + 2 + len, p->len - 2 - len);
	return true;
}

void
record_doubt_pack(struct buf *out, struct slice key,
    const struct record_doubt *d)
{
	unsigned char fixed[RECORD_HEAD + 8] = { 0 };

	put_be64(fixed + RECORD_HEAD, d->session);
	buf_clear(out);
	buf_add(out, fixed, sizeof(fixed));
	add_name(out, d->to);
	add_name(out, d->queue);
	record_seal(RECORD_DOUBT, key, out->p, out->len);
}

int
record_doubt_unpack(struct slice key, struct slice rec,
    struct record_doubt *d_r, struct err *e)
{
	struct slice p = { NULL, 0 };

	if (record_open(RECORD_DOUBT, key, rec, &p, e) == -1)
		return -1;
	if (p.len < 8)
		return err_set(e, "record D is too short");
	d_r->session = get_be64(p.p);
	d_r->to = d_r->queue = bytes("", 0);
	p = bytes(p.p + 8, p.len - 8);
	if (!take_name(&p, &d_r->to) || !take_name(&p, &d_r->queue))
		return err_set(e, "record D is cut short");
	if (p.len != 0)
		return err_set(e, "record D is too long");
	return 0;
}

/* ---- keys ---------------------------------------------------------------- */

void
key_id(unsigned char out[KEY_ID], uint64_t id)
{
	put_be64(out, id);
}

void
key_state(unsigned char out[KEY_STATE], uint64_t id, uint32_t n)
{
	put_be64(out, id);
	put_be32(out + 8, n);
}
