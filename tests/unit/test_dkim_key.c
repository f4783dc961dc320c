/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys are read, judged by kind and length, and sign verifiably. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base64.h"
#include "mail/dkim_key.h"
#include "tests/tap.h"

static char dir[] = "/tmp/test_dkim_key.XXXXXX";

enum form { PKCS8, PKCS1, ENCRYPTED, TEXT, FIFO, NONE };

static const struct {
	const char *label;
	const char *kind;
	unsigned bits;
	enum form form;
	bool good, weak;
	const char *text; /* part of the error */
} cases[] = {
	{ "RSA-2048 as PKCS#8", "RSA", 2048, PKCS8, true, false, NULL },
	{ "RSA-2048 as PKCS#1", "RSA", 2048, PKCS1, true, false, NULL },
	{ "RSA-1024 is weak", "RSA", 1024, PKCS8, true, true, NULL },
	{ "RSA-512 is refused", "RSA", 512, PKCS8, false, false, "512 bits" },
	{ "Ed25519", "ED25519", 0, PKCS8, true, false, NULL },
	{ "Ed448 is refused", "ED448", 0, PKCS8, false, false,
	    "neither an RSA nor an Ed25519" },
	{ "RSA for PSS alone is refused", "RSA-PSS", 2048, PKCS8, false, false,
	    "neither an RSA nor an Ed25519" },
	{ "an encrypted key is refused", "RSA", 1024, ENCRYPTED, false, false,
	    "no usable private key" },
	{ "text is no key", NULL, 0, TEXT, false, false,
	    "no usable private key" },
	{ "a FIFO is no key", NULL, 0, FIFO, false, false, "not a regular" },
	{ "no file", NULL, 0, NONE, false, false, "No such file" },
};

static EVP_PKEY *
make_pkey(const char *kind, unsigned bits)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
	EVP_PKEY *pkey = NULL;

	(void)EVP_PKEY_keygen_init(ctx);
	if (bits > 0)
		(void)EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits);
	(void)EVP_PKEY_generate(ctx, &pkey);
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static void
write_case(const char *path, EVP_PKEY *pkey, enum form form)
{
	FILE *f;

	if (form == NONE)
		return;
	if (form == FIFO) {
		(void)mkfifo(path, 0600);
		return;
	}
	f = fopen(path, "w");
	if (f == NULL)
		return;
	if (form == PKCS8)
		(void)PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL);
	else if (form == PKCS1)
		(void)PEM_write_PrivateKey_ex(f, pkey, NULL, NULL, 0, NULL,
		    NULL, NULL, "type-specific");
	else if (form == ENCRYPTED)
		(void)PEM_write_PrivateKey(f, pkey, EVP_aes_128_cbc(),
		    (const unsigned char *)"secret", 6, NULL, NULL);
	else
		(void)fputs("not a key\n", f);
	(void)fclose(f);
}

/* Does the base64 verify with the public half, as RFC 6376 and 8463 say? */
static bool
verifies(EVP_PKEY *pkey, const char *bytes, struct buf *base64)
{
	bool rsa = EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA;
	unsigned char sig[512], hash[32];
	size_t sig_len = base64->len / 4 * 3;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool good = false;

	if (sig_len <= sizeof(sig) &&
	    EVP_DecodeBlock(sig, (unsigned char *)base64->p,
		(int)base64->len) != -1) {
		for (size_t i = base64->len; i > 0 && base64->p[i - 1] == '=';
		     i--)
			sig_len--;
		(void)EVP_Digest(bytes, strlen(bytes), hash, NULL, EVP_sha256(),
		    NULL);
		good = EVP_DigestVerifyInit(md, NULL, rsa ? EVP_sha256() : NULL,
			   NULL, pkey) == 1 &&
		    EVP_DigestVerify(md, sig, sig_len,
			rsa ? (const unsigned char *)bytes : hash,
			rsa ? strlen(bytes) : sizeof(hash)) == 1;
	}
	EVP_MD_CTX_free(md);
	return good;
}

