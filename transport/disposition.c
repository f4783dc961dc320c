/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/disposition.h"

#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "mail/retry_hint.h"
#include "vmta/retry.h"

/* Behind the time that a server names: clocks differ, and it counts from then. */
#define HINT_EXTRA_US (5 * US_PER_S)

/* ---- what happened ------------------------------------------------------- */

static bool
is_assumed_delivered(const struct outcome *o, const struct judging *by)
{
	return by->conf->assume_delivery && !by->handed_back &&
	    o->kind == OUTCOME_TIMEOUT && o->in_doubt;
}

/*
 * A refusal of the greeting or of EHLO concerns our address, not the
 * recipients: they wait.  554 to a greeting is just that (RFC 5321, 3.1).
 */
static bool
is_final_reply(const struct outcome *o, const struct judging *by)
{
	if (o->code < 500)
		return false;
	if (o->phase >= PHASE_MAIL)
		return true;
	return o->phase == PHASE_GREETING && o->code != 554 &&
	    by->all_refused && by->conf->bounce_5xx_greeting;
}

static bool
is_final_loss(const struct outcome *o, const struct judging *by)
{
	return o->phase >= PHASE_DATA && /* it may have been sent, or in part */
	    (by->conf->bounce_transfer_failure ||
		(by->conf->bounce_pix_failure && o->pix));
}

static bool
is_final_domain(const struct outcome *o, const struct judging *by)
{
	(void)o;
	return by->age_us >= by->conf->bounce_no_mx_us;
}

static bool
is_always(const struct outcome *o, const struct judging *by)
{
	(void)o;
	(void)by;
	return true;
}

static bool
is_never(const struct outcome *o, const struct judging *by)
{
	(void)o;
	(void)by;
	return false;
}

/* How far a server has a part in it. */
enum part {
	PART_NONE, /* what is ours, or DNS's */
	PART_WORD, /* it has said so; unless the words are ours */
	PART_LINE  /* the connection to it is over */
};

/*
 * Each kind of outcome: is it permanent for the recipient, what part has a
 * server, what it says of its connection, and may another address do better,
 * as long as MAIL was not said?
 */
static const struct kind {
	bool (*is_final)(const struct outcome *o, const struct judging *by);
	enum part part;
	enum disposition_conn conn; /* unless it broke: disposition_conn() */
	bool tries_next;
} kinds[] = {
	[OUTCOME_DELIVERED] = { is_never, PART_WORD, CONN_WORKED, false },
	[OUTCOME_REPLY] = { is_final_reply, PART_WORD, CONN_WORKED, true },
	[OUTCOME_LOST] = { is_final_loss, PART_LINE, CONN_WORKED, true },
	[OUTCOME_TIMEOUT] = { is_final_loss, PART_LINE, CONN_WORKED, true },
	[OUTCOME_NO_TLS] = { is_never, PART_WORD, CONN_UNTRIED, true },
	[OUTCOME_NO_AUTH] = { is_never, PART_WORD, CONN_UNTRIED, true },
	[OUTCOME_DNS_TEMP] = { is_never, PART_NONE, CONN_UNTRIED, false },
	[OUTCOME_NO_DOMAIN] = { is_final_domain, PART_NONE, CONN_UNTRIED,
	    false },
	[OUTCOME_NO_FAMILY] = { is_never, PART_NONE, CONN_UNTRIED, false },
	[OUTCOME_NULL_MX] = { is_always, PART_NONE, CONN_UNTRIED, false },
	[OUTCOME_LOOP] = { is_always, PART_NONE, CONN_UNTRIED, false },
	/* Never another address of ours. */
	[OUTCOME_BIND] = { is_never, PART_NONE, CONN_UNTRIED, false },
	[OUTCOME_UNSENT] = { is_never, PART_NONE, CONN_UNTRIED, false },
	[OUTCOME_LOCAL_TEMP] = { is_never, PART_NONE, CONN_UNTRIED, false },
	[OUTCOME_DAMAGED] = { is_always, PART_NONE, CONN_UNTRIED, false },
	[OUTCOME_NO_UTF8] = { is_always, PART_NONE, CONN_UNTRIED, false },
	[OUTCOME_TOO_BIG] = { is_always, PART_NONE, CONN_UNTRIED, false },
	[OUTCOME_SUPPRESSED] = { is_always, PART_NONE, CONN_UNTRIED, false },
	[OUTCOME_BAD_ADDRESS] = { is_always, PART_NONE, CONN_UNTRIED, false },
};

