/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/suppress_norm.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/check.h"
#include "mail/addr.h"

enum { BLOCK = 64 }; /* bytes of SHA-256's */

static const struct hash {
	const char *name;
	size_t len;
	const char *md; /* as OpenSSL calls it */
	bool keyed;
} hashes[] = {
	[SUPPRESS_PLAIN] = { "plain", 32, "SHA256", true },
	[SUPPRESS_SHA256] = { "sha256", 32, "SHA256", false },
	[SUPPRESS_SHA1] = { "sha1", 20, "SHA1", false },
	[SUPPRESS_MD5] = { "md5", 16, "MD5", false },
	[SUPPRESS_HMAC_SHA256] = { "hmac-sha256", 32, "SHA256", true },
};

/*
 * Fetched once for the process: OpenSSL would look each up by its name at each
 * digest, which costs more than the digest.
 */
static EVP_MD *mds[sizeof(hashes) / sizeof(hashes[0])];
static CRYPTO_ONCE mds_once = CRYPTO_ONCE_STATIC_INIT;

static void
fetch_mds(void)
{
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		mds[i] = EVP_MD_fetch(NULL, hashes[i].md, NULL);
}

/* NULL: OpenSSL has not got it. */
static const EVP_MD *
md_of(enum suppress_hash hash)
{
	return CRYPTO_THREAD_run_once(&mds_once, fetch_mds) == 1 ? mds[hash] :
								   NULL;
}

bool
suppress_hash_find(const char *name, enum suppress_hash *hash_r)
{
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
		if (!str_eq_nocase(name, hashes[i].name))
			continue;
		*hash_r = (enum suppress_hash)i;
		return true;
	}
	return false;
}

const char *
suppress_hash_name(enum suppress_hash hash)
{
	return hashes[hash].name;
}

size_t
suppress_digest_len(enum suppress_hash hash)
{
	return hashes[hash].len;
}

/* ---- the address --------------------------------------------------------- */

/* In place; quoted-string = DQUOTE *( qtext / "\" any ) DQUOTE. */
static size_t
unquote(char *local, size_t len)
{
	size_t to = 0;

	if (len < 2 || local[0] != '"' || local[len - 1] != '"')
		return len;
	for (size_t i = 1; i < len - 1; i++) {
		if (local[i] == '\\' && i + 1 < len - 1)
			i++;
		local[to++] = local[i];
	}
	return to == 0 ? len : to;
}

static size_t
drop_tag(const char *local, size_t len)
{
	const char *plus = len < 2 ? NULL : memchr(local + 1, '+', len - 1);

	return plus == NULL ? len : (size_t)(plus - local);
}

static size_t
drop_dots(char *local, size_t len)
{
	size_t to = 0;

	for (size_t i = 0; i < len; i++)
		if (local[i] != '.')
			to++;
	if (to == 0)
		return len;
	to = 0;
	for (size_t i = 0; i < len; i++)
		if (local[i] != '.')
			local[to++] = local[i];
	return to;
}

int
suppress_norm_address(const struct suppress_norm *n, struct slice address,
    struct region *rg, const char **text_r, struct err *e)
{
	struct addr a;
	const char *at;
	char *local;
	size_t len;

	*text_r = NULL;
	if (addr_parse(slice_trim(address), rg, &a) != ADDR_OK)
		return err_set(e, "not an address");
	at = strrchr(a.text, '@');
	if (at == NULL || at == a.text)
		return err_set(e, "not an address");
	local = region_strndup(rg, a.text, (size_t)(at - a.text));
	len = unquote(local, strlen(local));
	if (n->drop_tag)
		len = drop_tag(local, len);
	if (n->drop_dots)
		len = drop_dots(local, len);
	local[len] = '\0';
	if (!n->keep_case)
		str_lower(local);
	*text_r = REGION_JOIN(rg, local, "@", a.domain, NULL);
	return 0;
}

/* ---- digests ------------------------------------------------------------- */

/* Of both, one behind the other. */
static bool
hash(EVP_MD_CTX *ctx, const EVP_MD *md, struct slice a, struct slice b,
    unsigned char *out)
{
	return EVP_DigestInit_ex2(ctx, md, NULL) == 1 &&
	    EVP_DigestUpdate(ctx, a.p, a.len) == 1 &&
	    EVP_DigestUpdate(ctx, b.p, b.len) == 1 &&
	    EVP_DigestFinal_ex(ctx, out, NULL) == 1;
}

