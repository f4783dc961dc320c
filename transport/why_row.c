/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/why_row.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/ctl_proto.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "transport/control_priv.h"
#include "transport/replies.h"

/* ---- order --------------------------------------------------------------- */

static bool
is_less(const void *a, const void *b)
{
	const struct why_row *x = a, *y = b;

	if (x->rcpts != y->rcpts)
		return x->rcpts < y->rcpts;
	return x->n > y->n;
}

static void
row_moved(void *item, uint32_t index)
{
	((struct why_row *)item)->index = index;
}

const struct heap_ops why_row_least_first = { is_less, row_moved };

/* ---- making -------------------------------------------------------------- */

struct why_row *
why_row_of_queue(const struct sched_queue_info *q)
{
	struct why_row *r = mem_new(struct why_row);

	r->domain = mem_strdup(q->domain);
	r->vmta = mem_strdup(envelope_vmta_shown(q->vmta));
	r->last_error = mem_strdup(q->last_error);
	if (q->moved_from != NULL)
		r->moved_from = mem_strdup(envelope_vmta_shown(q->moved_from));
	r->rcpts = q->rcpts;
	r->deferred = q->deferred;
	r->conns = q->conns;
	return r;
}

struct why_row *
why_row_of_rcpt(const struct sched_rcpt_info *info,
    const struct sched_queue_info *q)
{
	struct why_row *r = why_row_of_queue(q);

	/* Not the queue's: the envelope says what was chosen for it. */
	free(r->moved_from);
	r->moved_from = NULL;
	r->is_rcpt = true;
	r->rcpts = 0;
	r->n = info->n;
	r->job = mem_strdup(info->job);
	r->user = mem_strdup(info->user);
	r->attempts = info->attempts;
	r->due_us = info->due_us;
	r->granted = info->granted;
	r->msg = sched_rcpt_message(info);
	return r;
}

void
why_row_free(struct why_row **rp)
{
	struct why_row *r = *rp;

	*rp = NULL;
	reasons_fini(&r->reasons);
	message_unref(&r->msg);
	if (r->said != NULL)
		said_unref(&r->said);
	free(r->domain);
	free(r->vmta);
	free(r->last_error);
	free(r->moved_from);
	free(r->addr);
	free(r->job);
	free(r->user);
	free(r);
}

void
why_row_set_said(struct why_row *r, const struct said *said)
{
	if (said == NULL)
		return;
	r->said = said_copy(said);
	for (size_t i = 0; i < r->reasons.n; i++) {
		struct why *w = &r->reasons.v[i];

		if (w->kind == WHY_DEFERRED && w->text == NULL)
			w->text = mem_strdup(said->text);
	}
}

void
why_row_set_rcpt(struct why_row *r, const struct env_rcpt *rcpt)
{
	const char *chosen = envelope_vmta_shown(rcpt->vmta);

	r->addr = mem_strdup(rcpt->addr);
	if (strcmp(chosen, r->vmta) != 0)
		r->moved_from = mem_strdup(chosen);
}

/* ---- as an answer -------------------------------------------------------- */

/* Names of the configuration need not be UTF-8. */
static json_t *
queue_json(const struct why_row *r)
{
	struct buf name = { 0 };
	json_t *out;

	buf_printf(&name, "%s/%s", r->domain, r->vmta);
	out = ctl_string(buf_cstr(&name));
	buf_fini(&name);
	return out;
}

/* What is known best: to the recipient, or why its queue failed last. */
static json_t *
last_reply(const struct why_row *r)
{
	if (r->said != NULL)
		return control_said(r->said);
	if (r->last_error[0] == '\0')
		return json_null();
	return json_pack("{s:s,s:o}", "of", "queue", "text",
	    ctl_string(r->last_error));
}

static json_t *
rcpt_json(const struct why_row *r)
{
	return json_pack("{s:o,s:I,s:o,s:o,s:i,s:o,s:b}", "to",
	    r->addr == NULL ? json_null() : ctl_string(r->addr), "recipient",
	    (json_int_t)r->n, "job", ctl_string(r->job), "user",
	    ctl_string(r->user), "attempts", (int)r->attempts, "next",
	    control_due(r->due_us), "sending", (int)r->granted);
}

json_t *
why_row_json(const struct why_row *r, const struct snapshot *conf)
{
	json_t *out = json_pack("{s:o,s:o,s:b,s:o,s:b,s:o}", "queue",
	    queue_json(r), "moved_from",
	    r->moved_from == NULL ? json_null() : ctl_string(r->moved_from),
	    "go", (int)!reasons_hold(&r->reasons, r->rcpts), "reasons",
	    reasons_json(&r->reasons, conf, r->domain, r->vmta), "reasons_cut",
	    (int)r->reasons.cut, "last_reply", last_reply(r));

	CHECK(out != NULL);
	if (r->is_rcpt)
		(void)json_object_update_new(out, rcpt_json(r));
	else
		(void)json_object_update_new(out,
		    json_pack("{s:I,s:I,s:I,s:o}", "recipients",
			(json_int_t)r->rcpts, "deferred",
			(json_int_t)r->deferred, "connections",
			(json_int_t)r->conns, "last_error",
			ctl_string(r->last_error)));
	return out;
}
