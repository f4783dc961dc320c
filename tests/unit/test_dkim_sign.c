/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signature field says what RFC 6376 asks for, and covers what it says.
 * That others verify it is shown by tests/system/test_dkim_oracle.c.
 */
#include "mail/dkim_sign.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <unistd.h>

#include "mail/canon.h"
#include "mail/tag_list.h"
#include "tests/tap.h"

static struct dkim_key *
key_new(void)
{
	char path[] = "/tmp/mailrace-dkim-XXXXXX";
	EVP_PKEY *pkey = EVP_RSA_gen(1024);
	FILE *f = fdopen(mkstemp(path), "w");
	struct dkim_key *key = NULL;
	struct err e;
	struct dkim_key_doubts doubts;

	if (f == NULL)
		return NULL;
	(void)PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL);
	(void)fclose(f);
	(void)dkim_key_read(path, &key, &doubts, &e);
	(void)unlink(path);
	EVP_PKEY_free(pkey);
	return key;
}

static const struct {
	const char *label, *fields, *h;
} cases[] = {
	{ "plain", "From: a@b\r\nTo: c@d\r\nSubject: x\r\nDate: today\r\n\r\n",
	    "From:To:Subject:Date:From" },
	{ "order and case of the message do not matter",
	    "subject: x\r\nFROM: a@b\r\n\r\n", "From:Subject:From" },
	{ "unknown fields are not signed",
	    "X-Job: 7\r\nReceived: x\r\nFrom: a@b\r\n\r\n", "From:From" },
	{ "repeated fields are named as often",
	    "From: a@b\r\nSubject: 1\r\nSubject: 2\r\n\r\n",
	    "From:Subject:Subject:From" },
	{ "two From", "From: a@b\r\nFrom: c@d\r\n\r\n", "From:From:From" },
	{ "no From", "Subject: x\r\n\r\n", "Subject:From" },
	{ "nothing", "\r\n", "From" },
	{ "bulk mail",
	    "From: a\r\nList-Unsubscribe: <x>\r\n"
	    "List-Unsubscribe-Post: y\r\nFeedback-ID: z\r\n\r\n",
	    "From:Feedback-ID:List-Unsubscribe:List-Unsubscribe-Post:From" },
};

/* The value of a tag without folds, or NULL. */
static char *
tag(struct region *rg, const char *value, const char *name)
{
	char *flat = region_strdup(rg, value), *out = flat, *at;
	char want[16];

	for (; *value != '\0'; value++)
		if (strchr(" \t\r\n", *value) == NULL)
			*out++ = *value;
	*out = '\0';
	(void)snprintf(want, sizeof(want), ";%s=", name);
	at = strstr(flat, want);
	if (at == NULL)
		return NULL;
	at += strlen(want);
	at[strcspn(at, ";")] = '\0';
	return at;
}

static const struct dkim_sign_opts relaxed = {
	.header_canon = CANON_RELAXED,
	.body_canon = CANON_RELAXED,
	.query_method = "",
};

static const char *
sign(struct region *rg, const struct dkim_key *key, const char *text,
    const bool *skip)
{
	struct canon_body *body = canon_body_new();
	struct header_list list;
	struct dkim_sign_in in = { .key = key,
		.selector = "s1",
		.domain = "example.net",
		.opts = &relaxed,
		.headers = &list,
		.skip = skip };
	const char *value;
	size_t at;
	struct err e;

	header_parse(text, strlen(text), rg, &list, &at);
	canon_body_finish(body);
	in.body_hash = canon_body_hash(body, CANON_RELAXED);
	value = dkim_sign_field(&in, rg, &e);
	canon_body_free(&body);
	return value;
}

static bool
lines_are_short(const char *value)
{
	size_t col = sizeof(DKIM_HEADER ": ") - 1;

	for (; *value != '\0'; value++) {
		col = *value == '\n' ? 0 : col + (*value == '\t' ? 8 : 1);
		if (*value != '\r' && *value != '\n' && col > 78)
			return false;
	}
	return true;
}

static void
test_form(struct region *rg, const struct dkim_key *key)
{
	const char *value = sign(rg, key, cases[0].fields, NULL);

	ok(strncmp(value, "v=1; a=rsa-sha256; c=relaxed/relaxed;", 37) == 0,
	    "starts with version, algorithm and form");
	is_str(tag(rg, value, "d"), "example.net", "d=");
	is_str(tag(rg, value, "s"), "s1", "s=");
	is_str(tag(rg, value, "bh"),
	    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "bh=");
	is_int((int64_t)strlen(tag(rg, value, "b")), 172,
	    "b= holds 1,024 bits");
	ok(tag(rg, value, "t") == NULL, "no t=");
	ok(lines_are_short(value), "its lines are short");
}

static void
test_many(struct region *rg, const struct dkim_key *key)
{
	struct buf text = { 0 };
	const char *value, *h;
	size_t names = 1;

	buf_str(&text, "From: a@b\r\n");
	for (int i = 0; i < 1500; i++)
		buf_printf(&text, "Resent-To: %d@b\r\n", i);
	buf_str(&text, "\r\n");
	value = sign(rg, key, buf_cstr(&text), NULL);
	for (h = tag(rg, value, "h"); *h != '\0'; h++)
		names += *h == ':';
	is_int((int64_t)names, 52, "1,500 of one name: 50 of them are signed");
	ok(lines_are_short(value), "in short lines");
	buf_fini(&text);
}

static void
test_skip(struct region *rg, const struct dkim_key *key)
{
	static const bool skip[] = { false, true, false };
	static const char all[] =
	    "From: a@b\r\nSubject: 1\r\nSubject: 2\r\n\r\n";
	static const char left[] = "From: a@b\r\nSubject: 2\r\n\r\n";
	const char *value = sign(rg, key, all, skip);

	is_str(tag(rg, value, "h"), "From:Subject:From",
	    "a removed field is not named");
	is_str(value, sign(rg, key, left, NULL),
	    "and the signature is that of the message without it");
}

