/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/tls_facts.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

#include "lib/log.h"

static void
read_subject(const X509_NAME *name, char *out, size_t cap)
{
	BIO *text = BIO_new(BIO_s_mem());
	int len = -1;

	if (text != NULL &&
	    X509_NAME_print_ex(text, name, 0, XN_FLAG_RFC2253) >= 0)
		len = BIO_read(text, out, (int)cap - 1);
	out[len > 0 ? len : 0] = '\0';
	BIO_free(text);
}

/*
 * Of two names nobody says which one counts; of one that is cut, or has a NUL
 * in it, nobody could tell it from another.
 */
static void
read_name(const X509_NAME *name, char *out, size_t cap)
{
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1), len;
	unsigned char *text = NULL;

	out[0] = '\0';
	if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0)
		return;
	len = ASN1_STRING_to_UTF8(&text,
	    X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (len > 0 && (size_t)len < cap &&
	    memchr(text, 0, (size_t)len) == NULL)
		(void)snprintf(out, cap, "%.*s", len, (const char *)text);
	OPENSSL_free(text);
}

void
tls_facts_read(const struct ssl_st *ssl, struct tls_facts *out)
{
	const X509 *cert = SSL_get0_peer_certificate(ssl);

	*out = (struct tls_facts){ .version = SSL_get_version(ssl),
		.cipher = SSL_get_cipher_name(ssl),
		.has_cert = cert != NULL };
	if (cert == NULL)
		return;
	read_subject(X509_get_subject_name(cert), out->subject,
	    sizeof(out->subject));
	read_name(X509_get_subject_name(cert), out->name, sizeof(out->name));
	ERR_clear_error();
}

void
tls_facts_log(const struct tls_facts *f, struct log_line *l)
{
	log_str(l, "protocol", f->version);
	log_str(l, "cipher", f->cipher);
	if (f->has_cert)
		log_str(l, "certificate", f->subject);
}
