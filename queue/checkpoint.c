/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/checkpoint.h"

#include <event2/event.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "queue/compact.h"
#include "queue/reserve.h"
#include "queue/store_priv.h"

enum {
	CHECKPOINT_LOG = 48 << 20, /* bytes of log between checkpoints */
	CHECKPOINT_MINUTES = 1,
	EXPIRE_S = 60
};

struct checkpoint {
	struct store *s;
	struct worker *worker;
	struct event *timer;
	uint64_t min_free;
	enum store_space space;
	bool failing; /* the last checkpoint did not work: logged once */
	unsigned seconds;
};

/* ---- telling the store thread -------------------------------------------- */

struct notice {
	struct post post;
	struct store *s;
	enum store_space space;
};

static struct notice *
notice_new(struct checkpoint *c, void (*fn)(struct post *))
{
	struct notice *n = mem_new(struct notice);

	n->post.fn = fn;
	n->s = c->s;
	return n;
}

static void
notice_free(struct notice *n)
{
	free(n);
}

static void
on_space(struct post *p)
{
	struct notice *n = post_owner(p, struct notice, post);

	store_space_is(n->s, n->space);
	notice_free(n);
}

static void
on_expire(struct post *p)
{
	struct notice *n = post_owner(p, struct notice, post);

	n->s->expiring = true;
	store_kick(n->s);
	notice_free(n);
}

/* ---- space --------------------------------------------------------------- */

enum store_space
checkpoint_space(const struct store *s, uint64_t min_free, bool was_short)
{
	uint64_t room;
	struct err e;

	if (!reserve_is_whole(s->reserve))
		return STORE_SPACE_FULL;
	if (reserve_room(s->reserve, &room, &e) == -1) {
		log_note(LOG_L_ERROR, "space", "%s", e.text);
		return STORE_SPACE_LOW; /* rather no mail than a half one */
	}
	return reserve_is_short(room, min_free, was_short) ? STORE_SPACE_LOW :
							     STORE_SPACE_OK;
}

/* Only with so much room that it does not go again at once. */
static void
restore_reserve(struct checkpoint *c)
{
	uint64_t room;
	struct err e;

	if (reserve_is_whole(c->s->reserve) ||
	    reserve_room(c->s->reserve, &room, &e) == -1 ||
	    room < c->min_free + 4 * ENV_LOG_FILE)
		return;
	if (reserve_make(c->s->reserve, &e) == -1)
		log_note(LOG_L_WARN, "reserve", "%s", e.text);
}

/* Told each second while it is short: the store may have room to give. */
static void
check_space(struct checkpoint *c)
{
	struct notice *n;

	restore_reserve(c);
	n = notice_new(c, on_space);
	n->space = checkpoint_space(c->s, c->min_free,
	    c->space != STORE_SPACE_OK);
	if (n->space == c->space && n->space == STORE_SPACE_OK) {
		notice_free(n);
		return;
	}
	c->space = n->space;
	worker_post(c->s->worker, &n->post);
}

/* ---- the timer ----------------------------------------------------------- */

/*
 * A full disk puts it off.  After a sync that failed nobody knows which pages
 * are on the disk, and the next one says nothing about them: only recovery,
 * from the last checkpoint that worked, writes them again.
 */
static void
write_checkpoint(struct checkpoint *c)
{
	struct err e;
	enum env_result r = env_checkpoint(c->s->env, CHECKPOINT_LOG,
	    CHECKPOINT_MINUTES, &e);

	if (r != ENV_OK && r != ENV_NO_SPACE)
		store_die("checkpoint", &e);
	if (r == ENV_NO_SPACE && !c->failing)
		log_note(LOG_L_ERROR, "checkpoint", "%s", e.text);
	c->failing = r != ENV_OK;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct checkpoint *c = arg;

	(void)fd;
	(void)what;
	check_space(c);
	write_checkpoint(c);
	compact_tick(c->s->compact);
	if (c->seconds++ % EXPIRE_S == 0)
		worker_post(c->s->worker, &notice_new(c, on_expire)->post);
}

/* ---- life ---------------------------------------------------------------- */

int
checkpoint_new(struct store *s, uint64_t min_free, struct checkpoint **c_r,
    struct err *e)
{
	struct checkpoint *c = mem_new(struct checkpoint);
	struct timeval second = { .tv_sec = 1 };

	*c_r = NULL;
	c->s = s;
	c->min_free = min_free;
	c->space = s->space;
	c->worker = worker_new("checkpoint", e);
	if (c->worker == NULL) {
		checkpoint_free(&c);
		return -1;
	}
	c->timer = event_new(worker_base(c->worker), -1, EV_PERSIST, on_timer,
	    c);
	CHECK(c->timer != NULL && event_add(c->timer, &second) == 0);
	*c_r = c;
	return 0;
}

int
checkpoint_start(struct checkpoint *c, struct err *e)
{
	return worker_start(c->worker, e);
}

void
checkpoint_stop(struct checkpoint *c)
{
	worker_stop(c->worker);
	worker_join(c->worker);
}

void
checkpoint_free(struct checkpoint **cp)
{
	struct checkpoint *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	if (c->timer != NULL)
		event_free(c->timer);
	worker_free(&c->worker);
	free(c);
}

struct worker *
checkpoint_worker(struct checkpoint *c)
{
	return c->worker;
}

struct min_free_post {
	struct post post;
	struct checkpoint *c;
	uint64_t bytes;
};

static void
on_min_free(struct post *p)
{
	struct min_free_post *m = post_owner(p, struct min_free_post, post);

	m->c->min_free = m->bytes;
	check_space(m->c);
	free(m);
}

void
checkpoint_set_min_free(struct checkpoint *c, uint64_t bytes)
{
	struct min_free_post *m = mem_new(struct min_free_post);

	m->post.fn = on_min_free;
	m->c = c;
	m->bytes = bytes;
	worker_post(c->worker, &m->post);
}
