/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_key - a private key, read and parsed once, used by many threads.
 *
 * Immutable once made.  RSA of at least 1024 bits; below 2048 weak_r is set,
 * for a warning (RFC 8301).  Or Ed25519 (RFC 8463).  PEM, PKCS#1 or PKCS#8.
 * A key that does not verify what it signs is refused.
 */

#ifndef MAIL_DKIM_KEY_H
#define MAIL_DKIM_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/str.h"

struct dkim_key;

enum dkim_algorithm { DKIM_RSA_SHA256, DKIM_ED25519_SHA256 };

/* Of a file: what it is read in spite of. */
struct dkim_key_doubts {
	bool weak; /* as above */
	bool open; /* its mode lets every user read or write it */
};

int dkim_key_read(const char *path, struct dkim_key **key_r,
    struct dkim_key_doubts *doubts_r, struct err *e);

/* PEM, whose lines may have been unfolded: what a header field carries. */
int dkim_key_of_text(const char *text, size_t len, struct dkim_key **key_r,
    bool *weak_r, struct err *e);
void dkim_key_free(struct dkim_key **keyp);

enum dkim_algorithm dkim_key_algorithm(const struct dkim_key *key);
const char *dkim_algorithm_name(enum dkim_algorithm algorithm); /* for a= */

/* Bytes of each signature, before base64. */
size_t dkim_key_signature_len(const struct dkim_key *key);

/*
 * Signs the SHA-256 of the bytes, RSA with RSASSA-PKCS1-v1_5; appends base64.
 */
int dkim_key_sign(const struct dkim_key *key, const void *p, size_t len,
    struct buf *base64, struct err *e);

#endif
