/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disposition - the one place that decides what an outcome means.
 *
 * Sessions report facts; here they become: delivered, failed, expired, or
 * again later; and, beside that, whether the whole queue waits or has no way
 * at all.  Pure on a given clock; any thread.
 */

#ifndef TRANSPORT_DISPOSITION_H
#define TRANSPORT_DISPOSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "mail/classify.h"
#include "mail/outcome.h"
#include "vmta/retry.h"
#include "vmta/snapshot.h"

enum disposition_what {
	DISPOSE_DELIVERED,
	DISPOSE_FAIL,
	DISPOSE_EXPIRE,
	DISPOSE_DELETE, /* the operator's wish */
	DISPOSE_RETRY,
	DISPOSE_UNUSED /* was not tried: as if nothing had happened */
};

struct disposition {
	enum disposition_what what;
	int64_t retry_after_us; /* DISPOSE_RETRY */
	uint8_t dsn[3];
	enum bounce_class class; /* but for DISPOSE_DELIVERED */
};

/* For one recipient of a transaction.  age_us: since it was accepted. */
struct disposition disposition_rcpt(const struct outcome *o,
    const struct queue_conf *conf, int64_t age_us);

/* What a connection that never got to work means for its queue. */
enum disposition_queue {
	QUEUE_IS_FINE, /* it was never called: tried again at once */
	QUEUE_GOES_ON, /* with its other connections */
	QUEUE_WAITS,   /* retry-after */
	QUEUE_FAILS    /* every recipient in it fails */
};

/* others: the queue has connections that work, or may yet. */
enum disposition_queue disposition_queue(const struct outcome *o, bool others);

/* How long it waits then: a failure of DNS is none of the server's. */
enum retry_kind disposition_retry(const struct outcome *o);

/* What a connection that never got to work means for its source. */
enum disposition_source {
	SOURCE_IS_FINE,
	SOURCE_NO_FAMILY, /* the domain has addresses of the other one only */
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

/* May another address of the route do better? */
bool disposition_tries_next(const struct outcome *o);

/* The operator wants it gone. */
struct disposition disposition_deleted(void);

/* Too old, with o as the last thing that happened (may be NULL). */
struct disposition disposition_expired(const struct outcome *o);

#endif
