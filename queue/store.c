/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/store.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/gauge.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "queue/audit.h"
#include "queue/checkpoint.h"
#include "queue/commit.h"
#include "queue/compact.h"
#include "queue/doubt.h"
#include "queue/inflight_priv.h"
#include "queue/leases.h"
#include "queue/load.h"
#include "queue/lock.h"
#include "queue/recover.h"
#include "queue/reserve.h"
#include "queue/settle.h"
#include "queue/slotsync.h"
#include "queue/state.h"
#include "queue/store_priv.h"

#define RESERVE_SIZE (3 * ENV_LOG_FILE)

_Noreturn void
store_die(const char *what, const struct err *e)
{
	log_note(LOG_L_ERROR, "store-failed", "%s: %s: the process ends", what,
	    e->text);
	abort();
}

void
store_kick(struct store *s)
{
	static const struct timeval now = { 0 };

	CHECK(event_add(s->slice, &now) == 0);
}

/* ---- space --------------------------------------------------------------- */

static void
tell_space(struct store *s)
{
	if (!s->called || s->space == s->space_told)
		return;
	s->space_told = s->space;
	if (s->owner.space != NULL)
		s->owner.space(s->ctx, s->space);
}

static void
set_space(struct store *s, enum store_space space)
{
	s->space = space;
	tell_space(s);
}

void
store_space_is(struct store *s, enum store_space space)
{
	set_space(s, space);
	if (space != STORE_SPACE_OK)
		commit_roll(s);
}

bool
store_use_reserve(struct store *s)
{
	if (!reserve_give_up(s->reserve))
		return false;
	set_space(s, STORE_SPACE_FULL);
	return true;
}

/* ---- slices -------------------------------------------------------------- */

static bool
slice_load(struct store *s)
{
	enum load_more more = s->load == NULL ? LOAD_WAITS :
						load_slice(s->load);

	if (more != LOAD_DONE)
		return more == LOAD_MORE;
	load_free(&s->load);
	s->loaded = true;
	segments_sweep(s->segments);
	if (s->owner.loaded != NULL)
		s->owner.loaded(s->ctx, s->doubts_found);
	return false;
}

/* A full disk puts it off. */
static bool
slice_expire(struct store *s)
{
	bool more = false;
	struct err e;
	enum env_result r;

	if (!s->expiring)
		return false;
	r = handover_expire(&s->handover, clock_wall_us(), &more, &e);
	if (r == ENV_OK && !more)
		r = doubt_expire(s, clock_wall_us(), &e);
	if (r != ENV_OK && r != ENV_NO_SPACE)
		store_die("expire", &e);
	s->expiring = r == ENV_OK && more;
	return s->expiring;
}

/* What the batches left; nobody waits for it. */
static bool
slice_outbox(struct store *s)
{
	if (outbox_wants_trim(&s->outbox))
		settle_commit(s, NULL, 0);
	return outbox_wants_trim(&s->outbox);
}

static void
on_slice(evutil_socket_t fd, short what, void *arg)
{
	struct store *s = arg;
	bool more = false;

	(void)fd;
	(void)what;
	if (s->called && outbox_replay(&s->outbox, s->ledger.row.outbox_next))
		more = true;
	if (slice_load(s))
		more = true;
	if (audit_slice(s->audit))
		more = true;
	if (slice_expire(s))
		more = true;
	if (slice_outbox(s))
		more = true;
	if (more)
		store_kick(s);
}

/* ---- posts --------------------------------------------------------------- */

static void
on_accept(struct post *p)
{
	struct store_accept *a = post_owner(p, struct store_accept, post);

	commit_add_accept(a->store, a);
}

void
store_accept(struct store *s, struct store_accept *a)
{
	CHECK(a->done != NULL && a->msg != NULL);
	CHECK(!a->has_key || (a->known != NULL && a->rcpt_keys != NULL));
	a->store = s;
	a->came_us = clock_us();
	a->post.fn = on_accept;
	worker_post(s->worker, &a->post);
}

static void
on_settle(struct post *p)
{
	struct store_settle *o = post_owner(p, struct store_settle, post);

	commit_add_settle(o->store, o);
}

void
store_settle(struct store *s, struct store_settle *o)
{
	CHECK(o->done != NULL);
	o->store = s;
	o->at_us = clock_us();
	o->post.fn = on_settle;
	worker_post(s->worker, &o->post);
}

static void
on_state(struct post *p)
{
	struct store_state *st = post_owner(p, struct store_state, post);

	commit_add_state(st->store, st);
}

void
store_put_state(struct store *s, struct store_state *st)
{
	CHECK(st->done != NULL && st->name[0] != '\0');
	st->store = s;
	st->post.fn = on_state;
	worker_post(s->worker, &st->post);
}

static void
on_leases(struct post *p)
{
	struct store_leases *l = post_owner(p, struct store_leases, post);

	commit_add_leases(l->store, l);
}

