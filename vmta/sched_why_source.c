/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of vmta/sched_why.h: which source addresses of a queue are not used, and why.
 */
#include "vmta/sched_why.h"

#include <stdio.h>
#include <string.h>

#include "vmta/sched_pin.h"
#include "vmta/sched_why_priv.h"
#include "vmta/source.h"

size_t
why_addrs(const struct asked *a, enum choice_grade grade,
    char out[WHY_ADDRS_TEXT])
{
	const struct global_conf *global = snapshot_global(a->s->conf);
	const struct vmta *vmta = a->q->vmta->conf;
	size_t all = source_count(vmta, global), n = 0, len = 0;
	const size_t room = WHY_ADDRS_TEXT - sizeof(" and others");

	out[0] = '\0';
	for (size_t i = 0; i < all; i++) {
		const struct net_addr *own =
		    &source_pick(vmta, global, i)->addr;
		char text[NET_ADDR_TEXT];

		if (own->family == 0 ||
		    choice_grade(a->s, a->q, own, a->now_us) != grade)
			continue;
		n++;
		(void)net_addr_text(own, text);
		if (len + strlen(text) + 2 > room) {
			(void)snprintf(out + len, WHY_ADDRS_TEXT - len,
			    " and others");
			len = room; /* nothing more */
			continue;
		}
		len += (size_t)snprintf(out + len, WHY_ADDRS_TEXT - len, "%s%s",
		    n > 1 ? ", " : "", text);
	}
	return n;
}

static void
tell_grade(const struct asking *a, enum choice_grade grade, enum why_kind kind)
{
	char addrs[WHY_ADDRS_TEXT];
	const struct why w = { .kind = kind,
		.name = "",
		.directive = "",
		.until_us = INT64_MAX,
		.text = addrs };

	if (why_addrs(&a->asked, grade, addrs) > 0)
		a->fn(a->ctx, &w);
}

/* Until it is tried from elsewhere. */
static void
tell_pin(const struct asking *a, uint16_t pin)
{
	const struct sched_queue *q = a->asked.q;
	const struct pin *p = pins_at(q->pins, pin);
	char addr[NET_ADDR_TEXT];
	const struct why w = { .kind = WHY_PINNED,
		.name = "",
		.directive = "",
		.until_us = p->until_us,
		.rcpts = turns_pinned_rcpts(&q->turns, pin),
		.text = net_addr_text(&p->addr, addr) };

	if (p->groups > 0 && w.rcpts > 0)
		a->fn(a->ctx, &w);
}

void
why_tell_pins(const struct asking *a)
{
	const struct sched_queue *q = a->asked.q;

	for (uint16_t i = 1; pins_wait(q) && i <= q->pins->cap; i++)
		if (a->rcpt == NULL || a->rcpt->pin == i)
			tell_pin(a, i);
}

void
why_tell_sources(const struct asking *a)
{
	enum choice_grade best = choice_best(a->asked.s, a->asked.q,
	    a->asked.now_us);

	if (a->asked.s->lost.n > 0 && best < CHOICE_LOST)
		tell_grade(a, CHOICE_LOST, WHY_LOST);
	if (a->asked.q->family != 0 && best < CHOICE_OTHER_FAMILY)
		tell_grade(a, CHOICE_OTHER_FAMILY, WHY_OTHER_FAMILY);
}
