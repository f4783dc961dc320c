/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/dump.h"

#include "lib/mem.h"
#include "queue/bytes.h"
#include "queue/dump_files.h"
#include "queue/dump_priv.h"
#include "queue/dump_stream.h"

enum { PROGRESS_EVERY = 1000 };

struct dumper {
	struct offline *sp;
	FILE *f;
	dump_progress_fn *fn;
	void *ctx;
	struct dump_sums *sums;
	struct buf data;
	uint64_t frames;
};

/* A table's rows have its record tag as their type. */
const char dump_types[TABLE_COUNT] = {
	[TABLE_MESSAGE] = RECORD_MESSAGE,
	[TABLE_STATE] = RECORD_STATE,
	[TABLE_LEDGER] = RECORD_LEDGER,
	[TABLE_OUTBOX] = RECORD_OUTBOX,
	[TABLE_HANDOVER] = RECORD_HANDOVER,
	[TABLE_BUCKET] = RECORD_BUCKET,
	[TABLE_DOUBT] = RECORD_DOUBT,
	[TABLE_POLICY] = RECORD_POLICY,
	[TABLE_LEASE] = RECORD_LEASE,
};

static int
write_frame(struct dumper *d, char type, struct slice key, struct slice data,
    struct err *e)
{
	struct dump_frame frame = { type, key, data };

	d->frames++;
	return dump_write(d->f, &frame, e);
}

/* ---- messages ------------------------------------------------------------ */

static int
damaged(uint64_t id, struct err *e)
{
	char text[MESSAGE_ID_TEXT];

	return err_where(e, "message %s (see `mailrace queue verify')",
	    message_id_text(id, text));
}

static int
pack_message(struct dumper *d, uint64_t id, const struct record_message *m,
    struct region *rg, struct err *e)
{
	unsigned char lengths[DUMP_LENGTHS];
	struct segment_got got;

	if (segment_read(d->sp->reader, id, &m->loc, rg, &got, e) == -1)
		return damaged(id, e);
	if (got.body == NULL)
		return damaged(id, e);
	put_be32(lengths, (uint32_t)m->waybill.len);
	put_be32(lengths + 4, m->loc.env_len);
	put_be32(lengths + 8, m->loc.body_len);
	buf_clear(&d->data);
	buf_add(&d->data, lengths, sizeof(lengths));
	buf_add(&d->data, m->waybill.p, m->waybill.len);
	buf_add(&d->data, got.env, m->loc.env_len);
	buf_add(&d->data, got.body->bytes, m->loc.body_len);
	body_unref(&got.body);
	return 0;
}

static int
dump_message(struct dumper *d, struct slice key, struct slice rec,
    struct err *e)
{
	struct region *rg;
	struct record_message m;
	int rc;

	if (record_message_unpack(key, rec, &m, e) == -1)
		return -1;
	rg = region_new();
	rc = pack_message(d, get_be64(key.p), &m, rg, e);
	region_free(&rg);
	if (rc == -1)
		return -1;
	d->sums->messages++;
	d->sums->recipients += m.rcpt_count;
	d->sums->bytes += m.loc.env_len + (uint64_t)m.loc.body_len;
	if (d->sums->messages % PROGRESS_EVERY == 0)
		d->fn(d->ctx, d->sums->messages);
	return write_frame(d, RECORD_MESSAGE, key,
	    bytes(d->data.p, d->data.len), e);
}

/* ---- tables -------------------------------------------------------------- */

static int
dump_row(struct dumper *d, enum env_table t, struct slice key, struct slice rec,
    struct err *e)
{
	struct record_state st;

	if (offline_check_row(t, key, rec, e) == -1)
		return err_where(e, "table %s (see `mailrace queue verify')",
		    offline_table_name(t));
	if (t == TABLE_MESSAGE)
		return dump_message(d, key, rec, e);
	if (t == TABLE_STATE && record_state_unpack(key, rec, &st, e) == 0 &&
	    st.kind == STATE_DONE)
		d->sums->recipients--;
	return write_frame(d, dump_types[t], key, rec, e);
}

static int
dump_table(struct dumper *d, enum env_table t, struct err *e)
{
	struct env_scan sc;
	struct slice key, rec;
	enum env_result r;
	int rc = 0;

	env_scan_init(&sc, t, ENV_SCAN_LARGE);
	while (rc == 0 &&
	    (r = env_scan_next(d->sp->env, &sc, &key, &rec, e)) != ENV_ABSENT)
		rc = r == ENV_OK ? dump_row(d, t, key, rec, e) : -1;
	env_scan_fini(&sc);
	return rc;
}

/* Of accounting: what goes with the outbox. */
static int
dump_file(void *ctx, struct slice name, struct slice data, struct err *e)
{
	return write_frame(ctx, DUMP_FILE, name, data, e);
}

static int
dump_end(struct dumper *d, struct err *e)
{
	unsigned char count[8];

	put_be64(count, d->frames);
	if (write_frame(d, DUMP_END, bytes(NULL, 0), bytes(count, 8), e) == -1)
		return -1;
	return fflush(d->f) == 0 ? 0 : err_sys(e, "writing the dump");
}

int
dump(struct offline *sp, FILE *f, dump_progress_fn *fn, void *ctx,
    struct dump_sums *sums_r, struct err *e)
{
	static const enum env_table rest[] = { TABLE_STATE, TABLE_OUTBOX,
		TABLE_HANDOVER, TABLE_BUCKET, TABLE_DOUBT, TABLE_POLICY,
		TABLE_LEASE };
	struct dumper d = { sp, f, fn, ctx, sums_r, { 0 }, 0 };
	int rc;

	*sums_r = (struct dump_sums){ 0 };
	rc = dump_begin(f, e);
	if (rc == 0)
		rc = dump_table(&d, TABLE_LEDGER, e);
	if (rc == 0)
		rc = dump_table(&d, TABLE_MESSAGE, e);
	for (size_t i = 0; rc == 0 && i < sizeof(rest) / sizeof(rest[0]); i++)
		rc = dump_table(&d, rest[i], e);
	if (rc == 0)
		rc = dump_files_each(sp->dir, dump_file, &d, e);
	if (rc == 0)
		rc = dump_end(&d, e);
	buf_fini(&d.data);
	return rc;
}