/* Of 320 octets. */
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define LONG_LOCAL HUNDRED HUNDRED HUNDRED TEN TEN

static const struct {
	const char *label, *identity;
	struct dkim_sign_opts opts;
	const char *want; /* what stands between s= and h= */
	const char *c;
} options[] = {
	{ "none", NULL, { .query_method = "" }, "", "simple/simple" },
	{ "relaxed header", NULL,
	    { .header_canon = CANON_RELAXED, .query_method = "" }, "",
	    "relaxed/simple" },
	{ "relaxed body", NULL,
	    { .body_canon = CANON_RELAXED, .query_method = "" }, "",
	    "simple/relaxed" },
	{ "the domain as identity", "@example.net", { .query_method = "" },
	    "i=@example.net;", "simple/simple" },
	{ "an address below it", "a;b@x.Example.NET", { .query_method = "" },
	    "i=a=3Bb@x.Example.NET;", "simple/simple" },
	{ "not one elsewhere", "a@notexample.net", { .query_method = "" }, "",
	    "simple/simple" },
	{ "not a word", "example.net", { .query_method = "" }, "",
	    "simple/simple" },
	{ "not one that no line could hold", LONG_LOCAL "@example.net",
	    { .query_method = "" }, "", "simple/simple" },
	{ "a timestamp", NULL, { .timestamp = true, .query_method = "" },
	    "t=1700000000;", "simple/simple" },
	{ "an expiry", NULL, { .expire_s = 3600, .query_method = "" },
	    "x=1700003600;", "simple/simple" },
	{ "a limit of the body", NULL,
	    { .body_limit = true, .query_method = "" }, "l=1234;",
	    "simple/simple" },
	{ "a query method", NULL, { .query_method = "dns/txt" }, "q=dns/txt;",
	    "simple/simple" },
	{ "all of them", "u@example.net",
	    { CANON_RELAXED, CANON_RELAXED, NULL, true, 60, true, "dns/txt" },
	    "i=u@example.net;q=dns/txt;t=1700000000;x=1700000060;l=1234;",
	    "relaxed/relaxed" },
};

static void
test_options(struct region *rg, const struct dkim_key *key)
{
	static const uint8_t hash[32] = { 0 };
	struct header_list list = { 0 };

	header_list_add(&list, rg, SLICE_LIT("From"), SLICE_LIT(" a@b"));
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		struct dkim_sign_in in = { .key = key,
			.selector = "s1",
			.domain = "example.net",
			.identity = options[i].identity,
			.opts = &options[i].opts,
			.headers = &list,
			.body_hash = hash,
			.body_len = 1234,
			.now_s = 1700000000 };
		struct tag_list tags;
		struct slice value;
		const char *s, *h;
		struct err e;

		value = slice_of(dkim_sign_field(&in, rg, &e));
		ok(tag_list_parse(value, rg, &tags, &e) == 0 &&
			tag_list_is(&tags, "c", options[i].c),
		    "%s: c=%s", options[i].label, options[i].c);
		value = tag_flat(value, rg);
		s = strstr(value.p, "s=s1;") + 5;
		h = strstr(s, "h=From:From;");
		is_str(region_strndup(rg, s, (size_t)(h - s)), options[i].want,
		    options[i].label);
	}
}

static struct dkim_key *
ed25519_new(void)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
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

static void
test_algorithm(struct region *rg)
{
	struct dkim_key *key = ed25519_new();
	const char *value = sign(rg, key, cases[0].fields, NULL);

	is_str(tag(rg, value, "a"), "ed25519-sha256", "the key's algorithm");
	is_int((int64_t)strlen(tag(rg, value, "b")), 88, "b= holds 64 bytes");
	dkim_key_free(&key);
}

static void
test_recognise(struct region *rg, const struct dkim_key *key)
{
	static const struct {
		const char *value;
		bool ours;
	} given[] = {
		{ " v=1; d=example.net; s=s1; b=x", true },
		{ " v=1;\r\n\td = EXAMPLE.net ;\r\n\ts=s1", true },
		{ " v=1; d=example.net; s=s2; b=x", false },
		{ " v=1; d=example.org; s=s1; b=x", false },
		{ " v=1; s=s1; b=x", false },
		{ " bd=example.net; bs=s1", false },
		{ " d;s;d==;s", false },
		{ "", false },
	};
	struct header_list list = { 0 };

	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		list.n = 0;
		header_list_add(&list, rg, SLICE_LIT("dkim-signature"),
		    slice_of(given[i].value));
		ok(dkim_sign_is_of(&list.v[0], "example.net", "s1", rg) ==
			given[i].ours,
		    "%s: %zu", given[i].ours ? "ours" : "not ours", i);
	}
	list.n = 0;
	header_list_add(&list, rg, SLICE_LIT(DKIM_HEADER),
	    slice_of(sign(rg, key, cases[0].fields, NULL)));
	ok(dkim_sign_is_of(&list.v[0], "example.net", "s1", rg),
	    "our own is ours");
}

int
main(void)
{
	struct region *rg = region_new();
	struct dkim_key *key = key_new();

	if (!ok(key != NULL, "a key"))
		return done_testing();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_str(tag(rg, sign(rg, key, cases[i].fields, NULL), "h"),
		    cases[i].h, cases[i].label);
	test_form(rg, key);
	test_many(rg, key);
	test_skip(rg, key);
	test_options(rg, key);
	test_algorithm(rg);
	test_recognise(rg, key);
	dkim_key_free(&key);
	region_free(&rg);
	return done_testing();
}
