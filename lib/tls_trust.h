/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_trust - is a server's certificate signed by an authority that we believe,
 * and is it about the server that was meant?  RFC 5280; RFC 6125 and 7817 for
 * names.
 *
 * A struct tls_trust is a set of authorities, read once, at load; nobody sees
 * it change, so any thread may judge by it.  Its owner frees it when nobody
 * does.  That of the system looks for authorities in the system's folder when a
 * certificate names one that is not in memory yet.
 */

#ifndef LIB_TLS_TRUST_H
#define LIB_TLS_TRUST_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/conf_types.h"
#include "lib/err.h"

struct ssl_st;
struct stack_st_X509;
struct tls_trust;
struct x509_st;

/* In place of a file: those that this host believes. */
#define TLS_TRUST_SYSTEM "system"

/* A file of certificates (PEM). */
struct tls_trust *tls_trust_new(const char *file, struct err *e);
void tls_trust_free(struct tls_trust **tp);

/*
 * Which names may be in the certificate: `match` are words and names, one of
 * which has to fit; none at all is "hostname".
 *
 *	hostname	`host`, the server's name
 *	nexthop		`nexthop`, where the mail was to go by the configuration
 *	dot-nexthop	any name below that
 *	example.com	that name; or an address
 *	.example.com	any name below it
 *
 * A name may be in the certificate as *.example.com, which stands for one label;
 * an address, also in brackets, as an address.  Final dots do not count, and a
 * name with other letters than ASCII is looked for as its A-labels (RFC 5890).
 */
struct tls_names {
	const char *host, *nexthop;
	struct conf_strs match;
};

/* Can it be an item of `match`? */
int tls_match_check(const char *item, struct err *e);

/* What the other side has shown: cert may be NULL; chain, too. */
struct tls_shown {
	struct x509_st *cert;
	struct stack_st_X509 *chain;
	int level; /* of security, as OpenSSL has it: below 1 weak keys do */
};

/* False: why says what is wrong, and which names the certificate has. */
bool tls_trust_judge(const struct tls_trust *t, const struct tls_shown *shown,
    const struct tls_names *names, struct err *why);

#endif
