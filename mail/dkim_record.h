/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_record - the public key that a domain publishes for its signatures.
 *
 * The text of the TXT record at SELECTOR._domainkey.DOMAIN (RFC 6376 section
 * 3.6.1, RFC 8463 section 4), its strings joined without anything between
 * them.  RSA as SubjectPublicKeyInfo or RSAPublicKey, of at least 1024 bits
 * (RFC 8301 section 3.2); Ed25519 as its 32 bytes.  What cannot be used is no
 * key, with a text that says why.  Any thread, once parsed.
 */

#ifndef MAIL_DKIM_RECORD_H
#define MAIL_DKIM_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/str.h"
#include "mail/dkim_key.h"

struct dkim_record;

int dkim_record_parse(struct slice text, struct dkim_record **record_r,
    struct err *e);
void dkim_record_free(struct dkim_record **rp);

/*
 * Is that the signature of the bytes by the holder of this key?  sig is the
 * value of b=: base64 with any blanks and folds in it.
 */
bool dkim_record_verify(const struct dkim_record *record,
    enum dkim_algorithm algorithm, struct slice bytes, struct slice sig);

#endif
