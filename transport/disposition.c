/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/disposition.h"

#include "lib/check.h"

/* Permanent for the recipient, or not? */
static bool
is_final(const struct outcome *o)
{
	switch (o->kind) {
	case OUTCOME_REPLY:
		/*
		 * A refusal of the greeting or of EHLO concerns our address,
		 * not the recipients: they wait.
		 */
		return o->code >= 500 && o->phase >= PHASE_MAIL;
	case OUTCOME_NO_DOMAIN:
	case OUTCOME_NULL_MX:
	case OUTCOME_LOOP:
	case OUTCOME_DAMAGED:
	case OUTCOME_NO_UTF8:
		return true;
	case OUTCOME_DELIVERED:
	case OUTCOME_LOST:
	case OUTCOME_TIMEOUT:
	case OUTCOME_NO_TLS:
	case OUTCOME_DNS_TEMP:
	case OUTCOME_NO_FAMILY:
	case OUTCOME_BIND:
	case OUTCOME_UNSENT:
	case OUTCOME_LOCAL_TEMP:
		return false;
	}
	CHECK_NEVER("a kind of outcome");
}

/*
 * The next attempt would come too late, so this reply is the last: it expires
 * with it.  A recipient that expires while it waits has none to tell its
 * sender.  Only when that is early by little.
 */
static bool
is_too_old(const struct queue_conf *conf, int64_t age_us)
{
	int64_t most = conf->bounce_after_us, next = conf->retry_rcpt_after_us;

	return age_us >= most || (next <= most / 16 && age_us >= most - next);
}

struct disposition
disposition_rcpt(const struct outcome *o, const struct queue_conf *conf,
    int64_t age_us)
{
	struct disposition d = { .what = DISPOSE_RETRY,
		.retry_after_us = conf->retry_rcpt_after_us };

	classify_status(o, d.dsn);
	d.class = classify(o);
	if (o->kind == OUTCOME_DELIVERED)
		d.what = DISPOSE_DELIVERED;
	else if (o->kind == OUTCOME_UNSENT)
		d.what = DISPOSE_UNUSED;
	else if (is_final(o))
		d.what = DISPOSE_FAIL;
	else if (is_too_old(conf, age_us))
		return disposition_expired(o);
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
disposition_deleted(void)
{
	struct disposition d = { .what = DISPOSE_DELETE,
		.class = BOUNCE_OTHER,
		.dsn = { 5, 0, 0 } };

	return d;
}

/*
 * What we lacked before we called is not held against the queue.
 *
 * A server that limits connections refuses one while it serves others: that
 * one ends, and no more.  Connections that are still being set up may work as
 * well; the last of them to fail decides.
 */
enum disposition_queue
disposition_queue(const struct outcome *o, bool others)
{
	if (o->kind == OUTCOME_NO_FAMILY ||
	    (o->kind == OUTCOME_LOCAL_TEMP && o->phase <= PHASE_CONNECT))
		return QUEUE_IS_FINE;
	if (others)
		return QUEUE_GOES_ON;
	return is_final(o) ? QUEUE_FAILS : QUEUE_WAITS;
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
	return o->kind == OUTCOME_BIND ? SOURCE_IS_LOST : SOURCE_IS_FINE;
}

/*
 * A server that greets and then hangs up must not be called again at once.
 * Once it has begun to take a body it may have choked on that one message.
 */
enum disposition_conn
disposition_conn(const struct outcome *o)
{
	switch (o->kind) {
	case OUTCOME_DELIVERED:
		return CONN_WORKED;
	case OUTCOME_REPLY:
		return o->code == 421 ? CONN_BROKE : CONN_WORKED;
	case OUTCOME_LOST:
	case OUTCOME_TIMEOUT:
		return o->phase < PHASE_BODY ? CONN_BROKE : CONN_WORKED;
	case OUTCOME_NO_TLS:
	case OUTCOME_DNS_TEMP:
	case OUTCOME_NO_DOMAIN:
	case OUTCOME_NO_FAMILY:
	case OUTCOME_NULL_MX:
	case OUTCOME_LOOP:
	case OUTCOME_BIND:
	case OUTCOME_UNSENT:
	case OUTCOME_LOCAL_TEMP:
	case OUTCOME_DAMAGED:
	case OUTCOME_NO_UTF8:
		return CONN_UNTRIED;
	}
	CHECK_NEVER("a kind of outcome");
}

bool
disposition_tries_next(const struct outcome *o)
{
	switch (o->kind) {
	case OUTCOME_LOST:
	case OUTCOME_TIMEOUT:
	case OUTCOME_NO_TLS:
	case OUTCOME_REPLY:
		return o->phase < PHASE_MAIL;
	case OUTCOME_DELIVERED:
	case OUTCOME_DNS_TEMP:
	case OUTCOME_NO_DOMAIN:
	case OUTCOME_NO_FAMILY:
	case OUTCOME_NULL_MX:
	case OUTCOME_LOOP:
	case OUTCOME_BIND: /* never another address of ours */
	case OUTCOME_UNSENT:
	case OUTCOME_LOCAL_TEMP:
	case OUTCOME_DAMAGED:
	case OUTCOME_NO_UTF8:
		return false;
	}
	CHECK_NEVER("a kind of outcome");
}
