/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_signature - what a DKIM signature costs us, and what it costs libopendkim.
 *
 *	bench_signature rsa|ed25519 KILOBYTES	microseconds of one processor
 *	bench_signature flat SIGNATURES [EACH]	does memory grow?  One of EACH
 *						is RSA, by default 16
 *
 * The same message to both, relaxed/relaxed: ours from its bytes, with the
 * header still to be parsed; theirs field by field, the field's bounds given.
 * Prints one JSON object; of both times the least of several rounds, which
 * other work on the machine disturbs least.
 */
#include <sys/types.h>

#include <opendkim/dkim.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "mail/dkim_sign.h"
#include "tests/support/cpu_time.h"

#define FLAT_MIN 100000
#define GROWN_KB 256
#define ROUNDS 5
#define ROUND_S 0.3

struct bench {
	struct buf message, pem;
	struct dkim_key *key;
	struct header_list headers; /* for theirs */
	size_t body_at;
	struct region *rg;
	DKIM_LIB *lib;
	dkim_alg_t algorithm;
};

typedef void sign_fn(struct bench *b);

static const struct dkim_sign_opts opts = {
	.header_canon = CANON_RELAXED,
	.body_canon = CANON_RELAXED,
	.query_method = "",
};

_Noreturn static void
die(const char *text)
{
	(void)fprintf(stderr, "bench_signature: %s\n", text);
	exit(1);
}

static void
make_message(struct buf *b, unsigned kilobytes)
{
	static const char *const words[] = { "Mail", "is", "sent", "to",
		"those", "who", "asked", "for", "it,", "and", "to", "nobody",
		"else." };
	size_t from, word = 0;

	buf_str(b,
	    "Received: from app.example.net (app.example.net [192.0.2.7])\r\n"
	    "\tby out.example.net (Postfix) with ESMTPS id 4XyZ0123\r\n"
	    "\tfor <b@example.org>; Sun, 22 Nov 2026 01:02:03 +0000 (UTC)\r\n"
	    "From: News of Example <news@example.net>\r\n"
	    "To: b@example.org\r\n"
	    "Reply-To: answers@example.net\r\n"
	    "Subject: =?utf-8?q?What_is_new_in_November?=\r\n"
	    "Date: Sun, 22 Nov 2026 01:02:03 +0000\r\n"
	    "Message-ID: <20261122010203.4711@example.net>\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n"
	    "List-Unsubscribe: <https://example.net/u/abcdef0123456789>\r\n"
	    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
	    "Feedback-ID: 4711:news:example\r\n"
	    "X-Job: november\r\n\r\n");
	from = b->len;
	while (b->len - from < 1024 * (size_t)kilobytes) {
		size_t line = b->len;

		while (b->len - line < 66)
			buf_printf(b, "%s%s", b->len == line ? "" : " ",
			    words[word++ % 13]);
		buf_str(b, "\r\n");
	}
}

static void
make_key(struct bench *b, bool rsa)
{
	EVP_PKEY *pkey = rsa ? EVP_RSA_gen(2048) :
			       EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *bio = BIO_new(BIO_s_mem());
	struct err e;
	bool weak;
	char *p;
	long len;

	(void)PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
	len = BIO_get_mem_data(bio, &p);
	buf_add(&b->pem, p, (size_t)len);
	(void)buf_cstr(&b->pem);
	if (dkim_key_of_text(p, (size_t)len, &b->key, &weak, &e) == -1)
		die(e.text);
	BIO_free(bio);
	EVP_PKEY_free(pkey);
	b->algorithm = rsa ? DKIM_SIGN_RSASHA256 : DKIM_SIGN_ED25519SHA256;
}

static void
bench_init(struct bench *b, bool rsa, unsigned kilobytes)
{
	*b = (struct bench){ .rg = region_new(), .lib = dkim_init(NULL, NULL) };
	make_message(&b->message, kilobytes);
	make_key(b, rsa);
	header_parse(b->message.p, b->message.len, b->rg, &b->headers,
	    &b->body_at);
}

static void
bench_fini(struct bench *b)
{
	dkim_close(b->lib);
	dkim_key_free(&b->key);
	buf_fini(&b->message);
	buf_fini(&b->pem);
	region_free(&b->rg);
}

