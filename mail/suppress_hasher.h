/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_hasher - the digests of suppress_norm.h, of many addresses of one
 * list: the key is set up once, which costs more than an address does.
 *
 * Belongs to one thread at a time; its norm is copied, the key in it is not kept.
 */

#ifndef MAIL_SUPPRESS_HASHER_H
#define MAIL_SUPPRESS_HASHER_H

#include "lib/err.h"
#include "mail/suppress_norm.h"

struct suppress_hasher;

/* -1: OpenSSL refuses the hash (FIPS and MD5). */
int suppress_hasher_new(const struct suppress_norm *n,
    struct suppress_hasher **h_r, struct err *e);
void suppress_hasher_free(struct suppress_hasher **hp);

const struct suppress_norm *suppress_hasher_norm(
    const struct suppress_hasher *h);

/* As suppress_norm_digest(). */
void suppress_hasher_digest(struct suppress_hasher *h, const char *text,
    unsigned char digest[SUPPRESS_DIGEST_MAX]);

#endif
