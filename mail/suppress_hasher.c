/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/suppress_hasher.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"

static const struct {
	const char *digest; /* OpenSSL's name */
	bool keyed;
} hashes[] = {
	[SUPPRESS_PLAIN] = { "SHA256", true },
	[SUPPRESS_SHA256] = { "SHA256", false },
	[SUPPRESS_SHA1] = { "SHA1", false },
	[SUPPRESS_MD5] = { "MD5", false },
	[SUPPRESS_HMAC_SHA256] = { "SHA256", true },
};

struct suppress_hasher {
	struct suppress_norm norm;
	EVP_MD *md; /* of one without a key */
	EVP_MD_CTX *ctx;
	EVP_MAC_CTX *mac; /* of one with a key */
};

static bool
set_up_mac(struct suppress_hasher *h)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(
					  OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end() };
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	if (mac == NULL)
		return false;
	h->mac = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac); /* the context has its own reference */
	return h->mac != NULL &&
	    EVP_MAC_init(h->mac, (const unsigned char *)h->norm.key.p,
		h->norm.key.len, params) == 1;
}

static bool
set_up_digest(struct suppress_hasher *h)
{
	h->md = EVP_MD_fetch(NULL, hashes[h->norm.hash].digest, NULL);
	h->ctx = EVP_MD_CTX_new();
	return h->md != NULL && h->ctx != NULL;
}

int
suppress_hasher_new(const struct suppress_norm *n, struct suppress_hasher **h_r,
    struct err *e)
{
	struct suppress_hasher *h = mem_new(struct suppress_hasher);
	bool keyed = hashes[n->hash].keyed;

	*h_r = NULL;
	h->norm = *n;
	CHECK(!keyed || n->key.len > 0);
	if (!(keyed ? set_up_mac(h) : set_up_digest(h))) {
		suppress_hasher_free(&h);
		return err_set(e, "%s: OpenSSL refuses it",
		    suppress_hash_name(n->hash));
	}
	h->norm.key = (struct slice){ "", 0 };
	*h_r = h;
	return 0;
}

void
suppress_hasher_free(struct suppress_hasher **hp)
{
	struct suppress_hasher *h = *hp;

	*hp = NULL;
	if (h == NULL)
		return;
	EVP_MAC_CTX_free(h->mac);
	EVP_MD_CTX_free(h->ctx);
	EVP_MD_free(h->md);
	free(h);
}

const struct suppress_norm *
suppress_hasher_norm(const struct suppress_hasher *h)
{
	return &h->norm;
}

void
suppress_hasher_digest(struct suppress_hasher *h, const char *text,
    unsigned char digest[SUPPRESS_DIGEST_MAX])
{
	const unsigned char *p = (const unsigned char *)text;
	size_t len = 0;

	if (h->mac != NULL) {
		CHECK(EVP_MAC_init(h->mac, NULL, 0, NULL) == 1);
		CHECK(EVP_MAC_update(h->mac, p, strlen(text)) == 1);
		CHECK(EVP_MAC_final(h->mac, digest, &len,
			  SUPPRESS_DIGEST_MAX) == 1);
		return;
	}
	CHECK(EVP_DigestInit_ex(h->ctx, h->md, NULL) == 1);
	CHECK(EVP_DigestUpdate(h->ctx, p, strlen(text)) == 1);
	CHECK(EVP_DigestFinal_ex(h->ctx, digest, NULL) == 1);
}