static void
test_case(size_t i)
{
	struct dkim_key *key = NULL;
	EVP_PKEY *pkey = NULL;
	struct err e = { "" };
	char path[100];
	struct dkim_key_doubts doubts;
	int rc;

	(void)snprintf(path, sizeof(path), "%s/%zu.pem", dir, i);
	if (cases[i].kind != NULL)
		pkey = make_pkey(cases[i].kind, cases[i].bits);
	write_case(path, pkey, cases[i].form);
	rc = dkim_key_read(path, &key, &doubts, &e);
	ok((rc == 0) == cases[i].good && (key != NULL) == cases[i].good &&
		doubts.weak == cases[i].weak,
	    "%s", cases[i].label);
	if (rc == 0) {
		struct buf base64 = { 0 };

		buf_str(&base64, "b=");
		ok(dkim_key_sign(key, "some bytes", 10, &base64, &e) == 0 &&
			memcmp(base64.p, "b=", 2) == 0,
		    "%s: signs, behind what was there", cases[i].label);
		buf_drop(&base64, 2);
		ok(verifies(pkey, "some bytes", &base64), "%s: verifies",
		    cases[i].label);
		ok(!verifies(pkey, "some byteS", &base64),
		    "%s: not for other bytes", cases[i].label);
		buf_fini(&base64);
	} else {
		ok(strstr(e.text, cases[i].text) != NULL &&
			strstr(e.text, path) != NULL,
		    "%s: says \"%s\"", cases[i].label, e.text);
	}
	dkim_key_free(&key);
	EVP_PKEY_free(pkey);
	(void)unlink(path);
}

/* A PEM as a header field carries it: unfolded, on one line. */
static void
test_text(void)
{
	static const char *const kinds[] = { "RSA", "ED25519" };
	struct dkim_key *key;
	struct err e;
	bool weak;

	for (size_t i = 0; i < 2; i++) {
		EVP_PKEY *pkey = make_pkey(kinds[i], i == 0 ? 1024 : 0);
		BIO *bio = BIO_new(BIO_s_mem());
		struct buf text = { 0 };
		char *p;
		long len;

		(void)PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL,
		    NULL);
		len = BIO_get_mem_data(bio, &p);
		buf_add(&text, p, (size_t)len);
		ok(dkim_key_of_text(text.p, text.len, &key, &weak, &e) == 0 &&
			weak == (i == 0) &&
			dkim_key_algorithm(key) ==
			    (i == 0 ? DKIM_RSA_SHA256 : DKIM_ED25519_SHA256),
		    "%s in lines", kinds[i]);
		dkim_key_free(&key);
		for (size_t at = 0; at < text.len; at++)
			if (text.p[at] == '\n')
				text.p[at] = ' ';
		ok(dkim_key_of_text(text.p, text.len, &key, &weak, &e) == 0,
		    "%s on one line", kinds[i]);
		dkim_key_free(&key);
		ok(dkim_key_of_text(text.p, text.len / 2, &key, &weak, &e) ==
			    -1 &&
			key == NULL,
		    "%s cut in half: %s", kinds[i], e.text);
		buf_fini(&text);
		BIO_free(bio);
		EVP_PKEY_free(pkey);
	}
	ok(dkim_key_of_text("", 0, &key, &weak, &e) == -1, "nothing");
	ok(dkim_key_of_text("-----BEGIN PRIVATE KEY----- !", 29, &key, &weak,
	       &e) == -1,
	    "a beginning alone");
}

/* A key whose modulus has another bit than its exponents were made for. */
static void
test_damaged(void)
{
	EVP_PKEY *pkey = make_pkey("RSA", 1024);
	struct buf text = { 0 };
	unsigned char *der = NULL;
	int len = i2d_PrivateKey(pkey, &der);
	struct dkim_key *key;
	struct err e = { "" };
	bool weak;

	der[60] ^= 0x10;
	buf_str(&text, "-----BEGIN RSA PRIVATE KEY-----\n");
	base64_add(&text, der, (size_t)len);
	buf_str(&text, "\n-----END RSA PRIVATE KEY-----\n");
	ok(dkim_key_of_text(text.p, text.len, &key, &weak, &e) == -1 &&
		key == NULL && strstr(e.text, "damaged") != NULL,
	    "a damaged key: %s", e.text);
	buf_fini(&text);
	OPENSSL_free(der);
	EVP_PKEY_free(pkey);
}

int
main(void)
{
	if (mkdtemp(dir) == NULL)
		return 1;
	test_text();
	test_damaged();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(i);
	(void)rmdir(dir);
	return done_testing();
}
