/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace - our Received field (RFC 5321 section 4.4), and of one that the host MTA
 * has written: the client taken out, and the queue id.
 *
 * Pure; strings are in the caller's region.
 */

#ifndef TRANSPORT_TRACE_H
#define TRANSPORT_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/mem.h"
#include "lib/net.h"
#include "lib/str.h"

/* Who brought it: its own word, its name in DNS or "", its address. */
struct trace_client {
	const char *helo, *name;
	const struct net_addr *addr;
	bool utf8; /* the mail is such that may be in its header */
};

/* "helo (name [IPv6:ip])" */
const char *trace_client_text(const struct trace_client *c, struct region *rg);

struct trace {
	const char *from; /* trace_client_text(); NULL: it is not told */
	const char *by;   /* our name */
	const char *with; /* "LMTP" */
	int64_t now_us;   /* wall clock */
};

/* The whole field, with its CRLF. */
const char *trace_field(const struct trace *t, struct region *rg);

/*
 * The value of a Received field from its by clause on: without the from clause
 * and the comments behind it, where an MTA tells name, address, certificate
 * and login of its client.  Empty if there is no by clause.
 */
struct slice trace_hidden(struct slice value);

/*
 * "by mx.example (Postfix, from userid 0) id 4ABC12; Fri, ...": the id.  Empty
 * if there is none, or if it may be what a client has chosen: it stands in a
 * comment or a quoted string, read in either way that host MTAs write them.
 */
struct slice trace_queue_id(struct slice value);

#endif
