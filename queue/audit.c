/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/audit.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "queue/bytes.h"
#include "queue/doubt.h"
#include "queue/slotsync.h"
#include "queue/store_priv.h"

enum { SLICE = 500 }; /* messages */

struct audit {
	struct store *s;
	struct post_list waiting, current;
	bool running;
	uint64_t at;  /* messages below are counted as they are now */
	uint64_t end; /* ids from here on came after the start */
	int64_t queued;
	uint64_t looked; /* at so many messages, since start */
	struct env_scan messages, states;
};

struct audit *
audit_new(struct store *s)
{
	struct audit *a = mem_new(struct audit);

	a->s = s;
	STAILQ_INIT(&a->waiting);
	STAILQ_INIT(&a->current);
	env_scan_init(&a->messages, TABLE_MESSAGE, ENV_SCAN_LARGE);
	env_scan_init(&a->states, TABLE_STATE, ENV_SCAN_LARGE);
	return a;
}

void
audit_free(struct audit **ap)
{
	struct audit *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	CHECK(STAILQ_EMPTY(&a->waiting) && STAILQ_EMPTY(&a->current));
	env_scan_fini(&a->messages);
	env_scan_fini(&a->states);
	free(a);
}

void
audit_ask(struct audit *a, struct store_audit_ask *ask)
{
	STAILQ_INSERT_TAIL(&a->waiting, &ask->post, link);
}

void
audit_change(struct audit *a, uint64_t id, int64_t rcpts)
{
	if (a->running && (id < a->at || id >= a->end))
		a->queued += rcpts;
}

/* ---- counting ------------------------------------------------------------ */

/* Takes off the recipients of messages from..to-1 that have ended. */
static void
count_states(struct audit *a, uint64_t from, uint64_t to)
{
	unsigned char start[KEY_ID];
	struct slice key, rec;
	struct err e;
	enum env_result r;

	key_id(start, from);
	env_scan_seek(&a->states, bytes(start, sizeof(start)));
	for (;;) {
		struct record_state st;

		r = env_scan_next(a->s->env, &a->states, &key, &rec, &e);
		if (r != ENV_OK || key.len != KEY_STATE ||
		    get_be64(key.p) >= to)
			break;
		if (record_state_unpack(key, rec, &st, &e) == 0 &&
		    st.kind == STATE_DONE)
			a->queued--;
	}
	if (r != ENV_OK && r != ENV_ABSENT)
		store_die("audit", &e);
}

/* Some messages, and their states as they are at this moment. */
static bool
count_some(struct audit *a)
{
	unsigned char start[KEY_ID];
	struct slice key, rec;
	uint64_t from = a->at;
	bool more = true;
	struct err e;

	key_id(start, from);
	env_scan_seek(&a->messages, bytes(start, sizeof(start)));
	for (int i = 0; i < SLICE; i++) {
		struct record_message m;
		enum env_result r = env_scan_next(a->s->env, &a->messages, &key,
		    &rec, &e);

		if (r != ENV_OK && r != ENV_ABSENT)
			store_die("audit", &e);
		if (r == ENV_ABSENT || key.len != KEY_ID ||
		    get_be64(key.p) >= a->end) {
			a->at = a->end;
			more = false;
			break;
		}
		a->at = get_be64(key.p) + 1;
		a->looked++;
		if (record_message_unpack(key, rec, &m, &e) == 0)
			a->queued += m.rcpt_count;
		else
			log_note(LOG_L_ERROR, "record-damaged", "%s", e.text);
	}
	if (a->at > from)
		count_states(a, from, a->at);
	return more;
}

/* ---- the answer ---------------------------------------------------------- */

static void
tell_counters(const struct audit *a, struct store_audit *out)
{
	memset(out, 0, sizeof(*out));
	out->ledger = a->s->ledger.row.sums;
	out->batches = a->s->batches;
	out->syncs = a->s->syncs + segments_syncs(a->s->segments) +
	    slotsync_count(a->s->slotsync);
	out->audited = a->looked;
	segments_bytes(a->s->segments, &out->segment_bytes, &out->live_bytes);
}

static void
answer(struct audit *a, struct store_audit_ask *ask)
{
	struct store_audit *out = &ask->audit;

	tell_counters(a, out);
	out->queued = (uint64_t)a->queued;
	doubt_list(a->s, clock_wall_us(), &out->doubts, &out->doubt_count);
	ask->done(ask);
}

void
audit_answer_brief(struct audit *a, struct store_audit_ask *ask)
{
	tell_counters(a, &ask->audit);
	ask->done(ask);
}

/* One count answers all who wait now. */
static void
begin(struct audit *a)
{
	STAILQ_CONCAT(&a->current, &a->waiting);
	a->running = true;
	a->at = 0;
	a->end = a->s->ledger.next_id;
	a->queued = 0;
}

bool
audit_slice(struct audit *a)
{
	struct post *p;

	if (!a->running && STAILQ_EMPTY(&a->waiting))
		return false;
	if (!a->running)
		begin(a);
	if (count_some(a))
		return true;
	a->running = false;
	while ((p = STAILQ_FIRST(&a->current)) != NULL) {
		STAILQ_REMOVE_HEAD(&a->current, link);
		answer(a, post_owner(p, struct store_audit_ask, post));
	}
	return !STAILQ_EMPTY(&a->waiting);
}
