/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/intake.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/gauge.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "queue/audit.h"
#include "queue/bytes.h"
#include "queue/store_priv.h"

enum {
	/*
	 * Messages in a transaction.  Measured: 25 us of CPU a message with
	 * transactions of one, 16 with 256, 14 with 1024.
	 */
	GROUP = 1024,
	WAYBILL_MAX = 64 << 20
};

static void
refuse(struct store_accept *a, enum store_answer answer, const char *why)
{
	a->answer = answer;
	a->msg->id = 0;
	(void)err_set(&a->err, "%s", why);
	if (a->known != NULL)
		memset(a->known, 0, a->rcpt_count * sizeof(*a->known));
}

/* NULL: it can be kept. */
static const char *
fault_of(const struct message *m, struct slice waybill, uint32_t rcpt_count)
{
	if (rcpt_count == 0 || rcpt_count > ENVELOPE_RCPT_MAX)
		return "too many recipients, or none";
	if (m->env_len > SEGMENT_ENV_MAX)
		return "the envelope is too large";
	if (waybill.len > WAYBILL_MAX)
		return "too many queues";
	return m->body == NULL || m->body->len > SEGMENT_BODY_MAX ?
	    "the message is too large" :
	    NULL;
}

/* False with the answer set when a cannot be kept. */
static bool
judge(const struct store *s, struct store_accept *a)
{
	const char *why = fault_of(a->msg, a->waybill, a->rcpt_count);

	for (size_t k = 0; why == NULL && k < a->mail_count; k++)
		why = fault_of(a->mails[k].msg, a->mails[k].waybill,
		    a->mails[k].rcpt_count);
	a->answer = STORE_TAKEN;
	a->msg->id = 0;
	if (why != NULL)
		refuse(a, STORE_BAD, why);
	else if (s->space != STORE_SPACE_OK)
		refuse(a, STORE_NO_SPACE, "the spool is short of space");
	return a->answer == STORE_TAKEN;
}

void
intake_item(struct store *s, struct message *m, struct segment_item *item_r)
{
	m->id = ledger_take_id(&s->ledger);
	*item_r = (struct segment_item){ .id = m->id,
		.env = m->env,
		.env_len = m->env_len,
		.body = m->body->bytes,
		.body_len = m->body->len };
}

/* The messages of a batch that can be kept, as they are appended. */
struct records {
	struct segment_item *items; /* each behind it those that it causes */
	size_t item_count;
	struct store_accept **taken;
	size_t count;
};

static void
records_fini(struct records *b)
{
	free(b->items);
	free(b->taken);
}

static size_t
count_items(struct store_accept **list, size_t count)
{
	size_t n = count;

	for (size_t i = 0; i < count; i++)
		n += list[i]->mail_count;
	return n;
}

static void
add_items(struct store *s, struct store_accept *a, struct records *b)
{
	intake_item(s, a->msg, &b->items[b->item_count++]);
	for (size_t k = 0; k < a->mail_count; k++)
		intake_item(s, a->mails[k].msg, &b->items[b->item_count++]);
	b->taken[b->count++] = a;
}

static void
set_places(struct store_accept *a, const struct segment_item *items)
{
	a->msg->loc = items->loc;
	for (size_t k = 0; k < a->mail_count; k++)
		a->mails[k].msg->loc = items[k + 1].loc;
}

void
intake_append(struct store *s, struct store_accept **list, size_t count)
{
	struct records b = {
		.items = mem_array(count_items(list, count), sizeof(*b.items)),
		.taken = mem_array(count, sizeof(struct store_accept *)),
	};
	size_t done, at = 0;
	struct err e;

	for (size_t i = 0; i < count; i++)
		if (judge(s, list[i]))
			add_items(s, list[i], &b);
	if (segments_append(s->segments, b.items, b.item_count, &done, &e) ==
	    -1)
		store_die("append", &e);
	for (size_t i = 0; i < b.count; i++) {
		struct store_accept *a = b.taken[i];
		const struct segment_item *items = b.items + at;

		at += 1 + a->mail_count;
		if (at <= done)
			set_places(a, items);
		else
			refuse(a, STORE_NO_SPACE, e.text);
	}
	records_fini(&b);
}

/* ---- rows ---------------------------------------------------------------- */

