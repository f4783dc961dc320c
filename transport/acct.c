/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/acct.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "transport/acct_priv.h"

/* How long rows may wait to be synced, and how many may wait to be written. */
#define SYNC_AFTER_US 500000
#define WRITE_AFTER ((size_t)1 << 18)

#define TIDY_US (3600 * US_PER_S)
/* The wall clock may be set: what depends on it is looked at so often. */
#define LOOK_US (60 * US_PER_S)
#define LOOK_LEAST_US 1000

/* ---- state --------------------------------------------------------------- */

/* Sinks that still have to get blobs from some place on. */
static bool
owes(const struct acct_sink *s)
{
	return s->conf != NULL && s->kept.next < s->until;
}

static void
tell_grown(struct acct *a, struct acct_sink *s)
{
	uint64_t number = s->told_number, length = s->kept.length;

	if (s->buffer == NULL || s->conf == NULL || a->owner->grown == NULL)
		return;
	if (s->name[0] != '\0')
		number = acct_buffer_number(s->name);
	if (s->is_told && number == s->told_number && length == s->told_length)
		return;
	s->is_told = true;
	s->told_number = number;
	s->told_length = length;
	a->owner->grown(a->ctx,
	    &(struct acct_grown){ .sink = s->number,
		.tag = s->tag,
		.folder = s->buffer->folder,
		.origin = acct_state_origin(a->state),
		.cursor_number = s->kept.cursor_number,
		.cursor_offset = s->kept.cursor_offset,
		.number = number,
		.length = length });
}

static void
tell_done(struct acct *a)
{
	uint64_t next = a->seen;
	const struct acct_sink *s;

	STAILQ_FOREACH(s, &a->sinks, link)
	if (owes(s) && s->kept.next < next)
		next = s->kept.next;
	if (next > 0)
		a->owner->done(a->ctx, next - 1);
}

static void
after_state(struct acct *a)
{
	struct acct_sink *s;

	STAILQ_FOREACH(s, &a->sinks, link)
	{
		if (!s->settled)
			acct_sink_well(s); /* if that was what failed */
		s->settled = true;
		if (s->buffer != NULL && s->removed < s->kept.cursor_number) {
			acct_buffer_remove(s->buffer, s->kept.cursor_number);
			s->removed = s->kept.cursor_number;
		}
		if (s->unfinished)
			acct_sink_tidy(s);
		if (a->started)
			tell_grown(a, s);
	}
	if (a->started)
		tell_done(a);
}

static int
write_state(struct acct *a, struct err *e)
{
	const struct acct_sink *s;

	acct_state_begin(a->state, a->seen, &a->ledger);
	STAILQ_FOREACH(s, &a->sinks, link)
	{
		struct acct_state_entry en = s->kept;

		en.name = s->name;
		en.name_len = strlen(s->name);
		en.tag = s->tag;
		en.tag_len = strlen(s->tag);
		acct_state_add(a->state, &en);
	}
	return acct_state_write(a->state, e);
}

int
acct_keep_state(struct acct *a)
{
	struct err e;
	bool failed = write_state(a, &e) == -1;

	if (failed && !a->state_failed)
		log_note(LOG_L_ERROR, "acct", "%s; tried again", e.text);
	a->state_failed = failed;
	a->state_dirty = failed;
	if (failed)
		acct_arm(a);
	else
		after_state(a);
	return failed ? -1 : 0;
}

/* ---- the disk ------------------------------------------------------------ */

void
acct_arm(struct acct *a)
{
	const struct timeval soon = { .tv_usec = SYNC_AFTER_US };

	if (!event_pending(a->commit_timer, EV_TIMEOUT, NULL))
		CHECK(event_add(a->commit_timer, &soon) == 0);
}

/* Its rows are to be durable at once. */
static bool
is_urgent(const struct acct_sink *s)
{
	return s->conf != NULL && s->conf->sync && acct_file_is_dirty(&s->file);
}

static bool
any_is_urgent(const struct acct *a)
{
	const struct acct_sink *s;

	STAILQ_FOREACH(s, &a->sinks, link)
	if (is_urgent(s))
		return true;
	return false;
}

