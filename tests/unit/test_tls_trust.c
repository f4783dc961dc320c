/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose certificate is good, and for whom: one signed by an authority, valid,
 * for servers, with the name that is meant; whatever else it is is said, with
 * the names that it has.
 */
#include <openssl/x509.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/tls_trust.h"
#include "tests/support/certs.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"

static struct cert authority, stranger, middle;
static char authority_file[600], middle_file[600];
static struct tls_trust *trust;

static struct tls_names
names_for(const char **items, size_t n)
{
	return (struct tls_names){ .host = "mx1.Example.net",
		.nexthop = "example.com.",
		.match = { n, items } };
}

/* "" if it is good. */
static const char *
judge(X509 *cert, STACK_OF(X509) * chain, const struct tls_names *names,
    struct err *why)
{
	why->text[0] = '\0';
	if (tls_trust_judge(trust,
		&(struct tls_shown){ .cert = cert, .chain = chain, .level = 1 },
		names, why))
		return "";
	return why->text;
}

static const struct {
	const char *alt, *common; /* the certificate's */
	const char *match;        /* "": by default */
	bool good;
} cases[] = {
	{ "DNS:mx1.example.net", "x", "", true },
	{ "DNS:MX1.EXAMPLE.NET", "x", "", true },
	{ "DNS:mx2.example.net", "mx1.example.net", "", false },
	{ NULL, "mx1.example.net", "", true },
	{ "IP:192.0.2.1", "mx1.example.net", "", true },
	{ "DNS:*.example.net", "x", "", true },
	{ "DNS:m*.example.net", "x", "", false },
	{ "DNS:*1.example.net", "x", "", false },
	{ "DNS:*.net", "x", "", false },
	{ "DNS:*", "x", "", false },
	{ "DNS:example.net", "x", "", false },
	{ "DNS:example.com", "x", "", false },
	{ "DNS:mx1.example.net", "x", "hostname", true },
	{ "DNS:mx1.example.net", "x", "HostName", true },
	{ "DNS:mx1.example.net", "x", "nexthop", false },
	{ "DNS:example.com", "x", "nexthop", true },
	{ "DNS:mx.example.com", "x", "nexthop", false },
	{ "DNS:*.example.com", "x", "nexthop", false },
	{ "DNS:mx.example.com", "x", "dot-nexthop", true },
	{ "DNS:a.b.example.com", "x", "dot-nexthop", true },
	{ "DNS:*.example.com", "x", "dot-nexthop", true },
	{ "DNS:example.com", "x", "dot-nexthop", false },
	{ "DNS:badexample.com", "x", "dot-nexthop", false },
	{ "DNS:example.com.evil.example", "x", "dot-nexthop", false },
	{ "DNS:gate.example.org", "x", "gate.example.org", true },
	{ "DNS:gate.example.org", "x", "other.example.org", false },
	{ "DNS:gate.example.org", "x", ".example.org", true },
	{ "DNS:example.org", "x", ".example.org", false },
	{ "DNS:mx1.example.net", "x", ".example.org", false },
	{ "DNS:xn--bcher-kva.example", "x", "bücher.example", true },
	{ "DNS:mx.xn--bcher-kva.example", "x", ".Bücher.example.", true },
	{ "DNS:xn--bcher-kva.example", "x", "bucher.example", false },
	{ "IP:192.0.2.1", "x", "192.0.2.1", true },
	{ "IP:192.0.2.1", "x", "[192.0.2.1]", true },
	{ "IP:192.0.2.2", "x", "192.0.2.1", false },
	{ "DNS:192.0.2.1", "192.0.2.1", "192.0.2.1", false },
	{ "IP:2001:db8::1", "x", "2001:db8::1", true },
};

static void
test_names(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *items[] = { cases[i].match };
		const struct tls_names names = names_for(items,
		    cases[i].match[0] != '\0');
		const struct cert_wish wish = { .names = { slice_of(
						    cases[i].common) },
			.by = &authority,
			.alt = cases[i].alt };
		struct cert c;
		struct err why;
		const char *said;

		cert_make(&wish, &c);
		said = judge(c.cert, NULL, &names, &why);
		ok((said[0] == '\0') == cases[i].good, "%s (%s) for %s: %s",
		    cases[i].alt == NULL ? "no other name" : cases[i].alt,
		    cases[i].common,
		    cases[i].match[0] == '\0' ? "the host" : cases[i].match,
		    said);
		cert_free(&c);
	}
}

