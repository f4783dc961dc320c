/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_conf - the dkim-* and the second-dkim-* settings of a queue, each as one
 * struct.
 *
 * The load has put identities into one form: LOCAL@DOMAIN or @DOMAIN with the
 * domain in lower case, or one of the two words.  Pure; any thread.
 */

#ifndef VMTA_DKIM_CONF_H
#define VMTA_DKIM_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "mail/canon.h"
#include "vmta/key_index.h"
#include "vmta/snapshot.h"

#define DKIM_SENDER_OR_FROM "sender-or-from"
#define DKIM_NOBODY "none"

enum dkim_when { DKIM_NEVER, DKIM_ALWAYS, DKIM_IF_OPTIONS };

struct dkim_conf {
	enum dkim_when when;
	const char *identity, *fallback;
	enum key_kind kind;
	enum canon headers_canon, body_canon;
	uint32_t fields, oversign; /* numbers of snapshot_fields() */
	bool timestamp, body_limit;
	int64_t expire_us;
	const char *query;
};

void dkim_conf_read(const struct queue_conf *q, struct dkim_conf *first,
    struct dkim_conf *second);

/* The identity in that form, in the region; NULL: it is none. */
const char *dkim_conf_identity(struct region *rg, const char *text);

/* May it be the value of q=?  (RFC 6376 section 3.5) */
bool dkim_conf_is_query(struct slice s);

#endif