static const struct kind *
kind_of(const struct outcome *o)
{
	const struct kind *k = &kinds[o->kind];

	CHECK(k->is_final != NULL); /* a row for each */
	return k;
}

bool
disposition_was_called(const struct outcome *o)
{
	enum part part = kind_of(o)->part;

	return (part == PART_WORD && !o->ours) ||
	    (part == PART_LINE && o->phase >= PHASE_CONNECT);
}

/* A mailbox that is not there says nothing about us. */
static bool
is_error(const struct outcome *o, enum bounce_class class, bool hinted)
{
	if (o->kind == OUTCOME_DELIVERED || !disposition_was_called(o))
		return false;
	if (o->kind != OUTCOME_REPLY)
		return true;
	return class != BOUNCE_BAD_MAILBOX &&
	    class != BOUNCE_INACTIVE_MAILBOX && class != BOUNCE_QUOTA_ISSUES &&
	    !hinted && !classify_is_greylisting(o);
}

/* ---- what the rules say -------------------------------------------------- */

static bool
ask_rules(const struct outcome *o, const struct judging *by,
    struct reply_hit *hit)
{
	if (by->rules == NULL || o->text == NULL || o->ours ||
	    (o->kind != OUTCOME_REPLY && o->kind != OUTCOME_DELIVERED)) {
		*hit = (struct reply_hit){ 0 };
		return false;
	}
	return reply_rules_match(by->rules, o->text, o->code, hit);
}

static void
take_effects(const struct reply_hit *hit, const struct queue_conf *conf,
    struct effects *out)
{
	const struct reply_actions *a = &hit->act;

	*out = (struct effects){ .backoff = a->backoff,
		.normal = a->normal,
		.skip_mx = a->skip_mx,
		.bounce_queue = a->bounce_queue,
		.disable_source = a->disable_source,
		.defer_queue = a->defer_queue,
		.normal_after_us = a->has_normal_after ? a->normal_after_us :
							 conf->normal_after_us,
		.reenable_after_us = a->has_reenable_after ?
		    a->reenable_after_us :
		    conf->reenable_after_us };
	for (int k = 0; k < REPLY_KINDS; k++)
		out->at[k] = hit->at[k];
}

/* The setting is a row behind all rows: 421 skips the host. */
static bool
skips_host(const struct outcome *o, const struct queue_conf *conf,
    const struct effects *e)
{
	return conf->skip_mx_421 && o->kind == OUTCOME_REPLY &&
	    o->code == 421 && !o->ours && !e->bounce_queue;
}

bool
disposition_has_effects(const struct effects *e)
{
	return e->backoff || e->normal || e->bounce_queue ||
	    e->disable_source || e->defer_queue;
}

/* ---- recipients ---------------------------------------------------------- */

/* What greylists names a time; what has a time in a rule has that. */
static bool
names_time(const struct outcome *o, int64_t *after_us)
{
	return o->kind == OUTCOME_REPLY && o->code / 100 == 4 && !o->ours &&
	    o->phase >= PHASE_MAIL && o->text != NULL &&
	    retry_hint(o->text, after_us);
}

/*
 * Refused for where it came from, and that is not used any more: another
 * source may try at once.  Not when the source is back before the recipient
 * would be: then there might be no end.
 */
static bool
goes_on_elsewhere(const struct outcome *o, const struct effects *e,
    int64_t usual_us)
{
	return e->disable_source && o->source.family != 0 &&
	    e->reenable_after_us >= usual_us;
}

static void
set_wait(const struct outcome *o, const struct judging *by,
    const struct reply_hit *hit, struct judgement *j)
{
	int64_t wait = retry_listed(&by->conf->retry_rcpt_after, by->attempts);
	int64_t hint_us;
	bool hinted = names_time(o, &hint_us);

	if (hit->rule != NULL && hit->rule->retry_us > 0) {
		wait = hit->rule->retry_us;
	} else if (goes_on_elsewhere(o, &j->effects, wait)) {
		wait = 0;
	} else if (hinted) {
		wait = hint_us + HINT_EXTRA_US;
		j->keep_source = true;
	}
	j->rcpt.retry_after_us = wait;
	j->is_error = is_error(o, j->rcpt.class, hinted);
}

/*
 * The next attempt would come too late, so this reply is the last: it expires
 * with it.  A recipient that expires while it waits has none to tell its
 * sender.  Only when that is early by little.
 */
