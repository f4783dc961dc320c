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
	enum dkim_algorithm algorithm;
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

/* Reads less than KEY_FILE_MAX bytes of a regular file; the length, or -1. */
static ssize_t
read_file(const char *path, char *p, bool *open_r, struct err *e)
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
	*open_r = (st.st_mode & (S_IROTH | S_IWOTH)) != 0;
	while (len < KEY_FILE_MAX &&
	    (n = read(fd, p + len, KEY_FILE_MAX - len)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			(void)err_sys(e, "%s", path);
			goto out;
		}
		len += (size_t)n;
	}
	if (len == KEY_FILE_MAX)
		n = err_set(e, "%s: too large for a key", path);
	else
		n = (ssize_t)len;
out:
	(void)close(fd);
	return n;
}

static int
parse_pem(const char *pem, size_t len, EVP_PKEY **pkey_r, struct err *e)
{
	/* An encrypted key is refused; else OpenSSL would ask the terminal. */
	static char no_passphrase[] = "";
	BIO *bio = BIO_new_mem_buf(pem, (int)len);

	CHECK(bio != NULL);
	ERR_clear_error();
	*pkey_r = PEM_read_bio_PrivateKey(bio, NULL, NULL, no_passphrase);
	BIO_free(bio);
	return *pkey_r == NULL ?
	    err_openssl(e, "no usable private key in PEM") :
	    0;
}

/* Is it one of the kinds that sign mail, and long enough? */
static int
judge_key(EVP_PKEY *pkey, enum dkim_algorithm *algorithm_r, bool *weak_r,
    struct err *e)
{
	int bits;

	if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519) {
		*algorithm_r = DKIM_ED25519_SHA256;
		return 0;
	}
	if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA)
		return err_set(e, "neither an RSA nor an Ed25519 key");
	bits = EVP_PKEY_get_bits(pkey);
	if (bits < BITS_MIN)
		return err_set(e, "RSA key of %d bits; at least %d needed",
		    bits, BITS_MIN);
	*algorithm_r = DKIM_RSA_SHA256;
	*weak_r = bits < BITS_GOOD;
	return 0;
}

/* RFC 8463 section 3: PureEd25519 of the SHA-256, not of the bytes. */
static bool
sign_bytes(const struct dkim_key *key, EVP_MD_CTX *md, struct slice bytes,
    struct buf *sig)
{
	unsigned char hash[32];
	const EVP_MD *how = EVP_sha256();
	size_t sig_len = key->sig_max;

	if (key->algorithm == DKIM_ED25519_SHA256) {
		if (EVP_Digest(bytes.p, bytes.len, hash, NULL, how, NULL) != 1)
			return false;
		bytes = (struct slice){ (const char *)hash, sizeof(hash) };
		how = NULL;
	}
	/* The key is counted by the context and not changed: threads share it. */
	if (EVP_DigestSignInit(md, NULL, how, NULL, key->pkey) != 1 ||
	    EVP_DigestSign(md, (unsigned char *)sig->p, &sig_len,
		(const unsigned char *)bytes.p, bytes.len) != 1)
		return false;
	sig->len = sig_len;
	return true;
}

/*
 * A file may be damaged and still be read: what it signs nobody could verify,
 * and everybody would learn that from the receivers.
 */
