/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys are read, judged by kind and length, and sign verifiably. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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
	{ "Ed25519 is refused", "ED25519", 0, PKCS8, false, false,
	    "not an RSA" },
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
	if (strcmp(kind, "RSA") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
	return EVP_PKEY_Q_keygen(NULL, NULL, kind);
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

/* Does the base64 verify with the public half? */
static bool
verifies(EVP_PKEY *pkey, const char *bytes, struct buf *base64)
{
	unsigned char sig[512];
	size_t sig_len = base64->len / 4 * 3;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool good = false;

	if (sig_len <= sizeof(sig) &&
	    EVP_DecodeBlock(sig, (unsigned char *)base64->p,
		(int)base64->len) != -1) {
		for (size_t i = base64->len; i > 0 && base64->p[i - 1] == '=';
		     i--)
			sig_len--;
		good = EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL,
			   pkey) == 1 &&
		    EVP_DigestVerify(md, sig, sig_len,
			(const unsigned char *)bytes, strlen(bytes)) == 1;
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
	bool weak;
	int rc;

	(void)snprintf(path, sizeof(path), "%s/%zu.pem", dir, i);
	if (cases[i].kind != NULL)
		pkey = make_pkey(cases[i].kind, cases[i].bits);
	write_case(path, pkey, cases[i].form);
	rc = dkim_key_read(path, &key, &weak, &e);
	ok((rc == 0) == cases[i].good && (key != NULL) == cases[i].good &&
		weak == cases[i].weak,
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

int
main(void)
{
	if (mkdtemp(dir) == NULL)
		return 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(i);
	(void)rmdir(dir);
	return done_testing();
}
