/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about suppression lists share. */
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/suppress_input.h"
#include "transport/suppress_priv.h"

/* Of an expiry: the store has 32 bits. */
#define TIME_MAX_S INT64_C(4294967295)

const struct suppress_list *
suppress_call_list(struct control *c, struct ctl_request *r, const json_t *args)
{
	const char *name = control_text(args, "list");
	const struct suppress_list *l;

	if (name == NULL) {
		ctl_fail(r, "the request names no list");
		return NULL;
	}
	l = snapshot_suppress(c->opt.snapshot(c->opt.ctx), name);
	if (l == NULL)
		ctl_fail(r, "there is no suppression list \"%s\"", name);
	else if (!l->published)
		ctl_fail(r,
		    "\"%s\" is an <address-list>: all of it stands in the "
		    "configuration (%s:%u)",
		    l->name, l->file, l->line);
	else if (c->opt.suppress(c->opt.ctx) == NULL)
		ctl_fail(r, "no suppression list is published");
	else
		return l;
	return NULL;
}

void *
suppress_call_new(size_t size, struct control *c, struct ctl_request *r,
    const struct suppress_list *list)
{
	struct suppress_call *call = mem_zalloc(size);

	call->control = c;
	call->keeper = c->opt.suppress(c->opt.ctx);
	call->request = r;
	call->conf = snapshot_ref(c->opt.snapshot(c->opt.ctx));
	call->list = list;
	call->rg = region_new();
	return call;
}

void
suppress_call_free(struct suppress_call *call)
{
	snapshot_unref(&call->conf);
	region_free(&call->rg);
	free(call);
}

static void
go_home(struct suppress_errand *r)
{
	struct suppress_call *call = post_owner(r, struct suppress_call,
	    errand);

	worker_post(call->control->opt.main, &call->home);
}

void
suppress_call_go(struct suppress_call *call, suppress_errand_fn *fn,
    void (*home)(struct post *p))
{
	call->errand.fn = fn;
	call->errand.done = go_home;
	call->home.fn = home;
	suppress_keeper_run(call->keeper, &call->errand);
}

struct suppress_norm
suppress_call_norm(const struct suppress_call *call,
    const struct suppress_list *list)
{
	struct suppress_norm n = list->norm;

	if (n.hash == SUPPRESS_PLAIN)
		n.key = suppress_keeper_secret(call->keeper);
	return n;
}

int
suppress_call_owned(struct suppress_store *s, const struct suppress_list *list,
    struct suppress_owned **l_r, struct err *e)
{
	return suppress_store_list(s, list->name, list->id,
	    (uint32_t)suppress_digest_len(list->norm.hash), l_r, e);
}

bool
suppress_call_meta(struct suppress_call *call, const json_t *args,
    struct suppress_meta *m_r)
{
	const char *reason = control_text(args, "reason");
	const char *source = control_text(args, "source");
	const json_t *expires = json_object_get(args, "expires");
	int64_t now_s = clock_wall_us() / US_PER_S;

	*m_r = (struct suppress_meta){
		.reason = suppress_note(call->rg,
		    slice_of(reason == NULL ? "" : reason)),
		.source = suppress_note(call->rg,
		    slice_of(source == NULL ? "" : source)),
		.created_s = now_s,
	};
	if (expires == NULL || json_is_null(expires))
		return true;
	m_r->expires_s = json_integer_value(expires);
	if (m_r->expires_s > now_s && m_r->expires_s <= TIME_MAX_S)
		return true;
	ctl_fail(call->request,
	    "expires takes seconds since 1970, after now and before 2106");
	return false;
}

json_t *
suppress_time_json(int64_t wall_s)
{
	char text[40];

	if (wall_s == 0)
		return json_null();
	(void)clock_iso(text, sizeof(text), wall_s * US_PER_S);
	return json_string(text);
}