static void
commit(struct acct *a, bool all)
{
	struct acct_sink *s;
	struct err e;

	STAILQ_FOREACH(s, &a->sinks, link)
	{
		if (!acct_sink_is_dirty(s) || !(all || is_urgent(s)))
			continue;
		if (acct_sink_sync(s, &e) == -1)
			acct_sink_fail(s, e.text);
		a->state_dirty = true;
	}
	if (a->state_dirty)
		(void)acct_keep_state(a);
	acct_drop_left(a);
	acct_plan_stream(a);
}

void
acct_commit(struct acct *a)
{
	commit(a, true);
}

static void
on_commit_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	acct_commit(arg);
}

/* What is in the current file is complete; the state names the next one. */
static bool
next_file(struct acct *a, struct acct_sink *s, enum acct_turn turn)
{
	uint64_t next = s->now.next;
	struct err e;

	if (acct_sink_sync(s, &e) == -1) {
		acct_sink_fail(s, e.text);
		return false;
	}
	if (s->now.next != next) /* its file was gone: it went back */
		return false;
	if (acct_sink_open_next(s, &e) == -1) {
		if (turn == ACCT_TURN_MUST) {
			acct_sink_fail(s, e.text);
			return false;
		}
		log_note(LOG_L_ERROR, "acct",
		    "%s; records go on in the file before", e.text);
		return true;
	}
	if (acct_keep_state(a) == 0)
		return true;
	acct_sink_fail(s, "the state of accounting cannot be kept");
	return false;
}

bool
acct_begin_file(struct acct *a, struct acct_sink *s)
{
	char before[ACCT_NAME_MAX];

	memcpy(before, s->name, sizeof(before));
	buf_clear(&s->fresh);
	return next_file(a, s, ACCT_TURN_SHOULD) &&
	    strcmp(before, s->name) != 0;
}

/* ---- blobs --------------------------------------------------------------- */

/* Is there a file that the rows may go to? */
static bool
has_place(struct acct *a, struct acct_sink *s)
{
	enum acct_turn turn = acct_sink_turn(s);

	if (s->buffer != NULL && a->space != STORE_SPACE_OK) {
		acct_sink_fail(s, "the spool is short of space");
		return false;
	}
	if (turn != ACCT_TURN_NO)
		return next_file(a, s, turn);
	if (s->settled || acct_keep_state(a) == 0)
		return true;
	acct_sink_fail(s, "the state of accounting cannot be kept");
	return false;
}

struct blob {
	struct post post;
	struct acct *acct;
	uint64_t seq;
	bool has_ledger;
	struct store_ledger after;
	uint64_t d, b; /* records of these types */
	size_t len;
	char bytes[];
};

static void
take(struct acct *a, struct acct_sink *s, const struct blob *b)
{
	struct err e;

	if (s->taking) {
		acct_sink_base(s, b->has_ledger ? &b->after : NULL, b->d, b->b);
		if (acct_sink_drops(s, b->seq))
			return;
	}
	if (!s->taking || (s->fresh.len > 0 && !has_place(a, s))) {
		acct_sink_pass(s, b->seq);
		return;
	}
	acct_sink_add(s, b->seq);
	if (s->file.rows.len > WRITE_AFTER && acct_sink_write(s, &e) == -1)
		acct_sink_fail(s, e.text);
}

static void
offer(struct acct *a, struct blob *b)
{
	struct acct_id id = { acct_state_origin(a->state), b->seq, 0 };
	const char *at = b->bytes, *before = at;
	size_t left = b->len;
	struct acct_record r;
	struct acct_sink *s;
	enum acct_next next;

	while ((next = acct_record_unpack(&at, &left, a->rows.rg, &r)) ==
	    ACCT_RECORD) {
		b->d += r.type == ACCT_D ? 1 : 0;
		b->b += r.type == ACCT_B ? 1 : 0;
		STAILQ_FOREACH(s, &a->sinks, link)
		acct_sink_offer(s, &a->rows, &r, &id, (size_t)(at - before));
		region_reset(a->rows.rg);
		before = at;
		id.index++;
	}
	if (next == ACCT_BROKEN)
		log_note(LOG_L_ERROR, "acct",
		    "outbox entry %llu is broken: %zu bytes of it are lost",
		    (unsigned long long)b->seq, left);
}

