/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show topqueues, show domains, show vmtas, show jobs: sums over queues or, of
 * jobs, over recipients; the largest first.
 *
 * The scheduler's thread only adds up, in slices (transport/queue_walk.h);
 * of queues it keeps no more than are wanted, of domains and virtual MTAs one
 * row each.  The rest is done on main.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "transport/control_priv.h"
#include "transport/queue_walk.h"
#include "vmta/heap.h"
#include "vmta/sched_standing.h"
#include "vmta/table.h"

enum { MAXITEMS = 20, VMTAS_MAX = 1000000 };

enum show_what { SHOW_QUEUES, SHOW_DOMAINS, SHOW_VMTAS, SHOW_JOBS };
enum sort { SORT_NAME, SORT_RCPT, SORT_SIZE };
enum yes_no { ANY, YES, NO };

struct row {
	struct table_link link; /* of domains and virtual MTAs */
	uint32_t index;         /* in the heap of those that are shown */
	char *name;
	uint64_t queues, rcpts, kbytes, conns, deferred;
	uint64_t bytes, last_id; /* of a job: the message counted last */
	char *last_error;        /* or NULL */
	char *domain, *vmta;     /* of a queue */
	char *rollup, *provider; /* likewise; NULL: none */
	const char *waits_for;   /* likewise */
	const char *moved_from;  /* likewise; or NULL */
	int64_t retry_us;
	bool paused;
	/* Of a queue: how it stands with the other side. */
	enum queue_mode mode;
	char *mode_why;
	int64_t since_us, until_us; /* of the mode; 0: normal */
	uint32_t sources_off;
};

struct show {
	struct queue_walk walk;
	struct post home;
	struct control *control;
	struct ctl_request *request;
	struct queue_pattern wanted;
	enum show_what what;
	enum sort sort;
	enum yes_no connected, paused, backoff;
	bool errors; /* only those */
	size_t max;
	struct table sums;  /* rows by name */
	struct heap best;   /* the worst of them on top */
	struct row **shown; /* in their order */
	size_t count, next;
	uint64_t matched, rcpts;
};

/* ---- rows ---------------------------------------------------------------- */

static struct row *
of_link(struct table_link *l)
{
	return (void *)((char *)l - offsetof(struct row, link));
}

static uint64_t
row_hash(const struct table_link *l)
{
	const char *name = ((const struct row *)(const void *)((const char *)l -
				offsetof(struct row, link)))
			       ->name;

	return table_hash_bytes(name, strlen(name));
}

static bool
row_is(const struct table_link *l, const void *key)
{
	const struct row *r = (const void *)((const char *)l -
	    offsetof(struct row, link));

	return strcmp(r->name, key) == 0;
}

static const struct table_ops row_ops = { row_hash, row_is };

static void
row_free(struct row **rp)
{
	struct row *r = *rp;

	*rp = NULL;
	free(r->name);
	free(r->last_error);
	free(r->mode_why);
	free(r->domain);
	free(r->vmta);
	free(r->rollup);
	free(r->provider);
	free(r);
}

/* The row of a name; made if there is none. */
static struct row *
row_get(struct show *s, const char *name)
{
	struct table_link *l = table_find(&s->sums,
	    table_hash_bytes(name, strlen(name)), name);
	struct row *r;

	if (l != NULL)
		return of_link(l);
	r = mem_new(struct row);
	r->name = mem_strdup(name);
	table_add(&s->sums, &r->link);
	return r;
}

static void
add(struct row *r, const struct sched_queue_info *q)
{
	r->queues++;
	r->rcpts += q->rcpts;
	r->deferred += q->deferred;
	r->kbytes += q->kbytes;
	r->conns += q->conns;
	if (r->last_error == NULL && q->last_error[0] != '\0')
		r->last_error = mem_strdup(q->last_error);
}

/* ---- the best of them ---------------------------------------------------- */

/* Less than 0: a is shown before b. */
static int
compare(const struct show *s, const struct row *a, const struct row *b)
{
	uint64_t x = s->sort == SORT_SIZE ? a->kbytes : a->rcpts;
	uint64_t y = s->sort == SORT_SIZE ? b->kbytes : b->rcpts;

	if (s->sort != SORT_NAME && x != y)
		return x > y ? -1 : 1;
	return strcmp(a->name, b->name);
}

/* The heaps' functions have no context: one for each order. */
#define WORST(fn, order) \
	static bool fn(const void *a, const void *b) \
	{ \
		const struct show s = { .sort = (order) }; \
\
		return compare(&s, a, b) > 0; \
	}
