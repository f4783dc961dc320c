/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/handover_key.h"

#include <openssl/evp.h>
#include <string.h>

#include "lib/check.h"

/* With its NUL, so that no two lists of strings are one. */
static void
add_str(EVP_MD_CTX *md, const char *s)
{
	CHECK(EVP_DigestUpdate(md, s, strlen(s) + 1) == 1);
}

void
handover_key(const char *door, const char *peer, const char *queue_id,
    struct slice header, uint8_t key_r[HANDOVER_KEY_LEN])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	CHECK(md != NULL);
	CHECK(EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1);
	add_str(md, door);
	add_str(md, peer);
	add_str(md, queue_id);
	CHECK(EVP_DigestUpdate(md, header.p, header.len) == 1);
	CHECK(EVP_DigestFinal_ex(md, hash, &len) == 1);
	CHECK(len >= HANDOVER_KEY_LEN);
	EVP_MD_CTX_free(md);
	memcpy(key_r, hash, HANDOVER_KEY_LEN);
}

/*
 * FNV-1a, then the final mix of MurmurHash3.  No secret: a sender who makes
 * two recipients of his own message collide can only harm that message.
 */
static uint64_t
fnv1a(uint64_t h, const char *s)
{
	do {
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001B3);
	} while (*s++ != '\0');
	return h;
}

uint64_t
handover_rcpt_key(const char *addr, const char *orcpt, uint8_t notify)
{
	uint64_t h = UINT64_C(0xCBF29CE484222325);

	h = fnv1a(h, addr);
	h = fnv1a(h, orcpt);
	h = (h ^ notify) * UINT64_C(0x100000001B3);
	h ^= h >> 33;
	h *= UINT64_C(0xFF51AFD7ED558CCD);
	h ^= h >> 33;
	h *= UINT64_C(0xC4CEB9FE1A85EC53);
	return h ^ h >> 33;
}
