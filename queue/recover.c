/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/recover.h"

#include <errno.h>

#include "lib/clock.h"
#include "queue/bytes.h"
#include "queue/doubt.h"
#include "queue/inflight_priv.h"
#include "queue/lock.h"
#include "queue/reserve.h"
#include "queue/store_priv.h"

/* A session has a slot, and large transactions need some more. */
enum { SLOTS_SPARE = 256, SLOTS_BY_SESSION = 4 };

static int
open_env(struct store *s, struct err *e)
{
	enum env_result r;

	if (!lock_was_ended_well(s->lock))
		env_forget_cache(s->dir);
	r = env_open(s->dir, &s->env, e);
	if (r == ENV_NO_SPACE && reserve_give_up(s->reserve))
		r = env_open(s->dir, &s->env, e);
	return r == ENV_OK ? 0 : -1;
}

/* One transaction: this start is counted and the doubts are kept. */
static enum env_result
commit_start(struct store *s, struct err *e)
{
	enum env_result r;

	env_begin(s->env);
	r = doubt_find(s, &s->doubts_found, e);
	s->ledger.row.tail = segments_tail(s->segments,
	    &s->ledger.row.tail_len);
	if (r == ENV_OK)
		r = ledger_save(s->env, &s->ledger, e);
	if (r == ENV_OK)
		r = env_commit(s->env, e);
	if (r != ENV_OK)
		env_rollback(s->env);
	if (r == ENV_OK)
		r = env_flush(s->env, e);
	return r;
}

static int
open_inflight(struct store *s, const struct store_options *opt, struct err *e)
{
	unsigned workers = opt->workers == 0 ? 1 : opt->workers;
	uint32_t slots = opt->sessions / workers * SLOTS_BY_SESSION +
	    SLOTS_SPARE;
	uint32_t generation = s->ledger.row.generation;

	if (inflight_open(s->dir, workers, slots, generation, &s->inflight,
		e) == 0)
		return 0;
	if ((errno == ENOSPC || errno == EDQUOT) && reserve_give_up(s->reserve))
		return inflight_open(s->dir, workers, slots, generation,
		    &s->inflight, e);
	return -1;
}

int
recover(struct store *s, const struct store_options *opt, struct err *e)
{
	enum env_result r;

	if (open_env(s, e) == -1)
		return err_where(e, "database");
	if (ledger_load(s->env, clock_wall_us(), &s->ledger, e) != ENV_OK)
		return err_where(e, "ledger");
	s->first_id = s->ledger.next_id;
	if (segments_open(s->dir, opt->segment_size, s->ledger.row.tail,
		s->ledger.row.tail_len, &s->segments, e) == -1)
		return -1;
	r = commit_start(s, e);
	if (r == ENV_NO_SPACE && reserve_give_up(s->reserve))
		r = commit_start(s, e);
	if (r != ENV_OK)
		return err_where(e, "recovery");
	if (open_inflight(s, opt, e) == -1)
		return -1;
	handover_init(&s->handover, s->env);
	return outbox_init(&s->outbox, s->env, s->ledger.row.outbox_next, e);
}
