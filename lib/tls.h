/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls - contexts and sessions for outgoing SMTP; for clients that come to us
 * see tls_server.h.  Nobody else uses SSL_*.
 *
 * One struct tls_client for the process, immutable after tls_client_new(), so
 * any thread may start sessions from it.  What is not asked for is taken as it
 * comes (opportunistic TLS, RFC 7435): what a session may speak and whose
 * certificate is good enough says who starts it; what was negotiated is
 * reported as a fact.
 */

#ifndef LIB_TLS_H
#define LIB_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/tls_facts.h"
#include "lib/tls_trust.h"

struct bufferevent;
struct event_base;
struct tls_client;

int tls_client_new(struct tls_client **t_r, struct err *e);
void tls_client_free(struct tls_client **tp);

/*
 * A new bufferevent that speaks TLS as client over the connected socket;
 * server is the SNI name (none for an address literal).  BEV_EVENT_CONNECTED
 * comes when the handshake is done.  It owns the socket from then on, and
 * closes it when freed.  NULL with err: the socket is still the caller's.
 */
struct bufferevent *tls_client_start(struct tls_client *t,
    struct event_base *base, int fd, const char *server, struct err *e);

/* What a session may speak.  All zero: whatever there is. */
struct tls_limits {
	/* Nothing below TLS 1.2 and no key that is broken (level 1). */
	bool modern;
	bool no_tls10, no_tls11, no_tls12, no_tls13;
	/* In OpenSSL's form, up to TLS 1.2 and of 1.3; NULL, "": its own. */
	const char *ciphers, *suites;
};

/* Before the handshake. */
int tls_client_limit(struct bufferevent *bev, const struct tls_limits *l,
    struct err *e);

/* After the handshake, before anything is sent; false: why. */
bool tls_client_judge(struct bufferevent *bev, const struct tls_trust *t,
    const struct tls_names *names, struct err *why);

/* Says goodbye (close_notify), without waiting; then free the bufferevent. */
void tls_close(struct bufferevent *bev);

/* "TLSv1.3 TLS_AES_256_GCM_SHA384" */
const char *tls_describe(struct bufferevent *bev, char *out, size_t cap);

/* The same and the server's certificate, good or not. */
void tls_client_facts(struct bufferevent *bev, struct tls_facts *out);

/* Why the last operation failed, as text. */
const char *tls_error(struct bufferevent *bev, char *out, size_t cap);

#endif
