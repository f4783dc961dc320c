/* SPDX-License-Identifier: Apache-2.0 */
/* acct: what others ask of the writer, and what the senders say to it. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "transport/acct_priv.h"

/* ---- questions ----------------------------------------------------------- */

static void
rotate(struct acct *a, struct acct_ask *ask)
{
	struct acct_sink *s;

	STAILQ_FOREACH(s, &a->sinks, link)
	{
		if (s->conf == NULL ||
		    (ask->rotate[0] != '\0' &&
			strcmp(ask->rotate, s->tag) != 0))
			continue;
		ask->found = true;
		if (!s->failed && acct_file_size(&s->file) == 0)
			continue;
		if (!s->failed && acct_begin_file(a, s))
			ask->rotated++;
		else
			ask->failed++;
	}
}

static uint64_t
waiting_of(const struct acct_sink *s)
{
	return acct_sink_waiting(s) + s->passed_bytes;
}

static void
state_facts(const struct acct *a, const struct acct_sink *s,
    struct acct_facts *f, struct region *rg)
{
	const char *error = s->error != NULL ? s->error : s->sender_error;

	f->path = region_strdup(rg, s->tag);
	f->kind = s->conf->kind;
	f->file = region_strdup(rg, s->name);
	memcpy(f->rows, s->now.rows, sizeof(f->rows));
	f->dropped = s->now.dropped;
	f->waiting_bytes = waiting_of(s);
	f->behind_rows = s->passed_rows;
	f->error = error == NULL ? NULL : region_strdup(rg, error);
	f->complete = s->kept.next == a->seen &&
	    acct_sink_agrees(s, &a->ledger, &f->agrees);
}

static void
on_ask(struct post *p)
{
	struct acct_ask *ask = post_owner(p, struct acct_ask, post);
	struct acct *a = ask->acct;
	const struct acct_sink *s;
	size_t count = 0;

	if (ask->rotate != NULL)
		rotate(a, ask);
	if (ask->commit)
		acct_commit(a);
	STAILQ_FOREACH(s, &a->sinks, link)
	count++;
	ask->rg = region_new();
	ask->list = region_array(ask->rg, count + 1, sizeof(*ask->list));
	ask->count = 0;
	ask->upto = a->seen;
	STAILQ_FOREACH(s, &a->sinks, link)
	{
		struct acct_facts *f = &ask->list[ask->count];

		if (s->conf == NULL)
			continue;
		memset(f, 0, sizeof(*f));
		state_facts(a, s, f, ask->rg);
		ask->count++;
	}
	ask->done(ask);
}

void
acct_ask(struct acct *a, struct acct_ask *ask)
{
	ask->acct = a;
	ask->post.fn = on_ask;
	worker_post(a->worker, &ask->post);
}

/* ---- for all threads ----------------------------------------------------- */

void
acct_publish_totals(struct acct *a)
{
	const struct acct_sink *s;
	uint64_t waiting = 0, dropped = 0;

	STAILQ_FOREACH(s, &a->sinks, link)
	if (s->conf != NULL) {
		waiting += waiting_of(s);
		dropped += s->now.dropped;
	}
	atomic_store(&a->waiting_bytes, waiting);
	atomic_store(&a->dropped, dropped);
}

void
acct_totals(const struct acct *a, struct acct_totals *out)
{
	out->waiting_bytes = atomic_load(&a->waiting_bytes);
	out->dropped = atomic_load(&a->dropped);
}

/* ---- senders ------------------------------------------------------------- */

struct word {
	struct post post;
	struct acct *acct;
	uint32_t sink;
	uint64_t number, offset;
	char *error;
};

static struct acct_sink *
sink_of(const struct word *w)
{
	struct acct_sink *s;

	STAILQ_FOREACH(s, &w->acct->sinks, link)
	if (s->number == w->sink)
		return s;
	return NULL; /* a reload took it away */
}

static void
say(struct acct *a, void (*fn)(struct post *), struct word word)
{
	struct word *w = mem_new(struct word);

	*w = word;
	w->acct = a;
	w->post.fn = fn;
	worker_post(a->worker, &w->post);
}

static void
on_taken(struct post *p)
{
	struct word *w = post_owner(p, struct word, post);
	struct acct_sink *s = sink_of(w);

	if (s != NULL && s->buffer != NULL &&
	    acct_buffer_taken(s->buffer, w->number, w->offset, s->told_number,
		s->told_length)) {
		s->now.cursor_number = s->kept.cursor_number = w->number;
		s->now.cursor_offset = s->kept.cursor_offset = w->offset;
		w->acct->state_dirty = true;
		acct_arm(w->acct);
	}
	free(w);
}

void
acct_taken(struct acct *a, uint32_t sink, uint64_t number, uint64_t offset)
{
	say(a, on_taken,
	    (struct word){ .sink = sink, .number = number, .offset = offset });
}

static void
on_said(struct post *p)
{
	struct word *w = post_owner(p, struct word, post);
	struct acct_sink *s = sink_of(w);

	if (s != NULL) {
		char *before = s->sender_error;

		s->sender_error = w->error;
		w->error = before;
	}
	free(w->error);
	free(w);
}

void
acct_sink_said(struct acct *a, uint32_t sink, const char *error)
{
	say(a, on_said,
	    (struct word){ .sink = sink,
		.error = error == NULL ? NULL : mem_strdup(error) });
}
