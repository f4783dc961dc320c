/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/dns_wait.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"

struct asking;

struct item {
	struct asking *of;
	char *name;
	struct dns_query *query; /* the worker's; NULL: none is open */
	struct dns_answer *answer;
};

/*
 * One reference is the waiting thread's, one the worker's.  Who has waited in
 * vain gives his to `over`, so that no question is left open behind him.
 */
struct asking {
	struct ref refs;
	struct post post, over;
	struct dns *dns;
	enum dns_type type;
	size_t n;
	struct item *items;
	pthread_mutex_t lock; /* guards: answers of the items, open */
	pthread_cond_t done;
	size_t open;
};

static struct asking *
asking_new(struct dns *d, enum dns_type type, const struct dns_want *v,
    size_t n)
{
	struct asking *a = mem_new(struct asking);
	pthread_condattr_t attr;

	ref_init(&a->refs);
	ref_get(&a->refs);
	a->dns = d;
	a->type = type;
	a->n = a->open = n;
	a->items = mem_array(n, sizeof(*a->items));
	for (size_t i = 0; i < n; i++) {
		a->items[i].of = a;
		a->items[i].name = mem_strdup(v[i].name);
	}
	CHECK(pthread_mutex_init(&a->lock, NULL) == 0);
	CHECK(pthread_condattr_init(&attr) == 0);
	CHECK(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	CHECK(pthread_cond_init(&a->done, &attr) == 0);
	(void)pthread_condattr_destroy(&attr);
	return a;
}

static void
asking_unref(struct asking **ap)
{
	struct asking *a = *ap;

	*ap = NULL;
	if (!ref_put(&a->refs))
		return;
	for (size_t i = 0; i < a->n; i++) {
		free(a->items[i].name);
		dns_answer_unref(&a->items[i].answer);
	}
	free(a->items);
	(void)pthread_cond_destroy(&a->done);
	(void)pthread_mutex_destroy(&a->lock);
	free(a);
}

/* ---- on the worker --------------------------------------------------------- */

static void
on_answer(void *arg, struct dns_answer *answer)
{
	struct item *item = arg;
	struct asking *a = item->of;
	bool last;

	CHECK(pthread_mutex_lock(&a->lock) == 0);
	item->answer = answer;
	item->query = NULL;
	last = --a->open == 0;
	if (last)
		CHECK(pthread_cond_signal(&a->done) == 0);
	CHECK(pthread_mutex_unlock(&a->lock) == 0);
	if (last)
		asking_unref(&a);
}

static void
on_ask(struct post *post)
{
	struct asking *a = post_owner(post, struct asking, post);

	for (size_t i = 0; i < a->n; i++)
		a->items[i].query = dns_ask(a->dns, a->items[i].name, a->type,
		    on_answer, &a->items[i]);
}

static void
on_over(struct post *post)
{
	struct asking *a = post_owner(post, struct asking, over);
	struct asking *mine = a;
	bool open = false;

	for (size_t i = 0; i < a->n; i++) {
		if (a->items[i].query == NULL)
			continue;
		dns_cancel(&a->items[i].query);
		open = true;
	}
	if (open)
		asking_unref(&mine); /* no last answer will */
	asking_unref(&a);
}

/* ---- on the thread that waits ---------------------------------------------- */

void
dns_wait(struct dns *d, struct worker *w, enum dns_type type,
    struct dns_want *v, size_t n, int64_t timeout_us)
{
	struct timespec until = clock_monotonic(clock_us() + timeout_us);
	struct asking *a;
	bool open;
	int rc = 0;

	if (n == 0)
		return;
	a = asking_new(d, type, v, n);
	a->post.fn = on_ask;
	a->over.fn = on_over;
	worker_post(w, &a->post);
	CHECK(pthread_mutex_lock(&a->lock) == 0);
	while (a->open > 0 && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&a->done, &a->lock, &until);
	for (size_t i = 0; i < n; i++) {
		const struct item *item = &a->items[i];

		v[i].answer = item->answer == NULL ?
		    NULL :
		    dns_answer_ref(item->answer);
	}
	open = a->open > 0;
	CHECK(pthread_mutex_unlock(&a->lock) == 0);
	if (open)
		worker_post(w, &a->over);
	else
		asking_unref(&a);
}