static void
sign_ours(struct bench *b)
{
	struct region *rg = region_new();
	struct header_list headers;
	struct canon_body *body;
	struct dkim_sign_in in = { .key = b->key,
		.selector = "s1",
		.domain = "example.net",
		.opts = &opts,
		.headers = &headers,
		.now_s = 1 };
	struct err e;
	size_t at;

	header_parse(b->message.p, b->message.len, rg, &headers, &at);
	body = canon_body_of(b->message.p + at, b->message.len - at);
	in.body_hash = canon_body_hash(body, CANON_RELAXED);
	if (dkim_sign_field(&in, rg, &e) == NULL)
		die(e.text);
	canon_body_free(&body);
	region_free(&rg);
}

static void
sign_theirs(struct bench *b)
{
	static unsigned char id[] = "bench", s1[] = "s1", net[] = "example.net";
	unsigned char *bytes = (unsigned char *)b->message.p, *text;
	size_t len;
	DKIM_STAT st;
	DKIM *d = dkim_sign(b->lib, id, NULL, (dkim_sigkey_t)b->pem.p, s1, net,
	    DKIM_CANON_RELAXED, DKIM_CANON_RELAXED, b->algorithm, -1, &st);

	if (d == NULL)
		die(dkim_getresultstr(st));
	for (size_t i = 0; i < b->headers.n; i++) {
		struct slice field = b->headers.v[i].whole;

		st = dkim_header(d, bytes + (field.p - b->message.p),
		    field.len);
		if (st != DKIM_STAT_OK)
			die(dkim_getresultstr(st));
	}
	if (dkim_eoh(d) != DKIM_STAT_OK ||
	    dkim_body(d, bytes + b->body_at, b->message.len - b->body_at) !=
		DKIM_STAT_OK ||
	    dkim_eom(d, NULL) != DKIM_STAT_OK ||
	    dkim_getsighdr_d(d, 16, &text, &len) != DKIM_STAT_OK)
		die("libopendkim cannot sign");
	(void)dkim_free(d);
}

/* Microseconds a call, the least of the rounds. */
static double
measure(struct bench *b, sign_fn *sign)
{
	double best = 1e9;

	sign(b);
	for (int round = 0; round < ROUNDS; round++) {
		double from = cpu_time_s(), took;
		unsigned n = 0;

		do {
			for (int i = 0; i < 16; i++)
				sign(b);
			n += 16;
			took = cpu_time_s() - from;
		} while (took < ROUND_S);
		if (took / n < best)
			best = took / n;
	}
	return best * 1e6;
}

static int
bench_times(bool rsa, unsigned kilobytes)
{
	struct bench b;
	double ours, theirs;

	bench_init(&b, rsa, kilobytes);
	ours = measure(&b, sign_ours);
	theirs = measure(&b, sign_theirs);
	(void)printf("{\"key\": \"%s\", \"kilobytes\": %u, \"ours_us\": %.1f, "
		     "\"libopendkim_us\": %.1f, \"times\": %.2f}\n",
	    rsa ? "rsa" : "ed25519", kilobytes, ours, theirs, theirs / ours);
	bench_fini(&b);
	return 0;
}

static long
resident_kb(void)
{
	long size, resident;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL || fscanf(f, "%ld %ld", &size, &resident) != 2)
		die("/proc/self/statm");
	(void)fclose(f);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static int
bench_flat(unsigned long n, unsigned long each)
{
	struct bench b[2];
	long before = 0, after;

	bench_init(&b[0], true, 5);
	bench_init(&b[1], false, 5);
	for (unsigned long i = 0; i < n; i++) {
		sign_ours(&b[i % each != 0]);
		if (i == n / 100)
			before = resident_kb();
	}
	after = resident_kb();
	(void)printf("{\"signatures\": %lu, \"before_kb\": %ld, "
		     "\"after_kb\": %ld, \"grown_kb\": %ld}\n",
	    n, before, after, after - before);
	bench_fini(&b[0]);
	bench_fini(&b[1]);
	/* A few say nothing yet: the first hundredth is not behind us. */
	return n >= FLAT_MIN && after - before > GROWN_KB;
}

int
main(int argc, char **argv)
{
	unsigned long n;

	if (argc < 3)
		die("bench_signature rsa|ed25519 KILOBYTES, bench_signature flat N");
	n = strtoul(argv[2], NULL, 10);
	if (strcmp(argv[1], "flat") == 0)
		return bench_flat(n,
		    argc > 3 ? strtoul(argv[3], NULL, 10) : 16);
	return bench_times(strcmp(argv[1], "rsa") == 0, (unsigned)n);
}
