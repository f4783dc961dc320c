/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is made of a Postfix that is not there: its parameters are a few lines, its
 * tables stand in them.
 */
#include "compat/postfix/pf_import.h"

#include <string.h>

#include "tests/tap.h"
#include "tests/unit/pf_case.h"

static int
fetch(void *ctx, enum pf_fetch how, const char *table, struct slice *text_r,
    struct err *e)
{
	(void)ctx;
	(void)how;
	*text_r = (struct slice){ NULL, 0 };
	return err_set(e, "%s: not there", table);
}

#define PARAMETERS \
	"myhostname = mx.test\ninet_protocols = all\n" \
	"smtp_address_preference = any\n"

/*
 * Configuration and report, one behind the other; own: what the service out sets
 * for itself, in place of what stands in main.cf.
 */
static void
import(const char *set, const char *own, struct buf *out)
{
	struct region *rg = region_new();
	struct pf_conf *conf = pf_case_host(rg,
	    REGION_JOIN(rg, PARAMETERS, set),
	    own[0] == '\0' ? PF_SERVICES :
			     PF_SERVICES "out unix - - n - - smtp\n");
	struct import_report *report = import_report_new(rg);
	struct import_conf *made = import_conf_new(rg, report);
	const struct pf_import_source from = { conf, fetch, NULL };

	/* $myhostname, as postconf -x has it. */
	pf_conf_read_values(conf, slice_of("smtp_helo_name = mx.test\n"));
	pf_conf_read_overrides(conf, slice_of(own));
	pf_import(&from, rg, made, report);
	import_conf_print(made, true, out);
	import_report_print(report, out);
	import_conf_free(&made);
	pf_conf_free(&conf);
	region_free(&rg);
}

/* What is there or, behind "!", is not, with a "|" between. */
static void
check(const char *label, const char *set, const char *own, const char *said)
{
	struct buf out = { 0 };
	bool good = true;

	import(set, own, &out);
	while (*said != '\0') {
		const bool absent = *said == '!';
		const char *end = strchrnul(said, '|');
		const char *found = memmem(out.p, out.len, said + absent,
		    (size_t)(end - said) - absent);

		good = good && (found == NULL) == absent;
		said = end + (*end == '|');
	}
	if (!ok(good, "%s", label))
		(void)printf("#   %.*s\n", (int)out.len, out.p);
	buf_fini(&out);
}

#define NO_SOURCE "!    smtp-source-host "

static const struct {
	const char *label, *interfaces, *said;
} sources[] = {
	{ "all addresses", "all", NO_SOURCE "|!manual" },
	{ "one address", "192.0.2.1",
	    "smtp-source-host 192.0.2.1 mx.test|over IPv4" },
	{ "one of each family", "192.0.2.1, 2001:db8::1",
	    "smtp-source-host 192.0.2.1|smtp-source-host 2001:db8::1|!IPv4" },
	{ "two", "192.0.2.1 192.0.2.2", NO_SOURCE "|!manual" },
	{ "beside a loopback address", "127.0.0.1 192.0.2.1", NO_SOURCE },
	{ "beside localhost", "192.0.2.1, localhost", NO_SOURCE "|!manual" },
	{ "loopback alone", "loopback-only", NO_SOURCE "|!manual" },
	{ "a loopback address alone", "127.0.0.1", NO_SOURCE "|!manual" },
	{ "a name", "mx.test", NO_SOURCE "|the address of mx.test" },
	{ "a name beside localhost", "mx.test, localhost",
	    NO_SOURCE "|!manual" },
	{ "a name beside an address", "mx.test, 192.0.2.1",
	    NO_SOURCE "|the address of mx.test" },
};

#define SIGNS_IN \
	"smtp_sasl_auth_enable = yes\nsmtp_sasl_password_maps = " \
	"inline:{{one.test=joe:s1},{two.test=joe:s1},{[other.test]=ann:s2}," \
	"{odd.test=jo e:s\"1},{hash.test=joe:s#1},{back.test=joe:`s`1},{[none.test]:25=joe:}}\n"
