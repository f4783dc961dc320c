/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/certs.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/check.h"

static void
add_names(X509 *cert, const struct cert_wish *w)
{
	X509_NAME *name = X509_get_subject_name(cert);

	/* As bytes: OpenSSL would count them, and know of NUL. */
	for (size_t i = 0; i < 2 && w->names[i].p != NULL; i++)
		CHECK(
		    X509_NAME_add_entry_by_NID(name, NID_commonName,
			V_ASN1_UTF8STRING, (const unsigned char *)w->names[i].p,
			(int)w->names[i].len, -1, 0) == 1);
}

static void
add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	CHECK(ext != NULL && X509_add_ext(cert, ext, -1) == 1);
	X509_EXTENSION_free(ext);
}

void
cert_make(const struct cert_wish *w, struct cert *out)
{
	static long serial;
	X509 *cert = X509_new();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	const struct cert *by = w->by;
	int ends_s = w->begins_s == 0 && w->ends_s == 0 ? 3600 : w->ends_s;

	CHECK(cert != NULL && key != NULL);
	*out = (struct cert){ cert, key };
	if (by == NULL)
		by = out;
	CHECK(X509_set_version(cert, 2) == 1);
	serial++;
	CHECK(ASN1_INTEGER_set(X509_get_serialNumber(cert), serial) == 1);
	CHECK(X509_gmtime_adj(X509_getm_notBefore(cert),
		  w->begins_s == 0 ? -60 : w->begins_s) != NULL);
	CHECK(X509_gmtime_adj(X509_getm_notAfter(cert), ends_s) != NULL);
	add_names(cert, w);
	CHECK(X509_set_issuer_name(cert, X509_get_subject_name(by->cert)) == 1);
	CHECK(X509_set_pubkey(cert, key) == 1);
	if (w->by == NULL || w->signs)
		add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
	if (w->purpose != NULL)
		add_extension(cert, NID_ext_key_usage, w->purpose);
	if (w->alt != NULL)
		add_extension(cert, NID_subject_alt_name, w->alt);
	CHECK(X509_sign(cert, by->key, EVP_sha256()) > 0);
}

void
cert_free(struct cert *c)
{
	X509_free(c->cert);
	EVP_PKEY_free(c->key);
	*c = (struct cert){ 0 };
}

void
cert_write(const struct cert *c, const char *path, bool cert, bool key)
{
	FILE *f = fopen(path, "w");

	CHECK(f != NULL && fchmod(fileno(f), 0600) == 0);
	CHECK(!cert || PEM_write_X509(f, c->cert) == 1);
	CHECK(!key ||
	    PEM_write_PrivateKey(f, c->key, NULL, NULL, 0, NULL, NULL) == 1);
	CHECK(fclose(f) == 0);
}
