/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/notice.h"

#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "mail/waybill.h"

#define PRIORITY 50

/* ---- who is told --------------------------------------------------------- */

static bool
wants_failure(uint8_t notify)
{
	return notify == 0 || (notify & NOTIFY_FAILURE) != 0;
}

bool
notice_wanted(const struct envelope *env, struct notice_rcpt *r,
    bool tell_deleted)
{
	uint8_t notify = env->rcpts[r->n].notify;

	if (env->sender[0] == '\0' || (env->flags & ENVELOPE_NO_DSN) != 0)
		return false;
	r->action = DSN_FAILED;
	switch (r->disposition.what) {
	case DISPOSE_DELIVERED:
		/* A server that knows DSN was told, and answers for it now. */
		r->action = DSN_RELAYED;
		return (notify & NOTIFY_SUCCESS) != 0 && !r->outcome->knows_dsn;
	case DISPOSE_FAIL:
	case DISPOSE_EXPIRE:
	case DISPOSE_SUPPRESS:
		return wants_failure(notify);
	case DISPOSE_DELETE:
		return tell_deleted && wants_failure(notify);
	case DISPOSE_RETRY:
		r->action = DSN_DELAYED;
		/* RFC 3461 section 4.1 leaves those who do not say to us. */
		return (notify & NOTIFY_DELAY) != 0;
	case DISPOSE_UNUSED:
		return false;
	}
	CHECK_NEVER("a disposition");
}

/* ---- in words ------------------------------------------------------------ */

/* "mx1.example.net [192.0.2.7]"; a literal already names its address. */
static const char *
server_name(const struct outcome *o, struct region *rg)
{
	char addr[NET_ADDR_TEXT];

	if (o->mx == NULL || o->mx[0] == '\0' || o->mx[0] == '[')
		return o->mx == NULL ? "" : o->mx;
	return region_printf(rg, "%s [%s]", o->mx,
	    net_addr_text(&o->peer, addr));
}

static const char *
refused_what(enum outcome_phase phase)
{
	switch (phase) {
	case PHASE_MAIL:
		return "the sender";
	case PHASE_RCPT:
		return "the recipient";
	case PHASE_RESOLVE:
	case PHASE_CONNECT:
	case PHASE_GREETING:
	case PHASE_EHLO:
	case PHASE_TLS:
	case PHASE_AUTH:
	case PHASE_DATA:
	case PHASE_BODY:
	case PHASE_DOT:
	case PHASE_COUNT:
		break;
	}
	return "the message";
}

static const char *
failure_in_words(const struct outcome *o, struct region *rg)
{
	const char *server = server_name(o, rg);

	switch (o->kind) {
	case OUTCOME_REPLY:
		return region_printf(rg, "The server %s refused %s", server,
		    refused_what(o->phase));
	case OUTCOME_NO_DOMAIN:
		return "There is no mail server for the domain of this "
		       "address";
	case OUTCOME_NULL_MX:
		return "The domain of this address takes no mail";
	case OUTCOME_LOOP:
		return "The mail would come back to us";
	case OUTCOME_NO_UTF8:
		return region_printf(rg,
		    "The server %s cannot take addresses or headers beyond "
		    "ASCII",
		    server);
	case OUTCOME_TOO_BIG:
		return "The message is larger than it may be there";
	case OUTCOME_SUPPRESSED:
		return "Mail to this address is not wanted";
	case OUTCOME_BAD_ADDRESS:
		return "This is not an address that mail can be sent to";
	case OUTCOME_DAMAGED:
		return "It was damaged in our queue";
	case OUTCOME_DELIVERED:
	case OUTCOME_LOST:
	case OUTCOME_TIMEOUT:
	case OUTCOME_NO_TLS:
	case OUTCOME_NO_AUTH:
	case OUTCOME_DNS_TEMP:
	case OUTCOME_NO_FAMILY:
	case OUTCOME_BIND:
	case OUTCOME_UNSENT:
	case OUTCOME_LOCAL_TEMP:
		break;
	}
	return "It could not be delivered";
}

static const char *
in_words(const struct notice_rcpt *r, struct region *rg)
{
	switch (r->disposition.what) {
	case DISPOSE_DELIVERED:
		return region_printf(rg, "The server %s took it",
		    server_name(r->outcome, rg));
	case DISPOSE_EXPIRE:
		return "It could not be delivered in time";
	case DISPOSE_DELETE:
		return "The operator of this mail system took it out of the "
		       "queue";
	case DISPOSE_RETRY:
		return "It could not be delivered so far, and is tried again";
	case DISPOSE_FAIL:
	case DISPOSE_SUPPRESS:
	case DISPOSE_UNUSED:
		break;
	}
	return failure_in_words(r->outcome, rg);
}

/* ---- the message --------------------------------------------------------- */

/* Not when time or the operator ended it between two attempts. */
static bool
was_tried(const struct notice_rcpt *r)
{
	return r->disposition.what == DISPOSE_FAIL ||
	    r->disposition.what == DISPOSE_DELIVERED ||
	    (r->outcome->mx != NULL && r->outcome->mx[0] != '\0');
}

static size_t
fill_rcpts(const struct notice_of *of, enum dsn_action action,
    const struct notice_rcpt *rcpts, size_t count, struct dsn_rcpt *out)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		const struct outcome *o = rcpts[i].outcome;
		const struct env_rcpt *to = &of->env->rcpts[rcpts[i].n];

		if (rcpts[i].action != action)
			continue;
		out[n] = (struct dsn_rcpt){ .addr = to->addr,
			.orcpt = to->orcpt,
			.why = in_words(&rcpts[i], of->rg),
			.smtp = (o->kind == OUTCOME_REPLY && !o->ours) ||
			    o->kind == OUTCOME_DELIVERED,
			.diag = o->text == NULL ? "" : o->text,
			.mta = o->mx == NULL ? "" : o->mx,
			.tried_us = was_tried(&rcpts[i]) ? o->wall_us : 0 };
		memcpy(out[n++].status, rcpts[i].disposition.dsn, 3);
	}
	return n;
}

