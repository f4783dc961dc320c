/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls - contexts and sessions for outgoing SMTP; for clients that come to us
 * see tls_server.h.  Nobody else uses SSL_*.
 *
 * One struct tls_client for the process, immutable after tls_client_new(), so
 * any thread may start sessions from it.  Certificates are not judged here
 * (opportunistic TLS, RFC 7435); what was negotiated is reported as a fact.
 */

#ifndef LIB_TLS_H
#define LIB_TLS_H

#include <stddef.h>

#include "lib/err.h"
#include "lib/tls_facts.h"

struct bufferevent;
struct event_base;
struct tls_client;

/* OpenSSL's words for what went wrong on this thread; -1. */
int err_tls(struct err *e, const char *what);

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

/*
 * Before the handshake, where TLS is required: nothing below TLS 1.2 and no
 * key that is broken today (security level 1).
 */
void tls_require_modern(struct bufferevent *bev);

/* Says goodbye (close_notify), without waiting; then free the bufferevent. */
void tls_close(struct bufferevent *bev);

/* "TLSv1.3 TLS_AES_256_GCM_SHA384" */
const char *tls_describe(struct bufferevent *bev, char *out, size_t cap);

/* The same and the server's certificate, which nobody has judged. */
void tls_client_facts(struct bufferevent *bev, struct tls_facts *out);

/* Why the last operation failed, as text. */
const char *tls_error(struct bufferevent *bev, char *out, size_t cap);

#endif