/* A recipient that an earlier hand-over brought has nothing to wait for. */
static enum env_result
put_known(struct store *s, const struct store_accept *a, struct err *e)
{
	const struct record_state done = { .kind = STATE_DONE,
		.generation = s->ledger.row.generation };
	enum env_result r = ENV_OK;

	for (uint32_t n = 0; r == ENV_OK && n < a->rcpt_count; n++) {
		unsigned char key[KEY_STATE], rec[RECORD_STATE_LEN];

		if (!a->known[n])
			continue;
		key_state(key, a->msg->id, n);
		record_state_pack(rec, bytes(key, sizeof(key)), &done);
		r = env_put(s->env, TABLE_STATE, bytes(key, sizeof(key)),
		    bytes(rec, sizeof(rec)), e);
	}
	return r;
}

enum env_result
intake_put_row(struct store *s, const struct message *msg, struct slice waybill,
    struct buf *rec, struct err *e)
{
	const struct record_message m = { .loc = msg->loc, .waybill = waybill };
	unsigned char key[KEY_ID];

	key_id(key, msg->id);
	record_message_pack(rec, bytes(key, sizeof(key)), &m);
	return env_put(s->env, TABLE_MESSAGE, bytes(key, sizeof(key)),
	    bytes(rec->p, rec->len), e);
}

enum env_result
intake_put_mails(struct store *s, const struct store_mail *mails, size_t count,
    struct ledger *next, struct err *e)
{
	struct buf rec = { 0 };
	enum env_result r = ENV_OK;

	for (size_t k = 0; r == ENV_OK && k < count; k++) {
		next->row.sums.accepted += mails[k].rcpt_count;
		r = intake_put_row(s, mails[k].msg, mails[k].waybill, &rec, e);
	}
	buf_fini(&rec);
	return r;
}

/* rec is a buffer to work in. */
static enum env_result
put_message(struct store *s, struct store_accept *a, struct ledger *next,
    struct buf *rec, struct err *e)
{
	uint32_t fresh = a->rcpt_count;
	enum env_result r;

	if (a->has_key) {
		r = handover_admit(&s->handover, a, &fresh, e);
		if (r != ENV_OK)
			return r;
		if (fresh == 0) {
			a->msg->id = 0;
			return ENV_OK;
		}
	}
	next->row.sums.accepted += fresh;
	if (a->refused != NULL)
		ledger_refused(next, a->refused);
	r = intake_put_row(s, a->msg, a->waybill, rec, e);
	if (r == ENV_OK)
		r = intake_put_mails(s, a->mails, a->mail_count, next, e);
	if (r == ENV_OK && fresh < a->rcpt_count)
		r = put_known(s, a, e);
	return r;
}

/* The id is known now. */
static void
add_record(struct outbox *o, const char *p, uint32_t len, uint32_t id_at,
    uint64_t id)
{
	if (len == 0)
		return;
	CHECK(len >= id_at + 8);
	outbox_add(o, p, len);
	outbox_fill_id(o, len - id_at, id);
}

/* known NULL: nobody is. */
static void
add_receipts(struct outbox *o, const struct store_mail *of, const bool *known)
{
	const struct store_receipts *rs = of->receipts;
	uint32_t from = 0;

	for (uint32_t n = 0; n < of->rcpt_count; from = rs->ends[n++])
		if (known == NULL || !known[n])
			add_record(o, rs->p + from, rs->ends[n] - from,
			    rs->id_at, of->msg->id);
}

static void
add_refused(struct outbox *o, const struct store_accept *a)
{
	const struct store_refused *rf = a->refused;
	uint32_t from = 0;

	for (uint32_t n = 0; n < rf->count; from = rf->ends[n++])
		add_record(o, rf->p + from, rf->ends[n] - from, rf->id_at,
		    a->msg->id);
}

static void
add_records(struct outbox *o, const struct store_accept *a)
{
	const struct store_mail first = { .msg = a->msg,
		.rcpt_count = a->rcpt_count,
		.receipts = a->receipts };

	if (a->msg->id == 0)
		return;
	if (a->receipts != NULL)
		add_receipts(o, &first, a->has_key ? a->known : NULL);
	for (size_t k = 0; k < a->mail_count; k++)
		if (a->mails[k].receipts != NULL)
			add_receipts(o, &a->mails[k], NULL);
	if (a->refused != NULL)
		add_refused(o, a);
}

/* The records of those who came, if any are wanted. */
static enum env_result
put_receipts(struct store *s, struct store_accept **list, size_t count,
    struct ledger *next, struct err *e)
{
	uint64_t seq = next->row.outbox_next;