WORST(worst_by_name, SORT_NAME)
WORST(worst_by_rcpt, SORT_RCPT)
WORST(worst_by_size, SORT_SIZE)
#undef WORST

static void
row_moved(void *item, uint32_t index)
{
	((struct row *)item)->index = index;
}

static const struct heap_ops worst_first[] = {
	[SORT_NAME] = { worst_by_name, row_moved },
	[SORT_RCPT] = { worst_by_rcpt, row_moved },
	[SORT_SIZE] = { worst_by_size, row_moved },
};

/* Takes the row. */
static void
offer(struct show *s, struct row *r)
{
	const struct heap_ops *ops = &worst_first[s->sort];
	struct row *worst = heap_top(&s->best);

	s->matched++;
	if (worst != NULL && s->best.n >= s->max) {
		if (compare(s, r, worst) >= 0) {
			row_free(&r);
			return;
		}
		heap_remove(&s->best, ops, worst->index);
		row_free(&worst);
	}
	heap_push(&s->best, ops, r);
}

static bool
fits(const struct show *s, const struct row *r)
{
	if (s->connected != ANY && (s->connected == YES) != (r->conns > 0))
		return false;
	if (s->paused != ANY && (s->paused == YES) != r->paused)
		return false;
	if (s->backoff != ANY &&
	    (s->backoff == YES) != (r->mode == MODE_BACKOFF))
		return false;
	return !s->errors || r->last_error != NULL;
}

/* ---- adding up (scheduler) ----------------------------------------------- */

static struct row *
row_of_queue(const struct sched_queue_info *q)
{
	const char *vmta = envelope_vmta_shown(q->vmta);
	struct row *r = mem_new(struct row);
	struct buf name = { 0 };

	buf_printf(&name, "%s/%s", q->domain, vmta);
	r->name = mem_strdup(buf_cstr(&name));
	buf_fini(&name);
	r->domain = mem_strdup(q->domain);
	r->vmta = mem_strdup(vmta);
	r->rollup = q->group[0] == '\0' ? NULL : mem_strdup(q->group);
	r->provider = q->provider[0] == '\0' ? NULL : mem_strdup(q->provider);
	r->waits_for = q->waits_for;
	r->moved_from = q->moved_from;
	r->retry_us = q->retry_us;
	r->paused = q->paused;
	add(r, q);
	return r;
}

static void
set_standing(struct row *r, const struct sched_queue *q, int64_t now_us)
{
	struct sched_standing_info info;

	sched_queue_standing(q, now_us, &info);
	r->mode = info.mode;
	r->mode_why = info.why[0] == '\0' ? NULL : mem_strdup(info.why);
	r->since_us = info.since_us;
	r->until_us = info.until_us;
	r->sources_off = info.sources_off;
}

/* A slice is so many of them. */
#define RCPTS_SLICE 500

/* Mail without a job is none's. */
static bool
add_to_job(void *ctx, const struct sched_rcpt_info *info)
{
	struct show *s = ctx;
	struct row *r;

	s->rcpts++;
	if (info->job[0] == '\0')
		return s->rcpts % RCPTS_SLICE != 0;
	r = row_get(s, info->job);
	if (r->rcpts == 0)
		r->paused = sched_job_is_paused(s->walk.sched, info->job);
	r->rcpts++;
	/* Recipients of one message come in a row within a queue. */
	if (r->last_id != info->id)
		r->bytes += info->size;
	r->last_id = info->id;
	r->kbytes = (r->bytes + 1023) / 1024;
	return s->rcpts % RCPTS_SLICE != 0;
}

static enum queue_walk_next
visit(struct queue_walk *w, struct sched_queue *q, int64_t now_us)
{
	struct show *s = post_owner(w, struct show, walk);
	struct sched_queue_info info;
	struct row *r;

	if (s->what == SHOW_JOBS)
		return sched_walk_rcpts(&w->at, add_to_job, s) ? WALK_ON :
								 WALK_AGAIN;
	sched_queue_info(w->sched, q, now_us, &info);
	s->rcpts += info.rcpts;
	switch (s->what) {
	case SHOW_QUEUES:
		r = row_of_queue(&info);
		set_standing(r, q, now_us);
		if (fits(s, r))
			offer(s, r);
		else
			row_free(&r);
		break;
	case SHOW_DOMAINS:
		add(row_get(s, info.domain), &info);
		break;
	case SHOW_VMTAS:
		add(row_get(s, envelope_vmta_shown(info.vmta)), &info);
		break;
	case SHOW_JOBS:
		CHECK_NEVER("a sum over queues");
	}
	return WALK_ON;
}