void
store_put_leases(struct store *s, struct store_leases *l)
{
	CHECK(l->done != NULL && l->count > 0);
	for (size_t i = 0; i < l->count; i++)
		CHECK(l->items[i].key.len > 0 &&
		    l->items[i].key.len <= LEASE_KEY_MAX);
	l->store = s;
	l->post.fn = on_leases;
	worker_post(s->worker, &l->post);
}

static void
on_audit(struct post *p)
{
	struct store_audit_ask *ask = post_owner(p, struct store_audit_ask,
	    post);
	struct store *s = ask->store; /* the post is relinked */

	if (ask->brief) {
		audit_answer_brief(s->audit, ask);
		return;
	}
	audit_ask(s->audit, ask);
	store_kick(s);
}

void
store_audit(struct store *s, struct store_audit_ask *ask)
{
	CHECK(ask->done != NULL);
	ask->store = s;
	ask->post.fn = on_audit;
	worker_post(s->worker, &ask->post);
}

void
store_audit_fini(struct store_audit *a)
{
	doubt_list_free(&a->doubts, a->doubt_count);
	a->doubt_count = 0;
}

/* A small order; which of the numbers mean something is up to fn. */
struct order {
	struct post post;
	struct store *s;
	uint64_t number;
	uint32_t segment;
};

static void
order_free(struct order *o)
{
	free(o);
}

static void
post_order(struct store *s, void (*fn)(struct post *), uint64_t number,
    uint32_t segment)
{
	struct order *o = mem_new(struct order);

	o->post.fn = fn;
	o->s = s;
	o->number = number;
	o->segment = segment;
	worker_post(s->worker, &o->post);
}

static void
on_load(struct post *p)
{
	struct order *o = post_owner(p, struct order, post);
	struct store *s = o->s;

	order_free(o);
	CHECK(!s->called);
	s->called = true;
	leases_load(s);
	state_load(s); /* what is kept of queues needs them */
	s->load = load_new(s);
	s->outbox.fn = s->owner.outbox;
	s->outbox.ctx = s->ctx;
	tell_space(s);
	store_kick(s);
}

void
store_load(struct store *s)
{
	post_order(s, on_load, 0, 0);
}

static void
on_arrivals_done(struct post *p)
{
	struct store_arrivals *a = post_owner(p, struct store_arrivals, post);
	struct store *s = a->store;

	load_arrivals_free(&a);
	if (s->load == NULL) /* store_load_stop() came first */
		return;
	load_returned(s->load);
	store_kick(s);
}

static void
on_load_stop(struct post *p)
{
	struct order *o = post_owner(p, struct order, post);

	load_free(&o->s->load); /* `loaded` stays false */
	order_free(o);
}

void
store_load_stop(struct store *s)
{
	post_order(s, on_load_stop, 0, 0);
}

void
store_arrivals_done(struct store_arrivals **ap)
{
	struct store_arrivals *a = *ap;

	*ap = NULL;
	a->post.fn = on_arrivals_done;
	worker_post(a->store->worker, &a->post);
}

static void
on_outbox_done(struct post *p)
{
	struct order *o = post_owner(p, struct order, post);

	/* The batch of this round takes it along. */
	if (o->number < o->s->ledger.row.outbox_next)
		outbox_done(&o->s->outbox, o->number);
	else
		log_note(LOG_L_ERROR, "outbox-unknown",
		    "a sink is ahead of the spool, at %llu",
		    (unsigned long long)o->number);
	order_free(o);
}

void
store_outbox_done(struct store *s, uint64_t seq)
{
	post_order(s, on_outbox_done, seq, 0);
}

static void
on_outbox_taken(struct post *p)
{
	struct order *o = post_owner(p, struct order, post);

	if (outbox_taken(&o->s->outbox, (size_t)o->number))
		store_kick(o->s);
	order_free(o);
}

void
store_outbox_taken(struct store *s, size_t bytes)
{
	post_order(s, on_outbox_taken, bytes, 0);
}

static void
on_outbox_rewind(struct post *p)
{
	struct order *o = post_owner(p, struct order, post);

	outbox_rewind(&o->s->outbox, o->number);
	if (o->s->owner.rewound != NULL)
		o->s->owner.rewound(o->s->ctx, o->number);
	store_kick(o->s);
	order_free(o);
}

void
store_outbox_rewind(struct store *s, uint64_t seq)
{
	post_order(s, on_outbox_rewind, seq, 0);
}

static void
on_moved_done(struct post *p)
{
	struct order *o = post_owner(p, struct order, post);

	compact_moved_done(o->s->compact, o->number, o->segment);
	if (o->s->loaded)
		segments_sweep(o->s->segments);
	order_free(o);
}

void
store_moved_done(struct store *s, uint64_t id, uint32_t old_segment)
{
	post_order(s, on_moved_done, id, old_segment);
}

