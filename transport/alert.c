/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/alert.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "lib/str.h"

#define OTHERS "many"

/* Something that some readers were told of, quiet until then. */
struct thing {
	TAILQ_ENTRY(thing) link;
	struct region *rg; /* of about and to */
	const char *about;
	struct conf_strs to;
	struct buf subject, text; /* of the last time */
	uint64_t more;
	int64_t until_us;
};

TAILQ_HEAD(things, thing);

struct alert {
	alert_send_fn *send;
	void *ctx;
	size_t count;
	struct things things; /* who is first is due first */
};

struct alert *
alert_new(alert_send_fn *send, void *ctx)
{
	struct alert *a = mem_new(struct alert);

	a->send = send;
	a->ctx = ctx;
	TAILQ_INIT(&a->things);
	return a;
}

static void
forget(struct alert *a, struct thing *t)
{
	TAILQ_REMOVE(&a->things, t, link);
	CHECK(TAILQ_FIRST(&a->things) != t); /* as an analyzer cannot see */
	a->count--;
	region_free(&t->rg);
	buf_fini(&t->subject);
	buf_fini(&t->text);
	free(t);
}

void
alert_free(struct alert **ap)
{
	struct alert *a = *ap;
	struct thing *t;

	*ap = NULL;
	if (a == NULL)
		return;
	while ((t = TAILQ_FIRST(&a->things)) != NULL)
		forget(a, t);
	free(a);
}

static bool
same_readers(const struct conf_strs *a, const struct conf_strs *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return true;
}

static struct thing *
find(const struct alert *a, const char *about, const struct conf_strs *to)
{
	struct thing *t;

	TAILQ_FOREACH(t, &a->things, link)
	if (strcmp(t->about, about) == 0 && same_readers(&t->to, to))
		return t;
	return NULL;
}

/* Quiet from now on. */
static void
remember(struct alert *a, const struct alert_of *of, int64_t now_us)
{
	struct thing *t = mem_new(struct thing);

	t->rg = region_new();
	t->about = region_strdup(t->rg, of->about);
	t->to.n = of->to->n;
	t->to.v = region_array(t->rg, t->to.n, sizeof(*t->to.v));
	for (size_t i = 0; i < t->to.n; i++)
		t->to.v[i] = region_strdup(t->rg, of->to->v[i]);
	t->until_us = now_us + ALERT_QUIET_US;
	TAILQ_INSERT_TAIL(&a->things, t, link);
	a->count++;
}

static void
count(struct thing *t, const struct alert_of *of)
{
	t->more++;
	buf_clear(&t->subject);
	buf_str(&t->subject, of->subject);
	buf_clear(&t->text);
	buf_str(&t->text, of->text);
}

void
alert_say(struct alert *a, const struct alert_of *of, int64_t now_us)
{
	struct alert_of what = *of;
	struct thing *t;

	if (of->to->n == 0)
		return;
	(void)alert_run(a, now_us);
	t = find(a, of->about, of->to);
	if (t == NULL && a->count >= ALERT_THINGS) {
		what.about = OTHERS;
		t = find(a, OTHERS, of->to);
	}
	if (t != NULL) {
		count(t, of);
		return;
	}
	remember(a, &what, now_us);
	a->send(a->ctx, of, 0);
}

/* What happened while it was quiet is told, and it is quiet again. */
static void
tell_more(struct alert *a, struct thing *t, int64_t now_us)
{
	const struct alert_of of = { t->about, buf_cstr(&t->subject),
		buf_cstr(&t->text), &t->to };
	uint64_t more = t->more;

	TAILQ_REMOVE(&a->things, t, link);
	t->more = 0;
	t->until_us = now_us + ALERT_QUIET_US;
	TAILQ_INSERT_TAIL(&a->things, t, link);
	a->send(a->ctx, &of, more);
}

int64_t
alert_run(struct alert *a, int64_t now_us)
{
	struct thing *t;

	while ((t = TAILQ_FIRST(&a->things)) != NULL && t->until_us <= now_us)
		if (t->more > 0)
			tell_more(a, t, now_us);
		else
			forget(a, t);
	return t == NULL ? INT64_MAX : t->until_us;
}
