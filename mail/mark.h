/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mark - the one header by which the transport knows that the milter has
 * treated a message, and what it decided.
 *
 *	X-Mailrace-Mark: v=2; vmta=NAME; dflt=0; job=JOB; prio=N; user=NAME;
 *	 from=HEX; id=QUEUEID; bh=BASE64; h=BASE64(HMAC-SHA256)
 *
 * The HMAC covers version, VMTA, whether that is a default, job, priority,
 * authenticated user, sender, queue id and body hash.  Version 1 has no dflt,
 * and means that the VMTA was asked for; it is still read.  Version 3, behind
 * dflt, has what is to be known when the message is signed at delivery
 * (later=TEXT), and is made only where it is.  Version 4 has the times in which
 * the message may be delivered (spans=, mail/spans.h) behind dflt, then later
 * or nothing, and is made only where there are any.  Names
 * and values are percent-encoded where they hold blanks, ';', '%' or control
 * bytes.  The queue id is checked against XFORWARD's IDENT by the ingress.
 * Pure; the key is given.
 */

#ifndef MAIL_MARK_H
#define MAIL_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "mail/spans.h"

#define MARK_HEADER "X-Mailrace-Mark"
/*
 * As whom a client has signed in to the host MTA.  Only that may say it, by its
 * own listener (transport/ingress_host.c); everywhere else it just goes.
 */
#define AUTH_HEADER "X-Mailrace-Auth"
/* Likewise of Exim: whose each message is. */
#define EXIM_HEADER "X-Mailrace-Meta"
#define MARK_KEY_MIN 32

struct mark {
	const char *vmta, *job, *sender, *queue_id;
	const char *user; /* who had signed in at the host MTA, or "" */
	/* For those who sign it at delivery (vmta/signing.h); NULL: nobody. */
	const char *later;
	uint8_t
	    body_hash[32]; /* SHA-256 of the body, simple canonicalization */
	uint8_t priority;
	bool dflt; /* nobody asked for the VMTA: a <domain> may name another */
	struct spans spans; /* in which it may be delivered */
};

/*
 * A queue that went back to the host MTA (drain): when we had got the message.
 *
 *	X-Mailrace-Arrival: v=2; t=SECONDS; h=BASE64(HMAC-SHA256)
 *
 * The HMAC covers the time and the body: before another one it says nothing.
 */
#define MARK_ARRIVAL_HEADER "X-Mailrace-Arrival"

struct mark_key; /* owned by who read it; immutable, any thread */

int mark_key_read(const char *path, struct mark_key **key_r, struct err *e);
void mark_key_free(struct mark_key **keyp);

/* The value of the header, folded with CRLF, in the region. */
const char *mark_make(const struct mark_key *key, const struct mark *m,
    struct region *rg);

/* Is the field one of these, which never leave? */
bool mark_is_field(struct slice name);

/* The value of X-Mailrace-Arrival, of wall clock; then back, as mark_read(). */
const char *mark_arrival_make(const struct mark_key *key, int64_t arrival_us,
    const uint8_t body_hash[32], struct region *rg);
bool mark_arrival_read(const struct mark_key *key, const char *value,
    const uint8_t body_hash[32], int64_t *arrival_us_r);

/* Of the body of a whole message, as struct mark has it. */
void mark_body_hash(struct slice message, struct region *rg,
    uint8_t hash_r[32]);

/* False: malformed, or the HMAC is wrong. */
bool mark_read(const struct mark_key *key, const char *value, struct region *rg,
    struct mark *m_r);

#endif
