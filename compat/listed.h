/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listed - a queued message as listings of host MTAs know one: what is common
 * to compat/postfix/pf_listing.h, pf_showq.h and compat/exim/ex_listing.h.
 *
 * Everything is borrowed.  Text is UTF-8 and may have anything else in it;
 * each form makes it harmless in its own way.
 */

#ifndef COMPAT_LISTED_H
#define COMPAT_LISTED_H

#include <stddef.h>
#include <stdint.h>

enum listed_state {
	LISTED_ACTIVE,   /* is being sent, or it is its turn */
	LISTED_DEFERRED, /* it, or its queue, waits for its time */
	LISTED_HOLD      /* an operator has paused its queue or its job */
};

struct listed_rcpt {
	const char *addr;   /* without angle brackets */
	const char *reason; /* why it waits, or "" */
};

struct listed {
	uint64_t id;
	const char *host_id; /* the host MTA's, or "" */
	int64_t arrival_s;   /* wall clock */
	uint64_t size;       /* octets */
	enum listed_state state;
	const char *sender; /* "" is the null sender */
	const struct listed_rcpt *rcpts;
	size_t rcpt_count;
};

#endif