/*
 * HMAC-SHA256 (RFC 2104 section 2).  OpenSSL's own HMAC() takes four times as
 * long for so short a text, all of it for its contexts.
 */
static bool
hmac(EVP_MD_CTX *ctx, const EVP_MD *md, struct slice key, struct slice text,
    unsigned char out[32])
{
	const struct slice none = { "", 0 };
	unsigned char k[BLOCK] = { 0 }, pad[BLOCK], inner[32];
	const struct slice padded = { (const char *)pad, BLOCK };
	bool ok = true;

	if (key.len <= BLOCK)
		memcpy(k, key.p, key.len);
	else
		ok = hash(ctx, md, key, none, k);
	for (size_t i = 0; i < BLOCK; i++)
		pad[i] = k[i] ^ 0x36;
	ok = ok && hash(ctx, md, padded, text, inner);
	for (size_t i = 0; i < BLOCK; i++)
		pad[i] = k[i] ^ 0x5c;
	ok = ok &&
	    hash(ctx, md, padded,
		(struct slice){ (const char *)inner, sizeof(inner) }, out);
	OPENSSL_cleanse(k, sizeof(k));
	OPENSSL_cleanse(pad, sizeof(pad));
	return ok;
}

int
suppress_norm_digest(const struct suppress_norm *n, const char *text,
    unsigned char digest[SUPPRESS_DIGEST_MAX], struct err *e)
{
	const struct hash *h = &hashes[n->hash];
	const EVP_MD *md = md_of(n->hash);
	EVP_MD_CTX *ctx;
	bool ok;

	if (md == NULL)
		return err_set(e, "%s: OpenSSL refuses it", h->name);
	ctx = EVP_MD_CTX_new();
	CHECK(ctx != NULL);
	if (h->keyed) {
		CHECK(n->key.len > 0 && n->key.len <= INT_MAX);
		ok = hmac(ctx, md, n->key, slice_of(text), digest);
	} else {
		ok = hash(ctx, md, slice_of(text), SLICE_LIT(""), digest);
	}
	EVP_MD_CTX_free(ctx);
	return ok ? 0 : err_set(e, "%s: OpenSSL refuses it", h->name);
}

/* "name\nhash\nKDT\n", a letter for each choice, and the hash of the key. */
uint64_t
suppress_norm_id(const char *name, const struct suppress_norm *n)
{
	unsigned char digest[32];
	struct buf text = { 0 };

	buf_str(&text, name);
	(void)buf_cstr(&text);
	str_lower(text.p);
	buf_printf(&text, "\n%s\n%s%s%s\n", hashes[n->hash].name,
	    n->keep_case ? "K" : "", n->drop_dots ? "D" : "",
	    n->drop_tag ? "T" : "");
	if (n->hash == SUPPRESS_HMAC_SHA256) {
		CHECK(EVP_Digest(n->key.p, n->key.len, digest, NULL,
			  EVP_sha256(), NULL) == 1);
		buf_add(&text, digest, sizeof(digest));
	}
	CHECK(EVP_Digest(text.p, text.len, digest, NULL, EVP_sha256(), NULL) ==
	    1);
	buf_fini(&text);
	return get_be64(digest);
}

static bool
hex_read(struct slice s, unsigned char *out)
{
	for (size_t i = 0; i < s.len; i += 2) {
		int high = str_hex_digit(s.p[i]),
		    low = str_hex_digit(s.p[i + 1]);

		if (high == -1 || low == -1)
			return false;
		out[i / 2] = (unsigned char)(high << 4 | low);
	}
	return true;
}

int
suppress_digest_read(struct slice text, enum suppress_hash hash,
    unsigned char digest[SUPPRESS_DIGEST_MAX], struct err *e)
{
	const struct hash *h = &hashes[hash];
	struct slice s = slice_trim(text);

	if (s.len == 2 * h->len ? hex_read(s, digest) :
				  base64_read(s, digest, h->len))
		return 0;
	return err_set(e,
	    "not a digest of %s: %zu hex digits, or base64 of %zu bytes",
	    h->name, 2 * h->len, h->len);
}
