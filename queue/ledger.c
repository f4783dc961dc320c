/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/ledger.h"

#include <string.h>

#include "lib/check.h"
#include "queue/bytes.h"

static struct slice
row_key(void)
{
	return SLICE_LIT("ledger");
}

/* The ledger is read first: it speaks for all of the spool. */
static int
check_format(struct slice rec, struct err *e)
{
	if (rec.len == 0 || rec.p[0] != 1)
		return 0;
	return err_set(e,
	    "the spool has format 1, of an earlier mailraced; this one reads "
	    "format %u: let the earlier one deliver what is queued, or move "
	    "the folder away",
	    (unsigned)RECORD_VERSION);
}

enum env_result
ledger_load(struct env *v, int64_t wall_us, struct ledger *l, struct err *e)
{
	struct slice rec;
	enum env_result r;

	memset(l, 0, sizeof(*l));
	r = env_get(v, TABLE_LEDGER, row_key(), &rec, e);
	if (r == ENV_OK) {
		if (check_format(rec, e) == -1 ||
		    record_ledger_unpack(row_key(), rec, &l->row, e) == -1)
			return ENV_FAILED;
	} else if (r != ENV_ABSENT) {
		return r;
	}
	l->row.generation++;
	l->next_id = wall_us > 0 ? (uint64_t)wall_us : 1;
	if (l->next_id < l->row.id_limit)
		l->next_id = l->row.id_limit;
	l->row.id_limit = l->next_id + LEDGER_ID_LEASE;
	return ENV_OK;
}

enum env_result
ledger_save(struct env *v, const struct ledger *l, struct err *e)
{
	unsigned char rec[RECORD_LEDGER_LEN];

	record_ledger_pack(rec, row_key(), &l->row);
	return env_put(v, TABLE_LEDGER, row_key(), bytes(rec, sizeof(rec)), e);
}

uint64_t
ledger_take_id(struct ledger *l)
{
	/* Written with the batch that uses the id, so durable before it. */
	if (l->next_id >= l->row.id_limit)
		l->row.id_limit = l->next_id + LEDGER_ID_LEASE;
	return l->next_id++;
}

void
ledger_count(struct ledger *l, enum store_verdict verdict, bool unrecorded)
{
	if (unrecorded && verdict == VERDICT_DELIVERED)
		l->row.sums.unrecorded_d++;
	else if (unrecorded)
		l->row.sums.unrecorded_b++;
	switch (verdict) {
	case VERDICT_DELIVERED:
		l->row.sums.delivered++;
		break;
	case VERDICT_FAILED:
		l->row.sums.failed++;
		break;
	case VERDICT_EXPIRED:
		l->row.sums.expired++;
		break;
	case VERDICT_SUPPRESSED:
		l->row.sums.suppressed++;
		break;
	case VERDICT_DELETED:
		l->row.sums.deleted++;
		break;
	case VERDICT_RETRY:
		CHECK_NEVER("a terminal verdict");
		break;
	}
}

void
ledger_refused(struct ledger *l, const struct store_refused *r)
{
	l->row.sums.accepted += r->count;
	l->row.sums.failed += r->failed;
	l->row.sums.suppressed += r->count - r->failed;
	l->row.sums.unrecorded_b += r->unrecorded;
}

uint64_t
ledger_queued(const struct ledger *l)
{
	return l->row.sums.accepted - store_ledger_ended(&l->row.sums);
}
