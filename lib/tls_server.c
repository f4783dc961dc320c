/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/tls_server.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/tls_pem.h"
#include "lib/tls_words.h"

struct tls_server {
	SSL_CTX *ctx;
	bool is_shown; /* others may read the key */
};

struct tls_stream {
	SSL *ssl;
	BIO *in, *out; /* memory; the SSL's */
	bool broken, ended;
	char error[128], alert[96];
	bool cert_seen;   /* and judged: */
	long cert_result; /* the first fault, or X509_V_OK */
};

/* ---- certificate and key ------------------------------------------------- */

/* The certificates behind the first one. */
static int
use_chain(SSL_CTX *ctx, BIO *pem, struct err *e)
{
	X509 *link;

	while ((link = tls_pem_next(pem)) != NULL)
		if (SSL_CTX_add0_chain_cert(ctx, link) != 1) {
			X509_free(link);
			return err_tls(e, "its chain");
		}
	return tls_pem_ends_well(e);
}

static int
use_cert(SSL_CTX *ctx, const struct buf *text, struct err *e)
{
	BIO *pem = tls_pem_open(text);
	X509 *cert = PEM_read_bio_X509_AUX(pem, NULL, tls_pem_password, NULL);
	int rc = 0;

	if (cert == NULL) {
		ERR_clear_error();
		rc = err_set(e, "there is no certificate (PEM) in it");
	} else if (SSL_CTX_use_certificate(ctx, cert) != 1) {
		rc = err_tls(e, "its certificate");
	} else {
		rc = use_chain(ctx, pem, e);
	}
	X509_free(cert);
	BIO_free(pem);
	return rc;
}

static int
err_key(struct err *e, const struct buf *text, const char *password)
{
	static const char mark[] = "ENCRYPTED";

	ERR_clear_error();
	if (text->len == 0 ||
	    memmem(text->p, text->len, mark, sizeof(mark) - 1) == NULL)
		return err_set(e, "there is no private key (PEM) in it");
	return err_set(e,
	    password[0] == '\0' ? "the private key needs a password" :
				  "the password is not that of the key");
}

static int
use_key(SSL_CTX *ctx, const struct buf *text, const char *password,
    struct err *e)
{
	struct tls_secret secret = { password };
	BIO *pem = tls_pem_open(text);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, tls_pem_password,
	    &secret);
	int rc = 0;

	if (key == NULL)
		rc = err_key(e, text, password);
	else if (SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1) {
		ERR_clear_error();
		rc = err_set(e, "the private key is not the certificate's");
	}
	EVP_PKEY_free(key);
	BIO_free(pem);
	return rc;
}

static int
load_cert(struct tls_server *t, const struct tls_server_options *opt,
    struct err *e)
{
	struct buf text = { 0 };
	bool shown;
	int rc = tls_pem_read(opt->cert, &text, &shown, e);

	if (rc == 0 && use_cert(t->ctx, &text, e) == -1)
		rc = err_where(e, "%s", opt->cert);
	tls_pem_forget(&text);
	return rc;
}

static int
load_key(struct tls_server *t, const struct tls_server_options *opt,
    struct err *e)
{
	const char *path = opt->key[0] == '\0' ? opt->cert : opt->key;
	struct buf text = { 0 };
	int rc = tls_pem_read(path, &text, &t->is_shown, e);

	if (rc == 0 && use_key(t->ctx, &text, opt->password, e) == -1)
		rc = err_where(e, "%s", path);
	tls_pem_forget(&text);
	return rc;
}

/* ---- clients' certificates ----------------------------------------------- */

/* All go on: SMTP has words for what is wrong, and not all need one. */
static int
judge_cert(int good, X509_STORE_CTX *chain)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(chain,
	    SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_stream *s = SSL_get_app_data(ssl);

	s->cert_seen = true;
	if (!good && s->cert_result == X509_V_OK)
		s->cert_result = X509_STORE_CTX_get_error(chain);
	return 1;
}

static int
add_authorities(SSL_CTX *ctx, const struct buf *text, struct err *e)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	BIO *pem = tls_pem_open(text);
	size_t count = 0;
	int rc = 0;
	X509 *one;

	while (rc == 0 && (one = tls_pem_next(pem)) != NULL) {
		if (X509_STORE_add_cert(store, one) != 1 ||
		    SSL_CTX_add_client_CA(ctx, one) != 1)
			rc = err_tls(e, "its certificate");
		X509_free(one);
		count++;
	}
	if (rc == 0)
		rc = tls_pem_ends_well(e);
	BIO_free(pem);
	/* Who stands in the file is trusted, whoever has signed him. */
	CHECK(X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1);
	if (rc == 0 && count == 0)
		rc = err_set(e, "there is no certificate (PEM) in it");
	return rc;
}

/*
 * A ticket would bring back a certificate as it was judged when it was made:
 * here each handshake is a whole one.
 */
