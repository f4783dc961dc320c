/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/tls.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "lib/net.h"
#include "lib/tls_words.h"

struct tls_client {
	SSL_CTX *ctx;
};

/*
 * Opportunistic TLS takes what the server has: refused for being old, mail
 * would go out in clear instead, which is worse (RFC 7435).  Debian's default
 * security level 2 refuses TLS below 1.2 and keys below 2048 bits.
 */
static int
set_up(SSL_CTX *ctx, struct err *e)
{
	(void)SSL_CTX_set_options(ctx,
	    SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_COMPRESSION |
		SSL_OP_NO_RENEGOTIATION | SSL_OP_LEGACY_SERVER_CONNECT);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, "DEFAULT@SECLEVEL=0") != 1)
		return err_tls(e, "TLS context");
	return 0;
}

int
tls_client_new(struct tls_client **t_r, struct err *e)
{
	struct tls_client *t = mem_new(struct tls_client);

	*t_r = NULL;
	t->ctx = SSL_CTX_new(TLS_client_method());
	if (t->ctx == NULL) {
		(void)err_tls(e, "TLS context");
		tls_client_free(&t);
		return -1;
	}
	if (set_up(t->ctx, e) == -1) {
		tls_client_free(&t);
		return -1;
	}
	*t_r = t;
	return 0;
}

void
tls_client_free(struct tls_client **tp)
{
	struct tls_client *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	SSL_CTX_free(t->ctx);
	free(t);
}

/*
 * RFC 6066 section 3: a host name without its final dot; an address literal
 * is none.
 */
static int
set_server_name(SSL *ssl, const char *server, struct err *e)
{
	size_t len = strlen(server);
	struct net_addr addr;
	struct err ignored;
	char name[256];

	if (len > 0 && server[len - 1] == '.')
		len--;
	if (len == 0 || len >= sizeof(name) || server[0] == '[' ||
	    net_addr_parse((struct slice){ server, len }, &addr, &ignored) == 0)
		return 0;
	memcpy(name, server, len);
	name[len] = '\0';
	if (SSL_set_tlsext_host_name(ssl, name) != 1)
		return err_tls(e, "server name");
	return 0;
}

static bool
is_set(const char *list)
{
	return list != NULL && list[0] != '\0';
}

struct bufferevent *
tls_client_start(struct tls_client *t, struct event_base *base, int fd,
    const char *server, struct err *e)
{
	struct bufferevent *bev;
	SSL *ssl = SSL_new(t->ctx);

	if (ssl == NULL) {
		(void)err_tls(e, "TLS session");
		return NULL;
	}
	if (set_server_name(ssl, server, e) == -1) {
		SSL_free(ssl);
		return NULL;
	}
	/* Without BEV_OPT_CLOSE_ON_FREE libevent leaks the SSL object. */
	bev = bufferevent_openssl_socket_new(base, fd, ssl,
	    BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	if (bev == NULL) {
		(void)err_set(e, "TLS session: libevent refuses the socket");
		SSL_free(ssl);
		return NULL;
	}
	/* Many servers close without a close_notify; SMTP has its own end. */
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return bev;
}

/*
 * A list may name a security level of its own (@SECLEVEL): that counts, so
 * lists come last.
 */
int
tls_client_limit(struct bufferevent *bev, const struct tls_limits *l,
    struct err *e)
{
	SSL *ssl = bufferevent_openssl_get_ssl(bev);
	const uint64_t off = (l->no_tls10 ? SSL_OP_NO_TLSv1 : 0) |
	    (l->no_tls11 ? SSL_OP_NO_TLSv1_1 : 0) |
	    (l->no_tls12 ? SSL_OP_NO_TLSv1_2 : 0) |
	    (l->no_tls13 ? SSL_OP_NO_TLSv1_3 : 0);

	CHECK(ssl != NULL);
	(void)SSL_set_options(ssl, off);
	if (l->modern) {
		CHECK(SSL_set_min_proto_version(ssl, TLS1_2_VERSION) == 1);
		SSL_set_security_level(ssl, 1);
	}
	if (is_set(l->ciphers) && SSL_set_cipher_list(ssl, l->ciphers) != 1)
		return err_tls(e, l->ciphers);
	if (is_set(l->suites) && SSL_set_ciphersuites(ssl, l->suites) != 1)
		return err_tls(e, l->suites);
	return 0;
}

bool
tls_client_judge(struct bufferevent *bev, const struct tls_trust *t,
    const struct tls_names *names, struct err *why)
{
	const SSL *ssl = bufferevent_openssl_get_ssl(bev);

	CHECK(ssl != NULL);
	return tls_trust_judge(t,
	    &(struct tls_shown){ .cert = SSL_get0_peer_certificate(ssl),
		.chain = SSL_get_peer_cert_chain(ssl),
		.level = SSL_get_security_level(ssl) },
	    names, why);
}

void
tls_close(struct bufferevent *bev)
{
	SSL *ssl = bufferevent_openssl_get_ssl(bev);

	CHECK(ssl != NULL);
	/* One way only: nobody waits for the answer. */
	if (SSL_is_init_finished(ssl))
		(void)SSL_shutdown(ssl);
	ERR_clear_error();
}

const char *
tls_describe(struct bufferevent *bev, char *out, size_t cap)
{
	const SSL *ssl = bufferevent_openssl_get_ssl(bev);

	CHECK(ssl != NULL && cap > 0);
	(void)snprintf(out, cap, "%s %s", SSL_get_version(ssl),
	    SSL_get_cipher_name(ssl));
	return out;
}

void
tls_client_facts(struct bufferevent *bev, struct tls_facts *out)
{
	tls_facts_read(bufferevent_openssl_get_ssl(bev), out);
}

const char *
tls_error(struct bufferevent *bev, char *out, size_t cap)
{
	unsigned long code = bufferevent_get_openssl_error(bev);
	const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);
	struct err e;

	CHECK(cap > 0);
	if (reason != NULL) {
		(void)snprintf(out, cap, "%s", reason);
	} else if (errno == ECONNRESET || errno == EPIPE ||
	    errno == ETIMEDOUT) { /* anything else is stale */
		(void)err_sys(&e, "TLS");
		(void)snprintf(out, cap, "%s", e.text);
	} else {
		(void)snprintf(out, cap, "connection closed");
	}
	return out;
}
