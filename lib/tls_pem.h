/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_pem - files of certificates and keys as text, for lib/tls*.c alone, which
 * make of it what OpenSSL wants.  Files are read at load only; any thread.
 */

#ifndef LIB_TLS_PEM_H
#define LIB_TLS_PEM_H

#include <openssl/bio.h>
#include <openssl/x509.h>
#include <stdbool.h>

#include "lib/err.h"
#include "lib/str.h"

/* A regular file of 1 MB at most.  shown_r: everybody on the host may read it. */
int tls_pem_read(const char *path, struct buf *text, bool *shown_r,
    struct err *e);

/* It may have a key in it: the memory is wiped first. */
void tls_pem_forget(struct buf *text);

/* Over the text, which is to stay; BIO_free() it. */
BIO *tls_pem_open(const struct buf *text);

struct tls_secret {
	const char *text;
};

/*
 * For OpenSSL's readers, which would ask at the terminal without it.  ctx: a
 * struct tls_secret, or NULL.
 */
int tls_pem_password(char *out, int cap, int for_writing, void *ctx);

/* The next certificate, to be freed; NULL: none, or it cannot be read. */
X509 *tls_pem_next(BIO *pem);

/* Behind the last certificate there is nothing, and no damaged one. */
int tls_pem_ends_well(struct err *e);

#endif