static void
test_several(void)
{
	const char *items[] = { "nexthop", "dot-nexthop" };
	const struct tls_names names = names_for(items, 2);
	struct cert c;
	struct err why;

	cert_make(&(struct cert_wish){ .names = { slice_of("x") },
		      .by = &authority,
		      .alt = "DNS:mx.example.com" },
	    &c);
	is_str(judge(c.cert, NULL, &names, &why), "", "one of several fits");
	cert_free(&c);
	cert_make(&(struct cert_wish){ .names = { slice_of("x") },
		      .by = &authority,
		      .alt = "DNS:a.example,DNS:b.example,IP:192.0.2.9" },
	    &c);
	is_str(judge(c.cert, NULL, &names, &why),
	    "the certificate is for a.example, b.example, 192.0.2.9, not for "
	    "example.com. or .example.com.",
	    "none of them does");
	cert_free(&c);
}

static void
test_words(void)
{
	const struct tls_names names = names_for(NULL, 0);
	struct cert c;
	struct err why;

	cert_make(&(struct cert_wish){ .names = { slice_of("x") },
		      .by = &authority,
		      .alt = "email:a@b.example" },
	    &c);
	is_str(judge(c.cert, NULL, &names, &why),
	    "the certificate is for nobody, not for mx1.Example.net",
	    "without a name");
	cert_free(&c);
	cert_make(&(struct cert_wish){ .names = { slice_of("a\nb \x1b[2J") },
		      .by = &authority },
	    &c);
	is_str(judge(c.cert, NULL, &names, &why),
	    "the certificate is for a?b??[2J, not for mx1.Example.net",
	    "what is no text");
	cert_free(&c);
	cert_make(&(struct cert_wish){ .names = { slice_of("x") },
		      .by = &authority,
		      .alt = "DNS:a1.x,DNS:a2.x,DNS:a3.x,DNS:a4.x,DNS:a5.x,"
			     "DNS:a6.x,DNS:a7.x" },
	    &c);
	is_str(judge(c.cert, NULL, &names, &why),
	    "the certificate is for a1.x, a2.x, a3.x, a4.x, a5.x, a6.x and "
	    "others, not for mx1.Example.net",
	    "many names");
	cert_free(&c);
	is_str(judge(NULL, NULL, &names, &why),
	    "the server has shown no certificate", "without a certificate");
}

/* ---- who has signed it --------------------------------------------------- */

static void
is_bad(const struct cert_wish *wish, const char *reason, const char *label)
{
	const struct tls_names names = names_for(NULL, 0);
	struct cert_wish w = *wish;
	struct cert c;
	struct err why;
	char want[300];

	w.names[0] = slice_of("x");
	w.alt = "DNS:mx1.example.net";
	cert_make(&w, &c);
	(void)snprintf(want, sizeof(want),
	    "the certificate is not good: %s (it is for mx1.example.net)",
	    reason);
	is_str(judge(c.cert, NULL, &names, &why), want, label);
	cert_free(&c);
}

static void
test_signers(void)
{
	const struct tls_names names = names_for(NULL, 0);
	struct cert_wish wish = { .names = { slice_of("x") },
		.by = &middle,
		.alt = "DNS:mx1.example.net" };
	STACK_OF(X509) *chain = sk_X509_new_null();
	struct cert c;
	struct err why;

	is_bad(&(struct cert_wish){ .names = { slice_of("a") } },
	    "self-signed certificate", "signed by itself");
	is_bad(&(struct cert_wish){ .by = &stranger },
	    "unable to get local issuer certificate", "by somebody else");
	is_bad(&(struct cert_wish){ .by = &authority,
		   .begins_s = -7200,
		   .ends_s = -3600 },
	    "certificate has expired", "too late");
	is_bad(&(struct cert_wish){ .by = &authority,
		   .begins_s = 3600,
		   .ends_s = 7200 },
	    "certificate is not yet valid", "too early");
	is_bad(&(struct cert_wish){ .by = &authority, .purpose = "clientAuth" },
	    "unsuitable certificate purpose", "for clients");
	is_bad(&wish, "unable to get local issuer certificate",
	    "without what is between");
	cert_make(&wish, &c);
	CHECK(chain != NULL && sk_X509_push(chain, middle.cert) == 1);
	is_str(judge(c.cert, chain, &names, &why), "", "with it");
	cert_free(&c);
	sk_X509_free(chain);
}

