/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envelope - who a message is from and for, packed once and read by all.
 *
 * envelope_pack() makes the byte form that is stored, kept in memory while
 * the message is queued, and handed to sessions; envelope_unpack() makes
 * structs of it in a region.  The bytes are versioned, big-endian and never
 * change after acceptance; what changes (attempts, due time) is kept beside
 * them by recipient number.  Absent strings are empty, never NULL.  Strings of
 * an unpacked envelope point into the bytes, which must live as long.
 *
 * Pure; any thread.
 */

#ifndef MAIL_ENVELOPE_H
#define MAIL_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "mail/spans.h"

/* NOTIFY of RFC 3461; 0 means not given (failure and delay by default). */
enum {
	NOTIFY_NEVER = 1,
	NOTIFY_SUCCESS = 2,
	NOTIFY_FAILURE = 4,
	NOTIFY_DELAY = 8
};

/* RET of RFC 3461. */
enum { RET_NONE = 0, RET_FULL = 1, RET_HDRS = 2 };

enum {
	ENVELOPE_8BIT = 1,
	ENVELOPE_UTF8 = 2,
	ENVELOPE_NO_DSN = 4,   /* its sender is told nothing by us */
	ENVELOPE_RET_FULL = 8, /* where RET was not given */
	ENVELOPE_NOTICE = 16,  /* a notification of the host MTA's own */
	ENVELOPE_VERP = 32,    /* a sender for each recipient (mail/verp.h) */
	ENVELOPE_COPY = 64     /* of another message, made at its delivery */
};

/*
 * What signatures that are made at delivery need beside the header: of the
 * body, its canonical forms' SHA-256 and length, by enum canon.
 */
struct env_signing {
	const char *text; /* what the message says of them (vmta/signing.h) */
	uint32_t room;    /* octets that they take at most */
	uint64_t body_len[2];
	uint8_t body_hash[2][32];
};

struct env_rcpt {
	const char *addr;   /* as given, without angle brackets */
	const char *domain; /* lower case, A-labels; of addr */
	const char *vmta;   /* never a pool; "" is {default} */
	const char *pool;   /* that gave it, or "" */
	const char *orcpt;  /* "rfc822;user@example.net", or "" */
	uint8_t notify;
	uint8_t priority; /* 0..100, 50 by default */
	/* That wait to be made; so many would have been at intake. */
	uint8_t signatures;
};

/* A copy of a header field that records ask for. */
struct env_header {
	const char *name; /* in lower case */
	const char *value;
};

struct envelope {
	int64_t arrival_us; /* wall clock */
	const char *sender; /* "" is the null sender */
	const char *envid;
	const char *job;
	const char *auth_user; /* who submitted, or "" */
	const char *host_id;   /* the host MTA's queue id, or "" */
	const char *src_mta;   /* "name (ip)" of who gave it to us */
	/* The suppression lists that its source named, "a,b", or "". */
	const char *lists;
	struct spans spans;                /* in which it may be delivered */
	const struct env_signing *signing; /* NULL: it is as it goes out */
	const struct env_header *headers;
	uint8_t header_count;
	uint8_t ret;
	uint8_t flags; /* ENVELOPE_* */
	uint32_t rcpt_count;
	struct env_rcpt *rcpts;
};

/* To begin with: all strings are "", and there is no recipient. */
extern const struct envelope envelope_blank;

#define ENVELOPE_RCPT_MAX 100000

/* The virtual MTA without a name, as people know it. */
#define VMTA_DEFAULT "{default}"

/* The name, or VMTA_DEFAULT for "". */
const char *envelope_vmta_shown(const char *vmta);

void envelope_pack(const struct envelope *env, struct buf *out);
int envelope_unpack(const void *p, size_t len, struct region *rg,
    struct envelope *env_r, struct err *e);

#endif
