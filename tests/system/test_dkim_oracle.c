/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other people's verifiers accept our signatures, on the oddest messages, with
 * RSA and Ed25519, in each pair of canonical forms; and we accept theirs.
 *
 * Signs each message, writes it to a directory beside the keys' DNS records
 * and gives way to dkim_oracle.py, which asks dkimpy, Mail::DKIM and
 * libopendkim, and removes the directory.  MAILRACE_ORACLE=N: so many random
 * messages; MAILRACE_SEED=N: from that one on.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base64.h"
#include "mail/canon.h"
#include "mail/dkim_sign.h"
#include "tests/system/dkim_messages.h"

#define RANDOM_COUNT 200
#define SEED 4711

enum { KEY_RSA, KEY_ED25519, KEYS };

static const char *const selectors[KEYS] = { "rsa", "ed" };
static const char *const forms[] = { "ss", "sr", "rs", "rr" };

struct oracle {
	const char *dir;
	struct dkim_key *keys[KEYS];
	struct dkim_fields *fields; /* more than the fixed set */
	FILE *list;                 /* of what was signed, for the judge */
	unsigned number;
};

/* How one signature of a message is made. */
struct how {
	int key;
	unsigned form; /* 0 to 3 */
	uint64_t seed; /* of the other options; 0: none of them */
};

static void
set_options(const struct oracle *o, const struct how *how,
    struct dkim_sign_in *in, struct dkim_sign_opts *opts)
{
	static const char *const identities[] = { "@example.net",
		"a.b@example.net", "x=\xc3\xa4; y@sub.example.net",
		"\"q q\"@Example.Net" };
	uint64_t s = how->seed;

	opts->header_canon = how->form >> 1 & 1;
	opts->body_canon = how->form & 1;
	opts->query_method = "";
	if (s == 0)
		return;
	opts->fields = dkim_below(&s, 3) == 0 ? o->fields : NULL;
	opts->timestamp = dkim_below(&s, 2) == 0;
	opts->expire_s = dkim_below(&s, 3) == 0 ? 86400 : 0;
	opts->body_limit = dkim_below(&s, 4) == 0;
	opts->query_method = dkim_below(&s, 3) == 0 ? "dns/txt" : "";
	if (dkim_below(&s, 3) == 0)
		in->identity = identities[dkim_below(&s, 4)];
}

static const char *
sign(const struct oracle *o, const struct how *how,
    const struct header_list *headers, struct canon_body *body,
    struct region *rg)
{
	struct dkim_sign_opts opts = { 0 };
	struct dkim_sign_in in = { .key = o->keys[how->key],
		.selector = selectors[how->key],
		.domain = "example.net",
		.opts = &opts,
		.headers = headers,
		.now_s = (int64_t)time(NULL) };
	const char *value;
	struct err e;

	set_options(o, how, &in, &opts);
	in.body_hash = canon_body_hash(body, opts.body_canon);
	in.body_len = canon_body_len(body, opts.body_canon);
	value = dkim_sign_field(&in, rg, &e);
	return value == NULL ? "" : value;
}

static int
write_file(const char *path, const struct buf *text)
{
	FILE *f = fopen(path, "w");
	bool good;

	if (f == NULL)
		return -1;
	good = fwrite(text->p, 1, text->len, f) == text->len;
	return fclose(f) == 0 && good ? 0 : -1;
}

/* All signatures of a message are made from one pass over its body. */
static int
sign_to(struct oracle *o, const char *label, const struct buf *text,
    const struct how *how, size_t n)
{
	struct region *rg = region_new();
	struct canon_body *body = canon_body_new();
	struct header_list headers;
	struct buf out = { 0 };
	char path[256];
	size_t at;
	int rc;

	header_parse(text->p, text->len, rg, &headers, &at);
	canon_body_add(body, text->p + at, text->len - at);
	canon_body_finish(body);
	(void)fprintf(o->list, "%04u-%s.eml %s", ++o->number, label,
	    forms[how[0].form]);
	for (size_t i = 0; i < n; i++) {
		buf_printf(&out, DKIM_HEADER ": %s\r\n",
		    sign(o, &how[i], &headers, body, rg));
		(void)fprintf(o->list, " %s", selectors[how[i].key]);
	}
	(void)fprintf(o->list, "\n");
	buf_add(&out, text->p, text->len);
	(void)snprintf(path, sizeof(path), "%s/%04u-%s.eml", o->dir, o->number,
	    label);
	rc = write_file(path, &out);
	buf_fini(&out);
	canon_body_free(&body);
	region_free(&rg);
	return rc;
}