#define NONE "auth-username \"\""

static const struct {
	const char *label, *set, *said;
} passwords[] = {
	{ "a relay", "relayhost = [one.test]\n", "auth-username joe|!" NONE },
	{ "two of one password", "relayhost = [one.test], [two.test]\n",
	    "auth-username joe|!not the same|!two.test  (inline" },
	{ "two passwords", "relayhost = [one.test], [other.test]\n",
	    "!auth-username|not the same user" },
	{ "one has none", "relayhost = [one.test] [none.test]\n",
	    "!auth-username|not the same user" },
	{ "a route to others",
	    "relayhost = [one.test]\n"
	    "transport_maps = inline:{in.example=smtp:[none.test]}\n",
	    "auth-username joe|in.example|" NONE },
	{ "a route to MX hosts",
	    "relayhost = [one.test]\n"
	    "transport_maps = inline:{in.example=smtp:}\n",
	    "auth-username joe|" NONE },
	{ "a route without a relay with one",
	    "transport_maps = inline:{in.example=smtp:[none.test]}\n",
	    "!auth-username|no route has this nexthop" },
	{ "a sender's relay",
	    "sender_dependent_relayhost_maps = "
	    "inline:{{@a.example=[other.test]}}\n",
	    "auth-username ann|!" NONE },
	{ "a sender's relay without one",
	    "relayhost = [one.test]\nsender_dependent_relayhost_maps = "
	    "inline:{{@a.example=[none.test]}}\n",
	    "auth-username joe|" NONE },
	{ "a route to MX hosts beside a sender's relay",
	    "relayhost = [one.test]\nsender_dependent_relayhost_maps = "
	    "inline:{{@a.example=[other.test]}}\n"
	    "transport_maps = inline:{in.example=smtp:}\n",
	    "auth-username ann|!    <domain in.example>" },
	{ "a route beside a sender's relay",
	    "sender_dependent_relayhost_maps = "
	    "inline:{{@a.example=[other.test]}}\n"
	    "transport_maps = inline:{in.example=smtp:[none.test]}\n",
	    "auth-username ann|" NONE },
	{ "what must be in quotes", "relayhost = [odd.test]\n",
	    "auth-username \"jo e\"|!s\"1" },
	{ "a password that no line can have", "relayhost = [hash.test]\n",
	    "auth-username and auth-password: a value with a #|!s#1|!" NONE },
	{ "a route whose password no line can have",
	    "relayhost = [one.test]\n"
	    "transport_maps = inline:{in.example=smtp:[hash.test]}\n",
	    "auth-username joe|!s#1|" NONE },
	{ "a route whose password looks like a placeholder",
	    "relayhost = [one.test]\n"
	    "transport_maps = inline:{in.example=smtp:[back.test]}\n",
	    "auth-username joe|!s`1|that was not filled in|" NONE },
	{ "a route beside a relay whose password no line can have",
	    "relayhost = [hash.test]\n"
	    "transport_maps = inline:{in.example=smtp:[none.test]}\n",
	    "!auth-username joe|!" NONE },
	{ "no password", "relayhost = [none.test]:25\n",
	    "it is not USER:PASSWORD|!" NONE },
	{ "a route without password in its row",
	    "relayhost = [one.test]\n"
	    "transport_maps = inline:{in.example=smtp:[none.test]:25}\n",
	    "auth-username joe|it is not USER:PASSWORD|" NONE },
	{ "a route within another",
	    "transport_maps = inline:{{.in.example=smtp:[one.test]},"
	    "{a.in.example=smtp:[none.test]}}\n",
	    "auth-username joe|" NONE },
	{ "a route of all mail",
	    "relayhost = [one.test]\n"
	    "transport_maps = inline:{*=smtp:[other.test]}\n",
	    "auth-username ann|!auth-username joe" },
	{ "passwords in clear",
	    "relayhost = [one.test]\n"
	    "smtp_sasl_security_options = noanonymous\n",
	    "use-unencrypted-plain-auth yes beside|"
	    "    use-unencrypted-plain-auth yes" },
	{ "passwords in clear, and all in TLS",
	    "relayhost = [one.test]\nsmtp_tls_security_level = encrypt\n"
	    "smtp_sasl_security_options = noanonymous\n",
	    "there is no mail without|!use-unencrypted-plain-auth" },
	{ "passwords in clear, and none are sent",
	    "relayhost = [one.test]\nsmtp_sasl_auth_enable = no\n"
	    "smtp_sasl_security_options = noanonymous\n",
	    "!auth-username|!use-unencrypted-plain-auth|!security_options" },
	{ "other mechanisms alone",
	    "relayhost = [one.test]\n"
	    "smtp_sasl_security_options = noplaintext, noactive\n",
	    "the mechanism cannot be chosen|!use-unencrypted-plain-auth" },
};

