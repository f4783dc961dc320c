/* SPDX-License-Identifier: Apache-2.0 */
/* Readers keep the version they got while newer ones are put there. */
#include "lib/current.h"

#include <stdlib.h>

#include "lib/mem.h"
#include "lib/ref.h"
#include "lib/worker.h"
#include "tests/tap.h"

#define READS 20000

struct version {
	struct ref refs;
	int number, twice;
};

static _Atomic int alive;

static struct version *
version_new(int number)
{
	struct version *v = mem_new(struct version);

	ref_init(&v->refs);
	v->number = number;
	v->twice = 2 * number;
	alive++;
	return v;
}

static void *
ref_version(void *obj)
{
	struct version *v = obj;

	ref_get(&v->refs);
	return v;
}

static void
unref_version(void *obj)
{
	struct version *v = obj;

	if (!ref_put(&v->refs))
		return;
	alive--;
	free(v);
}

struct reader {
	struct post post;
	struct current *current;
	int wrong;
};

static void
read_many(struct post *p)
{
	struct reader *r = post_owner(p, struct reader, post);

	for (int i = 0; i < READS; i++) {
		struct version *v = current_get(r->current);

		if (v->twice != 2 * v->number)
			r->wrong++;
		unref_version(v);
	}
}

int
main(void)
{
	struct current *c = current_new_take(version_new(1), ref_version,
	    unref_version);
	struct version *old = current_get(c);
	struct reader readers[2];
	struct worker *w[2];
	struct err e;

	current_set_take(c, version_new(2));
	is_int(old->number, 1, "a reader keeps its version");
	is_int(alive, 2, "which lives as long");
	unref_version(old);
	is_int(alive, 1, "and no longer");
	for (int i = 0; i < 2; i++) {
		readers[i] = (struct reader){ .current = c };
		readers[i].post.fn = read_many;
		w[i] = worker_new("reader", &e);
		if (!ok(worker_start(w[i], &e) == 0, "a reader starts"))
			return done_testing();
		worker_post(w[i], &readers[i].post);
	}
	for (int i = 3; i < READS / 10; i++)
		current_set_take(c, version_new(i));
	for (int i = 0; i < 2; i++) {
		worker_stop(w[i]);
		worker_join(w[i]);
		worker_free(&w[i]);
		is_int(readers[i].wrong, 0, "it saw whole versions only");
	}
	current_free(&c);
	is_int(alive, 0, "all are gone at the end");
	return done_testing();
}
