/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain in a group that has to sign in: TLS is no weaker than where the user
 * is written, and mail no less safe than the domain asks.
 */
#include <stdio.h>
#include <string.h>

#include "lib/check.h"
#include "lib/str.h"
#include "tests/conf_file.h"
#include "tests/support/certs.h"
#include "vmta/rollup.h"

static const char text[] =
    "<domain *>\n require-starttls yes\n smtp-tls-ca-file system\n"
    " smtp-tls-ciphers HIGH\n smtp-tls-tlsv1.3-ciphersuites "
    "TLS_AES_256_GCM_SHA384\n</domain>\n"
    "<domain weak.rollup>\n use-starttls no\n require-starttls no\n"
    " smtp-tls-ca-file \"\"\n smtp-tls-ciphers DEFAULT\n"
    " smtp-tls-tlsv1.3-ciphersuites TLS_AES_128_GCM_SHA256\n"
    " smtp-tls-allow-tlsv1 yes\n smtp-tls-allow-tlsv1.1 no\n</domain>\n"
    "<domain ann.example>\n auth-username ann\n auth-password s2\n"
    "</domain>\n"
    "<domain r12.rollup>\n smtp-hosts relay.host\n auth-username joe\n"
    " auth-password s1\n smtp-tls-cert-match relay.host\n"
    " smtp-tls-allow-tlsv1.3 no\n smtp-tls-allow-tlsv1 no\n</domain>\n"
    "<domain r13.rollup>\n smtp-hosts relay.host\n auth-username joe\n"
    " auth-password s1\n smtp-tls-allow-tlsv1.2 no\n</domain>\n"
    "<domain lax.rollup>\n smtp-hosts relay.host\n auth-username joe\n"
    " auth-password s1\n smtp-tls-ca-file \"\"\n require-starttls no\n"
    " smtp-tls-ciphers \"\"\n smtp-tls-tlsv1.3-ciphersuites \"\"\n"
    " smtp-tls-allow-tlsv1.1 yes\n</domain>\n"
    "<domain off.rollup>\n smtp-hosts relay.host\n auth-username joe\n"
    " auth-password s1\n smtp-tls-ca-file \"\"\n require-starttls no\n"
    " use-starttls no\n</domain>\n"
    "<domain *.loose.example>\n require-starttls no\n"
    " smtp-tls-ca-file \"\"\n smtp-tls-ciphers DEFAULT\n"
    " smtp-tls-tlsv1.3-ciphersuites TLS_AES_128_GCM_SHA256\n"
    " smtp-tls-allow-tlsv1 yes\n smtp-tls-allow-tlsv1.1 yes\n"
    " smtp-tls-allow-tlsv1.2 yes\n smtp-tls-allow-tlsv1.3 yes\n"
    "</domain>\n"
    "<domain names.rollup>\n smtp-tls-cert-match mx.host\n</domain>\n"
    "<domain *.other.example>\n smtp-tls-ca-file ca.crt\n</domain>\n"
    "<domain tls.example>\n use-starttls yes\n</domain>\n"
    "<domain weak.example>\n use-starttls no\n require-starttls no\n"
    "</domain>\n"
    "<domain *.bank.example>\n require-starttls yes\n"
    " smtp-tls-ca-file system\n smtp-tls-cert-match bank.host\n"
    " smtp-tls-ciphers AES256\n smtp-tls-allow-tlsv1.1 no\n</domain>\n"
    "<domain old.rollup>\n require-starttls no\n smtp-tls-ca-file \"\"\n"
    " smtp-tls-allow-tlsv1 yes\n smtp-tls-allow-tlsv1.1 yes\n</domain>\n"
    "<domain older.rollup>\n require-starttls no\n smtp-tls-ca-file \"\"\n"
    " smtp-tls-allow-tlsv1 yes\n smtp-tls-allow-tlsv1.2 no\n"
    " smtp-tls-allow-tlsv1.3 no\n</domain>\n"
    "<domain needs10.rollup>\n smtp-tls-allow-tlsv1 yes\n</domain>\n"
    "<domain tries13.rollup>\n smtp-hosts relay.host\n auth-username joe\n"
    " auth-password s1\n require-starttls no\n smtp-tls-ca-file \"\"\n"
    " smtp-tls-allow-tlsv1.2 no\n</domain>\n"
    "<domain tries10.rollup>\n smtp-hosts relay.host\n auth-username joe\n"
    " auth-password s1\n require-starttls no\n smtp-tls-ca-file \"\"\n"
    " smtp-tls-allow-tlsv1 yes\n smtp-tls-allow-tlsv1.2 no\n"
    " smtp-tls-allow-tlsv1.3 no\n</domain>\n"
    "<domain *.no13.example>\n smtp-tls-allow-tlsv1.3 no\n</domain>\n"
    "<domain *.try12.example>\n smtp-tls-allow-tlsv1.3 no\n"
    " require-starttls no\n smtp-tls-ca-file \"\"\n</domain>\n";