static bool
is_too_old(const struct queue_conf *conf, int64_t age_us, int64_t next)
{
	int64_t most = conf->bounce_after_us;

	return age_us >= most || (next <= most / 16 && age_us >= most - next);
}

/* Likewise, where there is a time for it: whatever its age, that counts. */
static bool
is_over(const struct judging *by, int64_t next)
{
	if (by->spans == NULL || by->spans->n == 0)
		return !by->handed_back &&
		    is_too_old(by->conf, by->age_us, next);
	return next > INT64_MAX - by->wall_us ||
	    spans_next(by->spans, by->wall_us + next) == INT64_MAX;
}

/* Not before it may be sent: the source need not be kept for so long. */
static void
wait_for_span(const struct judging *by, struct judgement *j)
{
	int64_t opens;

	if (j->rcpt.what != DISPOSE_RETRY || by->spans == NULL)
		return;
	opens = spans_next(by->spans, by->wall_us + j->rcpt.retry_after_us) -
	    by->wall_us;
	if (opens > j->rcpt.retry_after_us)
		j->keep_source = false;
	j->rcpt.retry_after_us = opens;
}

/* Does a rule end the recipient?  There is none before MAIL. */
static bool
is_ended(const struct outcome *o, const struct reply_hit *hit)
{
	if (o->phase < PHASE_MAIL || o->kind == OUTCOME_DELIVERED)
		return false;
	return hit->act.bounce_queue || hit->bounce ||
	    (hit->act.bounce_rcpt && o->phase == PHASE_RCPT);
}

/* The host takes it, or we keep it; but for what nobody could send. */
static bool
may_fail(const struct outcome *o, const struct judging *by)
{
	return !by->handed_back || o->kind == OUTCOME_DAMAGED ||
	    o->kind == OUTCOME_BAD_ADDRESS;
}

static bool
fails(const struct outcome *o, const struct judging *by,
    const struct reply_hit *hit)
{
	if (!may_fail(o, by))
		return false;
	return is_ended(o, hit) ||
	    (!hit->requeue && !hit->act.skip_mx && kind_of(o)->is_final(o, by));
}

static enum disposition_what
decide(const struct outcome *o, const struct judging *by,
    const struct reply_hit *hit, const struct judgement *j)
{
	if (o->kind == OUTCOME_DELIVERED || is_assumed_delivered(o, by))
		return DISPOSE_DELIVERED;
	if (o->kind == OUTCOME_UNSENT || j->effects.skip_mx)
		return DISPOSE_UNUSED;
	if (o->kind == OUTCOME_SUPPRESSED)
		return DISPOSE_SUPPRESS;
	if (fails(o, by, hit))
		return DISPOSE_FAIL;
	return is_over(by, j->rcpt.retry_after_us) ? DISPOSE_EXPIRE :
						     DISPOSE_RETRY;
}

/* What it is called, whatever comes of it. */
static void
name(const struct outcome *o, const struct queue_conf *conf,
    struct disposition *d)
{
	classify_status(o, conf->mailbox_553, d->dsn);
	d->class = classify(o, d->dsn);
	d->short_421 = conf->replace_421;
}

/* The row that the records of the recipient owe something to. */
static struct reply_place
place_of(const struct reply_hit *hit)
{
	if (hit->at[REPLY_RCPT].file != NULL)
		return hit->at[REPLY_RCPT];
	if (hit->rule != NULL)
		return (struct reply_place){ hit->rule->file, hit->rule->line };
	return hit->at[REPLY_ROUTE];
}

void
disposition_judge(const struct outcome *o, const struct judging *by,
    struct judgement *out)
{
	static const uint8_t success[] = { 2, 0, 0 };
	struct reply_hit hit;

	*out = (struct judgement){ 0 };
	name(o, by->conf, &out->rcpt);
	if (ask_rules(o, by, &hit))
		take_effects(&hit, by->conf, &out->effects);
	out->effects.skip_mx |= skips_host(o, by->conf, &out->effects);
	if (by->no_skip)
		out->effects.skip_mx = false;
	if (by->handed_back)
		out->effects.bounce_queue = false;
	out->refused = by->handed_back && kind_of(o)->is_final(o, by);
	if (hit.rule != NULL && hit.rule->category[0] != '\0')
		out->rcpt.category = hit.rule->category;
	out->rcpt.place = place_of(&hit);
	set_wait(o, by, &hit, out);
	out->rcpt.what = decide(o, by, &hit, out);
	if (out->rcpt.what == DISPOSE_EXPIRE) {
		out->rcpt = disposition_expired(o);
		out->rcpt.short_421 = by->conf->replace_421;
	} else if (out->rcpt.what == DISPOSE_DELIVERED &&
	    o->kind != OUTCOME_DELIVERED) {
		memcpy(out->rcpt.dsn, success, sizeof(success));
	}
	out->keep_source = out->keep_source && out->rcpt.what == DISPOSE_RETRY;
	wait_for_span(by, out);
}

