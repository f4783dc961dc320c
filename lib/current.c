/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/current.h"

#include <pthread.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/mem.h"

struct current {
	pthread_mutex_t lock; /* guards: obj */
	void *obj;
	current_ref_fn *ref;
	current_unref_fn *unref;
};

struct current *
current_new_take(void *obj, current_ref_fn *ref, current_unref_fn *unref)
{
	struct current *c = mem_new(struct current);

	CHECK(pthread_mutex_init(&c->lock, NULL) == 0);
	c->obj = obj;
	c->ref = ref;
	c->unref = unref;
	return c;
}

void
current_free(struct current **cp)
{
	struct current *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	c->unref(c->obj);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}

void *
current_get(struct current *c)
{
	void *obj;

	(void)pthread_mutex_lock(&c->lock);
	obj = c->ref(c->obj);
	(void)pthread_mutex_unlock(&c->lock);
	return obj;
}

void
current_set_take(struct current *c, void *obj)
{
	void *old;

	(void)pthread_mutex_lock(&c->lock);
	old = c->obj;
	c->obj = obj;
	(void)pthread_mutex_unlock(&c->lock);
	c->unref(old); /* may free a whole configuration: not under the lock */
}