	outbox_begin(&s->outbox);
	for (size_t i = 0; i < count; i++)
		add_records(&s->outbox, list[i]);
	if (outbox_is_empty(&s->outbox))
		return ENV_OK;
	next->row.outbox_next++;
	return outbox_put(&s->outbox, seq, &next->row.sums, e);
}

static enum env_result
put_group(struct store *s, struct store_accept **list, size_t count,
    struct ledger *next, struct err *e)
{
	enum env_result r = ENV_OK;
	struct buf rec = { 0 };
	uint64_t any_id = list[0]->msg->id;

	env_begin(s->env);
	handover_begin(&s->handover, clock_wall_us());
	for (size_t i = 0; r == ENV_OK && i < count; i++)
		r = put_message(s, list[i], next, &rec, e);
	buf_fini(&rec);
	if (r == ENV_OK)
		r = handover_end(&s->handover, any_id, e);
	if (r == ENV_OK)
		r = put_receipts(s, list, count, next, e);
	next->row.tail = segments_tail(s->segments, &next->row.tail_len);
	if (r == ENV_OK)
		r = ledger_save(s->env, next, e);
	if (r == ENV_OK)
		r = env_commit(s->env, e);
	if (r != ENV_OK)
		env_rollback(s->env);
	else if (!outbox_is_empty(&s->outbox))
		outbox_committed(&s->outbox, s->ledger.row.outbox_next,
		    &next->row.sums);
	return r;
}

void
intake_kept(struct store *s, const struct message *m, uint32_t left, bool all)
{
	struct catalog_entry *c = catalog_add(s->catalog, m->id);

	c->left = left & UINT32_C(0x1fffffff);
	c->has_states = !all;
	c->segment = m->loc.segment;
	c->size = segment_size(&m->loc);
	segments_born(s->segments, c->segment, c->size);
	audit_change(s->audit, m->id, left);
}

void
intake_kept_mails(struct store *s, const struct store_mail *mails, size_t count)
{
	for (size_t k = 0; k < count; k++)
		intake_kept(s, mails[k].msg, mails[k].rcpt_count, true);
}

static bool
is_kept(const struct store_accept *a)
{
	return a->answer == STORE_TAKEN && a->msg->id != 0;
}

/* Those of its recipients that are queued now. */
static uint32_t
count_kept(const struct store_accept *a)
{
	uint32_t kept = a->rcpt_count;

	if (!is_kept(a))
		return 0;
	for (uint32_t n = 0; a->has_key && n < a->rcpt_count; n++)
		kept -= a->known[n] ? 1 : 0;
	return kept;
}

/* It is committed: the store in memory follows. */
static void
add_to_catalog(struct store *s, const struct store_accept *a)
{
	uint32_t left = count_kept(a);

	if (left > 0)
		intake_kept(s, a->msg, left, left == a->rcpt_count);
	if (is_kept(a))
		intake_kept_mails(s, a->mails, a->mail_count);
}

/* The places that came with it are its recipients' now, or free. */
static void
settle_places(struct store *s, const struct store_accept *a)
{
	uint32_t kept = count_kept(a);

	for (size_t k = 0; is_kept(a) && k < a->mail_count; k++)
		kept += a->mails[k].rcpt_count;
	if (kept > a->places)
		gauge_add(s->places, kept - a->places);
	else
		gauge_give(s->places, a->places - kept);
}

static void
commit_group(struct store *s, struct store_accept **list, size_t count)
{
	struct ledger next = s->ledger;
	struct err e;
	enum env_result r = put_group(s, list, count, &next, &e);

	if (r != ENV_OK && r != ENV_NO_SPACE)
		store_die("commit", &e);
	if (r == ENV_OK)
		s->ledger = next;
	for (size_t i = 0; i < count; i++) {
		if (r == ENV_OK)
			add_to_catalog(s, list[i]);
		else
			refuse(list[i], STORE_NO_SPACE, e.text);
	}
}

void
intake_commit(struct store *s, struct store_accept **list, size_t count)
{
	struct store_accept *group[GROUP];
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (list[i]->answer == STORE_TAKEN)
			group[n++] = list[i];
		if (n > 0 && (n == GROUP || i + 1 == count)) {
			commit_group(s, group, n);
			n = 0;
		}
	}
	for (size_t i = 0; i < count; i++)
		settle_places(s, list[i]);
}