/* ---- answering (main) ---------------------------------------------------- */

static void
show_free(struct show *s)
{
	struct table_link *l;

	while ((l = table_any(&s->sums)) != NULL) {
		struct row *r = of_link(l);

		table_remove(&s->sums, l);
		row_free(&r);
	}
	table_fini(&s->sums);
	while (s->next < s->count)
		row_free(&s->shown[s->next++]);
	free(s->shown);
	queue_pattern_fini(&s->wanted);
	free(s);
}

static json_t *
error_json(const struct row *r)
{
	return ctl_string(r->last_error == NULL ? "" : r->last_error);
}

/* What a queue shares limits with. */
static json_t *
shared_json(const char *name)
{
	return ctl_string(name == NULL ? "" : name);
}

static json_t *
queue_json(const struct row *r)
{
	static const char *const modes[] = { [MODE_NORMAL] = "normal",
		[MODE_BACKOFF] = "backoff",
		[MODE_RETURN] = "return" };

	return json_pack("{s:o,s:o,s:o,s:I,s:I,s:I,s:I,s:s,s:o,s:o,s:o,s:I,s:b,"
			 "s:o,s:s,s:o,s:o,s:o}",
	    "name", ctl_string(r->name), "domain", ctl_string(r->domain),
	    "vmta", ctl_string(r->vmta), "recipients", (json_int_t)r->rcpts,
	    "deferred", (json_int_t)r->deferred, "kbytes",
	    (json_int_t)r->kbytes, "connections", (json_int_t)r->conns, "mode",
	    modes[r->mode], "mode_since", control_when(r->since_us),
	    "mode_until", control_when(r->until_us), "mode_why",
	    ctl_string(r->mode_why == NULL ? "" : r->mode_why), "sources_off",
	    (json_int_t)r->sources_off, "paused", (int)r->paused, "retry",
	    control_when(r->retry_us), "waits_for", r->waits_for, "last_error",
	    error_json(r), "rollup", shared_json(r->rollup), "provider",
	    shared_json(r->provider));
}

static json_t *
with_origin(json_t *queue, const struct row *r)
{
	(void)json_object_set_new(queue, "moved_from",
	    r->moved_from == NULL ?
		json_null() :
		ctl_string(envelope_vmta_shown(r->moved_from)));
	return queue;
}

static json_t *
row_json(const struct show *s, const struct row *r)
{
	double share = s->rcpts == 0 ?
	    0.0 :
	    100.0 * (double)r->rcpts / (double)s->rcpts;

	switch (s->what) {
	case SHOW_QUEUES:
		return with_origin(queue_json(r), r);
	case SHOW_DOMAINS:
		return json_pack("{s:o,s:I,s:I,s:I,s:o}", "domain",
		    ctl_string(r->name), "recipients", (json_int_t)r->rcpts,
		    "kbytes", (json_int_t)r->kbytes, "connections",
		    (json_int_t)r->conns, "last_error", error_json(r));
	case SHOW_VMTAS:
		/* A tenth of a percent is as much as anybody reads. */
		share = (double)(int64_t)(share * 10 + 0.5) / 10;
		return json_pack("{s:o,s:I,s:I,s:f,s:I,s:I}", "name",
		    ctl_string(r->name), "domains", (json_int_t)r->queues,
		    "recipients", (json_int_t)r->rcpts, "percent", share,
		    "kbytes", (json_int_t)r->kbytes, "connections",
		    (json_int_t)r->conns);
	case SHOW_JOBS:
		return json_pack("{s:o,s:I,s:I,s:b}", "job",
		    ctl_string(r->name), "recipients", (json_int_t)r->rcpts,
		    "kbytes", (json_int_t)r->kbytes, "paused", (int)r->paused);
	}
	CHECK_NEVER("a kind of row");
}

static bool
send_row(void *ctx, struct ctl_request *r)
{
	struct show *s = ctx;

	if (!ctl_is_gone(r) && s->next < s->count) {
		json_t *item = row_json(s, s->shown[s->next]);

		CHECK(item != NULL);
		row_free(&s->shown[s->next++]);
		ctl_item(r, item);
		return true;
	}
	ctl_done(r,
	    json_pack("{s:I,s:I}", "shown", (json_int_t)s->count, "matched",
		(json_int_t)s->matched));
	show_free(s);
	return false;
}