static int
load_authorities(struct tls_server *t, const struct tls_server_options *opt,
    struct err *e)
{
	struct buf text = { 0 };
	bool shown;
	int rc;

	if (opt->authorities[0] == '\0')
		return 0;
	rc = tls_pem_read(opt->authorities, &text, &shown, e);
	if (rc == 0 && add_authorities(t->ctx, &text, e) == -1)
		rc = err_where(e, "%s", opt->authorities);
	buf_fini(&text);
	SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, judge_cert);
	(void)SSL_CTX_set_options(t->ctx, SSL_OP_NO_TICKET);
	(void)SSL_CTX_set_num_tickets(t->ctx, 0);
	return rc;
}

/* ---- what may be spoken -------------------------------------------------- */

static int
set_versions(SSL_CTX *ctx, const struct tls_server_options *opt, struct err *e)
{
	const struct {
		bool allowed;
		uint64_t off;
	} versions[] = {
		{ opt->tls10, SSL_OP_NO_TLSv1 },
		{ opt->tls11, SSL_OP_NO_TLSv1_1 },
		{ opt->tls12, SSL_OP_NO_TLSv1_2 },
		{ opt->tls13, SSL_OP_NO_TLSv1_3 },
	};
	bool any = false;

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		any = any || versions[i].allowed;
		if (!versions[i].allowed)
			(void)SSL_CTX_set_options(ctx, versions[i].off);
	}
	if (!any)
		return err_set(e, "no version of TLS is allowed");
	/* What the system has for programs that do not say. */
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION) != 1 ||
	    SSL_CTX_set_max_proto_version(ctx, 0) != 1)
		return err_tls(e, "versions");
	return 0;
}

static int
set_ciphers(SSL_CTX *ctx, const struct tls_server_options *opt, struct err *e)
{
	/* Old versions have SHA-1 in them, which OpenSSL 3 wants level 0 for. */
	if (opt->tls10 || opt->tls11)
		SSL_CTX_set_security_level(ctx, 0);
	if (opt->ciphers[0] == '\0' ||
	    SSL_CTX_set_cipher_list(ctx, opt->ciphers) == 1)
		return 0;
	ERR_clear_error();
	return err_set(e, "\"%s\" names no cipher", opt->ciphers);
}

static int
set_suites(SSL_CTX *ctx, const struct tls_server_options *opt, struct err *e)
{
	if (opt->suites[0] == '\0' ||
	    SSL_CTX_set_ciphersuites(ctx, opt->suites) == 1)
		return 0;
	ERR_clear_error();
	return err_set(e, "\"%s\" are no cipher suites of TLS 1.3",
	    opt->suites);
}

/* ---- servers ------------------------------------------------------------- */

/* Tickets resume sessions; a cache would be one more thing to lock. */
static void
set_up(SSL_CTX *ctx)
{
	(void)SSL_CTX_set_options(ctx,
	    SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
		SSL_OP_CIPHER_SERVER_PREFERENCE);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_dh_auto(ctx, 1);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
}

/* TLS_FAULTS: there is none. */
static enum tls_fault
fill(struct tls_server *t, const struct tls_server_options *opt, struct err *e)
{
	if (set_versions(t->ctx, opt, e) == -1)
		return TLS_FAULT_VERSIONS;
	if (set_ciphers(t->ctx, opt, e) == -1)
		return TLS_FAULT_CIPHERS;
	if (set_suites(t->ctx, opt, e) == -1)
		return TLS_FAULT_SUITES;
	if (load_cert(t, opt, e) == -1)
		return TLS_FAULT_CERT;
	if (load_authorities(t, opt, e) == -1)
		return TLS_FAULT_AUTHORITIES;
	return load_key(t, opt, e) == -1 ? TLS_FAULT_KEY : TLS_FAULTS;
}

struct tls_server *
tls_server_new(const struct tls_server_options *opt, enum tls_fault *fault_r,
    struct err *e)
{
	struct tls_server *t = mem_new(struct tls_server);

	*fault_r = TLS_FAULT_CERT;
	t->ctx = SSL_CTX_new(TLS_server_method());
	if (t->ctx == NULL) {
		(void)err_tls(e, "TLS context");
		tls_server_free(&t);
		return NULL;
	}
	set_up(t->ctx);
	*fault_r = fill(t, opt, e);
	if (*fault_r != TLS_FAULTS)
		tls_server_free(&t);
	return t;
}

void
tls_server_free(struct tls_server **tp)
{
	struct tls_server *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	SSL_CTX_free(t->ctx);
	free(t);
}

void
tls_server_doubts(const struct tls_server *t,
    void (*tell)(void *ctx, const char *doubt), void *ctx)
{
	const X509 *cert = SSL_CTX_get0_certificate(t->ctx);
	time_t now = (time_t)(clock_wall_us() / US_PER_S);

	if (X509_cmp_time(X509_get0_notAfter(cert), &now) < 0)
		tell(ctx, "the certificate has expired");
	if (X509_cmp_time(X509_get0_notBefore(cert), &now) > 0)
		tell(ctx, "the certificate is not valid yet");
	if (t->is_shown)
		tell(ctx, "every user of this host may read the private key");
}