#define FALLBACK "smtp_fallback_relay = [two.test]\n"

static const struct {
	const char *label, *set, *said;
} fallbacks[] = {
	{ "behind a relay", "relayhost = [one.test]:26\n" FALLBACK,
	    "smtp-hosts one.test:26; two.test|other mail has no fallback" },
	{ "behind MX hosts", FALLBACK, "behind MX hosts there is no fallback" },
	{ "beside passwords", SIGNS_IN "relayhost = [one.test]\n" FALLBACK,
	    "smtp-hosts one.test|!one.test; two.test|the password of "
	    "relayhost" },
	{ "beside TLS policies",
	    "smtp_tls_policy_maps = inline:{{[one.test] = encrypt}}\n"
	    "relayhost = [one.test]\n" FALLBACK,
	    "!one.test; two.test|and its TLS" },
};

/* What the host keeps is not sent out by us either. */
static const struct {
	const char *label, *set, *said;
} own_domains[] = {
	{ "one by one, each once",
	    "mydestination = mx.test, localhost\n"
	    "virtual_mailbox_domains = a.example b.example mx.test\n",
	    "host-domain mx.test|host-domain a.example|host-domain b.example|"
	    "as host-domain: 2" },
	{ "below a domain that is relayed", "relay_domains = r.example\n",
	    "host-domain r.example|!host-domain [*.]r.example" },
	{ "below it, where that counts",
	    "parent_domain_matches_subdomains = relay_domains\n"
	    "relay_domains = r.example\n",
	    "host-domain [*.]r.example" },
	{ "all below a domain", "relay_domains = .r.example\n",
	    "host-domain *.r.example" },
	{ "a table; addresses are no domains",
	    "virtual_alias_domains = inline:{{a.example=x},{joe@b.example=y}}"
	    "\n",
	    "host-domain a.example|!host-domain b.example" },
	{ "a pattern", "relay_domains = static:all\n",
	    "it has a pattern of domains" },
	{ "an exclusion", "relay_domains = !x.example, y.example\n",
	    "host-domain y.example|!host-domain x.example|what is excluded" },
	{ "no domain, and an address",
	    "mydestination = ex_ample!, [192.0.2.1]\n",
	    "!host-domain ex|it is not known which domains|!192.0.2.1]  (" },
	{ "a file that is not there", "mydestination = /none\n",
	    "/none: not there" },
};

#define OWN(name, value) "out/unix/" name " = " value "\n"

