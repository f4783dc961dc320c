/* SPDX-License-Identifier: Apache-2.0 */
/* Posts arrive in order on the worker, many by one wake-up. */
#include <stdlib.h>

#include "lib/mem.h"
#include "lib/worker.h"
#include "tests/tap.h"

enum { COUNT = 10000 };

struct item {
	struct post post;
	int n;
};

static struct worker *sender, *receiver;
static int next, out_of_order, rounds, deferred;
static bool on_self = true;

static void
on_item(struct post *p)
{
	struct item *it = post_owner(p, struct item, post);

	if (it->n != next)
		out_of_order++;
	next = it->n + 1;
	on_self = on_self && worker_is_self(receiver);
	if (next == COUNT)
		worker_stop(receiver);
	free(it);
}

static void
on_round(void *arg)
{
	(void)arg;
	rounds++;
}

static void
on_deferred(void *arg)
{
	deferred += *(int *)arg;
}

static void
send_all(struct post *p)
{
	for (int i = 0; i < COUNT; i++) {
		struct item *it = mem_new(struct item);

		it->post.fn = on_item;
		it->n = i;
		worker_post(receiver, &it->post);
	}
	worker_stop(sender);
	(void)p;
}

int
main(void)
{
	static struct post start = { .fn = send_all };
	static int one = 1;
	struct err e;

	sender = worker_new("sender", &e);
	receiver = worker_new("receiver", &e);
	worker_on_round(receiver, on_round, NULL);
	worker_defer(receiver, on_deferred, &one);
	ok(worker_start(receiver, &e) == 0, "a thread starts");
	ok(worker_start(sender, &e) == 0, "another one starts");
	worker_post(sender, &start);
	worker_join(sender);
	worker_join(receiver);
	is_int(next, COUNT, "all posts arrived");
	is_int(out_of_order, 0, "in order");
	ok(on_self, "on the receiver's thread");
	ok(rounds > 0 && rounds <= COUNT, "in %d rounds", rounds);
	is_int(deferred, 1, "deferred work was done");
	worker_free(&sender);
	worker_free(&receiver);
	return done_testing();
}