#define SUITE " TLS_AES_256_GCM_SHA384"
#define S256 " HIGH" SUITE
#define S128 " DEFAULT TLS_AES_128_GCM_SHA256"

static const struct {
	const char *domain, *group, *want;
} cases[] = {
	/* No user: as before. */
	{ "x.example", "weak.rollup", "- clear any - yes,no,1,1" S128 },
	/* Names are for authorities. */
	{ "a.other.example", "names.rollup",
	    "- required ca.crt - opportunistic,opportunistic,1,1" S256 },
	{ "x.example", "names.rollup",
	    "- required system mx.host opportunistic,opportunistic,1,1" S256 },
	/* The domain's. */
	{ "ann.example", "weak.rollup",
	    "ann required system - opportunistic,no,1,1" S256 },
	/* The group's, for its hosts. */
	{ "a.loose.example", "r12.rollup",
	    "joe@relay.host required system relay.host no,opportunistic,1,0" S256 },
	{ "a.loose.example", "r13.rollup",
	    "joe@relay.host required system - opportunistic,opportunistic,0,1" S256 },
	{ "weak.example", "r13.rollup",
	    "joe@relay.host required system - opportunistic,opportunistic,0,1" S256 },
	{ "a.loose.example", "lax.rollup",
	    "joe@relay.host tried any - opportunistic,yes,1,1" S128 },
	/* What the domain demands beyond that stays. */
	{ "a.bank.example", "lax.rollup",
	    "joe@relay.host required system bank.host opportunistic,no,1,1 "
	    "AES256 " },
	{ "a.bank.example", "off.rollup",
	    "joe@relay.host required system bank.host opportunistic,no,1,1" S256 },
	{ "tls.example", "off.rollup",
	    "joe@relay.host tried any - opportunistic,opportunistic,1,1" S256 },
	{ "x.example", "off.rollup",
	    "joe@relay.host clear any - opportunistic,opportunistic,1,1" S256 },
	{ "a.bank.example", "old.rollup",
	    "- required system bank.host opportunistic,no,1,1 AES256" SUITE },
	{ "x.example", "old.rollup", "- tried any - yes,yes,1,1" S256 },
	{ "a.bank.example", "needs10.rollup",
	    "- required system bank.host yes,no,1,1 AES256" SUITE },
	{ "a.bank.example", "older.rollup",
	    "- required system bank.host opportunistic,no,1,1 AES256" SUITE },
	/* Nothing would do for both: as in no group. */
	{ "a.bank.example", "r12.rollup",
	    "- required system bank.host opportunistic,no,1,1 AES256" SUITE },
	{ "a.no13.example", "r13.rollup",
	    "- required system - opportunistic,opportunistic,1,0" S256 },
	{ "a.try12.example", "tries13.rollup",
	    "- tried any - opportunistic,opportunistic,1,0" S256 },
	{ "a.other.example", "r12.rollup",
	    "- required ca.crt - opportunistic,opportunistic,1,1" S256 },
	{ "a.bank.example", "tries10.rollup",
	    "- required system bank.host opportunistic,no,1,1 AES256" SUITE },
};

static const char *
authorities(const char *word)
{
	const char *slash = strrchr(word, '/');

	return word[0] == '\0' ? "any" : slash != NULL ? slash + 1 : word;
}

static void
test_case(const struct snapshot *s, size_t i)
{
	struct buf got = { 0 };
	struct queue_conf c;

	rollup_member_conf(s, cases[i].domain, cases[i].group, "", &c);
	buf_printf(&got, "%s%s%s %s %s %s %s,%s,%d,%d %s %s",
	    c.auth_username[0] == '\0' ? "-" : c.auth_username,
	    c.smtp_hosts.n > 0 ? "@" : "",
	    c.smtp_hosts.n > 0 ? c.smtp_hosts.v[0].name : "",
	    c.require_starttls && c.use_starttls ? "required" :
		c.require_starttls               ? "never" :
		c.use_starttls                   ? "tried" :
						   "clear",
	    authorities(c.smtp_tls_authorities),
	    c.smtp_tls_match.n == 0 ? "-" : c.smtp_tls_match.v[0], c.smtp_tls10,
	    c.smtp_tls11, c.smtp_tls12, c.smtp_tls13, c.smtp_tls_ciphers,
	    c.smtp_tls_suites);
	if (!ok(strcmp(buf_cstr(&got), cases[i].want) == 0, "%s in %s",
		cases[i].domain, cases[i].group))
		(void)printf("# got %s\n", buf_cstr(&got));
	buf_fini(&got);
}

int
main(void)
{
	struct conf_errors errs = { 0 };
	struct cert authority;
	struct snapshot *s;

	conf_file_begin();
	cert_make(&(struct cert_wish){ .names = { slice_of("authority") } },
	    &authority);
	cert_write(&authority, conf_file_path("ca.crt"), true, false);
	conf_file_put("main", text);
	s = snapshot_load(conf_file_path("main"), &errs);
	CHECK(s != NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(s, i);
	snapshot_unref(&s);
	conf_errors_fini(&errs);
	cert_free(&authority);
	conf_file_end();
	return done_testing();
}
