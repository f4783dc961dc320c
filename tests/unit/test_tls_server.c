/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS of clients, without a socket: both sides talk in pieces of any length;
 * what a client shows of itself is told, and believed only when it is good;
 * whatever else comes is an error in words, and nothing goes out in clear.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "lib/tls_server.h"
#include "tests/support/certs.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"

enum { ROUNDS = 5000, HELLO_MAX = 600 };

static struct cert ours, authority, stranger;
static char our_file[600], key_file[600], authority_file[600];

/* ---- both sides ---------------------------------------------------------- */

struct talk {
	struct tls_server *server;
	struct tls_stream *stream;
	SSL_CTX *ctx;
	SSL *client;
	BIO *in, *out; /* the client's; owned by it */
	struct buf wire, heard, said;
	size_t step; /* the client's bytes come in such pieces */
	enum tls_read last;
};

static struct tls_server_options
options(const char *authorities)
{
	return (struct tls_server_options){ .cert = our_file,
		.key = key_file,
		.password = "",
		.tls12 = true,
		.tls13 = true,
		.ciphers = "",
		.suites = "",
		.authorities = authorities };
}

static void
talk_begin(struct talk *t, const char *authorities)
{
	const struct tls_server_options opt = options(authorities);
	enum tls_fault fault;
	struct err e;

	*t = (struct talk){ .step = 4096 };
	t->server = tls_server_new(&opt, &fault, &e);
	CHECK(t->server != NULL);
	t->stream = tls_stream_new(t->server, &e);
	/* The stream keeps what it needs. */
	tls_server_free(&t->server);
	t->ctx = SSL_CTX_new(TLS_client_method());
	t->client = SSL_new(t->ctx);
	t->in = BIO_new(BIO_s_mem());
	t->out = BIO_new(BIO_s_mem());
	CHECK(t->stream != NULL && t->client != NULL);
	(void)BIO_set_mem_eof_return(t->in, -1);
	(void)BIO_set_mem_eof_return(t->out, -1);
	SSL_set_bio(t->client, t->in, t->out);
	SSL_set_connect_state(t->client);
}

static void
talk_end(struct talk *t)
{
	tls_stream_free(&t->stream);
	SSL_free(t->client);
	SSL_CTX_free(t->ctx);
	buf_fini(&t->wire);
	buf_fini(&t->heard);
	buf_fini(&t->said);
}

/* What the server has to send goes to the client. */
static bool
deliver(struct talk *t)
{
	bool any;

	buf_clear(&t->wire);
	tls_stream_drain(t->stream, &t->wire);
	any = t->wire.len > 0;
	if (any)
		CHECK(BIO_write(t->in, t->wire.p, (int)t->wire.len) ==
		    (int)t->wire.len);
	return any;
}

static void
step_client(struct talk *t)
{
	char piece[4096];
	int n;

	if (SSL_is_init_finished(t->client) != 1)
		(void)SSL_do_handshake(t->client);
	while ((n = SSL_read(t->client, piece, sizeof(piece))) > 0)
		buf_add(&t->said, piece, (size_t)n);
	ERR_clear_error();
}

/* Until nobody has anything to say. */
static void
talk(struct talk *t)
{
	char piece[4096];
	int quiet = 0;

	for (int i = 0; quiet < 2; i++) {
		int n;

		CHECK(i < ROUNDS && t->step <= sizeof(piece));
		step_client(t);
		n = BIO_read(t->out, piece, (int)t->step);
		if (n > 0)
			t->last = tls_stream_read(t->stream,
			    (struct slice){ piece, (size_t)n }, &t->heard);
		quiet = deliver(t) || n > 0 ? 0 : quiet + 1;
	}
}

/* ---- all goes well ------------------------------------------------------- */

static void
is_text(const struct buf *got, const char *want, const char *what)
{
	ok(got->len == strlen(want) &&
		(got->len == 0 || memcmp(got->p, want, got->len) == 0),
	    "%s", what);
}

