/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/barrier.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/mem.h"

struct barrier_leg {
	struct post post;
	struct store_settle settle; /* empty */
	struct worker_env *env;
	struct barrier *barrier;
};

static void
legs_free(struct barrier_leg **lp)
{
	free(*lp);
	*lp = NULL;
}

static void
on_settled(struct store_settle *s)
{
	struct barrier *b = post_owner(s, struct barrier_leg, settle)->barrier;

	b->left--;
	if (b->left > 0)
		return;
	legs_free(&b->legs);
	b->done(b); /* it may be gone */
}

static void
on_worker(struct post *p)
{
	struct barrier_leg *l = post_owner(p, struct barrier_leg, post);

	l->settle.done = on_settled;
	store_settle(l->env->store, &l->settle);
}

void
barrier_begin(struct barrier *b, struct worker_env *const *envs, size_t count,
    barrier_fn *done)
{
	struct barrier_leg *legs = mem_array(count, sizeof(*legs));

	CHECK(count > 0);
	b->done = done;
	b->legs = legs;
	b->left = count;
	for (size_t i = 0; i < count; i++) {
		legs[i].env = envs[i];
		legs[i].barrier = b;
		legs[i].post.fn = on_worker;
	}
	for (size_t i = 0; i < count; i++)
		worker_post(envs[i]->worker, &legs[i].post);
}
