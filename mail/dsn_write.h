/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dsn_write - a delivery status notification: multipart/report (RFC 6522) of
 * a text for people, a part for programs (RFC 3464, RFC 6533) and the
 * original message or its header.
 *
 * Whatever comes from others (addresses, ENVID, ORCPT, what servers said) may
 * hold anything but NUL: control characters become blanks, bytes that do not
 * belong are '?', and lines are folded, so nothing of it can end a field or
 * begin a part.  The original is put in as it is; the boundary has to be one
 * that its author could not know.
 *
 * Pure; memory from the caller's region; any thread.
 */

#ifndef MAIL_DSN_WRITE_H
#define MAIL_DSN_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/mem.h"
#include "lib/str.h"
#include "mail/dsn_form.h"

enum dsn_action {
	DSN_FAILED,
	DSN_RELAYED, /* given to a server that confirms no delivery */
	DSN_DELAYED
};

/* As in the Action field: "failed". */
const char *dsn_action_word(enum dsn_action action);

struct dsn_rcpt {
	const char *addr;
	const char *orcpt; /* "rfc822;xtext" as it was given, or "" */
	uint8_t status[3];
	const char *why;  /* for people: "The server refused the address" */
	bool smtp;        /* diag is a reply; else in words of our own */
	const char *diag; /* or "" */
	const char *mta;  /* the server that said it, or "" */
	int64_t tried_us; /* wall clock; 0: never */
};

struct dsn {
	enum dsn_action action; /* of all of them */
	const char *host;       /* our name */
	const char *to;         /* the sender of the original */
	const char *boundary;
	const char *message_id; /* without brackets */
	int64_t now_us;         /* wall clock */
	int64_t retry_until_us; /* DSN_DELAYED */
	bool plain;             /* the part for programs is all, as text */

	/* The operator's own words; NULL: ours. */
	const struct dsn_from *from;
	const struct dsn_template *subject, *body;
	const char *retry_after, *bounce_after; /* for them */

	/* Of the original. */
	int64_t arrival_us;
	const char *envid;    /* xtext as it was given, or "" */
	const char *from_mta; /* "name (ip)" of who gave it to us, or "" */
	const char *id;       /* as it is shown, or "" */
	const char *host_id;  /* the host MTA's queue id, or "" */
	bool utf8;            /* it needed SMTPUTF8 */
	bool full;            /* RET=FULL: all of it is given back, if small */
	struct slice text;    /* CRLF lines; empty: it cannot be read */

	size_t rcpt_count;
	const struct dsn_rcpt *rcpts;
};

/* Larger originals come back as their header; Postfix's bounce_size_limit. */
#define DSN_FULL_MAX 50000
/* A header is cut behind the last line that fits. */
#define DSN_HEADER_MAX 32768

/* What the notification needs on its way: ENVELOPE_8BIT, ENVELOPE_UTF8. */
uint8_t dsn_write(const struct dsn *d, struct region *rg, struct buf *out);

#endif
