/* SPDX-License-Identifier: Apache-2.0 */
/*
 * privacy - accounting without the recipients' local parts: cut out, or a
 * keyed hash in their place, so that one recipient's records can still be
 * told to belong together (privacy-policy of PowerMTA).
 *
 *	alice@example.com
 *	redact                    ...@example.com
 *	redact TEXT               TEXT@example.com
 *	siphash[-hexkey] KEY      SipHash-2-4, 16 upper-case digits
 *	hmac-sha256[-hexkey] KEY  HMAC-SHA256, 64 upper-case digits
 *
 * What is hashed is the local part in lower case (ASCII), as it stands: quotes
 * and a +detail belong to it.  SipHash takes a key of up to 16 bytes, padded
 * with zeros, and its result is written as its bytes are, the lowest first.
 *
 * A policy is immutable; struct privacy_keys is the memory of one thread that
 * applies policies, since keying an HMAC costs as much as a row.
 */

#ifndef MAIL_PRIVACY_H
#define MAIL_PRIVACY_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "mail/acct_record.h"

enum privacy_kind {
	PRIVACY_RETAIN,
	PRIVACY_REDACT,
	PRIVACY_SIPHASH,
	PRIVACY_HMAC
};

enum { PRIVACY_KEY_MAX = 64 }; /* a longer one of HMAC is its hash */

struct privacy {
	enum privacy_kind kind;
	const char *text; /* of PRIVACY_REDACT */
	unsigned char key[PRIVACY_KEY_MAX];
	size_t key_len;
};

/* A directive's value; what is wrong is told without the key. */
int privacy_parse(struct slice value, struct region *rg, struct privacy *p_r,
    struct err *e);

/* SIPHASH or HMAC with that key, as it stands or in hex digits. */
int privacy_key(struct privacy *p_r, enum privacy_kind kind, const char *key,
    bool hex, struct err *e);

/* Appends the hash of the text as it stands: SIPHASH and HMAC only. */
void privacy_digest(const struct privacy *p, struct slice text,
    struct buf *out);

enum { PRIVACY_KEYED = 4 };

struct privacy_keys {
	struct privacy_keyed *keyed[PRIVACY_KEYED]; /* those last used first */
};

/* Zero-initialised it is empty. */
void privacy_keys_fini(struct privacy_keys *keys);

/*
 * Hides the local part of rcpt, and of orcpt, everywhere in the record: there;
 * where `local@domain` or `local=domain` (VERP) stands in orig, envId and
 * jobId; and in dsnDiag and the extras also where it stands alone as a word of
 * three bytes or more.  All without regard to case.  New strings are made in
 * rg, what they were made from is left as it was.  An address without `@`
 * stays.
 */
void privacy_apply(struct privacy_keys *keys, const struct privacy *p,
    struct region *rg, struct acct_record *r);

#endif
