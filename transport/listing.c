/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list: recipients that wait or are being sent, by whatever selects them; and
 * mailq: the same, all of them, with what listings of host MTAs show.
 *
 * Memory is that of a chunk of candidates and its items: the next one is
 * collected when the client has read this one, and none when it has gone.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "transport/candidates.h"
#include "transport/control_priv.h"

enum { MAXITEMS = 100 };

struct listing {
	struct candidates candidates;
	struct select select;
	struct post home;
	struct control *control;
	struct ctl_request *request;
	size_t max;
	uint64_t found, shown;
	bool cut;       /* there may be more */
	json_t **items; /* of the chunk in hand */
	size_t count, cap, next;
};

static void
listing_free(struct listing *l)
{
	for (; l->next < l->count; l->next++)
		json_decref(l->items[l->next]);
	free(l->items);
	candidates_fini(&l->candidates);
	select_fini(&l->select);
	free(l);
}

/* ---- on the worker ------------------------------------------------------- */

/* Where it was not chosen for; null: it is in the queue that it came to. */
static json_t *
moved_from(const char *chosen, const char *vmta)
{
	return strcmp(chosen, vmta) == 0 ?
	    json_null() :
	    ctl_string(envelope_vmta_shown(chosen));
}

static json_t *
envelope_json(const struct candidate *r, const struct envelope *env)
{
	const struct env_rcpt *to = &env->rcpts[r->n];
	char queued[40];

	(void)clock_iso(queued, sizeof(queued), env->arrival_us);
	return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:s}", "host_id",
	    ctl_string(env->host_id), "from", ctl_string(env->sender), "to",
	    ctl_string(to->addr), "domain", ctl_string(to->domain), "vmta",
	    ctl_string(envelope_vmta_shown(r->vmta)), "moved_from",
	    moved_from(to->vmta, r->vmta), "job", ctl_string(env->job), "envid",
	    ctl_string(env->envid), "queued", queued);
}

static json_t *
last_reply(const struct candidate *r)
{
	if (r->said == NULL)
		return json_null();
	if (!r->said_of_queue)
		return control_said(r->said);
	return json_pack("{s:s,s:o}", "of", "queue", "text",
	    ctl_string(r->said->text));
}

static void
add_state(json_t *item, const struct candidate *r, const struct envelope *env)
{
	json_t *more = json_pack("{s:I,s:s,s:I,s:o}", "arrival",
	    (json_int_t)(env->arrival_us / US_PER_S), "state",
	    candidate_state_name(r->state), "recipients", (json_int_t)r->rcpts,
	    "last_reply", last_reply(r));

	CHECK(more != NULL);
	(void)json_object_update_new(item, more);
}

static json_t *
item_json(const struct candidate *r, const struct envelope *env,
    const struct err *error)
{
	char id[MESSAGE_ID_TEXT];
	json_t *item = env->rcpt_count > 0 ?
	    envelope_json(r, env) :
	    json_pack("{s:o}", "error", ctl_string(error->text));

	CHECK(item != NULL);
	(void)json_object_set_new(item, "id",
	    json_string(message_id_text(r->msg->id, id)));
	(void)json_object_set_new(item, "recipient", json_integer(r->n));
	(void)json_object_set_new(item, "attempts", json_integer(r->attempts));
	(void)json_object_set_new(item, "size", json_integer(r->size));
	(void)json_object_set_new(item, "next", control_due(r->due_us));
	(void)json_object_set_new(item, "sending", json_boolean(r->granted));
	return item;
}

static void
look(struct candidates *c, const struct candidate *r,
    const struct envelope *env, const struct err *error)
{
	struct listing *l = post_owner(c, struct listing, candidates);

	l->found++;
	if (l->shown >= l->max)
		return;
	l->shown++;
	if (l->count == l->cap) {
		l->cap = l->cap * 2 + 64;
		l->items = mem_realloc(l->items, l->cap * sizeof(json_t *));
	}
	l->items[l->count++] = item_json(r, env, error);
	if (c->wants_state)
		add_state(l->items[l->count - 1], r, env);
}

/* ---- on main ------------------------------------------------------------- */

static json_t *
sum_json(const struct listing *l)
{
	json_t *matched = json_null();

	if (!select_wants_envelope(&l->select))
		matched = json_integer((json_int_t)l->candidates.counted);
	else if (!l->cut)
		matched = json_integer((json_int_t)l->found);
	return json_pack("{s:I,s:o}", "shown", (json_int_t)l->shown, "matched",
	    matched);
}

/* The chunk has been read, or nobody reads. */
static void
go_on(struct listing *l)
{
	bool gone = ctl_is_gone(l->request);

	ctl_pause(l->request);
	l->count = l->next = 0;
	if (gone || (l->shown >= l->max && select_wants_envelope(&l->select))) {
		l->cut = true;
		candidates_stop(&l->candidates);
	} else if (l->shown >= l->max) {
		candidates_count(&l->candidates);
	} else {
		candidates_go(&l->candidates);
	}
}

static bool
send_more(void *ctx, struct ctl_request *r)
{
	struct listing *l = ctx;

	if (l->next < l->count && !ctl_is_gone(r)) {
		ctl_item(r, l->items[l->next++]);
		return true;
	}
	for (; l->next < l->count; l->next++)
		json_decref(l->items[l->next]);
	if (!l->candidates.ended && !l->control->stopping) {
		go_on(l);
		return false;
	}
	if (l->candidates.walk.missed)
		ctl_fail(r, CONTROL_UNREAD);
	else
		ctl_done(r, sum_json(l));
	listing_free(l);
	return false;
}

static void
on_home(struct post *p)
{
	struct listing *l = post_owner(p, struct listing, home);

	ctl_stream(l->request, send_more, l);
}

static void
on_chunk(struct candidates *c)
{
	struct listing *l = post_owner(c, struct listing, candidates);

	l->home.fn = on_home;
	worker_post(l->control->opt.main, &l->home);
}

static void
begin(struct control *c, struct ctl_request *r, const json_t *args, bool all)
{
	struct listing *l = mem_new(struct listing);
	struct err e;

	l->control = c;
	l->request = r;
	l->max = all ? SIZE_MAX : control_maxitems(args, MAXITEMS);
	if (select_parse(args, &l->select, &e) == -1) {
		ctl_fail(r, "%s", e.text);
		listing_free(l);
		return;
	}
	l->candidates.dispatch = c->opt.dispatch;
	l->candidates.env = c->opt.envs[0];
	l->candidates.select = &l->select;
	l->candidates.look = look;
	l->candidates.chunk = on_chunk;
	l->candidates.wants_state = all;
	candidates_go(&l->candidates);
}

void
control_list(struct control *c, struct ctl_request *r, const json_t *args)
{
	begin(c, r, args, false);
}

void
control_mailq(struct control *c, struct ctl_request *r, const json_t *args)
{
	begin(c, r, args, true);
}
