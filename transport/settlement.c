/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/settlement.h"

#include "lib/check.h"
#include "lib/clock.h"

void
settlement_init(struct settlement *st, struct worker_env *env)
{
	*st = (struct settlement){ .env = env };
}

void
settlement_fini(struct settlement *st)
{
	buf_fini(&st->items);
	buf_fini(&st->records);
}

/* Indexed by enum disposition_what. */
static const enum store_verdict verdicts[] = {
	[DISPOSE_DELIVERED] = VERDICT_DELIVERED,
	[DISPOSE_FAIL] = VERDICT_FAILED,
	[DISPOSE_EXPIRE] = VERDICT_EXPIRED,
	[DISPOSE_DELETE] = VERDICT_DELETED,
	[DISPOSE_RETRY] = VERDICT_RETRY,
};

void
settlement_add(struct settlement *st, const struct settlement_rcpt *r)
{
	const struct disposition *what = r->of.disposition;
	struct store_settled item = { .id = r->of.id,
		.n = r->of.n,
		.attempts = r->attempts };

	CHECK(what->what != DISPOSE_UNUSED);
	item.verdict = verdicts[what->what];
	if (what->what == DISPOSE_RETRY)
		item.due_wall_us = clock_wall_us() + what->retry_after_us;
	buf_add(&st->items, &item, sizeof(item));
	if (r->of.n >= r->of.env->rcpt_count)
		return;
	if (!r->unrecorded)
		record_pack(&r->of, &st->records);
	record_log(&r->of);
}

bool
settlement_is_empty(const struct settlement *st)
{
	return st->items.len == 0;
}

static void
on_flushed(struct post *p)
{
	struct settlement *st = post_owner(p, struct settlement, flushed);

	st->done(st);
}

/* On the store thread: must only post on. */
static void
on_settled(struct store_settle *s)
{
	struct settlement *st = post_owner(s, struct settlement, settle);

	worker_post(st->env->worker, &st->flushed);
}

void
settlement_commit(struct settlement *st, settlement_done_fn *done)
{
	CHECK(!settlement_is_empty(st));
	st->done = done;
	st->settle.items = (void *)st->items.p;
	st->settle.count = st->items.len / sizeof(struct store_settled);
	st->settle.records = st->records.p;
	st->settle.records_len = st->records.len;
	st->settle.done = on_settled;
	st->flushed.fn = on_flushed;
	store_settle(st->env->store, &st->settle);
}