/* From the worst to the best. */
static void
sort_shown(struct show *s)
{
	struct row *worst;

	s->count = s->best.n;
	s->shown = mem_array(s->count + 1, sizeof(struct row *));
	for (size_t i = s->count; (worst = heap_top(&s->best)) != NULL;) {
		heap_remove(&s->best, &worst_first[s->sort], 0);
		s->shown[--i] = worst;
	}
	heap_fini(&s->best);
}

static void
on_walked_home(struct post *p)
{
	struct show *s = post_owner(p, struct show, home);
	struct table_link *l;

	while ((l = table_any(&s->sums)) != NULL) {
		struct row *r = of_link(l);

		table_remove(&s->sums, l);
		if (fits(s, r))
			offer(s, r);
		else
			row_free(&r);
	}
	sort_shown(s);
	ctl_stream(s->request, send_row, s);
}

static void
on_walked(struct queue_walk *w)
{
	struct show *s = post_owner(w, struct show, walk);

	s->home.fn = on_walked_home;
	worker_post(s->control->opt.main, &s->home);
}

/* ---- asking -------------------------------------------------------------- */

/* One of some words, by number; fallback if it is not there; -1: another. */
static int
word_of(const json_t *args, const char *key, const char *const *words,
    int fallback)
{
	const char *text = control_text(args, key);

	if (text == NULL)
		return fallback;
	for (int i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return -1;
}

static int
parse(struct show *s, const json_t *args, struct err *e)
{
	static const char *const orders[] = { "name", "rcpt", "size", NULL };
	static const char *const answers[] = { "", "yes", "no", NULL };
	static const char *const modes[] = { "", "backoff", "normal", NULL };
	int sort = word_of(args, "sort", orders, SORT_RCPT);
	int connected = word_of(args, "connected", answers, ANY);
	int paused = word_of(args, "paused", answers, ANY);
	int mode = word_of(args, "mode", modes, ANY);

	if (sort == -1)
		return err_set(e, "--sort takes name, rcpt or size");
	if (connected == -1 || paused == -1)
		return err_set(e, "--connected and --paused take yes or no");
	if (mode == -1)
		return err_set(e, "--mode takes normal or backoff");
	s->sort = (enum sort)sort;
	s->connected = (enum yes_no)connected;
	s->paused = (enum yes_no)paused;
	s->backoff = (enum yes_no)mode;
	s->errors = json_is_true(json_object_get(args, "errors"));
	return 0;
}

static void
show(struct control *c, struct ctl_request *r, const json_t *args,
    const struct show *init)
{
	struct show *s = mem_new(struct show);
	struct buf all_of_vmta = { 0 };
	const char *queue = control_text(args, "queue");
	const char *vmta = control_text(args, "vmta");
	struct err e;
	int rc;

	*s = *init;
	s->control = c;
	s->request = r;
	table_init(&s->sums, &row_ops);
	if (vmta != NULL) {
		buf_printf(&all_of_vmta, "*/%s", vmta);
		queue = buf_cstr(&all_of_vmta);
	}
	rc = queue_pattern_parse(queue, &s->wanted, &e);
	buf_fini(&all_of_vmta);
	if (rc == -1 || parse(s, args, &e) == -1) {
		ctl_fail(r, "%s", e.text);
		show_free(s);
		return;
	}
	s->walk.dispatch = c->opt.dispatch;
	s->walk.wanted = &s->wanted;
	s->walk.visit = visit;
	s->walk.done = on_walked;
	queue_walk_go(&s->walk);
}

void
control_show_topqueues(struct control *c, struct ctl_request *r,
    const json_t *args)
{
	show(c, r, args,
	    &(struct show){ .what = SHOW_QUEUES,
		.max = control_maxitems(args, MAXITEMS) });
}

void
control_show_domains(struct control *c, struct ctl_request *r,
    const json_t *args)
{
	show(c, r, args,
	    &(struct show){ .what = SHOW_DOMAINS,
		.max = control_maxitems(args, MAXITEMS) });
}

void
control_show_jobs(struct control *c, struct ctl_request *r, const json_t *args)
{
	show(c, r, args, &(struct show){ .what = SHOW_JOBS, .max = VMTAS_MAX });
}

void
control_show_vmtas(struct control *c, struct ctl_request *r, const json_t *args)
{
	show(c, r, args,
	    &(struct show){ .what = SHOW_VMTAS, .max = VMTAS_MAX });
}