/* A service of its own address and name, as pools are made by hand. */
static const struct {
	const char *label, *set, *own, *said;
} services[] = {
	{ "a name by smtp_helo_name", "",
	    OWN("smtp_bind_address", "192.0.2.5")
		OWN("smtp_helo_name", "out.test"),
	    "smtp-source-host 192.0.2.5 out.test" },
	{ "a name by myhostname", "",
	    OWN("smtp_bind_address", "192.0.2.5") OWN("myhostname", "out.test"),
	    "smtp-source-host 192.0.2.5 out.test|myhostname = out.test" },
	{ "a name by myhostname, without address", "",
	    OWN("myhostname", "out.test"), "host-name out.test" },
	{ "smtp_helo_name that is another", "smtp_helo_name = mx.test\n",
	    OWN("smtp_bind_address", "192.0.2.5") OWN("myhostname", "out.test"),
	    "smtp-source-host 192.0.2.5 mx.test" },
	{ "both of its own", "",
	    OWN("myhostname", "no.test") OWN("smtp_helo_name", "out.test"),
	    "host-name out.test|!host-name no.test" },
	{ "an interface of its own", "inet_interfaces = all\n",
	    OWN("inet_interfaces", "192.0.2.6"),
	    "smtp-source-host 192.0.2.6 mx.test" },
	{ "a name of an interface", "inet_interfaces = all\n",
	    OWN("inet_interfaces", "out.test"), "the address of out.test" },
	{ "what is about Postfix itself", "", OWN("syslog_name", "x"),
	    "others  (service out)|syslog_name" },
};

/* The value that holds in a block: the last one, as the loader has it. */
static const struct {
	const char *label, *set, *pattern, *starttls;
} policies[] = {
	{ "a relay's", "relayhost = [gw.test]\n", "*", "yes" },
	{ "that of a domain, which is the nexthop", "", "foo.test", "no" },
	{ "of all others", "", "*", "may" },
	{ "a route for all: that of its nexthop",
	    "transport_maps = inline:{*=smtp:[gw.test]}\n", "*", "yes" },
	{ "a route for all: not that of the domain",
	    "transport_maps = inline:{*=smtp:[gw.test]}\n", "foo.test", "" },
	{ "a route for domains above: not that of the domain",
	    "transport_maps = inline:{.test=smtp:[gw.test]}\n", "foo.test",
	    "" },
	{ "a route to MX hosts beside a relay",
	    "relayhost = [gw.test]\n"
	    "transport_maps = inline:{bar.test=smtp:}\n",
	    "bar.test", "may" },
	{ "a route to MX hosts that have a row",
	    "relayhost = [gw.test]\n"
	    "transport_maps = inline:{foo.test=smtp:}\n",
	    "foo.test", "no" },
	{ "all to MX hosts in place of the relay",
	    "relayhost = [gw.test]\ntransport_maps = inline:{*=smtp:}\n", "*",
	    "may" },
	{ "a row that changes nothing, beside one for all",
	    "relayhost = [gw.test]\n"
	    "transport_maps = inline:{bar.test=:, *=smtp:}\n",
	    "bar.test", "yes" },
};

/* The last value in <domain PATTERN>; "": none. */
static const char *
last_in(struct region *rg, const struct buf *out, const char *pattern,
    const char *directive)
{
	const char *text = region_strndup(rg, out->p, out->len), *value = "";
	const char *at = strstr(text,
	    REGION_JOIN(rg, "\n<domain ", pattern, ">\n"));
	const char *end = at == NULL ? NULL : strstr(at, "</domain>");

	while (at != NULL && (at = strstr(at, directive)) != NULL && at < end) {
		at += strlen(directive);
		value = region_strndup(rg, at, strcspn(at, " \n"));
	}
	return value;
}

static void
test_policy(size_t i, struct region *rg)
{
	struct buf out = { 0 };
	const char *use, *must;

	import(REGION_JOIN(rg,
		   "smtp_tls_security_level = may\nsmtp_tls_policy_maps = "
		   "inline:{{[gw.test] = encrypt}, {foo.test = none}}\n",
		   policies[i].set),
	    "", &out);
	use = last_in(rg, &out, policies[i].pattern, " use-starttls ");
	must = last_in(rg, &out, policies[i].pattern, " require-starttls ");
	is_str(strcmp(use, "yes") == 0 && strcmp(must, "no") == 0 ? "may" :
								    must,
	    policies[i].starttls, policies[i].label);
	buf_fini(&out);
}

