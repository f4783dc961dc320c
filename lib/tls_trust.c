/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/tls_trust.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/dns_name.h"
#include "lib/mem.h"
#include "lib/net.h"
#include "lib/str.h"
#include "lib/tls_pem.h"
#include "lib/tls_words.h"

/* Of a certificate that may have thousands, shown in errors. */
#define NAMES_SHOWN 6
#define NAME_SHOWN_MAX 100

/* RFC 6125 section 6.4.3: the whole leftmost label, or no wildcard. */
#define NAME_FLAGS X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS

/* Of a name, with a dot before it. */
#define NAME_CAP (DNS_NAME_CAP + 1)

struct tls_trust {
	X509_STORE *store;
};

/* ---- authorities --------------------------------------------------------- */

static int
add_file(X509_STORE *store, const struct buf *text, struct err *e)
{
	BIO *pem = tls_pem_open(text);
	size_t count = 0;
	int rc = 0;
	X509 *one;

	while (rc == 0 && (one = tls_pem_next(pem)) != NULL) {
		if (X509_STORE_add_cert(store, one) != 1)
			rc = err_tls(e, "its certificate");
		X509_free(one);
		count++;
	}
	if (rc == 0)
		rc = tls_pem_ends_well(e);
	BIO_free(pem);
	if (rc == 0 && count == 0)
		rc = err_set(e, "there is no certificate (PEM) in it");
	return rc;
}

static int
load_file(X509_STORE *store, const char *file, struct err *e)
{
	struct buf text = { 0 };
	bool shown;
	int rc = tls_pem_read(file, &text, &shown, e);

	if (rc == 0 && add_file(store, &text, e) == -1)
		rc = err_where(e, "%s", file);
	/* Nobody need have the root, too, nor the server show it. */
	CHECK(X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1);
	tls_pem_forget(&text);
	return rc;
}

/* As OpenSSL looks for it. */
static const char *
place(const char *variable, const char *otherwise)
{
	const char *set = secure_getenv(variable);

	return set != NULL ? set : otherwise;
}

static bool
has_entries(const char *folder)
{
	DIR *d = opendir(folder);
	const struct dirent *entry;
	bool any = false;

	if (d == NULL)
		return false;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of our own */
	while (!any && (entry = readdir(d)) != NULL)
		any = entry->d_name[0] != '.';
	(void)closedir(d);
	return any;
}

/* OpenSSL itself says nothing of places that are empty, or not there. */
static int
load_system(X509_STORE *store, struct err *e)
{
	const char *file = place(X509_get_default_cert_file_env(),
	    X509_get_default_cert_file());
	const char *folder = place(X509_get_default_cert_dir_env(),
	    X509_get_default_cert_dir());

	if (access(file, R_OK) == -1 && !has_entries(folder))
		return err_set(e,
		    "this host has no certificates of authorities: neither %s nor any in %s",
		    file, folder);
	if (X509_STORE_set_default_paths(store) != 1)
		return err_tls(e, "the certificates of this host");
	ERR_clear_error(); /* of a place that is not there */
	return 0;
}

struct tls_trust *
tls_trust_new(const char *file, struct err *e)
{
	struct tls_trust *t = mem_new(struct tls_trust);
	int rc;

	t->store = X509_STORE_new();
	CHECK(t->store != NULL);
	rc = strcmp(file, TLS_TRUST_SYSTEM) == 0 ? load_system(t->store, e) :
						   load_file(t->store, file, e);
	if (rc == -1)
		tls_trust_free(&t);
	return t;
}

void
tls_trust_free(struct tls_trust **tp)
{
	struct tls_trust *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	X509_STORE_free(t->store);
	free(t);
}

/* ---- names --------------------------------------------------------------- */

enum word { WORD_HOST, WORD_NEXTHOP, WORD_BELOW_NEXTHOP, WORD_NAME };

static const char *const words[] = {
	[WORD_HOST] = "hostname",
	[WORD_NEXTHOP] = "nexthop",
	[WORD_BELOW_NEXTHOP] = "dot-nexthop",
};

static enum word
word_of(const char *item)
{
	size_t i = 0;

	while (i < WORD_NAME && !str_eq_nocase(item, words[i]))
		i++;
	return (enum word)i;
}

/* "192.0.2.1", "[192.0.2.1]" */
static bool
is_address(const char *name, struct net_addr *addr)
{
	size_t len = strlen(name);
	struct slice text = { name, len };
	struct err ignored;

	if (len > 2 && name[0] == '[' && name[len - 1] == ']')
		text = (struct slice){ name + 1, len - 2 };
	return net_addr_parse(text, addr, &ignored) == 0;
}

/* What OpenSSL is to look for; false: it cannot be in a certificate. */
static bool
clean(const char *name, bool below, char out[NAME_CAP])
{
	out[0] = '.';
	return dns_name_clean(name, out + (below ? 1 : 0)) == 0;
}

static bool
has_address(X509 *cert, const struct net_addr *addr)
{
	char text[NET_ADDR_TEXT];

	return X509_check_ip_asc(cert, net_addr_text(addr, text), 0) == 1;
}

/* below: a name below it is meant. */
static bool
has_name(X509 *cert, const char *name, bool below)
{
	char text[NAME_CAP];
	struct net_addr addr;

	if (is_address(name, &addr))
		return !below && has_address(cert, &addr);
	return clean(name, below, text) &&
	    X509_check_host(cert, text, 0, NAME_FLAGS, NULL) == 1;
}

/* ".example.com" */
static bool
is_below(const char *item)
{
	return item[0] == '.';
}