static bool
verifies_itself(const struct dkim_key *key)
{
	static const char text[] = "text";
	struct slice bytes = { text, sizeof(text) };
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	struct buf sig = { 0 };
	bool rsa = key->algorithm == DKIM_RSA_SHA256, good;
	unsigned char hash[32];

	CHECK(md != NULL);
	buf_reserve(&sig, key->sig_max);
	good = sign_bytes(key, md, bytes, &sig) && EVP_MD_CTX_reset(md) == 1 &&
	    EVP_Digest(text, sizeof(text), hash, NULL, EVP_sha256(), NULL) ==
		1 &&
	    EVP_DigestVerifyInit(md, NULL, rsa ? EVP_sha256() : NULL, NULL,
		key->pkey) == 1 &&
	    EVP_DigestVerify(md, (unsigned char *)sig.p, sig.len,
		rsa ? (const unsigned char *)text : hash,
		rsa ? sizeof(text) : sizeof(hash)) == 1;
	ERR_clear_error();
	EVP_MD_CTX_free(md);
	buf_fini(&sig);
	return good;
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

static int
make_key(const char *pem, size_t len, struct dkim_key **key_r, bool *weak_r,
    struct err *e)
{
	struct dkim_key *key;
	enum dkim_algorithm algorithm = DKIM_RSA_SHA256;
	EVP_PKEY *pkey;

	*key_r = NULL;
	*weak_r = false;
	if (parse_pem(pem, len, &pkey, e) == -1)
		return -1;
	if (judge_key(pkey, &algorithm, weak_r, e) == -1) {
		EVP_PKEY_free(pkey);
		return -1;
	}
	key = mem_new(struct dkim_key);
	key->algorithm = algorithm;
	key->sig_max = (size_t)EVP_PKEY_get_size(pkey);
	key->pkey = pkey; /* moved */
	if (!verifies_itself(key)) {
		dkim_key_free(&key);
		return err_set(e,
		    "a damaged key: what it signs it does not "
		    "verify");
	}
	*key_r = key;
	return 0;
}

int
dkim_key_read(const char *path, struct dkim_key **key_r,
    struct dkim_key_doubts *doubts_r, struct err *e)
{
	struct buf pem = { 0 };
	ssize_t len;
	int rc = -1;

	*key_r = NULL;
	*doubts_r = (struct dkim_key_doubts){ .weak = false };
	buf_reserve(&pem, KEY_FILE_MAX);
	len = read_file(path, pem.p, &doubts_r->open, e);
	if (len != -1) {
		rc = make_key(pem.p, (size_t)len, key_r, &doubts_r->weak, e);
		if (rc == -1)
			(void)err_where(e, "%s", path);
	}
	OPENSSL_cleanse(pem.p, KEY_FILE_MAX);
	buf_fini(&pem);
	return rc;
}

/*
 * What PEM needs lines for (RFC 7468): its two boundaries.  A blank may stand
 * where a line ended, so all blanks between them become line ends.
 */
static void
restore_lines(struct buf *pem)
{
	char *dashes = memmem(pem->p, pem->len, "KEY-----", 8), *end;

	if (dashes == NULL)
		return;
	dashes += 8;
	end = memmem(dashes, pem->len - (size_t)(dashes - pem->p), "-----", 5);
	for (; end != NULL && dashes < end; dashes++)
		if (*dashes == ' ' || *dashes == '\t' || *dashes == '\r')
			*dashes = '\n';
}

int
dkim_key_of_text(const char *text, size_t len, struct dkim_key **key_r,
    bool *weak_r, struct err *e)
{
	struct buf pem = { 0 };
	int rc;

	*key_r = NULL;
	*weak_r = false;
	if (len >= KEY_FILE_MAX)
		return err_set(e, "too large for a key");
	buf_reserve(&pem, len + 1);
	buf_add(&pem, text, len);
	restore_lines(&pem);
	rc = make_key(pem.p, pem.len, key_r, weak_r, e);
	OPENSSL_cleanse(pem.p, pem.len);
	buf_fini(&pem);
	return rc;
}

enum dkim_algorithm
dkim_key_algorithm(const struct dkim_key *key)
{
	return key->algorithm;
}

const char *
dkim_algorithm_name(enum dkim_algorithm algorithm)
{
	static const char *const names[] = {
		[DKIM_RSA_SHA256] = "rsa-sha256",
		[DKIM_ED25519_SHA256] = "ed25519-sha256",
	};

	return names[algorithm];
}

size_t
dkim_key_signature_len(const struct dkim_key *key)
{
	return key->sig_max;
}

int
dkim_key_sign(const struct dkim_key *key, const void *p, size_t len,
    struct buf *base64, struct err *e)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	struct buf sig = { 0 };
	int rc = 0;

	CHECK(md != NULL);
	buf_reserve(&sig, key->sig_max);
	ERR_clear_error();
	if (sign_bytes(key, md, (struct slice){ p, len }, &sig))
		base64_add(base64, sig.p, sig.len);
	else
		rc = err_openssl(e, "cannot sign");
	EVP_MD_CTX_free(md);
	buf_fini(&sig);
	return rc;
}