static void
on_blob(struct post *p)
{
	struct blob *b = post_owner(p, struct blob, post);
	struct acct *a = b->acct;
	struct acct_sink *s;
	bool wanted = false;

	a->taken += b->len;
	STAILQ_FOREACH(s, &a->sinks, link)
	{
		acct_sink_begin_blob(s, b->seq, a->pos);
		wanted = wanted || s->counting;
	}
	/* Replayed, though it is in the files: the outbox was not told. */
	if (wanted || b->seq >= a->seen)
		offer(a, b);
	if (b->seq >= a->seen) {
		a->seen = b->seq + 1;
		if (b->has_ledger)
			a->ledger = b->after;
		a->state_dirty = true;
	}
	STAILQ_FOREACH(s, &a->sinks, link)
	if (s->counting)
		take(a, s, b);
	a->pos = b->seq + 1;
	acct_arm(a);
	free(b);
}

void
acct_blob(struct acct *a, uint64_t seq, const struct store_ledger *after,
    const void *p, size_t len)
{
	struct blob *b = mem_alloc(sizeof(*b) + len);

	memset(b, 0, sizeof(*b));
	b->post.fn = on_blob;
	b->acct = a;
	b->seq = seq;
	b->has_ledger = after != NULL;
	if (after != NULL)
		b->after = *after;
	b->len = len;
	memcpy(b->bytes, p, len);
	worker_post(a->worker, &b->post);
}

/* ---- the stream ---------------------------------------------------------- */

/*
 * The first blob that anybody has a use for: those of a failed sink have to
 * pass it by once, to be counted.
 */
static uint64_t
wanted_from(const struct acct *a)
{
	uint64_t from = a->seen;
	const struct acct_sink *s;

	STAILQ_FOREACH(s, &a->sinks, link)
	{
		uint64_t next = s->failed ? s->seen : s->now.next;

		if (s->conf != NULL && next < s->until && next < from)
			from = next;
	}
	return from;
}

void
acct_plan_stream(struct acct *a)
{
	uint64_t from = wanted_from(a);

	if (a->asked || !a->started || from == a->pos)
		return;
	a->asked = true;
	a->owner->rewind(a->ctx, from);
}

struct order {
	struct post post;
	struct acct *acct;
	uint64_t number;
};

static void
post_order(struct acct *a, void (*fn)(struct post *), uint64_t number)
{
	struct order *o = mem_new(struct order);

	o->post.fn = fn;
	o->acct = a;
	o->number = number;
	worker_post(a->worker, &o->post);
}

static void
on_rewound(struct post *p)
{
	struct order *o = post_owner(p, struct order, post);

	o->acct->pos = o->number;
	o->acct->asked = false;
	acct_plan_stream(o->acct);
	free(o);
}

void
acct_rewound(struct acct *a, uint64_t seq)
{
	post_order(a, on_rewound, seq);
}

static void
on_space(struct post *p)
{
	struct order *o = post_owner(p, struct order, post);

	o->acct->space = (enum store_space)o->number;
	free(o);
}

void
acct_space(struct acct *a, enum store_space space)
{
	post_order(a, on_space, space);
}

/* ---- what is due --------------------------------------------------------- */

static int64_t
sink_due_us(const struct acct_sink *s, int64_t wall_to_engine)
{
	int64_t due = acct_sink_due_us(s);

	if (s->failed)
		return s->retry_us;
	if (due == INT64_MAX)
		return due;
	due += wall_to_engine;
	return due > s->put_off_us ? due : s->put_off_us;
}

