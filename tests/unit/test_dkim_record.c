/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys are read as RFC 6376 and 8463 publish them, or not at all. */
#include "mail/dkim_record.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/mem.h"
#include "tests/support/sealed.h"
#include "tests/tap.h"

/* %s is the key in base64, of what kind says. */
static const struct {
	const char *label, *kind;
	unsigned bits;
	const char *record, *error; /* NULL: it is a key */
} cases[] = {
	{ "RSA", "RSA", 2048, "v=DKIM1; k=rsa; p=%s", NULL },
	{ "RSA-1024", "RSA", 1024, "v=DKIM1; k=rsa; p=%s", NULL },
	{ "RSA-1016", "RSA", 1016, "v=DKIM1; k=rsa; p=%s", "1016 bits" },
	{ "Ed25519", "ED25519", 0, "v=DKIM1; k=ed25519; p=%s", NULL },
	{ "k= left out is rsa", "RSA", 1024, "v=DKIM1; p=%s", NULL },
	{ "v= left out", "RSA", 1024, "p=%s", NULL },
	{ "v= behind another", "RSA", 1024, "k=rsa; v=DKIM1; p=%s", "v=" },
	{ "v= of another kind", "RSA", 1024, "v=spf1; p=%s", "v=" },
	{ "RSA said to be Ed25519", "RSA", 1024, "k=ed25519; p=%s",
	    "no Ed25519 key" },
	{ "Ed25519 said to be RSA", "ED25519", 0, "k=rsa; p=%s", "no RSA key" },
	{ "an unknown k=", "RSA", 1024, "k=dsa; p=%s", "k= is unknown" },
	{ "sha256 allowed", "RSA", 1024, "h=sha1 : sha256; p=%s", NULL },
	{ "sha1 only", "RSA", 1024, "h=sha1; p=%s", "h=" },
	{ "all services", "RSA", 1024, "s=*; p=%s", NULL },
	{ "for e-mail", "RSA", 1024, "s=other:email; p=%s", NULL },
	{ "for another service", "RSA", 1024, "s=other; p=%s", "s=" },
	{ "unknown tags", "RSA", 1024, "n=a note; x=y; p=%s; t=y:s", NULL },
	{ "blanks in p=", "RSA", 1024, "p= %s \r\n\t", NULL },
	{ "revoked", "RSA", 1024, "v=DKIM1; p=", "revoked" },
	{ "no p=", "RSA", 1024, "v=DKIM1; k=rsa", "no p=" },
	{ "p= that is no base64", "RSA", 1024, "p=%s*", "no base64" },
	{ "p= that is no key", "RSA", 1024, "p=AAAA", "no RSA key" },
	{ "another text", "RSA", 1024, "v=spf1 -all", "v=" },
	{ "no text", "RSA", 1024, "", "no tag" },
};

/* "v=DKIM1; k=...; p=KEY": KEY */
static const char *
key_text(const struct sealed *s)
{
	return strstr(s->record, "p=") + 2;
}

static void
test_case(size_t i)
{
	struct dkim_record *record = NULL;
	struct buf text = { 0 };
	struct sealed s = { 0 };
	const char *at = strstr(cases[i].record, "%s");
	struct err e = { "" };

	if (cases[i].bits == 1016) { /* no signing key of ours */
		EVP_PKEY *pkey = EVP_RSA_gen(1016);
		unsigned char *der = NULL;
		int len = i2d_PUBKEY(pkey, &der);

		buf_str(&text, "v=DKIM1; k=rsa; p=");
		base64_add(&text, der, (size_t)len);
		OPENSSL_free(der);
		EVP_PKEY_free(pkey);
	} else {
		sealed_init(&s, cases[i].kind, cases[i].bits);
		buf_add(&text, cases[i].record,
		    at == NULL ? strlen(cases[i].record) :
				 (size_t)(at - cases[i].record));
		if (at != NULL) {
			buf_str(&text, key_text(&s));
			buf_str(&text, at + 2);
		}
		sealed_fini(&s);
	}
	(void)dkim_record_parse((struct slice){ text.p, text.len }, &record,
	    &e);
	ok(cases[i].error == NULL ?
		record != NULL :
		record == NULL && strstr(e.text, cases[i].error) != NULL,
	    "%s %s", cases[i].label, e.text);
	dkim_record_free(&record);
	buf_fini(&text);
}

/* RSAPublicKey, which RFC 6376 asks for and hardly anybody publishes. */
static void
test_pkcs1(void)
{
	EVP_PKEY *pkey = EVP_RSA_gen(1024);
	struct dkim_record *record = NULL;
	unsigned char *der = NULL;
	int len = i2d_PublicKey(pkey, &der);
	struct buf text = { 0 };
	struct err e;

	buf_str(&text, "p=");
	base64_add(&text, der, (size_t)len);
	is_int(
	    dkim_record_parse((struct slice){ text.p, text.len }, &record, &e),
	    0, "RSAPublicKey");
	dkim_record_free(&record);
	OPENSSL_free(der);
	EVP_PKEY_free(pkey);
	buf_fini(&text);
}

static void
test_verify(const char *kind, unsigned bits)
{
	struct dkim_record *record = NULL;
	struct buf sig = { 0 };
	struct sealed s;
	struct slice folded;
	enum dkim_algorithm a, other;
	struct err e;

	sealed_init(&s, kind, bits);
	a = dkim_key_algorithm(s.key);
	other = a == DKIM_RSA_SHA256 ? DKIM_ED25519_SHA256 : DKIM_RSA_SHA256;
	(void)dkim_record_parse(slice_of(s.record), &record, &e);
	(void)dkim_key_sign(s.key, "hello", 5, &sig, &e);
	folded = slice_of(region_printf(s.rg, " %.10s\r\n\t%.*s \r\n ", sig.p,
	    (int)sig.len - 10, sig.p + 10));
	ok(dkim_record_verify(record, a, SLICE_LIT("hello"), folded),
	    "%s: a folded signature holds", kind);
	ok(!dkim_record_verify(record, a, SLICE_LIT("hallo"), folded),
	    "%s: not of other bytes", kind);
	ok(!dkim_record_verify(record, other, SLICE_LIT("hello"), folded),
	    "%s: not as another algorithm", kind);
	sig.p[3] = sig.p[3] == 'A' ? 'B' : 'A';
	ok(!dkim_record_verify(record, a, SLICE_LIT("hello"),
	       (struct slice){ sig.p, sig.len }),
	    "%s: not with a letter changed", kind);
	ok(!dkim_record_verify(record, a, SLICE_LIT("hello"),
	       SLICE_LIT("AAAA")),
	    "%s: not a short one", kind);
	dkim_record_free(&record);
	buf_fini(&sig);
	sealed_fini(&s);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(i);
	test_pkcs1();
	test_verify("RSA", 1024);
	test_verify("ED25519", 0);
	return done_testing();
}