/* A key for us, as PEM for dkimpy, and its public half as a line of keys. */
static struct dkim_key *
make_key(const char *dir, int which, FILE *records)
{
	EVP_PKEY *pkey = which == KEY_RSA ?
	    EVP_RSA_gen(2048) :
	    EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	struct dkim_key *key = NULL;
	struct buf text = { 0 };
	unsigned char *der = NULL, raw[32];
	size_t raw_len = sizeof(raw);
	char path[256];
	struct err e;
	struct dkim_key_doubts doubts;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s.pem", dir, selectors[which]);
	f = fopen(path, "w");
	if (f == NULL)
		return NULL;
	(void)PEM_write_PrivateKey_ex(f, pkey, NULL, NULL, 0, NULL, NULL, NULL,
	    which == KEY_RSA ? "type-specific" : NULL);
	(void)fclose(f);
	(void)dkim_key_read(path, &key, &doubts, &e);
	if (which == KEY_RSA) {
		int len = i2d_PUBKEY(pkey, &der);

		base64_add(&text, der, (size_t)len);
		OPENSSL_free(der);
	} else {
		(void)EVP_PKEY_get_raw_public_key(pkey, raw, &raw_len);
		base64_add(&text, raw, raw_len);
	}
	(void)fprintf(records,
	    "%s._domainkey.example.net v=DKIM1; k=%s; p=%s\n", selectors[which],
	    which == KEY_RSA ? "rsa" : "ed25519", buf_cstr(&text));
	buf_fini(&text);
	EVP_PKEY_free(pkey);
	return key;
}

static int
make_keys(struct oracle *o)
{
	char path[256];
	struct err e;
	FILE *records;

	(void)snprintf(path, sizeof(path), "%s/keys", o->dir);
	records = fopen(path, "w");
	(void)snprintf(path, sizeof(path), "%s/list", o->dir);
	o->list = fopen(path, "w");
	if (records == NULL || o->list == NULL)
		return -1;
	for (int i = 0; i < KEYS; i++)
		o->keys[i] = make_key(o->dir, i, records);
	(void)fclose(records);
	if (dkim_fields_new(SLICE_LIT("/^x-/, Comments"),
		SLICE_LIT("To,Subject,X-Any,X-None,/^list-/"), &o->fields,
		&e) == -1)
		return -1;
	return o->keys[KEY_RSA] != NULL && o->keys[KEY_ED25519] != NULL ? 0 :
									  -1;
}

static int
sign_edges(struct oracle *o)
{
	struct buf text = { 0 };
	int rc = 0;

	for (size_t i = 0; i < dkim_edge_count(); i++) {
		const char *label;

		buf_clear(&text);
		label = dkim_edge(i, &text);
		for (unsigned form = 0; form < 4; form++) {
			struct how how[] = { { KEY_ED25519, form, 0 },
				{ KEY_RSA, form, 0 } };

			rc |= sign_to(o, label, &text, how, 2);
		}
	}
	buf_fini(&text);
	return rc;
}

static unsigned long
number_of(const char *variable, unsigned long otherwise)
{
	const char *text = getenv(variable);

	return text == NULL ? otherwise : strtoul(text, NULL, 10);
}

static int
sign_random(struct oracle *o)
{
	unsigned long count = number_of("MAILRACE_ORACLE", RANDOM_COUNT);
	unsigned long seed = number_of("MAILRACE_SEED", SEED);
	struct buf text = { 0 };
	int rc = 0;

	(void)printf("# %lu random messages, seeds from %lu\n", count, seed);
	for (unsigned long i = 0; i < count; i++) {
		struct how how[] = { { KEY_ED25519, i / 4 % 4, seed + i + 1 },
			{ KEY_RSA, i % 4, seed + i + 1000000 } };
		char label[40];

		buf_clear(&text);
		dkim_random(seed + i, &text);
		(void)snprintf(label, sizeof(label), "random-%lu", seed + i);
		rc |= sign_to(o, label, &text, how, 2);
	}
	buf_fini(&text);
	return rc;
}

int
main(void)
{
	char dir[] = "/tmp/mailrace-oracle-XXXXXX", script[512];
	const char *top = getenv("top_srcdir");
	struct oracle o = { .dir = dir };

	if (top == NULL || mkdtemp(dir) == NULL) {
		(void)printf("Bail out!  no top_srcdir, or no %s\n", dir);
		return 1;
	}
	if (make_keys(&o) != 0 || sign_edges(&o) != 0 || sign_random(&o) != 0 ||
	    fclose(o.list) != 0) {
		(void)printf("Bail out!  cannot sign into %s\n", dir);
		return 1;
	}
	for (int i = 0; i < KEYS; i++)
		dkim_key_free(&o.keys[i]);
	dkim_fields_free(&o.fields);
	(void)snprintf(script, sizeof(script), "%s/tests/system/dkim_oracle.py",
	    top);
	(void)fflush(stdout);
	(void)execl("/usr/bin/python3", "python3", script, dir, (char *)NULL);
	(void)printf("Bail out!  no /usr/bin/python3\n");
	return 1;
}
