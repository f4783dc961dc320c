/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_facts - what a handshake came to, as text: the protocol, and whose
 * certificate the other side has shown, if any.  Whether that is to be believed
 * is said elsewhere.  Nothing of a key is in it.
 *
 * Values; whoever has the session may read them, once it is up.
 */

#ifndef LIB_TLS_FACTS_H
#define LIB_TLS_FACTS_H

#include <stdbool.h>

struct log_line;
struct ssl_st;

struct tls_facts {
	const char *version, *cipher; /* never freed */
	bool has_cert;
	char subject[256]; /* as RFC 2253 has it, escaped to ASCII; cut */
	char name[128];    /* UTF-8: its only common name, whole; or "" */
};

void tls_facts_read(const struct ssl_st *ssl, struct tls_facts *out);

/* "protocol=TLSv1.3 cipher=NAME certificate=CN=..." */
void tls_facts_log(const struct tls_facts *f, struct log_line *l);

#endif
