/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_key - a private key, read and parsed once, used by many threads.
 *
 * Immutable after dkim_key_read().  RSA of at least 1024 bits; below 2048
 * weak_r is set, for a warning.  PEM, PKCS#1 or PKCS#8.
 */

#ifndef MAIL_DKIM_KEY_H
#define MAIL_DKIM_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/str.h"

struct dkim_key;

int dkim_key_read(const char *path, struct dkim_key **key_r, bool *weak_r,
    struct err *e);
void dkim_key_free(struct dkim_key **keyp);

/* RSASSA-PKCS1-v1_5 with SHA-256 over the bytes; appends base64. */
int dkim_key_sign(const struct dkim_key *key, const void *p, size_t len,
    struct buf *base64, struct err *e);

#endif
