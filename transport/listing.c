/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/listing.h"

#include <fnmatch.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/ctl_proto.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "transport/envelope_read.h"

enum { DEFAULT_MAXITEMS = 100, READ_AHEAD = 64 };

/* A recipient as it was; the rest of it is in its message's envelope. */
struct seen_rcpt {
	struct message *msg;
	int64_t due_us;
	uint32_t n, size;
	uint16_t attempts;
	bool granted;
	json_t *item; /* made by a worker, or NULL */
};

struct listing {
	char *domain, *vmta; /* patterns, or NULL: any */
	size_t max;
	uint64_t matched;
	size_t count, cap, next; /* of one of these two: */
	struct sched_queue_info *queues;
	struct seen_rcpt *rcpts;
	struct region *rg; /* strings of queues; the envelope being read */
};

static char *
pattern(const json_t *args, const char *key)
{
	const char *text = json_string_value(json_object_get(args, key));

	return text == NULL || strcmp(text, "*") == 0 ? NULL : mem_strdup(text);
}

struct listing *
listing_new(const json_t *args)
{
	struct listing *l = mem_new(struct listing);
	json_int_t max = json_integer_value(json_object_get(args, "maxitems"));

	l->max = max > 0 ? (size_t)max : DEFAULT_MAXITEMS;
	l->domain = pattern(args, "domain");
	l->vmta = pattern(args, "vmta");
	l->rg = region_new();
	return l;
}

void
listing_free(struct listing **lp)
{
	struct listing *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	if (l->rcpts != NULL)
		for (size_t i = l->next; i < l->count; i++) {
			message_unref(&l->rcpts[i].msg);
			json_decref(l->rcpts[i].item);
		}
	free(l->rcpts);
	free(l->queues);
	region_free(&l->rg);
	free(l->domain);
	free(l->vmta);
	free(l);
}

/* ---- taking -------------------------------------------------------------- */

static const char *
shown_vmta(const char *vmta)
{
	return vmta[0] == '\0' ? "{default}" : vmta;
}

static bool
fits(const char *wanted, const char *name)
{
	return wanted == NULL || fnmatch(wanted, name, FNM_CASEFOLD) == 0;
}

static bool
wants_queue(void *ctx, const char *domain, const char *vmta)
{
	const struct listing *l = ctx;

	return fits(l->domain, domain) && fits(l->vmta, shown_vmta(vmta));
}

static bool
is_full(const struct listing *l)
{
	return l->count >= l->max;
}

/* Room for one more of this size. */
static void *
grow(struct listing *l, void *v, size_t size)
{
	if (l->count < l->cap)
		return v;
	l->cap = l->cap * 2 + 64;
	return mem_realloc(v, l->cap * size);
}

static void
on_queue(void *ctx, const struct sched_queue_info *info)
{
	struct listing *l = ctx;
	struct sched_queue_info *q;

	if (!wants_queue(l, info->domain, info->vmta))
		return;
	l->matched++;
	if (is_full(l))
		return;
	l->queues = grow(l, l->queues, sizeof(*q));
	q = &l->queues[l->count++];
	*q = *info;
	q->domain = region_strdup(l->rg, info->domain);
	q->vmta = region_strdup(l->rg, info->vmta);
	q->last_error = region_strdup(l->rg, info->last_error);
}

void
listing_take_queues(struct listing *l, struct sched *s, int64_t now_us)
{
	CHECK(l->queues == NULL && l->rcpts == NULL);
	sched_each_queue(s, now_us, on_queue, l);
}

static void
count_rcpts(void *ctx, const struct sched_queue_info *info)
{
	struct listing *l = ctx;

	if (wants_queue(l, info->domain, info->vmta))
		l->matched += info->rcpts;
}

static bool
on_rcpt(void *ctx, const struct sched_rcpt_info *info)
{
	struct listing *l = ctx;

	if (is_full(l))
		return false;
	l->rcpts = grow(l, l->rcpts, sizeof(*l->rcpts));
	l->rcpts[l->count++] = (struct seen_rcpt){
		.msg = sched_rcpt_message(info),
		.due_us = info->due_us,
		.n = info->n,
		.size = info->size,
		.attempts = info->attempts,
		.granted = info->granted,
	};
	return true;
}

