/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/dns_all.h"

#include <event2/event.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"

struct item {
	struct dns_all *of;
	struct dns_query *query; /* NULL: answered */
	struct dns_want *want;
};

struct dns_all {
	struct dns_all_in in;
	struct event *timer;
	size_t n, open;
	struct item *items;
};

void
dns_all_cancel(struct dns_all **ap)
{
	struct dns_all *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->n; i++)
		if (a->items[i].query != NULL)
			dns_cancel(&a->items[i].query);
	event_free(a->timer);
	free(a->items);
	free(a);
}

static void
finish(struct dns_all *a)
{
	const struct dns_all_in in = a->in;

	dns_all_cancel(&a);
	in.fn(in.arg);
}

static void
on_answer(void *arg, struct dns_answer *answer)
{
	struct item *item = arg;
	struct dns_all *a = item->of;

	item->query = NULL;
	item->want->answer = answer;
	if (--a->open == 0)
		finish(a);
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	finish(arg);
}

struct dns_all *
dns_all_ask(const struct dns_all_in *in, struct dns_want *v, size_t n)
{
	struct dns_all *a = mem_new(struct dns_all);
	const struct timeval tv = { .tv_sec = (time_t)(in->timeout_us /
					US_PER_S),
		.tv_usec = (suseconds_t)(in->timeout_us % US_PER_S) };

	CHECK(n > 0);
	a->in = *in;
	a->n = a->open = n;
	a->items = mem_array(n, sizeof(*a->items));
	a->timer = evtimer_new(worker_base(in->worker), on_timeout, a);
	CHECK(a->timer != NULL && evtimer_add(a->timer, &tv) == 0);
	for (size_t i = 0; i < n; i++) {
		struct item *item = &a->items[i];

		item->of = a;
		item->want = &v[i];
		item->want->answer = NULL;
		item->query = (in->any_name ? dns_ask_any : dns_ask)(in->dns,
		    v[i].name, in->type, on_answer, item);
	}
	return a;
}
