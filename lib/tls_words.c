/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/tls_words.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>

int
err_tls(struct err *e, const char *what)
{
	char text[256] = "unknown error";
	unsigned long code = ERR_get_error();

	if (code != 0)
		ERR_error_string_n(code, text, sizeof(text));
	ERR_clear_error();
	return err_set(e, "%s: %s", what, text);
}

static int
check_list(const char *list, int set(SSL_CTX *, const char *), const char *what,
    struct err *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	bool good = ctx != NULL && set(ctx, list) == 1;

	SSL_CTX_free(ctx);
	ERR_clear_error();
	return good ? 0 : err_set(e, "\"%s\" %s", list, what);
}

int
tls_ciphers_check(const char *ciphers, struct err *e)
{
	return check_list(ciphers, SSL_CTX_set_cipher_list, "names no cipher",
	    e);
}

int
tls_suites_check(const char *suites, struct err *e)
{
	return check_list(suites, SSL_CTX_set_ciphersuites,
	    "are no cipher suites of TLS 1.3", e);
}