void
listing_take_rcpts(struct listing *l, struct sched *s, int64_t now_us)
{
	CHECK(l->queues == NULL && l->rcpts == NULL);
	sched_each_queue(s, now_us, count_rcpts, l);
	sched_each_rcpt(s, wants_queue, on_rcpt, l);
}

/* ---- telling ------------------------------------------------------------- */

/* An engine time as people read it; null if it is not set. */
static json_t *
when_json(int64_t engine_us)
{
	char text[40];

	if (engine_us == 0)
		return json_null();
	if (engine_us == INT64_MAX)
		return json_string("never");
	(void)clock_iso(text, sizeof(text),
	    engine_us - clock_us() + clock_wall_us());
	return json_string(text);
}

static json_t *
queue_json(const struct sched_queue_info *q)
{
	json_t *item = json_pack("{s:o,s:o,s:I,s:I,s:I,s:I,s:o,s:s,s:o}",
	    "domain", ctl_string(q->domain), "vmta",
	    ctl_string(shown_vmta(q->vmta)), "recipients", (json_int_t)q->rcpts,
	    "deferred", (json_int_t)q->deferred, "kbytes",
	    (json_int_t)q->kbytes, "connections", (json_int_t)q->conns, "retry",
	    when_json(q->retry_us), "waits_for", q->waits_for, "last_error",
	    ctl_string(q->last_error));

	CHECK(item != NULL);
	return item;
}

/* Domain and virtual MTA are the envelope's: its queue is named by them. */
static json_t *
envelope_json(const struct seen_rcpt *r, const struct envelope *env)
{
	const struct env_rcpt *to = &env->rcpts[r->n];
	char queued[40];

	(void)clock_iso(queued, sizeof(queued), env->arrival_us);
	return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:s}", "host_id",
	    ctl_string(env->host_id), "from", ctl_string(env->sender), "to",
	    ctl_string(to->addr), "domain", ctl_string(to->domain), "vmta",
	    ctl_string(shown_vmta(to->vmta)), "job", ctl_string(env->job),
	    "queued", queued);
}

static json_t *
rcpt_json(struct listing *l, struct worker_env *worker,
    const struct seen_rcpt *r)
{
	char id[MESSAGE_ID_TEXT];
	struct envelope env;
	struct err e = { "no such recipient" };
	json_t *item;

	region_reset(l->rg);
	if (envelope_read(worker, r->msg, l->rg, &env, &e) == 0 &&
	    r->n < env.rcpt_count)
		item = envelope_json(r, &env);
	else
		item = json_pack("{s:o}", "error", ctl_string(e.text));
	CHECK(item != NULL);
	(void)json_object_set_new(item, "id",
	    json_string(message_id_text(r->msg->id, id)));
	(void)json_object_set_new(item, "attempts", json_integer(r->attempts));
	(void)json_object_set_new(item, "size", json_integer(r->size));
	(void)json_object_set_new(item, "next", when_json(r->due_us));
	(void)json_object_set_new(item, "sending", json_boolean(r->granted));
	return item;
}

bool
listing_wants_read(const struct listing *l)
{
	return l->rcpts != NULL && l->next < l->count &&
	    l->rcpts[l->next].item == NULL;
}

void
listing_read(struct listing *l, struct worker_env *worker)
{
	size_t end = l->count - l->next > READ_AHEAD ? l->next + READ_AHEAD :
						       l->count;

	CHECK(listing_wants_read(l));
	for (size_t i = l->next; i < end; i++) {
		l->rcpts[i].item = rcpt_json(l, worker, &l->rcpts[i]);
		message_unref(&l->rcpts[i].msg);
	}
}

json_t *
listing_next(struct listing *l)
{
	CHECK(!listing_wants_read(l));
	if (l->next == l->count)
		return NULL;
	if (l->queues != NULL)
		return queue_json(&l->queues[l->next++]);
	return l->rcpts[l->next++].item; /* moved */
}

json_t *
listing_sum(const struct listing *l)
{
	return json_pack("{s:I,s:I}", "shown", (json_int_t)l->count, "matched",
	    (json_int_t)l->matched);
}
