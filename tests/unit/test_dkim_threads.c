/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads sign with the same keys and the same choice of fields at once, and
 * each signature is the one that a thread alone makes: RSA and Ed25519 both
 * make the same one each time.  MAILRACE_SIGNATURES=N: so many of them.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "mail/dkim_sign.h"
#include "tests/tap.h"

#define THREADS 4
#define SIGNATURES 400

enum { KEY_RSA, KEY_ED25519, KEYS };

static const char message[] =
    "From: a@example.net\r\nTo: b@example.org\r\nSubject: hi\r\n"
    "X-Job: 7\r\nDate: Sun, 22 Nov 2026 01:02:03 +0000\r\n\r\n"
    "one  two\t\r\nthree\r\n\r\n";

static struct dkim_key *keys[KEYS];
static struct dkim_fields *fields;
static char expected[KEYS][2048];
static unsigned long per_thread;
static atomic_ulong wrong;

static const char *
sign(int which, struct region *rg)
{
	struct dkim_sign_opts opts = { .header_canon = CANON_RELAXED,
		.body_canon = CANON_RELAXED,
		.fields = fields,
		.timestamp = true,
		.query_method = "" };
	struct header_list headers;
	struct dkim_sign_in in = { .key = keys[which],
		.selector = "s1",
		.domain = "example.net",
		.opts = &opts,
		.headers = &headers,
		.now_s = 1700000000 };
	struct canon_body *body;
	const char *value;
	struct err e;
	size_t at;

	header_parse(message, sizeof(message) - 1, rg, &headers, &at);
	body = canon_body_of(message + at, sizeof(message) - 1 - at);
	in.body_hash = canon_body_hash(body, CANON_RELAXED);
	value = dkim_sign_field(&in, rg, &e);
	canon_body_free(&body);
	return value == NULL ? "" : value;
}

static void *
sign_many(void *arg)
{
	struct region *rg = region_new();

	for (unsigned long i = 0; i < per_thread; i++) {
		int which = (i + (size_t)arg) % KEYS;

		if (strcmp(sign(which, rg), expected[which]) != 0)
			atomic_fetch_add(&wrong, 1);
		region_reset(rg);
	}
	region_free(&rg);
	return NULL;
}

static struct dkim_key *
make_key(int which)
{
	EVP_PKEY *pkey = which == KEY_RSA ?
	    EVP_RSA_gen(2048) :
	    EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *bio = BIO_new(BIO_s_mem());
	struct dkim_key *key = NULL;
	struct err e;
	bool weak;
	char *p;
	long len;

	(void)PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
	len = BIO_get_mem_data(bio, &p);
	(void)dkim_key_of_text(p, (size_t)len, &key, &weak, &e);
	BIO_free(bio);
	EVP_PKEY_free(pkey);
	return key;
}

static bool
make_all(void)
{
	struct region *rg = region_new();
	struct err e;
	bool good = dkim_fields_new(SLICE_LIT("/^x-/"), SLICE_LIT("To"),
			&fields, &e) == 0;

	for (int i = 0; i < KEYS && good; i++) {
		keys[i] = make_key(i);
		good = keys[i] != NULL;
		if (good)
			(void)snprintf(expected[i], sizeof(expected[i]), "%s",
			    sign(i, rg));
		good = good && strstr(expected[i], "X-Job") != NULL;
	}
	region_free(&rg);
	return good;
}

int
main(void)
{
	const char *count = getenv("MAILRACE_SIGNATURES");
	pthread_t threads[THREADS];

	per_thread = (count == NULL ? SIGNATURES : strtoul(count, NULL, 10)) /
	    THREADS;
	if (!ok(make_all(), "keys, fields, and what is expected"))
		return done_testing();
	for (size_t i = 0; i < THREADS; i++)
		(void)pthread_create(&threads[i], NULL, sign_many, (void *)i);
	for (size_t i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	is_int((int64_t)atomic_load(&wrong), 0, "all signatures are right");
	(void)printf("# %lu signatures by %d threads\n", per_thread * THREADS,
	    THREADS);
	for (int i = 0; i < KEYS; i++)
		dkim_key_free(&keys[i]);
	dkim_fields_free(&fields);
	return done_testing();
}
