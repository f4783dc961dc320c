/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certs - certificates with their keys for tests of TLS, made in a millisecond
 * when they run; a failure ends the test.  One thread.
 */

#ifndef TESTS_SUPPORT_CERTS_H
#define TESTS_SUPPORT_CERTS_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/str.h"

struct cert {
	X509 *cert;
	EVP_PKEY *key;
};

/* Zeroed but for a name: signed by itself, for anything, valid for an hour. */
struct cert_wish {
	struct slice names[2]; /* common names; p NULL: none */
	const struct cert *by; /* who signs */
	const char *purpose;   /* "clientAuth"; NULL: any */
	const char *alt;       /* "DNS:a.example,IP:192.0.2.1"; NULL: none */
	bool signs;            /* others, with another's signature on it */
	int begins_s, ends_s;  /* from now; both 0: for an hour from now */
};

void cert_make(const struct cert_wish *w, struct cert *out);
void cert_free(struct cert *c);

/* What is asked for of the two, as PEM, in place of the file. */
void cert_write(const struct cert *c, const char *path, bool cert, bool key);

#endif
