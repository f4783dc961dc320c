/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/dkim_record.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/check.h"
#include "lib/mem.h"
#include "mail/tag_list.h"

#define BITS_MIN 1024
#define ED25519_LEN 32

struct dkim_record {
	EVP_PKEY *pkey;
	enum dkim_algorithm algorithm;
};

void
dkim_record_free(struct dkim_record **rp)
{
	struct dkim_record *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	EVP_PKEY_free(r->pkey);
	free(r);
}

/* base64 with blanks and folds in it (RFC 6376 section 2.10). */
static bool
decode(struct slice text, struct buf *out)
{
	struct region *rg = region_new();
	struct slice flat = tag_flat(text, rg);
	size_t len, pad = 0;
	bool good = false;

	while (pad < 2 && pad < flat.len && flat.p[flat.len - 1 - pad] == '=')
		pad++;
	if (flat.len > 0 && flat.len % 4 == 0) {
		len = flat.len / 4 * 3 - pad;
		buf_reserve(out, len);
		good = base64_read(flat, out->p, len);
		out->len = good ? len : 0;
	}
	region_free(&rg);
	return good;
}

/* Is the word in a list with colons between?  All are where there is none. */
static bool
lists(const struct tag_list *tags, const char *name, const char *word,
    const char *all)
{
	const struct slice *value = tag_list_get(tags, name);
	struct slice rest, item;

	if (value == NULL)
		return true;
	rest = *value;
	while (tag_item(&rest, &item))
		if (slice_eq(item, word) || slice_eq(item, all))
			return true;
	return false;
}

/*
 * RFC 6376 asks for RSAPublicKey, its erratum 3017 and all the world for
 * SubjectPublicKeyInfo.
 */
static EVP_PKEY *
rsa_key(const struct buf *der)
{
	const unsigned char *p = (const unsigned char *)der->p;
	EVP_PKEY *pkey = d2i_PUBKEY(NULL, &p, (long)der->len);

	if (pkey == NULL) {
		p = (const unsigned char *)der->p;
		pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)der->len);
	}
	ERR_clear_error();
	return pkey;
}

static int
read_rsa(const struct buf *der, struct dkim_record *r, struct err *e)
{
	r->algorithm = DKIM_RSA_SHA256;
	r->pkey = rsa_key(der);
	if (r->pkey == NULL || EVP_PKEY_get_base_id(r->pkey) != EVP_PKEY_RSA)
		return err_set(e, "p= is no RSA key");
	if (EVP_PKEY_get_bits(r->pkey) < BITS_MIN)
		return err_set(e, "an RSA key of %d bits; at least %d needed",
		    EVP_PKEY_get_bits(r->pkey), BITS_MIN);
	return 0;
}

static int
read_ed25519(const struct buf *raw, struct dkim_record *r, struct err *e)
{
	r->algorithm = DKIM_ED25519_SHA256;
	if (raw->len == ED25519_LEN)
		r->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
		    (const unsigned char *)raw->p, raw->len);
	ERR_clear_error();
	if (r->pkey == NULL)
		return err_set(e, "p= is no Ed25519 key");
	return 0;
}

/* v= comes first if it is there at all (RFC 6376 section 3.6.1). */
static int
check_tags(const struct tag_list *tags, struct err *e)
{
	if (tag_list_get(tags, "v") != NULL &&
	    (!slice_eq(tags->v[0].name, "v") ||
		!tag_list_is(tags, "v", "DKIM1")))
		return err_set(e, "v= is not DKIM1 in front");
	if (!lists(tags, "h", "sha256", "sha256"))
		return err_set(e, "h= does not allow sha256");
	if (!lists(tags, "s", "email", "*"))
		return err_set(e, "s= does not allow email");
	return 0;
}

static int
read_key(const struct tag_list *tags, struct dkim_record *r, struct err *e)
{
	const struct slice *k = tag_list_get(tags, "k");
	const struct slice *p = tag_list_get(tags, "p");
	struct buf bytes = { 0 };
	int rc;

	if (p == NULL)
		return err_set(e, "no p=");
	if (p->len == 0)
		return err_set(e, "the key is revoked");
	if (!decode(*p, &bytes))
		rc = err_set(e, "p= is no base64");
	else if (k == NULL || slice_eq(*k, "rsa"))
		rc = read_rsa(&bytes, r, e);
	else if (slice_eq(*k, "ed25519"))
		rc = read_ed25519(&bytes, r, e);
	else
		rc = err_set(e, "k= is unknown");
	buf_fini(&bytes);
	return rc;
}

int
dkim_record_parse(struct slice text, struct dkim_record **record_r,
    struct err *e)
{
	struct region *rg = region_new();
	struct dkim_record *r = mem_new(struct dkim_record);
	struct tag_list tags;
	int rc = tag_list_parse(text, rg, &tags, e);

	if (rc == 0)
		rc = check_tags(&tags, e);
	if (rc == 0)
		rc = read_key(&tags, r, e);
	region_free(&rg);
	if (rc == -1)
		dkim_record_free(&r);
	*record_r = r;
	return rc;
}

/* What both algorithms begin with; Ed25519 then signs the hash as it is. */
static bool
verify_ed25519(EVP_MD_CTX *md, EVP_PKEY *pkey, struct slice bytes,
    const struct buf *sig)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len;

	CHECK(EVP_Digest(bytes.p, bytes.len, hash, &len, EVP_sha256(), NULL) ==
	    1);
	return EVP_DigestVerifyInit(md, NULL, NULL, NULL, pkey) == 1 &&
	    EVP_DigestVerify(md, (const unsigned char *)sig->p, sig->len, hash,
		len) == 1;
}

static bool
verify_rsa(EVP_MD_CTX *md, EVP_PKEY *pkey, struct slice bytes,
    const struct buf *sig)
{
	return EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, pkey) == 1 &&
	    EVP_DigestVerify(md, (const unsigned char *)sig->p, sig->len,
		(const unsigned char *)bytes.p, bytes.len) == 1;
}

bool
dkim_record_verify(const struct dkim_record *record,
    enum dkim_algorithm algorithm, struct slice bytes, struct slice sig)
{
	struct buf raw = { 0 };
	bool good = false;

	if (record->algorithm == algorithm && decode(sig, &raw)) {
		EVP_MD_CTX *md = EVP_MD_CTX_new();

		CHECK(md != NULL);
		good = algorithm == DKIM_RSA_SHA256 ?
		    verify_rsa(md, record->pkey, bytes, &raw) :
		    verify_ed25519(md, record->pkey, bytes, &raw);
		EVP_MD_CTX_free(md);
		ERR_clear_error();
	}
	buf_fini(&raw);
	return good;
}
