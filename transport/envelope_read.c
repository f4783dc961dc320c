/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/envelope_read.h"

#include <stdlib.h>

#include "queue/segment.h"

/* Octets of an envelope, some hundred recipients, from which on it is shared. */
enum { SHARED_MIN = 16384 };

struct envelope_shared {
	LIST_ENTRY(envelope_shared) link; /* of the worker's */
	struct message *msg;
	struct region *rg;
	struct envelope env;
	struct body *body;
	uint32_t users;
};

static int
unpack(const void *p, size_t len, struct region *rg, struct envelope *env_r,
    struct err *e)
{
	if (envelope_unpack(p, len, rg, env_r, e) == 0)
		return 0;
	env_r->rcpt_count = 0;
	return -1;
}

int
envelope_read(struct worker_env *env, const struct message *m,
    struct region *rg, struct envelope *env_r, struct err *e)
{
	struct segment_got got;

	*env_r = (struct envelope){ 0 };
	if (m->env_len > 0)
		return unpack(m->env, m->env_len, rg, env_r, e);
	if (segment_read_envelope(env->segments, m->id, &m->loc, rg, &got, e) ==
	    -1)
		return -1;
	return unpack(got.env, m->loc.env_len, rg, env_r, e);
}

int
envelope_read_all(struct worker_env *env, const struct message *m,
    struct region *rg, struct envelope *env_r, struct body **body_r,
    struct err *e)
{
	struct segment_got got;

	*env_r = (struct envelope){ 0 };
	*body_r = NULL;
	if (m->body != NULL) {
		*body_r = body_ref(m->body);
		return unpack(m->env, m->env_len, rg, env_r, e);
	}
	if (segment_read(env->segments, m->id, &m->loc, rg, &got, e) == -1)
		return -1;
	*body_r = got.body;
	return unpack(got.env, m->loc.env_len, rg, env_r, e);
}

/* ---- shared -------------------------------------------------------------- */

static struct envelope_shared *
find_shared(const struct worker_env *env, uint64_t id)
{
	struct envelope_shared *s;

	LIST_FOREACH(s, &env->envelopes, link)
	if (s->msg->id == id)
		break;
	return s;
}

static void
free_shared(struct envelope_shared **sp)
{
	struct envelope_shared *s = *sp;

	*sp = NULL;
	body_unref(&s->body);
	message_unref(&s->msg);
	region_free(&s->rg);
	free(s);
}

static struct envelope_shared *
read_shared(struct worker_env *env, struct message *m)
{
	struct envelope_shared *s = mem_new(struct envelope_shared);
	struct err ignored; /* who reads it alone is told again */

	s->rg = region_new();
	s->msg = message_ref(m);
	if (envelope_read_all(env, m, s->rg, &s->env, &s->body, &ignored) ==
		-1 ||
	    s->body == NULL)
		free_shared(&s);
	else
		LIST_INSERT_HEAD(&env->envelopes, s, link);
	return s;
}

struct envelope_shared *
envelope_share(struct worker_env *env, struct message *m,
    struct envelope *env_r, struct body **body_r)
{
	struct envelope_shared *s;

	if (m->loc.env_len < SHARED_MIN && m->env_len < SHARED_MIN)
		return NULL;
	s = find_shared(env, m->id);
	if (s == NULL)
		s = read_shared(env, m);
	if (s == NULL)
		return NULL;
	s->users++;
	*env_r = s->env;
	*body_r = body_ref(s->body);
	return s;
}

void
envelope_unshare(struct envelope_shared **sp)
{
	struct envelope_shared *s = *sp;

	*sp = NULL;
	if (s == NULL || --s->users > 0)
		return;
	LIST_REMOVE(s, link);
	free_shared(&s);
}