static bool
fits(X509 *cert, const char *item, const struct tls_names *names)
{
	switch (word_of(item)) {
	case WORD_HOST:
		return has_name(cert, names->host, false);
	case WORD_NEXTHOP:
		return has_name(cert, names->nexthop, false);
	case WORD_BELOW_NEXTHOP:
		return has_name(cert, names->nexthop, true);
	case WORD_NAME:
		return has_name(cert, item + is_below(item), is_below(item));
	}
	CHECK_NEVER("a word of names");
}

int
tls_match_check(const char *item, struct err *e)
{
	struct net_addr addr;
	char text[NAME_CAP];

	if (word_of(item) != WORD_NAME || is_address(item, &addr))
		return 0;
	if (strchr(item, '*') != NULL)
		return err_set(e,
		    "\"%s\": a certificate for *.NAME fits each name that it stands for; any name below one is .NAME",
		    item);
	if (!clean(item + is_below(item), is_below(item), text))
		return err_set(e,
		    "\"%s\" is none of hostname, nexthop and dot-nexthop, and no name",
		    item);
	return 0;
}

/* ---- in words ------------------------------------------------------------ */

/* A stranger has written it. */
static void
say_name(struct buf *out, const char *name, size_t len)
{
	buf_str(out, out->len == 0 ? "" : ", ");
	for (size_t i = 0; i < len && i < NAME_SHOWN_MAX; i++)
		buf_byte(out, name[i] > ' ' && name[i] < 0x7f ? name[i] : '?');
}

static void
say_alt_name(struct buf *out, const GENERAL_NAME *name)
{
	const ASN1_STRING *s;
	char text[INET6_ADDRSTRLEN];
	const unsigned char *p;
	int kind, len;

	s = GENERAL_NAME_get0_value(name, &kind);
	if (kind != GEN_DNS && kind != GEN_IPADD)
		return;
	p = ASN1_STRING_get0_data(s);
	len = ASN1_STRING_length(s);
	if (kind == GEN_DNS)
		say_name(out, (const char *)p, (size_t)len);
	else if ((len == 4 || len == 16) &&
	    inet_ntop(len == 4 ? AF_INET : AF_INET6, p, text, sizeof(text)) !=
		NULL)
		say_name(out, text, strlen(text));
}

static void
say_common_names(struct buf *out, const X509 *cert)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	int at = -1;

	while ((at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >=
	    0) {
		const ASN1_STRING *s = X509_NAME_ENTRY_get_data(
		    X509_NAME_get_entry(subject, at));

		say_name(out, (const char *)ASN1_STRING_get0_data(s),
		    (size_t)ASN1_STRING_length(s));
	}
}

/* RFC 6125 section 6.4.4: the common name counts where there is no other. */
static const char *
names_in(const X509 *cert, struct buf *out)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL,
	    NULL);
	int n = all == NULL ? 0 : sk_GENERAL_NAME_num(all);

	for (int i = 0; i < n && i < NAMES_SHOWN; i++)
		say_alt_name(out, sk_GENERAL_NAME_value(all, i));
	if (n > NAMES_SHOWN)
		buf_str(out, " and others");
	GENERAL_NAMES_free(all);
	if (n == 0)
		say_common_names(out, cert);
	ERR_clear_error();
	return out->len == 0 ? "nobody" : buf_cstr(out);
}

static void
say_wanted(struct buf *out, const char *item, const struct tls_names *names)
{
	const enum word w = word_of(item);
	const char *name = w == WORD_NAME ? item :
	    w == WORD_HOST                ? names->host :
					    names->nexthop;

	buf_str(out, out->len == 0 ? "" : " or ");
	buf_str(out, w == WORD_BELOW_NEXTHOP ? "." : "");
	buf_str(out, name);
}

/* ---- the judge ----------------------------------------------------------- */

static bool
is_named(X509 *cert, const struct tls_names *names, struct err *why)
{
	static const char *const by_default[] = { "hostname" };
	const char *const *items = names->match.n == 0 ? by_default :
							 names->match.v;
	size_t n = names->match.n == 0 ? 1 : names->match.n;
	struct buf has = { 0 }, wanted = { 0 };

	for (size_t i = 0; i < n; i++)
		if (fits(cert, items[i], names))
			return true;
	for (size_t i = 0; i < n; i++)
		say_wanted(&wanted, items[i], names);
	(void)err_set(why, "the certificate is for %s, not for %s",
	    names_in(cert, &has), buf_cstr(&wanted));
	buf_fini(&has);
	buf_fini(&wanted);
	return false;
}

static bool
is_signed(const struct tls_trust *t, const struct tls_shown *shown,
    struct err *why)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	struct buf has = { 0 };
	bool good;

	CHECK(ctx != NULL);
	good = X509_STORE_CTX_init(ctx, t->store, shown->cert, shown->chain) ==
		1 &&
	    X509_STORE_CTX_set_default(ctx, "ssl_server") == 1;
	if (good) {
		X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(ctx),
		    shown->level);
		good = X509_verify_cert(ctx) == 1;
	}
	if (!good)
		(void)err_set(why,
		    "the certificate is not good: %s (it is for %s)",
		    X509_verify_cert_error_string(
			X509_STORE_CTX_get_error(ctx)),
		    names_in(shown->cert, &has));
	buf_fini(&has);
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

bool
tls_trust_judge(const struct tls_trust *t, const struct tls_shown *shown,
    const struct tls_names *names, struct err *why)
{
	if (shown->cert == NULL) {
		(void)err_set(why, "the server has shown no certificate");
		return false;
	}
	return is_signed(t, shown, why) && is_named(shown->cert, names, why);
}
