/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_server - TLS for clients that connect to us: a certificate with its key
 * and what may be spoken (a server), and one connection (a stream).
 *
 * A server is immutable after tls_server_new(): any thread may begin streams
 * with it, which keep what they need of it when it is freed.
 *
 * A stream does no I/O: what came from the socket goes in and text comes out,
 * text goes in and what is to be sent comes out.  So the owner of a connection
 * reads, waits and writes with TLS as it does without.  One thread's.
 *
 * With authorities a client is asked for a certificate.  One that has none, or
 * a bad one, gets in all the same: who relies on it asks whether it is good.
 */

#ifndef LIB_TLS_SERVER_H
#define LIB_TLS_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/str.h"
#include "lib/tls_facts.h"

/* Files are PEM; all strings are borrowed for the call. */
struct tls_server_options {
	const char *cert;     /* file: the certificate, then its chain */
	const char *key;      /* file of its key; "": that of cert */
	const char *password; /* of the key; "": none */
	bool tls10, tls11, tls12, tls13;
	const char *ciphers; /* up to TLS 1.2, in OpenSSL's form; "": its own */
	const char *suites;  /* of TLS 1.3; likewise */
	const char *authorities; /* file: of clients' certificates; "": none */
};

struct tls_server;

/* Which of the options cannot be: for whoever knows where they stand. */
enum tls_fault {
	TLS_FAULT_CERT,
	TLS_FAULT_KEY,
	TLS_FAULT_VERSIONS,
	TLS_FAULT_CIPHERS,
	TLS_FAULT_SUITES,
	TLS_FAULT_AUTHORITIES,
	TLS_FAULTS
};

/* NULL: no error says a word of the password. */
struct tls_server *tls_server_new(const struct tls_server_options *opt,
    enum tls_fault *fault_r, struct err *e);
void tls_server_free(struct tls_server **tp);

/* What is no error and should not be: one text each, without the file. */
void tls_server_doubts(const struct tls_server *t,
    void (*tell)(void *ctx, const char *doubt), void *ctx);

struct tls_stream;

struct tls_stream *tls_stream_new(const struct tls_server *t, struct err *e);
void tls_stream_free(struct tls_stream **sp);

enum tls_read {
	TLS_READ_MORE,  /* all was taken; there may be text */
	TLS_READ_END,   /* the client will say no more (close_notify) */
	TLS_READ_FAILED /* nothing more can be read or written */
};

/* Text is added to `text`; there may be some to be sent, too. */
enum tls_read tls_stream_read(struct tls_stream *s, struct slice came,
    struct buf *text);

/* Is the handshake done? */
bool tls_stream_is_up(const struct tls_stream *s);

/* Once it is up; dropped after a failure or tls_stream_end(). */
void tls_stream_write(struct tls_stream *s, struct slice text);

/* Says goodbye (close_notify). */
void tls_stream_end(struct tls_stream *s);

/* What is to be sent is moved to the end of `wire`. */
void tls_stream_drain(struct tls_stream *s, struct buf *wire);

/* Why it failed, as text. */
const char *tls_stream_error(const struct tls_stream *s);

/* The last alert but close_notify: "sent: unknown CA"; "": there was none. */
const char *tls_stream_alert(const struct tls_stream *s);

/* Once it is up. */
void tls_stream_facts(const struct tls_stream *s, struct tls_facts *out);

/*
 * What is wrong with the client's certificate, in static text; NULL: it is
 * signed by an authority, for clients, and valid now.
 */
const char *tls_stream_cert_trouble(const struct tls_stream *s);

#endif