/* ---- streams ------------------------------------------------------------- */

static void
note_alert(const SSL *ssl, int where, int code)
{
	struct tls_stream *s = SSL_get_app_data(ssl);

	if ((where & SSL_CB_ALERT) == 0 || (code & 0xff) == SSL_AD_CLOSE_NOTIFY)
		return;
	(void)snprintf(s->alert, sizeof(s->alert), "%s: %s",
	    (where & SSL_CB_READ) != 0 ? "received" : "sent",
	    SSL_alert_desc_string_long(code));
}

struct tls_stream *
tls_stream_new(const struct tls_server *t, struct err *e)
{
	struct tls_stream *s = mem_new(struct tls_stream);

	s->ssl = SSL_new(t->ctx);
	s->in = BIO_new(BIO_s_mem());
	s->out = BIO_new(BIO_s_mem());
	if (s->ssl == NULL || s->in == NULL || s->out == NULL) {
		(void)err_tls(e, "TLS session");
		BIO_free(s->in);
		BIO_free(s->out);
		SSL_free(s->ssl);
		free(s);
		return NULL;
	}
	/* Empty is "not yet" and not the end. */
	(void)BIO_set_mem_eof_return(s->in, -1);
	(void)BIO_set_mem_eof_return(s->out, -1);
	SSL_set_bio(s->ssl, s->in, s->out);
	(void)SSL_set_app_data(s->ssl, s);
	SSL_set_info_callback(s->ssl, note_alert);
	SSL_set_accept_state(s->ssl);
	return s;
}

void
tls_stream_free(struct tls_stream **sp)
{
	struct tls_stream *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	SSL_free(s->ssl);
	free(s);
}

bool
tls_stream_is_up(const struct tls_stream *s)
{
	return SSL_is_init_finished(s->ssl) == 1;
}

static enum tls_read
fail(struct tls_stream *s)
{
	unsigned long code = ERR_get_error();
	const char *why = code == 0 ? NULL : ERR_reason_error_string(code);

	(void)snprintf(s->error, sizeof(s->error), "%s",
	    why == NULL ? "connection closed" : why);
	ERR_clear_error();
	s->broken = true;
	return TLS_READ_FAILED;
}

/* What SSL_read() or SSL_do_handshake() said that is not success. */
static enum tls_read
judge(struct tls_stream *s, int rc)
{
	switch (SSL_get_error(s->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return TLS_READ_MORE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_READ_END;
	default:
		return fail(s);
	}
}

enum tls_read
tls_stream_read(struct tls_stream *s, struct slice came, struct buf *text)
{
	char piece[8192];
	int n = 1;

	if (s->broken)
		return TLS_READ_FAILED;
	CHECK(came.len <= INT32_MAX);
	if (came.len > 0 &&
	    BIO_write(s->in, came.p, (int)came.len) != (int)came.len)
		return fail(s);
	ERR_clear_error();
	if (!tls_stream_is_up(s)) {
		n = SSL_do_handshake(s->ssl);
		if (n != 1)
			return judge(s, n);
	}
	while ((n = SSL_read(s->ssl, piece, sizeof(piece))) > 0)
		buf_add(text, piece, (size_t)n);
	explicit_bzero(piece, sizeof(piece)); /* it may be a password */
	return judge(s, n);
}

void
tls_stream_write(struct tls_stream *s, struct slice text)
{
	if (s->broken || s->ended || text.len == 0)
		return;
	CHECK(tls_stream_is_up(s) && text.len <= INT32_MAX);
	ERR_clear_error();
	/* Into memory: all or nothing. */
	if (SSL_write(s->ssl, text.p, (int)text.len) != (int)text.len)
		(void)fail(s);
}

void
tls_stream_end(struct tls_stream *s)
{
	if (s->broken || s->ended || !tls_stream_is_up(s))
		return;
	s->ended = true;
	(void)SSL_shutdown(s->ssl);
	ERR_clear_error();
}

void
tls_stream_drain(struct tls_stream *s, struct buf *wire)
{
	char *p;
	long len = BIO_get_mem_data(s->out, &p);

	if (len <= 0)
		return;
	buf_add(wire, p, (size_t)len);
	(void)BIO_reset(s->out);
}

const char *
tls_stream_error(const struct tls_stream *s)
{
	return s->error;
}

const char *
tls_stream_alert(const struct tls_stream *s)
{
	return s->alert;
}

void
tls_stream_facts(const struct tls_stream *s, struct tls_facts *out)
{
	tls_facts_read(s->ssl, out);
}

const char *
tls_stream_cert_trouble(const struct tls_stream *s)
{
	if (!s->cert_seen)
		return "nobody has judged it";
	return s->cert_result == X509_V_OK ?
	    NULL :
	    X509_verify_cert_error_string(s->cert_result);
}