void
store_set_min_free(struct store *s, uint64_t bytes)
{
	checkpoint_set_min_free(s->checkpoint, bytes);
}

struct gauge *
store_places(struct store *s)
{
	return s->places;
}

struct inflight *
store_inflight(struct store *s)
{
	return s->inflight;
}

bool
store_was_ended_well(const char *dir)
{
	return lock_is_ended_well(dir);
}

const char *
store_dir(const struct store *s)
{
	return s->dir;
}

/* ---- life ---------------------------------------------------------------- */

static void
store_free(struct store **sp)
{
	struct store *s = *sp;

	*sp = NULL;
	load_free(&s->load);
	audit_free(&s->audit);
	compact_free(&s->compact);
	checkpoint_free(&s->checkpoint);
	slotsync_free(&s->slotsync);
	commit_free(&s->commit);
	if (s->slice != NULL)
		event_free(s->slice);
	worker_free(&s->worker);
	outbox_fini(&s->outbox);
	handover_fini(&s->handover);
	catalog_free(&s->catalog);
	inflight_free(&s->inflight);
	segments_free(&s->segments);
	if (env_close(&s->env) == 0 && s->ends_well)
		lock_end_well(s->lock);
	reserve_free(&s->reserve);
	lock_free(&s->lock);
	gauge_unref(&s->places);
	free(s->dir);
	free(s);
}

/* What a file holds is not durable before its name is. */
static int
sync_folder(const char *dir, const char *name, struct err *e)
{
	struct buf path = { 0 };
	int fd, rc = 0;

	buf_printf(&path, "%s%s", dir, name);
	fd = open(path.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || fsync(fd) == -1)
		rc = err_sys(e, "%s", path.p);
	if (fd != -1)
		(void)close(fd);
	buf_fini(&path);
	return rc;
}

static int
open_files(struct store *s, const struct store_options *opt, struct err *e)
{
	static const char *const names[] = { "", "/db" };
	struct err reserve_err;

	if (mkdir(s->dir, 0700) == -1 && errno != EEXIST)
		return err_sys(e, "%s", s->dir);
	if (lock_take(s->dir, &s->lock, e) == -1)
		return -1;
	if (reserve_open(s->dir, RESERVE_SIZE, &s->reserve, e) == -1)
		return -1;
	if (recover(s, opt, e) == -1)
		return -1;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (sync_folder(s->dir, names[i], e) == -1)
			return -1;
	/* Without one the spool still works: it takes no mail until then. */
	if (reserve_make(s->reserve, &reserve_err) == -1)
		log_note(LOG_L_WARN, "reserve", "%s", reserve_err.text);
	s->space = checkpoint_space(s, opt->min_free, false);
	gauge_add(s->places, (uint32_t)ledger_queued(&s->ledger));
	return 0;
}

static int
start_threads(struct store *s, const struct store_options *opt, struct err *e)
{
	s->catalog = catalog_new();
	s->audit = audit_new(s);
	s->worker = worker_new("store", e);
	if (s->worker == NULL)
		return -1;
	s->commit = commit_new(s);
	if (slotsync_new(s->inflight, &s->slotsync, e) == -1 ||
	    checkpoint_new(s, opt->min_free, &s->checkpoint, e) == -1)
		return -1;
	s->compact = compact_new(s, checkpoint_worker(s->checkpoint));
	s->slice = event_new(worker_base(s->worker), -1, 0, on_slice, s);
	CHECK(s->slice != NULL);
	worker_gather(s->worker);
	worker_on_round(s->worker, commit_round, s);
	if (worker_start(s->worker, e) == -1)
		return -1;
	if (checkpoint_start(s->checkpoint, e) == -1) {
		worker_stop(s->worker);
		worker_join(s->worker);
		return -1;
	}
	return 0;
}

int
store_open(const struct store_options *opt, const struct store_owner *owner,
    void *ctx, struct store **s_r, struct err *e)
{
	struct store *s = mem_new(struct store);

	*s_r = NULL;
	s->dir = mem_strdup(opt->dir);
	s->places = gauge_new();
	s->owner = *owner;
	s->ctx = ctx;
	if (open_files(s, opt, e) == -1 || start_threads(s, opt, e) == -1) {
		(void)err_where(e, "spool %s", opt->dir);
		store_free(&s);
		return -1;
	}
	*s_r = s;
	return 0;
}

void
store_close(struct store **sp)
{
	struct store *s = *sp;
	struct err e;

	if (s == NULL)
		return;
	checkpoint_stop(s->checkpoint);
	worker_stop(s->worker);
	worker_join(s->worker);
	commit_now(s);                /* what was posted last */
	while (audit_slice(s->audit)) /* who asked is answered */
		;
	if (env_checkpoint(s->env, 0, 0, &e) == ENV_OK)
		s->ends_well = true;
	else
		log_note(LOG_L_ERROR, "checkpoint", "%s", e.text);
	*sp = NULL;
	store_free(&s);
}
