/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/listing.h"

#include <fnmatch.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "transport/control_priv.h"
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
	size_t count, cap, next;
	struct seen_rcpt *rcpts;
	struct region *rg; /* the envelope being read */
};

/* DOMAIN[/VMTA] */
static void
pattern(struct listing *l, const char *queue)
{
	const char *slash = queue == NULL ? NULL : strchr(queue, '/');

	if (queue == NULL)
		return;
	l->domain = slash == NULL ? mem_strdup(queue) :
				    mem_strndup(queue, (size_t)(slash - queue));
	if (slash != NULL)
		l->vmta = mem_strdup(slash + 1);
}

struct listing *
listing_new(const json_t *args)
{
	struct listing *l = mem_new(struct listing);
	json_int_t max = json_integer_value(json_object_get(args, "maxitems"));

	l->max = max > 0 ? (size_t)max : DEFAULT_MAXITEMS;
	pattern(l, control_text(args, "queue"));
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
	CHECK(l->rcpts == NULL);
	sched_each_queue(s, now_us, count_rcpts, l);
	sched_each_rcpt(s, wants_queue, on_rcpt, l);
}

/* ---- telling ------------------------------------------------------------- */

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
	(void)json_object_set_new(item, "next", control_when(r->due_us));
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
	return l->rcpts[l->next++].item; /* moved */
}

json_t *
listing_sum(const struct listing *l)
{
	return json_pack("{s:I,s:I}", "shown", (json_int_t)l->count, "matched",
	    (json_int_t)l->matched);
}
