/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/envelope_read.h"

#include "queue/segment.h"

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
