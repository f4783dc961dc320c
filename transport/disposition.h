/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disposition - the one place that decides what an outcome means.
 *
 * Sessions report facts; here they become: delivered, failed, expired, or
 * again later; what a reply asks beside that of the queue, its mode, its source
 * and its route (struct effects, carried out by transport/effects.h); and
 * whether the whole queue waits or has no way at all.
 *
 * What the rows of a <smtp-pattern-list> and the <dsn-rule> blocks say is asked
 * of replies that a server gave, from its greeting on; never of our own words.
 * Pure on a given clock; any thread.
 */

#ifndef TRANSPORT_DISPOSITION_H
#define TRANSPORT_DISPOSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "mail/classify.h"
#include "mail/outcome.h"
#include "mail/spans.h"
#include "vmta/reply_rules.h"
#include "vmta/retry.h"
#include "vmta/snapshot.h"

enum disposition_what {
	DISPOSE_DELIVERED,
	DISPOSE_FAIL,
	DISPOSE_EXPIRE,
	DISPOSE_SUPPRESS, /* in a suppression list */
	DISPOSE_DELETE,   /* the operator's wish */
	DISPOSE_RETRY,
	DISPOSE_UNUSED /* was not tried: as if nothing had happened */
};

struct disposition {
	enum disposition_what what;
	int64_t retry_after_us; /* DISPOSE_RETRY */
	uint8_t dsn[3];
	enum bounce_class class;  /* but for DISPOSE_DELIVERED */
	const char *category;     /* the dsn-rule's; NULL: the class's name */
	struct reply_place place; /* the row that decided; file NULL: none */
	bool short_421;           /* records have no words of a 421 */
	bool by_queue;            /* it fails since bounce-queue was said */
};

/*
 * What a reply asks beyond its recipient.  Times are those of the row, or else
 * of the configuration; INTERVAL_NEVER.
 */
struct effects {
	bool backoff, normal;
	bool skip_mx, bounce_queue;
	bool disable_source, defer_queue;
	int64_t normal_after_us;   /* backoff */
	int64_t reenable_after_us; /* disable_source */
	struct reply_place at[REPLY_KINDS];
};

/* What an outcome is judged by.  Zeroed but for conf: a fresh recipient. */
struct judging {
	const struct queue_conf *conf;
	const struct reply_rules *rules; /* snapshot_replies(); may be NULL */
	int64_t age_us;                  /* since it was accepted */
	uint16_t attempts;               /* before this one */
	/* In which it may be sent, and what time it is; NULL: any. */
	const struct spans *spans;
	int64_t wall_us;
	bool all_refused; /* each host greeted with 5xx other than 554 */
	bool no_skip;     /* all hosts had their turn: skip-mx is an attempt */
	/*
	 * The host is to have it back: but for its 250 nothing, and no age ends
	 * it, only that its last span is over.
	 */
	bool handed_back;
};

struct judgement {
	struct disposition rcpt;
	struct effects effects;
	/*
	 * It counts as an error: of the connection, or a refusal that is about
	 * no mailbox and is no greylisting.
	 */
	bool is_error;
	/* It would end a recipient that had not to go back to the host. */
	bool refused;
	/* The time of the next attempt is the server's, for this source. */
	bool keep_source;
};

void disposition_judge(const struct outcome *o, const struct judging *by,
    struct judgement *out);

/* Is there anything in it that effects_apply() has to do? */
bool disposition_has_effects(const struct effects *e);

/* What a connection that never got to work means for its queue. */
enum disposition_queue {
	QUEUE_IS_FINE,   /* it was never called: tried again at once */
	QUEUE_GOES_ON,   /* with its other connections */
	QUEUE_WAITS,     /* retry-after */
	QUEUE_FAILS_OLD, /* what is older than bounce-upon-no-mx; it waits */
	QUEUE_FAILS      /* every recipient in it fails */
};

/*
 * fails: recipients that it was judged for would (disposition_fails_all());
 * others: the queue has connections that work, or may yet; to_host: it is
 * that to the host MTA, all of which waits, whatever its settings say.
 */
enum disposition_queue disposition_queue(const struct outcome *o,
    const struct queue_conf *conf, bool fails, bool others, bool to_host);

/*
 * Does what ended a connection end the recipients of its queue?  Only what came
 * before there was a recipient.
 */
bool disposition_fails_all(const struct outcome *o, const struct judgement *j);

/* A recipient that fails with its whole queue. */
struct disposition disposition_failed(const struct outcome *o,
    const struct queue_conf *conf);

/* How long it waits then: a failure of DNS is none of the server's. */
enum retry_kind disposition_retry(const struct outcome *o);

/* What a connection that never got to work means for its source. */
enum disposition_source {
	SOURCE_IS_FINE,
	SOURCE_NO_FAMILY, /* the domain has addresses of the other one only */
	SOURCE_UNREACHED, /* no address answers: one of the other may do */
	SOURCE_IS_LOST    /* it cannot be used for anybody */
};

enum disposition_source disposition_source(const struct outcome *o);

/* What a transaction says of its connection. */
enum disposition_conn {
	CONN_WORKED, /* the server did what servers do, refusals included */
	CONN_BROKE,  /* it ended before the body was under way */
	CONN_UNTRIED /* nothing is known: it was not the server's doing */
};

enum disposition_conn disposition_conn(const struct outcome *o);

/*
 * May another address of the route do better?  e: what the reply asks; not when
 * that is of the queue or of the source, which are the same there.
 */
bool disposition_tries_next(const struct outcome *o, const struct effects *e);

/* Did the connection that it ended reach out to a server at all? */
bool disposition_was_called(const struct outcome *o);

/* It is in a suppression list: nobody is asked. */
struct disposition disposition_suppressed(void);

/* Nobody can read its address. */
struct disposition disposition_bad_address(void);

/* The operator wants it gone. */
struct disposition disposition_deleted(void);

/* Too old, with o as the last thing that happened (may be NULL). */
struct disposition disposition_expired(const struct outcome *o);

#endif