#define CA "smtp_tls_CAfile = /ca.pem\n"
#define SECURE "smtp_tls_security_level = secure\n" MATCH
#define MATCH \
	"smtp_tls_secure_cert_match = nexthop, dot-nexthop\n" \
	"smtp_tls_verify_cert_match = hostname\n"
#define POLICY(level) \
	"smtp_tls_security_level = may\n" MATCH CA \
	"smtp_tls_policy_maps = inline:{{foo.test = " level "}}\n"

/* What levels ask beside TLS. */
static const struct {
	const char *label, *set, *own, *said;
} levels[] = {
	{ "secure", SECURE CA, "",
	    "require-starttls yes|smtp-tls-ca-file /ca.pem|"
	    "smtp-tls-cert-match nexthop, dot-nexthop|!UNSAFE|"
	    "!smtp-tls-allow|!smtp-tls-ciphers" },
	{ "verify", "smtp_tls_security_level = verify\n" MATCH CA, "",
	    "smtp-tls-ca-file /ca.pem|!smtp-tls-cert-match|!stands in" },
	{ "an old form of verify", "smtp_enforce_tls = yes\n" MATCH CA, "",
	    "smtp-tls-ca-file /ca.pem" },
	{ "an old form of encrypt",
	    "smtp_enforce_tls = yes\nsmtp_tls_enforce_peername = no\n" MATCH CA,
	    "", "require-starttls yes|!smtp-tls-ca-file" },
	{ "authorities of the system",
	    SECURE "smtp_tls_CApath = /etc/ssl/certs/\n", "",
	    "smtp-tls-ca-file system|!stands in" },
	{ "those that OpenSSL adds", SECURE "tls_append_default_CA = yes\n", "",
	    "smtp-tls-ca-file system" },
	{ "those of a file and of a folder",
	    SECURE CA "smtp_tls_CApath = /etc/ssl/certs\n", "",
	    "smtp-tls-ca-file /ca.pem|not all: name a file of all" },
	{ "those of a file and those that OpenSSL adds",
	    SECURE CA "tls_append_default_CA = yes\n", "",
	    "smtp-tls-ca-file /ca.pem|not all: name a file of all" },
	{ "those of a folder and those that OpenSSL adds",
	    SECURE "smtp_tls_CApath = /x\ntls_append_default_CA = yes\n", "",
	    "smtp-tls-ca-file system|not all: name a file of all" },
	{ "those of the system, twice",
	    SECURE "smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt\n"
		   "smtp_tls_CApath = /etc/ssl/certs\n",
	    "", "smtp-tls-ca-file /etc/ssl/certs/ca-c|!name a file of all" },
	{ "no authorities", SECURE "smtp_tls_CApath = /x\n", "",
	    "!smtp-tls-ca-file system|names no authorities; use-starttls yes, "
	    "require-starttls yes in" },
	{ "names of a policy", POLICY("secure match=foo.test:.bar.test"), "",
	    "smtp-tls-cert-match foo.test, .bar.test|smtp-tls-ca-file /ca.pem|"
	    "!nothing here" },
	{ "several lists of names", POLICY("verify match=nexthop match=x.test"),
	    "", "smtp-tls-cert-match nexthop, x.test" },
	{ "a name that is none", POLICY("secure match=nexthop:*.x"), "",
	    "smtp-tls-cert-match nexthop  #|nothing here is like match=*.x" },
	{ "names without a certificate", POLICY("encrypt match=foo.test"), "",
	    "nothing here is like match=foo.test|!smtp-tls-cert-match" },
	{ "versions that are named",
	    POLICY("encrypt protocols=TLSv1.1:TLSv1.2"), "",
	    "smtp-tls-allow-tlsv1 no|smtp-tls-allow-tlsv1.1 yes|"
	    "smtp-tls-allow-tlsv1.3 no|!smtp-tls-allow-tlsv1.2|!nothing here" },
	{ "versions from one on", POLICY("encrypt protocols=>=TLSv1.3"), "",
	    "smtp-tls-allow-tlsv1.2 no|!smtp-tls-allow-tlsv1.3" },
	{ "versions up to one", POLICY("encrypt protocols=<=TLSv1.2"), "",
	    "smtp-tls-allow-tlsv1.3 no|!smtp-tls-allow-tlsv1.2|"
	    "!smtp-tls-allow-tlsv1 " },
	{ "versions without one", POLICY("may protocols=!TLSv1:!SSLv3"), "",
	    "smtp-tls-allow-tlsv1 no|!smtp-tls-allow-tlsv1.1" },
	{ "a version that is none", POLICY("may protocols=TLSv9"), "",
	    "nothing here is like protocols=TLSv9|!smtp-tls-allow" },
	{ "versions where TLS must be, and where not",
	    POLICY("encrypt") "smtp_tls_mandatory_protocols = >=TLSv1.3\n"
			      "smtp_tls_protocols = >=TLSv1.2\n",
	    "",
	    "smtp-tls-allow-tlsv1.1 no|smtp-tls-allow-tlsv1.2 no|"
	    "it counts for levels above may, as smtp-tls-allow" },
	{ "a grade of ciphers", POLICY("encrypt ciphers=high"), "",
	    "smtp-tls-ciphers HIGH:!aNULL|!nothing here" },
	{ "and what it is without",
	    POLICY("encrypt ciphers=high exclude=3DES:CAMELLIA"), "",
	    "smtp-tls-ciphers HIGH:!aNULL:!3DES:!CAMELLIA" },
	{ "ciphers that are left out",
	    POLICY("encrypt") "smtp_tls_exclude_ciphers = RC4\n"
			      "smtp_tls_mandatory_exclude_ciphers = SHA1\n",
	    "",
	    "smtp-tls-ciphers DEFAULT:!RC4:!SHA1|smtp-tls-ciphers DEFAULT:!RC4  #" },
	{ "a grade that is not", POLICY("encrypt ciphers=null"), "",
	    "nothing here is like ciphers=null|!smtp-tls-ciphers" },
	{ "what is not here", POLICY("encrypt servername=foo.test"), "",
	    "nothing here is like servername=foo.test" },
	{ "a fingerprint", POLICY("fingerprint match=aa:bb"), "",
	    "nothing here is like match=aa:bb|stands in its place|"
	    "!smtp-tls-ca-file" },
	{ "a service that asks less",
	    SECURE CA "sender_dependent_default_transport_maps = "
		      "inline:{{@a.test=out}}\n",
	    "out/unix/smtp_tls_security_level = encrypt\n",
	    "smtp-tls-ca-file \"\"|smtp-tls-cert-match \"\"" },
};

int
main(void)
{
	struct region *rg = region_new();

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		check(sources[i].label,
		    REGION_JOIN(rg, "inet_interfaces = ", sources[i].interfaces,
			"\n"),
		    "", sources[i].said);
	for (size_t i = 0; i < sizeof(passwords) / sizeof(passwords[0]); i++)
		check(passwords[i].label,
		    REGION_JOIN(rg, SIGNS_IN, passwords[i].set), "",
		    passwords[i].said);
	for (size_t i = 0; i < sizeof(fallbacks) / sizeof(fallbacks[0]); i++)
		check(fallbacks[i].label, fallbacks[i].set, "",
		    fallbacks[i].said);
	for (size_t i = 0; i < sizeof(own_domains) / sizeof(own_domains[0]);
	     i++)
		check(own_domains[i].label, own_domains[i].set, "",
		    own_domains[i].said);
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		check(services[i].label, services[i].set, services[i].own,
		    services[i].said);
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
		test_policy(i, rg);
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		check(levels[i].label, levels[i].set, levels[i].own,
		    levels[i].said);
	region_free(&rg);
	return done_testing();
}
