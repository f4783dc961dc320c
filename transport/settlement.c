/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/settlement.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"

void
settlement_init(struct settlement *st, struct worker_env *env)
{
	*st = (struct settlement){ .env = env };
}

static struct store_doubt *
doubts_of(const struct settlement *st)
{
	return (void *)st->doubts.p;
}

static size_t
doubt_count(const struct settlement *st)
{
	return st->doubts.len / sizeof(struct store_doubt);
}

void
settlement_fini(struct settlement *st)
{
	struct store_doubt *doubts = doubts_of(st);

	for (size_t i = 0; i < doubt_count(st); i++) {
		free(doubts[i].to);
		free(doubts[i].queue);
	}
	buf_fini(&st->doubts);
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

/*
 * The answer to the final dot was lost with the connection: as RFC 5321
 * section 4.5.3.2.6 has it, the message is sent again, and who may have it
 * twice then is named.  The names are copied: they are not the store's.
 */
static void
add_doubt(struct settlement *st, const struct settlement_rcpt *r)
{
	const struct store_doubt d = { .id = r->of.id,
		.n = r->of.n,
		.session = r->session,
		.wall_us = r->dot_wall_us,
		.to = mem_strdup(r->of.env->rcpts[r->of.n].addr),
		.queue = mem_strdup(r->of.queue) };

	buf_add(&st->doubts, &d, sizeof(d));
}

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
	if (r->of.outcome->in_doubt)
		add_doubt(st, r);
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
	st->settle.doubts = doubts_of(st);
	st->settle.doubt_count = doubt_count(st);
	st->settle.done = on_settled;
	st->flushed.fn = on_flushed;
	store_settle(st->env->store, &st->settle);
}
