/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome - what one attempt came to: facts only, no judgement.
 *
 * The one thing that travels back up.  A session makes one for each recipient
 * that it was granted; a connection that never became ready makes one for the
 * whole queue.  transport/disposition.c alone decides what it means.
 * Strings are borrowed from the session's region, or owned when the outcome
 * was made by outcome_copy().
 */

#ifndef MAIL_OUTCOME_H
#define MAIL_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/net.h"

/* What we were doing; the order is that of a delivery. */
enum outcome_phase {
	PHASE_RESOLVE,
	PHASE_CONNECT,
	PHASE_GREETING,
	PHASE_EHLO,
	PHASE_TLS,
	PHASE_AUTH,
	PHASE_MAIL,
	PHASE_RCPT,
	PHASE_DATA, /* the command, up to 354 */
	PHASE_BODY, /* sending it */
	PHASE_DOT,  /* after the final dot */
	PHASE_COUNT
};

enum outcome_kind {
	OUTCOME_DELIVERED, /* 2xx after the final dot */
	OUTCOME_REPLY,     /* refused: code, 4xx or 5xx */
	OUTCOME_LOST,      /* connection lost or refused, protocol broken */
	OUTCOME_TIMEOUT,
	OUTCOME_NO_TLS,     /* TLS needed and not to be had */
	OUTCOME_NO_AUTH,    /* to be signed in, and not possible or refused */
	OUTCOME_DNS_TEMP,   /* SERVFAIL, time-out */
	OUTCOME_NO_DOMAIN,  /* NXDOMAIN, or no MX and no address */
	OUTCOME_NO_FAMILY,  /* addresses, but of our other sources' family */
	OUTCOME_NULL_MX,    /* RFC 7505 */
	OUTCOME_LOOP,       /* best MX is ourselves */
	OUTCOME_BIND,       /* the source address cannot be used */
	OUTCOME_UNSENT,     /* granted and not tried; comes back unused */
	OUTCOME_LOCAL_TEMP, /* trouble of ours (message unreadable) */
	OUTCOME_DAMAGED,    /* the body fails its checksum: 5.3.0 */
	OUTCOME_NO_UTF8,    /* SMTPUTF8 needed and not offered: 5.6.7 */
	OUTCOME_TOO_BIG,    /* more than it may be there: 5.3.4 */
	OUTCOME_SUPPRESSED, /* in a suppression list of ours: 5.7.1 */
	OUTCOME_BAD_ADDRESS /* nobody can read the recipient's: 5.1.3 */
};

struct outcome {
	enum outcome_kind kind;
	enum outcome_phase phase;
	int code;         /* SMTP reply code, or 0 */
	uint8_t dsn[3];   /* enhanced status given by the server, or 0 0 0 */
	bool knows_dsn;   /* the server was told what to notify (RFC 3461) */
	bool in_doubt;    /* final dot sent, no reply seen */
	bool ours;        /* a refusal of ours: the server has not heard */
	bool pix;         /* its greeting was masked by a PIX firewall */
	bool trusted;     /* its certificate was judged, and is good */
	const char *text; /* last reply as one line, or what happened */
	const char *mx;   /* host name we spoke to, or "" */
	struct net_addr peer, source;
	const char *esmtp; /* EHLO keywords, comma separated, or "" */
	const char *tls;   /* "TLSv1.3 NAME", or "" */
	uint32_t size;     /* bytes sent for this transaction */
	int64_t wall_us;   /* when it was known */
};

const char *outcome_phase_name(enum outcome_phase phase);
const char *outcome_kind_name(enum outcome_kind kind);

struct outcome *outcome_copy(const struct outcome *o);
void outcome_free(struct outcome **op);

#endif
