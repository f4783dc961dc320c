/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/shared.h"

#include <pthread.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/mem.h"

struct shared {
	pthread_mutex_t lock; /* guards: what obj points to */
	void *obj;
};

struct shared *
shared_new(void *obj)
{
	struct shared *s = mem_new(struct shared);

	CHECK(pthread_mutex_init(&s->lock, NULL) == 0);
	s->obj = obj;
	return s;
}

void
shared_free(struct shared **sp)
{
	struct shared *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	CHECK(pthread_mutex_destroy(&s->lock) == 0);
	free(s);
}

void *
shared_enter(struct shared *s)
{
	CHECK(pthread_mutex_lock(&s->lock) == 0);
	return s->obj;
}

void
shared_leave(struct shared *s)
{
	CHECK(pthread_mutex_unlock(&s->lock) == 0);
}