struct disposition
disposition_failed(const struct outcome *o, const struct queue_conf *conf)
{
	struct disposition d = { .what = DISPOSE_FAIL };

	name(o, conf, &d);
	return d;
}

struct disposition
disposition_expired(const struct outcome *o)
{
	struct disposition d = { .what = DISPOSE_EXPIRE,
		.class = BOUNCE_MESSAGE_EXPIRED,
		.dsn = { 5, 4, 7 } };

	(void)o; /* the last reply stays the diagnosis; the status does not */
	return d;
}

struct disposition
disposition_suppressed(void)
{
	struct disposition d = { .what = DISPOSE_SUPPRESS,
		.class = BOUNCE_SUPPRESSED,
		.dsn = { 5, 7, 1 } };

	return d;
}

struct disposition
disposition_bad_address(void)
{
	struct disposition d = { .what = DISPOSE_FAIL,
		.class = BOUNCE_BAD_MAILBOX,
		.dsn = { 5, 1, 3 } };

	return d;
}

struct disposition
disposition_deleted(void)
{
	struct disposition d = { .what = DISPOSE_DELETE,
		.class = BOUNCE_OTHER,
		.dsn = { 5, 0, 0 } };

	return d;
}

/* ---- the queue, the source, the connection ------------------------------- */

bool
disposition_fails_all(const struct outcome *o, const struct judgement *j)
{
	return j->rcpt.what == DISPOSE_FAIL && o->phase < PHASE_MAIL;
}

/*
 * What we lacked before we called is not held against the queue.  Nobody would
 * hear of what failed on its way to the host, nor that of mail which goes back.
 *
 * A server that limits connections refuses one while it serves others: that
 * one ends, and no more.  Connections that are still being set up may work as
 * well; the last of them to fail decides.
 */
enum disposition_queue
disposition_queue(const struct outcome *o, const struct queue_conf *conf,
    bool fails, bool others, bool to_host)
{
	if (o->kind == OUTCOME_NO_FAMILY ||
	    (o->kind == OUTCOME_LOCAL_TEMP && o->phase <= PHASE_CONNECT))
		return QUEUE_IS_FINE;
	if (others)
		return QUEUE_GOES_ON;
	if (to_host)
		return QUEUE_WAITS;
	if (fails)
		return QUEUE_FAILS;
	/* The age that counts is that of each recipient. */
	return o->kind == OUTCOME_NO_DOMAIN &&
		conf->bounce_no_mx_us != INTERVAL_NEVER ?
	    QUEUE_FAILS_OLD :
	    QUEUE_WAITS;
}

enum retry_kind
disposition_retry(const struct outcome *o)
{
	return o->kind == OUTCOME_DNS_TEMP ? RETRY_DNS : RETRY_QUEUE;
}

enum disposition_source
disposition_source(const struct outcome *o)
{
	if (o->kind == OUTCOME_NO_FAMILY)
		return SOURCE_NO_FAMILY;
	if (o->phase == PHASE_CONNECT &&
	    (o->kind == OUTCOME_LOST || o->kind == OUTCOME_TIMEOUT))
		return SOURCE_UNREACHED;
	return o->kind == OUTCOME_BIND ? SOURCE_IS_LOST : SOURCE_IS_FINE;
}

/*
 * A server that greets and then hangs up must not be called again at once.
 * Once it has begun to take a body it may have choked on that one message.
 */
enum disposition_conn
disposition_conn(const struct outcome *o)
{
	if (o->code == 421 && o->kind == OUTCOME_REPLY)
		return CONN_BROKE;
	if (kind_of(o)->part == PART_LINE && o->phase < PHASE_BODY)
		return CONN_BROKE;
	return kind_of(o)->conn;
}

bool
disposition_tries_next(const struct outcome *o, const struct effects *e)
{
	return kind_of(o)->tries_next && o->phase < PHASE_MAIL &&
	    !e->disable_source && !e->defer_queue && !e->bounce_queue;
}
