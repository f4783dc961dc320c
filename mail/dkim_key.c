/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/dkim_key.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base64.h"
#include "lib/check.h"
#include "lib/mem.h"

#define KEY_FILE_MAX 65536 /* a PEM of RSA-16384 has 13 KB */
#define BITS_MIN 1024      /* RFC 8301 section 3.2 */
#define BITS_GOOD 2048

struct dkim_key {
	EVP_PKEY *pkey;
	size_t sig_max;
};

/* The newest reason of OpenSSL, and empties its list for this thread. */
static int
err_openssl(struct err *e, const char *what)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);

	ERR_clear_error();
	return err_set(e, "%s: %s", what,
	    reason == NULL ? "unknown reason" : reason);
}

/* Reads at most cap bytes of a regular file; the length, or -1. */
static ssize_t
read_file(const char *path, char *p, size_t cap, struct err *e)
{
	struct stat st;
	size_t len = 0;
	ssize_t n = -1;
	/* Non-blocking, so that a FIFO cannot stop us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd == -1)
		return err_sys(e, "%s", path);
	if (fstat(fd, &st) == -1) {
		(void)err_sys(e, "%s", path);
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		(void)err_set(e, "%s: not a regular file", path);
		goto out;
	}
	while (len < cap && (n = read(fd, p + len, cap - len)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			(void)err_sys(e, "%s", path);
			goto out;
		}
		len += (size_t)n;
	}
	if (len == cap)
		n = err_set(e, "%s: too large for a key", path);
	else
		n = (ssize_t)len;
out:
	(void)close(fd);
	return n;
}

static int
parse_key(const char *path, const char *pem, size_t len, EVP_PKEY **pkey_r,
    struct err *e)
{
	/* An encrypted key is refused; else OpenSSL would ask the terminal. */
	static char no_passphrase[] = "";
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	EVP_PKEY *pkey;

	CHECK(bio != NULL);
	ERR_clear_error();
	pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, no_passphrase);
	BIO_free(bio);
	if (pkey == NULL) {
		(void)err_openssl(e, "no usable private key in PEM");
		return err_where(e, "%s", path);
	}
	*pkey_r = pkey;
	return 0;
}

int
dkim_key_read(const char *path, struct dkim_key **key_r, bool *weak_r,
    struct err *e)
{
	struct dkim_key *key = NULL;
	EVP_PKEY *pkey = NULL;
	struct buf pem = { 0 };
	ssize_t len;
	int bits, rc = -1;

	*key_r = NULL;
	*weak_r = false;
	buf_reserve(&pem, KEY_FILE_MAX);
	len = read_file(path, pem.p, KEY_FILE_MAX, e);
	if (len == -1 || parse_key(path, pem.p, (size_t)len, &pkey, e) == -1)
		goto out;
	if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA) {
		(void)err_set(e, "%s: not an RSA key", path);
		goto out;
	}
	bits = EVP_PKEY_get_bits(pkey);
	if (bits < BITS_MIN) {
		(void)err_set(e, "%s: RSA key of %d bits; at least %d needed",
		    path, bits, BITS_MIN);
		goto out;
	}
	*weak_r = bits < BITS_GOOD;
	key = mem_new(struct dkim_key);
	key->sig_max = (size_t)EVP_PKEY_get_size(pkey);
	key->pkey = pkey; /* moved */
	pkey = NULL;
	*key_r = key;
	rc = 0;
out:
	OPENSSL_cleanse(pem.p, KEY_FILE_MAX);
	EVP_PKEY_free(pkey);
	buf_fini(&pem);
	return rc;
}

void
dkim_key_free(struct dkim_key **keyp)
{
	struct dkim_key *key = *keyp;

	*keyp = NULL;
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

int
dkim_key_sign(const struct dkim_key *key, const void *p, size_t len,
    struct buf *base64, struct err *e)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t sig_len = key->sig_max;
	struct buf sig = { 0 };
	int rc = 0;

	CHECK(md != NULL);
	buf_reserve(&sig, key->sig_max);
	ERR_clear_error();
	/* The key is counted by the context and not changed: threads share it. */
	if (EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key->pkey) != 1 ||
	    EVP_DigestSign(md, (unsigned char *)sig.p, &sig_len, p, len) != 1)
		rc = err_openssl(e, "cannot sign");
	else
		base64_add(base64, sig.p, sig_len);
	EVP_MD_CTX_free(md);
	buf_fini(&sig);
	return rc;
}