static void
pack(const struct notice_of *of, const struct buf *text, uint8_t flags,
    struct notice *out)
{
	struct env_rcpt rcpt = { .addr = of->env->sender,
		.domain = SNAPSHOT_DSN_DOMAIN,
		.vmta = "",
		.pool = "",
		.orcpt = "",
		.priority = PRIORITY };
	struct envelope env = envelope_blank;
	struct buf packed = { 0 };

	env.arrival_us = clock_wall_us();
	env.flags = flags;
	env.rcpt_count = 1;
	env.rcpts = &rcpt;
	envelope_pack(&env, &packed);
	*out = (struct notice){ .msg = message_new(packed.p,
				    (uint32_t)packed.len) };
	buf_fini(&packed);
	waybill_pack(&env, &out->waybill);
	out->msg->body = body_new((uint32_t)text->len);
	memcpy(out->msg->body->bytes, text->p, text->len);
}

/* "10m", "10m, 1h" */
static const char *
intervals_text(const struct conf_intervals *list, struct region *rg)
{
	struct buf out = { 0 };
	const char *text;

	for (size_t i = 0; i < list->n; i++) {
		buf_str(&out, i == 0 ? "" : ", ");
		str_interval(&out, list->v[i]);
	}
	text = region_strdup(rg, buf_cstr(&out));
	buf_fini(&out);
	return text;
}

/* What templates say of the queue of the first recipient. */
static void
set_times(const struct notice_of *of, struct queue_conf *queue, struct dsn *d)
{
	const struct conf_intervals bounce = { 1, &queue->bounce_after_us };

	d->retry_after = intervals_text(&queue->retry_after, of->rg);
	d->bounce_after = intervals_text(&bounce, of->rg);
}

/* As plain text only if all of their queues want it so. */
static void
set_format(const struct notice_of *of, const struct notice_rcpt *rcpts,
    size_t count, struct dsn *d)
{
	d->plain = true;
	for (size_t i = 0; i < count && d->plain; i++) {
		const struct env_rcpt *to = &of->env->rcpts[rcpts[i].n];
		struct queue_conf queue;

		if (rcpts[i].action != d->action)
			continue;
		snapshot_queue_conf(of->conf, to->domain, to->vmta, &queue);
		d->plain = strcmp(queue.dsn_format, "plain-text") == 0;
		if (d->retry_after == NULL)
			set_times(of, &queue, d);
	}
}

/* As the operator wants it. */
static void
set_form(const struct notice_of *of, const struct notice_rcpt *rcpts,
    size_t count, struct dsn *d)
{
	const struct dsn_forms *f = snapshot_dsn(of->conf);

	set_format(of, rcpts, count, d);
	d->from = f->from;
	if (d->action != DSN_FAILED)
		return;
	if (f->failed_from != NULL)
		d->from = f->failed_from;
	d->subject = f->failed_subject;
	d->body = f->failed_body;
}

/* What no author of an original can know. */
static void
chance(uint64_t out[2])
{
	while (getrandom(out, 16, 0) != 16)
		;
}

void
notice_fini(struct notice *n)
{
	message_unref(&n->msg);
	buf_fini(&n->waybill);
}

bool
notice_make(const struct notice_of *of, enum dsn_action action,
    const struct notice_rcpt *rcpts, size_t count, struct notice *out)
{
	const struct envelope *env = of->env;
	struct dsn_rcpt *list = region_array(of->rg, count, sizeof(*list));
	char id[MESSAGE_ID_TEXT];
	struct dsn d = { .action = action,
		.host = snapshot_global(of->conf)->host_name,
		.to = env->sender,
		.now_us = clock_wall_us(),
		.arrival_us = env->arrival_us,
		.envid = env->envid,
		.from_mta = env->src_mta,
		.id = of->id == 0 ? "" : message_id_text(of->id, id),
		.host_id = env->host_id,
		.utf8 = (env->flags & ENVELOPE_UTF8) != 0,
		.full = env->ret == RET_FULL ||
		    (env->ret == RET_NONE &&
			(env->flags & ENVELOPE_RET_FULL) != 0),
		.rcpts = list };
	struct buf text = { 0 };
	uint64_t r[2];
	uint8_t flags;

	for (size_t i = 0; i < count; i++)
		if (action == DSN_DELAYED && rcpts[i].action == action &&
		    env->arrival_us + rcpts[i].bounce_after_us >
			d.retry_until_us)
			d.retry_until_us = env->arrival_us +
			    rcpts[i].bounce_after_us;
	d.rcpt_count = fill_rcpts(of, action, rcpts, count, list);
	if (d.rcpt_count == 0)
		return false;
	set_form(of, rcpts, count, &d);
	chance(r);
	d.boundary = region_printf(of->rg, "=_%016" PRIx64 "%016" PRIx64, r[0],
	    r[1]);
	d.message_id = region_printf(of->rg, "%s%s%016" PRIx64 ".dsn@%s", d.id,
	    d.id[0] == '\0' ? "" : ".", r[0] ^ r[1], d.host);
	if (of->body != NULL)
		d.text = (struct slice){ of->body->bytes, of->body->len };
	flags = dsn_write(&d, of->rg, &text);
	pack(of, &text, flags, out);
	buf_fini(&text);
	return true;
}