static void
test_talk(void)
{
	static const struct {
		int version;
		const char *name;
		size_t step;
	} cases[] = {
		{ TLS1_2_VERSION, "TLSv1.2", 1 },
		{ TLS1_2_VERSION, "TLSv1.2", 4096 },
		{ TLS1_3_VERSION, "TLSv1.3", 1 },
		{ TLS1_3_VERSION, "TLSv1.3", 97 },
		{ TLS1_3_VERSION, "TLSv1.3", 4096 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_facts f;
		struct talk t;

		talk_begin(&t, "");
		t.step = cases[i].step;
		CHECK(SSL_set_max_proto_version(t.client, cases[i].version));
		ok(!tls_stream_is_up(t.stream), "%s in pieces of %zu",
		    cases[i].name, t.step);
		talk(&t);
		ok(tls_stream_is_up(t.stream), "the handshake is done");
		tls_stream_facts(t.stream, &f);
		is_str(f.version, cases[i].name, "the version");
		is_str(f.cipher, SSL_get_cipher_name(t.client), "the cipher");
		ok(!f.has_cert && f.subject[0] == '\0' && f.name[0] == '\0',
		    "nobody is asked for a certificate");
		CHECK(SSL_write(t.client, "NOOP\r\n", 6) == 6);
		talk(&t);
		is_text(&t.heard, "NOOP\r\n", "heard");
		tls_stream_write(t.stream, slice_of("250 OK\r\n"));
		talk(&t);
		is_text(&t.said, "250 OK\r\n", "said");
		tls_stream_end(t.stream);
		tls_stream_write(t.stream, slice_of("late"));
		talk(&t);
		ok((SSL_get_shutdown(t.client) & SSL_RECEIVED_SHUTDOWN) != 0,
		    "goodbye");
		is_text(&t.said, "250 OK\r\n", "and nothing behind it");
		(void)SSL_shutdown(t.client);
		talk(&t);
		is_int(t.last, TLS_READ_END, "the client's goodbye");
		is_str(tls_stream_alert(t.stream), "", "is no alert");
		talk_end(&t);
	}
}

/* ---- certificates of clients --------------------------------------------- */

#define LONG_NAME \
	"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn" \
	"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"

static void
test_certs(void)
{
	static const struct {
		const char *label;
		struct cert_wish wish;
		bool by_stranger, by_itself;
		const char *trouble, *name; /* NULL: none */
	} cases[] = {
		{ "a good one", { .names = { { "tim", 3 } } }, false, false,
		    NULL, "tim" },
		{ "for clients",
		    { .names = { { "tim", 3 } }, .purpose = "clientAuth" },
		    false, false, NULL, "tim" },
		{ "for servers",
		    { .names = { { "tim", 3 } }, .purpose = "serverAuth" },
		    false, false, "unsuitable certificate purpose", "tim" },
		{ "expired",
		    { .names = { { "tim", 3 } },
			.begins_s = -7200,
			.ends_s = -60 },
		    false, false, "certificate has expired", "tim" },
		{ "not valid yet",
		    { .names = { { "tim", 3 } },
			.begins_s = 3600,
			.ends_s = 7200 },
		    false, false, "certificate is not yet valid", "tim" },
		{ "of a stranger", { .names = { { "tim", 3 } } }, true, false,
		    "unable to get local issuer certificate", "tim" },
		{ "its own", { .names = { { "tim", 3 } } }, false, true,
		    "self-signed certificate", "tim" },
		{ "no name", { .names = { { NULL, 0 } } }, false, false, NULL,
		    "" },
		{ "two names", { .names = { { "tim", 3 }, { "eve", 3 } } },
		    false, false, NULL, "" },
		{ "a NUL in its name", { .names = { { "tim\0.eve", 8 } } },
		    false, false, NULL, "" },
		{ "the longest name",
		    { .names = { { LONG_NAME, sizeof(LONG_NAME) - 2 } } },
		    false, false, NULL, LONG_NAME + 1 },
		{ "a longer one",
		    { .names = { { LONG_NAME, sizeof(LONG_NAME) - 1 } } },
		    false, false, NULL, "" },
		{ "beyond ASCII", { .names = { { "j\xC3\xB6rg", 5 } } }, false,
		    false, NULL, "j\xC3\xB6rg" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cert_wish wish = cases[i].wish;
		struct cert c;

		wish.by = cases[i].by_stranger ? &stranger : &authority;
		if (cases[i].by_itself)
			wish.by = NULL;
		cert_make(&wish, &c);
		for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
			const char *trouble;
			struct tls_facts f;
			struct talk t;

			talk_begin(&t, authority_file);
			CHECK(SSL_set_max_proto_version(t.client, v));
			CHECK(SSL_use_certificate(t.client, c.cert) == 1);
			CHECK(SSL_use_PrivateKey(t.client, c.key) == 1);
			talk(&t);
			tls_stream_facts(t.stream, &f);
			ok(tls_stream_is_up(t.stream) && f.has_cert, "%s",
			    cases[i].label);
			is_str(f.name, cases[i].name, "its name");
			trouble = tls_stream_cert_trouble(t.stream);
			is_str(trouble == NULL ? "good" : trouble,
			    cases[i].trouble == NULL ? "good" :
						       cases[i].trouble,
			    "judged");
			talk_end(&t);
		}
		cert_free(&c);
	}
}

/* Who stands in the file is believed, and so is whom he has signed. */
static void
test_middle(void)
{
	struct cert_wish wish = { .names = { slice_of("middle") },
		.by = &authority,
		.signs = true };
	struct cert middle, both[2];
	const char *file;

	cert_make(&wish, &middle);
	both[0] = middle;
	wish = (struct cert_wish){ .names = { slice_of("tim") },
		.by = &middle };
	cert_make(&wish, &both[1]);
	file = tmpdir_path("middle.crt");
	cert_write(&middle, file, true, false);
	for (size_t i = 0; i < 2; i++) {
		struct talk t;

		talk_begin(&t, file);
		CHECK(SSL_use_certificate(t.client, both[i].cert) == 1);
		CHECK(SSL_use_PrivateKey(t.client, both[i].key) == 1);
		talk(&t);
		ok(tls_stream_is_up(t.stream) &&
			tls_stream_cert_trouble(t.stream) == NULL,
		    i == 0 ? "in the file itself, without its authority" :
			     "signed by that");
		talk_end(&t);
	}
	cert_free(&both[0]);
	cert_free(&both[1]);
}

static void
test_no_cert(void)
{
	struct tls_facts f;
	struct talk t;

	talk_begin(&t, authority_file);
	talk(&t);
	tls_stream_facts(t.stream, &f);
	ok(tls_stream_is_up(t.stream) && !f.has_cert,
	    "who is asked and has none gets in");
	ok(tls_stream_cert_trouble(t.stream) != NULL,
	    "nothing is good about no certificate");
	is_int(sk_X509_NAME_num(SSL_get_client_CA_list(t.client)), 1,
	    "it is told by whom one could be");
	talk_end(&t);
}

/* ---- what is no TLS ------------------------------------------------------ */

static void
test_failures(void)
{
	struct talk t;

	talk_begin(&t, "");
	t.last = tls_stream_read(t.stream, slice_of("EHLO x\r\nNOOP\r\n"),
	    &t.heard);
	is_int(t.last, TLS_READ_FAILED, "clear text");
	ok(tls_stream_error(t.stream)[0] != '\0' && t.heard.len == 0,
	    "is an error: %s", tls_stream_error(t.stream));
	(void)deliver(&t);
	buf_clear(&t.wire);
	tls_stream_write(t.stream, slice_of("250 OK\r\n"));
	tls_stream_end(t.stream);
	tls_stream_drain(t.stream, &t.wire);
	is_int((int64_t)t.wire.len, 0, "nothing is answered");
	is_int(tls_stream_read(t.stream, slice_of("x"), &t.heard),
	    TLS_READ_FAILED, "nor read");
	talk_end(&t);

	talk_begin(&t, "");
	CHECK(SSL_set_max_proto_version(t.client, TLS1_1_VERSION) &&
	    SSL_set_min_proto_version(t.client, TLS1_1_VERSION));
	SSL_set_security_level(t.client, 0);
	talk(&t);
	is_int(t.last, TLS_READ_FAILED, "a version that is not spoken");
	is_str(tls_stream_error(t.stream), "unsupported protocol", "why");
	is_str(tls_stream_alert(t.stream), "sent: protocol version",
	    "the client is told");
	talk_end(&t);

	talk_begin(&t, "");
	SSL_set_verify(t.client, SSL_VERIFY_PEER, NULL);
	talk(&t);
	is_int(t.last, TLS_READ_FAILED, "a client that does not trust us");
	is_str(tls_stream_alert(t.stream), "received: unknown CA", "says so");
	talk_end(&t);
}

/* Twice into a new stream; true: it is up, or somebody was heard. */
static bool
is_believed(const struct tls_server *server, const char *hello, size_t len)
{
	const struct slice came = { hello, len };
	struct buf heard = { 0 }, wire = { 0 };
	struct tls_stream *s;
	bool believed;
	struct err e;

	s = tls_stream_new(server, &e);
	CHECK(s != NULL);
	(void)tls_stream_read(s, came, &heard);
	tls_stream_drain(s, &wire);
	(void)tls_stream_read(s, came, &heard);
	believed = tls_stream_is_up(s) || heard.len > 0;
	tls_stream_free(&s);
	buf_fini(&heard);
	buf_fini(&wire);
	return believed;
}

/* The first flight of a client, cut and changed everywhere. */
static void
test_mangled(void)
{
	const struct tls_server_options opt = options(authority_file);
	char hello[HELLO_MAX];
	unsigned believed = 0;
	struct tls_server *server;
	enum tls_fault fault;
	struct talk t;
	struct err e;
	int len;

	server = tls_server_new(&opt, &fault, &e);
	CHECK(server != NULL);
	talk_begin(&t, "");
	step_client(&t);
	len = BIO_read(t.out, hello, sizeof(hello));
	talk_end(&t);
	ok(len > 100 && len < HELLO_MAX, "a hello of %d bytes", len);
	for (int i = 0; i < len; i++) {
		static const char changes[] = { 1, (char)0x80, (char)0xff };

		believed += is_believed(server, hello, (size_t)i);
		for (size_t k = 0; k < sizeof(changes); k++) {
			hello[i] ^= changes[k];
			believed += is_believed(server, hello, (size_t)len);
			hello[i] ^= changes[k];
		}
	}
	tls_server_free(&server);
	is_int(believed, 0, "cut or changed anywhere, it gets nobody in");
}

/* ---- what cannot be ------------------------------------------------------ */

static const char *
blame(const struct tls_server_options *opt, struct err *e)
{
	static const char *const names[] = {
		[TLS_FAULT_CERT] = "certificate",
		[TLS_FAULT_KEY] = "key",
		[TLS_FAULT_VERSIONS] = "versions",
		[TLS_FAULT_CIPHERS] = "ciphers",
		[TLS_FAULT_SUITES] = "suites",
		[TLS_FAULT_AUTHORITIES] = "authorities",
		[TLS_FAULTS] = "nothing",
	};
	enum tls_fault fault;
	struct tls_server *t = tls_server_new(opt, &fault, e);

	CHECK((t == NULL) == (fault != TLS_FAULTS));
	tls_server_free(&t);
	return names[fault];
}

/* A copy with a certificate behind it that lost its last lines. */
static void
damage(const char *from, const char *name)
{
	FILE *in = fopen(from, "r"), *out = fopen(tmpdir_path(name), "w");
	int c;

	CHECK(in != NULL && out != NULL);
	while ((c = fgetc(in)) != EOF)
		(void)fputc(c, out);
	(void)fputs("-----BEGIN CERTIFICATE-----\nMIIB\n", out);
	(void)fclose(in);
	(void)fclose(out);
}

static void
test_faults(void)
{
	struct tls_server_options opt = options(authority_file);
	struct err e;

	is_str(blame(&opt, &e), "nothing", "all is there");
	opt = options("/nonexistent/authority.crt");
	is_str(blame(&opt, &e), "authorities", "a file that is not there");
	opt = options(key_file);
	is_str(blame(&opt, &e), "authorities", "a file without one");
	ok(strstr(e.text, "there is no certificate (PEM) in it") != NULL,
	    "says what: %s", e.text);
	damage(authority_file, "damaged.crt");
	opt = options(tmpdir_path("damaged.crt"));
	is_str(blame(&opt, &e), "authorities", "the second one is damaged");
	ok(strstr(e.text, "cannot be read") != NULL, "says so: %s", e.text);
	damage(our_file, "damaged.crt");
	opt = options("");
	opt.cert = tmpdir_path("damaged.crt");
	is_str(blame(&opt, &e), "certificate", "so is one of its chain");
	opt = options("");
	opt.cert = key_file;
	is_str(blame(&opt, &e), "certificate", "a key in its place");
	opt = options("");
	opt.key = our_file;
	is_str(blame(&opt, &e), "key", "no key");
	opt = options("");
	opt.key = authority_file;
	is_str(blame(&opt, &e), "key", "another's key");
	opt = options("");
	opt.tls12 = opt.tls13 = false;
	is_str(blame(&opt, &e), "versions", "no version");
	opt = options("");
	opt.ciphers = "NO-SUCH";
	is_str(blame(&opt, &e), "ciphers", "no such cipher");
	opt = options("");
	opt.suites = "NO-SUCH";
	is_str(blame(&opt, &e), "suites", "no such suite");
}

static void
note_doubt(void *ctx, const char *doubt)
{
	struct buf *all = ctx;

	buf_str(all, doubt);
	buf_str(all, "; ");
}

static void
test_doubts(void)
{
	static const struct {
		struct cert_wish wish;
		mode_t mode;
		const char *doubts;
	} cases[] = {
		{ { .names = { { "a", 1 } } }, 0600, "" },
		{ { .names = { { "a", 1 } }, .begins_s = -7200, .ends_s = -60 },
		    0600, "the certificate has expired; " },
		{ { .names = { { "a", 1 } }, .begins_s = 3600, .ends_s = 7200 },
		    0600, "the certificate is not valid yet; " },
		{ { .names = { { "a", 1 } } }, 0644,
		    "every user of this host may read the private key; " },
	};
	struct tls_server_options opt = options("");

	opt.key = "";
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf doubts = { 0 };
		struct tls_server *t;
		enum tls_fault fault;
		struct cert c;
		struct err e;

		cert_make(&cases[i].wish, &c);
		opt.cert = tmpdir_path("doubtful.pem");
		cert_write(&c, opt.cert, true, true);
		CHECK(chmod(opt.cert, cases[i].mode) == 0);
		t = tls_server_new(&opt, &fault, &e);
		CHECK(t != NULL);
		tls_server_doubts(t, note_doubt, &doubts);
		is_text(&doubts, cases[i].doubts, "doubts");
		tls_server_free(&t);
		buf_fini(&doubts);
		cert_free(&c);
	}
}

/* ---- all together -------------------------------------------------------- */

static void
make(struct cert *c, const char *name, char file[600])
{
	const struct cert_wish wish = { .names = { slice_of(name) } };

	cert_make(&wish, c);
	(void)snprintf(file, 600, "%s.crt", tmpdir_path(name));
	cert_write(c, file, true, c == &authority);
}

int
main(void)
{
	char other_file[600];

	(void)tmpdir_make();
	make(&ours, "mx.test", our_file);
	(void)snprintf(key_file, sizeof(key_file), "%s",
	    tmpdir_path("mx.test.key"));
	cert_write(&ours, key_file, false, true);
	make(&authority, "authority", authority_file);
	make(&stranger, "stranger", other_file);
	test_talk();
	test_certs();
	test_middle();
	test_no_cert();
	test_failures();
	test_mangled();
	test_faults();
	test_doubts();
	cert_free(&ours);
	cert_free(&authority);
	cert_free(&stranger);
	tmpdir_remove();
	return done_testing();
}
