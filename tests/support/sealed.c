/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/sealed.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/check.h"

#define PLAIN \
	"DKIM-Signature: v=1; a=rsa-sha256; d=x.example; b=abc\r\n" \
	"From: A <a@one.example>\r\n" \
	"To: b@two.example\r\n" \
	"Subject: hello\r\n" \
	"\r\n" \
	"Good  morning \r\n\r\n"

static EVP_PKEY *
make_pkey(const char *kind, unsigned bits)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
	EVP_PKEY *pkey = NULL;

	CHECK(EVP_PKEY_keygen_init(ctx) == 1);
	if (bits > 0)
		CHECK(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) == 1);
	CHECK(EVP_PKEY_generate(ctx, &pkey) == 1);
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

/* RFC 8463 section 4: the 32 bytes alone. */
static void
make_record(EVP_PKEY *pkey, struct buf *out)
{
	unsigned char raw[32], *der = NULL;
	size_t len = sizeof(raw);

	if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519) {
		CHECK(EVP_PKEY_get_raw_public_key(pkey, raw, &len) == 1);
		buf_str(out, "v=DKIM1; k=ed25519; p=");
		base64_add(out, raw, len);
		return;
	}
	len = (size_t)i2d_PUBKEY(pkey, &der);
	buf_str(out, "v=DKIM1; k=rsa; p=");
	base64_add(out, der, len);
	OPENSSL_free(der);
}

void
sealed_init(struct sealed *s, const char *kind, unsigned bits)
{
	EVP_PKEY *pkey = make_pkey(kind, bits);
	BIO *bio = BIO_new(BIO_s_mem());
	struct buf record = { 0 };
	char *pem;
	long len;
	bool weak;
	struct err e;

	CHECK(PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) ==
	    1);
	len = BIO_get_mem_data(bio, &pem);
	CHECK(dkim_key_of_text(pem, (size_t)len, &s->key, &weak, &e) == 0);
	make_record(pkey, &record);
	s->rg = region_new();
	s->record = region_strndup(s->rg, record.p, record.len);
	buf_fini(&record);
	BIO_free(bio);
	EVP_PKEY_free(pkey);
}

void
sealed_fini(struct sealed *s)
{
	dkim_key_free(&s->key);
	region_free(&s->rg);
}

void
sealed_answer(const struct sealed *s, struct dkim_answers *a)
{
	for (size_t i = 0; i < dkim_answers_count(a); i++)
		dkim_answers_set(a, i, DKIM_ANSWER_RECORD, slice_of(s->record));
}

struct arc_verdict
sealed_judge(const struct sealed *s, const char *text)
{
	struct dkim_answers *answers = dkim_answers_new();
	struct arc_verify_in in = { .answers = answers, .now_s = SEALED_NOW };
	struct header_list headers;
	struct arc_verdict verdict;
	struct arc_chain chain;
	size_t body;

	header_parse(text, strlen(text), s->rg, &headers, &body);
	arc_chain_read(&headers, s->rg, &chain);
	arc_names(&chain, answers);
	sealed_answer(s, answers);
	in.chain = &chain;
	in.headers = &headers;
	in.body = canon_body_of(text + body, strlen(text) - body);
	arc_verify(&in, s->rg, &verdict);
	canon_body_free(&in.body);
	dkim_answers_free(&answers);
	return verdict;
}

const char *
sealed_add(const struct sealed *s, const char *text, enum arc_result cv)
{
	static const char *v[] = { "dkim=pass header.d=x.example" };
	struct auth_results results = { .n = 1, .v = v };
	struct arc_seal_in in = { .key = s->key,
		.authserv_id = "mx.one.example",
		.results = &results,
		.cv = cv,
		.now_s = SEALED_NOW };
	struct header_list headers;
	struct arc_seal_out out;
	struct arc_chain chain;
	struct canon_body *b;
	const char *sealed;
	size_t body;
	struct err e;

	header_parse(text, strlen(text), s->rg, &headers, &body);
	arc_chain_read(&headers, s->rg, &chain);
	in.selector = chain.highest % 2 == 0 ? "s1" : "s2";
	in.domain = chain.highest % 2 == 0 ? "one.example" : "two.example";
	in.chain = &chain;
	in.headers = &headers;
	b = canon_body_of(text + body, strlen(text) - body);
	in.body_hash = canon_body_hash(b, CANON_RELAXED);
	CHECK(arc_seal(&in, s->rg, &out, &e) == 0);
	sealed = text;
	for (int i = ARC_PARTS; i-- > 0;)
		sealed = REGION_JOIN(s->rg, out.name[i], ": ", out.value[i],
		    "\r\n", sealed);
	canon_body_free(&b);
	return sealed;
}

const char *
sealed_message(const struct sealed *s, unsigned n)
{
	const char *text = PLAIN;

	for (unsigned i = 0; i < n; i++)
		text = sealed_add(s, text, i == 0 ? ARC_NONE : ARC_PASS);
	return text;
}
