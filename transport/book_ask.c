/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/book_ask.h"

#include <event2/event.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/dns_all.h"
#include "lib/mem.h"

struct book_ask {
	struct book_ask_in in;
	struct event *step; /* the check is run */
	int64_t until_us;   /* engine clock */
	struct dns_all *dns;
	struct dns_want *wants; /* those of the first question's type */
	size_t *numbers;        /* in the book, of each */
	size_t n;
};

static void
forget_wants(struct book_ask *a)
{
	for (size_t i = 0; i < a->n; i++)
		dns_answer_unref(&a->wants[i].answer);
	free(a->wants);
	free(a->numbers);
	a->wants = NULL;
	a->numbers = NULL;
	a->n = 0;
}

void
book_ask_cancel(struct book_ask **ap)
{
	struct book_ask *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	if (a->dns != NULL)
		dns_all_cancel(&a->dns);
	forget_wants(a);
	event_free(a->step);
	free(a);
}

/* Nobody is asked any more. */
static void
give_up(struct dns_book *book)
{
	for (size_t i = dns_book_wanted(book); i > 0; i--)
		dns_book_take(book, i - 1, NULL);
	dns_book_settle(book);
}

static void
on_answers(void *arg)
{
	struct book_ask *a = arg;

	a->dns = NULL;
	for (size_t i = 0; i < a->n; i++) {
		dns_book_take(a->in.book, a->numbers[i], a->wants[i].answer);
		a->wants[i].answer = NULL; /* moved */
	}
	dns_book_settle(a->in.book);
	forget_wants(a);
	event_active(a->step, EV_TIMEOUT, 0);
}

/* All questions of one type at once; the others come in the next round. */
static void
ask(struct book_ask *a, int64_t left_us)
{
	struct dns_book *book = a->in.book;
	size_t open = dns_book_wanted(book);
	struct dns_all_in in = { .dns = a->in.env->dns,
		.worker = a->in.env->worker,
		.any_name = true,
		.timeout_us = left_us,
		.fn = on_answers,
		.arg = a };

	CHECK(open > 0 && a->n == 0);
	in.type = dns_book_type(book, 0);
	a->wants = mem_array(open, sizeof(*a->wants));
	a->numbers = mem_array(open, sizeof(*a->numbers));
	for (size_t i = 0; i < open; i++) {
		if (dns_book_type(book, i) != in.type)
			continue;
		a->wants[a->n].name = dns_book_name(book, i);
		a->numbers[a->n++] = i;
	}
	a->dns = dns_all_ask(&in, a->wants, a->n);
}

static void
on_step(evutil_socket_t fd, short what, void *arg)
{
	struct book_ask *a = arg;
	int64_t left_us = a->until_us - clock_us();
	const struct book_ask_in in = a->in;

	(void)fd;
	(void)what;
	while (!in.check(in.arg)) {
		if (left_us > 0) {
			ask(a, left_us);
			return;
		}
		give_up(in.book);
	}
	book_ask_cancel(&a);
	in.fn(in.arg);
}

struct book_ask *
book_ask_new(const struct book_ask_in *in)
{
	struct book_ask *a = mem_new(struct book_ask);

	a->in = *in;
	a->until_us = clock_us() + in->timeout_us;
	a->step = event_new(worker_base(in->env->worker), -1, 0, on_step, a);
	CHECK(a->step != NULL);
	event_active(a->step, EV_TIMEOUT, 0);
	return a;
}
