/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notice - who is told what became of a recipient (RFC 3461), and the message
 * that tells it.
 *
 * A notification is a message of ours: null sender, so that nothing about it
 * is ever answered by another; one recipient, the original sender; in a
 * queue of its own, {dsn}, which goes to the host MTA (dsn-host) and nowhere
 * else.  Makes messages, sends none; any thread.
 */

#ifndef TRANSPORT_NOTICE_H
#define TRANSPORT_NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/mem.h"
#include "lib/str.h"
#include "mail/dsn_write.h"
#include "mail/envelope.h"
#include "mail/message.h"
#include "mail/outcome.h"
#include "transport/disposition.h"
#include "vmta/snapshot.h"

/* What became of one recipient. */
struct notice_rcpt {
	uint32_t n;
	enum dsn_action action;
	const struct outcome *outcome;
	struct disposition disposition; /* DISPOSE_RETRY: it is late */
	int64_t bounce_after_us;        /* then: so old may it get; else 0 */
};

/*
 * Does the sender want to hear of it?  Fills action.  tell_deleted: a deletion
 * is to be told like a failure.
 */
bool notice_wanted(const struct envelope *env, struct notice_rcpt *r,
    bool tell_deleted);

/* The message that it is about. */
struct notice_of {
	struct region *rg;
	const struct snapshot *conf;
	uint64_t id; /* 0: it has none */
	const struct envelope *env;
	const struct body *body; /* NULL: it cannot be read */
};

struct notice {
	struct message *msg;
	struct buf waybill; /* mail/waybill.h */
};

/* One of all those with this action; false: there are none. */
bool notice_make(const struct notice_of *of, enum dsn_action action,
    const struct notice_rcpt *rcpts, size_t count, struct notice *out);
void notice_fini(struct notice *n);

#endif