/* What is in the file is believed, whoever has signed it. */
static void
test_no_root(void)
{
	const struct tls_names names = names_for(NULL, 0);
	struct cert_wish wish = { .names = { slice_of("x") },
		.by = &middle,
		.alt = "DNS:mx1.example.net" };
	struct tls_trust *root = trust;
	struct cert c;
	struct err why;

	trust = tls_trust_new(middle_file, &why);
	CHECK(trust != NULL);
	cert_make(&wish, &c);
	is_str(judge(c.cert, NULL, &names, &why), "",
	    "by one that is itself signed by another");
	cert_free(&c);
	is_bad(&(struct cert_wish){ .by = &authority },
	    "unable to get local issuer certificate", "by the one above it");
	tls_trust_free(&trust);

	wish.by = &stranger;
	cert_make(&wish, &c);
	cert_write(&c, tmpdir_path("own.crt"), true, false);
	trust = tls_trust_new(tmpdir_path("own.crt"), &why);
	CHECK(trust != NULL);
	is_str(judge(c.cert, NULL, &names, &why), "", "the server's own");
	cert_free(&c);
	is_bad(&(struct cert_wish){ .by = &stranger },
	    "unable to get local issuer certificate", "another of its signer");
	tls_trust_free(&trust);
	trust = root;
}

/* ---- files --------------------------------------------------------------- */

static void
is_no_file(const char *file, const char *reason)
{
	struct err e = { 0 };
	struct tls_trust *t = tls_trust_new(file, &e);

	ok(t == NULL && strstr(e.text, reason) != NULL, "%s: %s", file, e.text);
	tls_trust_free(&t);
}

static void
test_files(void)
{
	static char empty[600], key[600], folder[600];
	struct tls_trust *t;
	struct err e;

	(void)snprintf(empty, sizeof(empty), "%s", tmpdir_path("empty"));
	(void)snprintf(key, sizeof(key), "%s", tmpdir_path("key"));
	(void)snprintf(folder, sizeof(folder), "%s", tmpdir_path("."));
	cert_write(&authority, empty, false, false);
	cert_write(&authority, key, false, true);
	is_no_file(tmpdir_path("none"), "No such file");
	is_no_file(empty, "there is no certificate (PEM) in it");
	is_no_file(key, "there is no certificate (PEM) in it");
	is_no_file(folder, "not a regular file");
	tmpdir_damage("middle.crt", 60);
	is_no_file(middle_file, "a certificate in it cannot be read");

	CHECK(setenv("SSL_CERT_FILE", authority_file, 1) == 0);
	CHECK(setenv("SSL_CERT_DIR", "/nonexistent", 1) == 0);
	t = tls_trust_new(TLS_TRUST_SYSTEM, &e);
	ok(t != NULL, "those of the system");
	tls_trust_free(&trust);
	trust = t;
	test_several();
	CHECK(setenv("SSL_CERT_FILE", "/nonexistent", 1) == 0);
	is_no_file(TLS_TRUST_SYSTEM,
	    "this host has no certificates of authorities: neither "
	    "/nonexistent nor any in /nonexistent");
}

static void
test_items(void)
{
	static const struct {
		const char *item, *wrong;
	} items[] = {
		{ "hostname", NULL },
		{ "dot-nexthop", NULL },
		{ "mx.example.com", NULL },
		{ ".example.com", NULL },
		{ "[2001:db8::1]", NULL },
		{ "bücher.example", NULL },
		{ ".bücher.example", NULL },
		{ "*.example.com", "any name below one is .NAME" },
		{ "mx example", "no name" },
		{ "", "no name" },
		{ ".", "no name" },
		{ "a..b", "no name" },
		{ "a123456789b123456789c123456789d123456789e123456789f123456789g1234.x",
		    "no name" },
	};
	struct err e;

	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		const char *item = items[i].item, *wrong = items[i].wrong;

		e.text[0] = '\0';
		(void)tls_match_check(item, &e);
		ok(wrong == NULL ? e.text[0] == '\0' :
				   strstr(e.text, wrong) != NULL,
		    "\"%s\": %s", item, e.text);
	}
}

int
main(void)
{
	struct err e;

	tmpdir_make();
	cert_make(&(struct cert_wish){ .names = { slice_of("authority") } },
	    &authority);
	cert_make(&(struct cert_wish){ .names = { slice_of("stranger") } },
	    &stranger);
	cert_make(&(struct cert_wish){ .names = { slice_of("middle") },
		      .by = &authority,
		      .signs = true },
	    &middle);
	(void)snprintf(authority_file, sizeof(authority_file), "%s",
	    tmpdir_path("authority.crt"));
	(void)snprintf(middle_file, sizeof(middle_file), "%s",
	    tmpdir_path("middle.crt"));
	cert_write(&authority, authority_file, true, false);
	cert_write(&middle, middle_file, true, false);
	trust = tls_trust_new(authority_file, &e);
	CHECK(trust != NULL);

	test_names();
	test_several();
	test_words();
	test_signers();
	test_no_root();
	test_items();
	test_files();

	tls_trust_free(&trust);
	cert_free(&middle);
	cert_free(&stranger);
	cert_free(&authority);
	tmpdir_remove();
	return done_testing();
}
