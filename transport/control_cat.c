/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cat: a queued message as it is: who it is from and for, then its octets.
 *
 * Its recipients are looked for in the queues as list does it
 * (transport/candidates.h); the worker that meets the first one reads the
 * message, which is kept until the client has it or has gone.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "transport/candidates.h"
#include "transport/control_priv.h"
#include "transport/envelope_read.h"

/* Of the octets that go out at once: divisible by three. */
enum { PIECE = 24 * 1024 };

struct cat {
	struct candidates candidates;
	struct select select;
	struct post home;
	struct control *control;
	struct ctl_request *request;
	json_t *envelope, *rcpts; /* NULL: nothing was found yet */
	struct body *body;        /* NULL: the error says why */
	struct err error;
	size_t next, pos; /* recipients and octets that were sent */
	enum candidate_state state;
};

static void
cat_free(struct cat *c)
{
	candidates_fini(&c->candidates);
	select_fini(&c->select);
	json_decref(c->envelope);
	json_decref(c->rcpts);
	body_unref(&c->body);
	free(c);
}

/* ---- on the worker ------------------------------------------------------- */

static json_t *
envelope_json(uint64_t id, const struct envelope *env)
{
	char text[MESSAGE_ID_TEXT];

	return json_pack("{s:s,s:o,s:I,s:o,s:o,s:o,s:o,s:o,s:i,s:b,s:b,s:I}",
	    "id", message_id_text(id, text), "host_id",
	    ctl_string(env->host_id), "arrival",
	    (json_int_t)(env->arrival_us / US_PER_S), "from",
	    ctl_string(env->sender), "envid", ctl_string(env->envid), "job",
	    ctl_string(env->job), "user", ctl_string(env->auth_user), "client",
	    ctl_string(env->src_mta), "ret", (int)env->ret, "8bit",
	    (env->flags & ENVELOPE_8BIT) != 0, "utf8",
	    (env->flags & ENVELOPE_UTF8) != 0, "recipients",
	    (json_int_t)env->rcpt_count);
}

static json_t *
rcpts_json(const struct envelope *env)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < env->rcpt_count; i++) {
		const struct env_rcpt *r = &env->rcpts[i];

		(void)json_array_append_new(list,
		    json_pack("{s:o,s:o,s:o,s:i,s:b}", "to",
			ctl_string(r->addr), "orcpt", ctl_string(r->orcpt),
			"vmta", ctl_string(envelope_vmta_shown(r->vmta)),
			"notify", (int)r->notify, "queued", 0));
	}
	return list;
}

static void
read_message(struct cat *c, const struct candidate *r,
    const struct envelope *env, const struct err *error)
{
	struct region *rg = region_new();
	struct envelope same;

	c->state = r->state;
	c->envelope = envelope_json(r->msg->id, env);
	c->rcpts = rcpts_json(env);
	if (env->rcpt_count == 0)
		c->error = *error;
	else
		(void)envelope_read_all(c->candidates.env, r->msg, rg, &same,
		    &c->body, &c->error);
	CHECK(c->envelope != NULL);
	region_free(&rg);
}

static void
look(struct candidates *candidates, const struct candidate *r,
    const struct envelope *env, const struct err *error)
{
	struct cat *c = post_owner(candidates, struct cat, candidates);
	json_t *rcpt;

	if (c->envelope == NULL)
		read_message(c, r, env, error);
	if (r->state < c->state)
		c->state = r->state;
	rcpt = json_array_get(c->rcpts, r->n);
	if (rcpt != NULL)
		(void)json_object_set_new(rcpt, "queued", json_true());
}

/* ---- on main ------------------------------------------------------------- */

static json_t *
piece_json(struct cat *c)
{
	size_t len = c->body->len - c->pos;
	struct buf text = { 0 };
	json_t *item;

	if (len > PIECE)
		len = PIECE;
	base64_add(&text, c->body->bytes + c->pos, len);
	item = json_pack("{s:s,s:I}", "base64", buf_cstr(&text), "octets",
	    (json_int_t)len);
	buf_fini(&text);
	c->pos += len;
	return item;
}

static void
end(struct cat *c)
{
	if (c->body == NULL)
		ctl_fail(c->request, "%s", c->error.text);
	else
		ctl_done(c->request, NULL);
	cat_free(c);
}

static bool
send_more(void *ctx, struct ctl_request *r)
{
	struct cat *c = ctx;

	if (ctl_is_gone(r)) {
		end(c);
		return false;
	}
	if (c->next < json_array_size(c->rcpts)) {
		ctl_item(r, json_incref(json_array_get(c->rcpts, c->next++)));
		return true;
	}
	if (c->body != NULL && c->pos < c->body->len) {
		ctl_item(r, piece_json(c));
		return true;
	}
	end(c);
	return false;
}

static void
on_home(struct post *p)
{
	struct cat *c = post_owner(p, struct cat, home);
	char id[MESSAGE_ID_TEXT];

	if (c->envelope == NULL) {
		if (c->candidates.walk.missed)
			ctl_fail(c->request, CONTROL_UNREAD);
		else
			ctl_fail(c->request,
			    "message %s is not queued: it has ended, or never "
			    "was",
			    message_id_text(c->select.id, id));
		cat_free(c);
		return;
	}
	(void)json_object_set_new(c->envelope, "size",
	    json_integer(c->body == NULL ? 0 : c->body->len));
	(void)json_object_set_new(c->envelope, "state",
	    json_string(candidate_state_name(c->state)));
	ctl_item(c->request, json_incref(c->envelope));
	ctl_stream(c->request, send_more, c);
}

static void
on_chunk(struct candidates *candidates)
{
	struct cat *c = post_owner(candidates, struct cat, candidates);

	if (!candidates->ended) {
		candidates_go(candidates);
		return;
	}
	c->home.fn = on_home;
	worker_post(c->control->opt.main, &c->home);
}

void
control_cat(struct control *c, struct ctl_request *r, const json_t *args)
{
	struct cat *cat;
	struct err e;

	/* As strict as the modes of a queue that postcat reads. */
	if (!ctl_is_owner(r)) {
		ctl_fail(r,
		    "only root and mailraced's own user may read messages");
		return;
	}
	cat = mem_new(struct cat);
	cat->control = c;
	cat->request = r;
	if (select_parse(args, &cat->select, &e) == -1 ||
	    (cat->select.id == 0 && err_set(&e, "cat needs a message") == -1)) {
		ctl_fail(r, "%s", e.text);
		cat_free(cat);
		return;
	}
	cat->candidates.dispatch = c->opt.dispatch;
	cat->candidates.env = c->opt.envs[0];
	cat->candidates.select = &cat->select;
	cat->candidates.look = look;
	cat->candidates.chunk = on_chunk;
	cat->candidates.wants_state = true;
	candidates_go(&cat->candidates);
}