static void
arm_due(struct acct *a)
{
	int64_t now = clock_us(), shift = now - clock_wall_us();
	int64_t due = now + LOOK_US;
	const struct acct_sink *s;
	struct timeval tv;

	STAILQ_FOREACH(s, &a->sinks, link)
	if (sink_due_us(s, shift) < due)
		due = sink_due_us(s, shift);
	if (due < now + LOOK_LEAST_US)
		due = now + LOOK_LEAST_US;
	if (a->due_us > now && a->due_us <= due)
		return;
	a->due_us = due;
	tv.tv_sec = (time_t)((due - now) / US_PER_S);
	tv.tv_usec = (suseconds_t)((due - now) % US_PER_S);
	CHECK(event_add(a->due_timer, &tv) == 0);
}

static void
on_due(evutil_socket_t fd, short what, void *arg)
{
	struct acct *a = arg;
	int64_t now = clock_us();
	struct acct_sink *s;

	(void)fd;
	(void)what;
	STAILQ_FOREACH(s, &a->sinks, link)
	{
		if (s->failed && s->retry_us <= now)
			s->failed = false;
		if (s->conf == NULL || s->failed || s->file.fd == -1)
			continue;
		buf_clear(&s->fresh);
		if (acct_sink_turn(s) != ACCT_TURN_NO)
			(void)acct_begin_file(a, s);
		if (now >= a->tidy_us)
			acct_sink_tidy(s);
	}
	if (now >= a->tidy_us) {
		acct_look_for_orphans(a);
		a->tidy_us = now + TIDY_US;
	}
	acct_plan_stream(a);
	a->due_us = 0;
	arm_due(a);
}

static void
on_round(void *arg)
{
	struct acct *a = arg;

	if (a->taken > 0)
		a->owner->taken(a->ctx, a->taken);
	a->taken = 0;
	if (any_is_urgent(a))
		commit(a, false);
	acct_plan_stream(a);
	arm_due(a);
	acct_publish_totals(a);
}

/* ---- life ---------------------------------------------------------------- */

/* The first thing on the writer's thread: now the owner is there. */
static void
on_start(struct post *p)
{
	struct order *o = post_owner(p, struct order, post);

	o->acct->started = true;
	after_state(o->acct);
	free(o);
}

static int
open_all(struct acct *a, const struct acct_options *opt, struct err *e)
{
	if (acct_state_open(opt->spool_dir, &a->state, e) == -1)
		return -1;
	a->seen = acct_state_next(a->state);
	acct_state_ledger(a->state, &a->ledger);
	if (acct_open_sinks(a, opt->conf, e) == -1)
		return -1;
	a->pos = wanted_from(a);
	/* Written at once, so that new files are in it before they get rows. */
	if (write_state(a, e) == -1)
		return -1;
	after_state(a);
	return 0;
}

int
acct_new(struct worker *w, const struct acct_options *opt, struct acct **a_r,
    struct err *e)
{
	struct acct *a = mem_new(struct acct);

	*a_r = NULL;
	a->worker = w;
	a->owner = opt->owner;
	a->ctx = opt->ctx;
	a->spool_dir = mem_strdup(opt->spool_dir);
	acct_rows_init(&a->rows);
	STAILQ_INIT(&a->sinks);
	a->commit_timer = event_new(worker_base(w), -1, 0, on_commit_timer, a);
	a->due_timer = event_new(worker_base(w), -1, 0, on_due, a);
	CHECK(a->commit_timer != NULL && a->due_timer != NULL);
	if (open_all(a, opt, e) == -1) {
		acct_free(&a);
		return -1;
	}
	worker_on_round(w, on_round, a);
	post_order(a, on_start, 0);
	*a_r = a;
	return 0;
}

void
acct_free(struct acct **ap)
{
	struct acct *a = *ap;
	struct acct_sink *s;

	*ap = NULL;
	if (a == NULL)
		return;
	a->started = false; /* who would be told has ended */
	if (a->state != NULL)
		acct_commit(a); /* the outbox has it still, if this fails */
	while ((s = STAILQ_FIRST(&a->sinks)) != NULL) {
		STAILQ_REMOVE_HEAD(&a->sinks, link);
		acct_sink_free(&s);
	}
	event_free(a->commit_timer);
	event_free(a->due_timer);
	acct_state_free(&a->state);
	acct_rows_fini(&a->rows);
	snapshot_unref(&a->conf);
	free(a->spool_dir);
	free(a);
}
