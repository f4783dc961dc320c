/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sasl_answers.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "lib/base64.h"

void
sasl_answer_cram(const char *user, const char *password, const char *challenge,
    char *out, size_t cap)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	size_t at = (size_t)snprintf(out, cap, "%s ", user);

	(void)HMAC(EVP_md5(), password, (int)strlen(password),
	    (const unsigned char *)challenge, strlen(challenge), mac, &len);
	for (unsigned i = 0; i < len; i++)
		at += (size_t)snprintf(out + at, cap - at, "%02x", mac[i]);
}

static void
hmac(const unsigned char *key, const char *text, unsigned char *out)
{
	unsigned len = 0;

	(void)HMAC(EVP_sha256(), key, 32, (const unsigned char *)text,
	    strlen(text), out, &len);
}

/* RFC 5802, 3: the answer to server_first, and what the server is to sign. */
void
sasl_answer_scram(const char *password, const char *bare,
    const char *server_first, char out[512], char signature[64])
{
	unsigned char salt[64], salted[32], key[32], stored[32], sign[32];
	char nonce[200], salt64[100], without[300], auth[1024];
	struct buf b = { 0 };
	unsigned count = 0;
	size_t len;

	(void)sscanf(server_first, "r=%199[^,],s=%99[^,],i=%u", nonce, salt64,
	    &count);
	len = strlen(salt64) / 4 * 3;
	len -= salt64[strlen(salt64) - 1] != '=' ? 0 :
	    salt64[strlen(salt64) - 2] == '='    ? 2 :
						   1;
	(void)base64_read(slice_of(salt64), salt, len);
	(void)PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, (int)len,
	    (int)count, EVP_sha256(), 32, salted);
	(void)snprintf(without, sizeof(without), "c=biws,r=%s", nonce);
	(void)snprintf(auth, sizeof(auth), "%s,%s,%s", bare, server_first,
	    without);
	hmac(salted, "Client Key", key);
	(void)SHA256(key, 32, stored);
	hmac(stored, auth, sign);
	for (size_t i = 0; i < 32; i++)
		sign[i] ^= key[i];
	base64_add(&b, sign, 32);
	(void)snprintf(out, 512, "%s,p=%s", without, buf_cstr(&b));
	hmac(salted, "Server Key", key);
	hmac(key, auth, sign);
	buf_clear(&b);
	base64_add(&b, sign, 32);
	(void)snprintf(signature, 64, "v=%s", buf_cstr(&b));
	buf_fini(&b);
}
