/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what postconf says of a Postfix to what set-up would change, and why it
 * would not.
 */
#include "compat/postfix/pf_setup.h"

#include <stdlib.h>
#include <string.h>

#include "compat/postfix/pf_own.h"
#include "tests/tap.h"
#include "tests/unit/pf_case.h"

#define QUEUE "/var/spool/postfix/"

struct setup_case {
	const char *label, *set, *services;
	struct pf_wish wish;
	const char *holds; /* "DOMAIN DIRECTIVE" that we say something about */
	const char *want[5], *never;
};

/* One domain and directive for which Mailrace's configuration says so. */
static bool
holds(void *ctx, const char *domain, const char *directive)
{
	const char *known = ctx;
	const size_t len = strlen(domain);

	return known != NULL && strncmp(known, domain, len) == 0 &&
	    known[len] == ' ' && strcmp(known + len + 1, directive) == 0;
}

static char *
plan_of(const struct setup_case *c)
{
	struct pf_wish w = c->wish;
	struct buf out = { .p = NULL };
	struct pf_conf *h;
	struct host_plan p;

	if (w.lmtp == NULL)
		w.lmtp = QUEUE "mailrace/lmtp";
	if (w.fast != NULL && w.inject == NULL)
		w.inject = QUEUE "mailrace/inject";
	w.holds = holds;
	w.ctx = (void *)(uintptr_t)c->holds;
	host_plan_init(&p);
	h = pf_case_host(p.rg, c->set,
	    c->services == NULL ? PF_SERVICES : c->services);
	pf_setup(&w, h, &p);
	pf_case_print(&p, &out);
	pf_conf_free(&h);
	host_plan_fini(&p);
	(void)buf_cstr(&out);
	return buf_take(&out, NULL);
}

#define LMTP "mailrace:unix:mailrace/lmtp"
#define MILTER .wish = { .milter = QUEUE "mailrace/milter" }
#define OURS "{ unix:mailrace/milter, default_action=tempfail"
#define OURS_SMTPD OURS ", command_timeout=30s, content_timeout=120s }"
#define OURS_SHORT \
	"{unix:mailrace/milter,default_action=tempfail,command_timeout=30s," \
	"content_timeout=120s}"
#define FILTER_SERVICES(options) \
	PF_SERVICES "127.0.0.1:10025 inet n - n - - smtpd " \
		    "-o content_filter= " options "\n"

/* The whole of it, as reference and manual have it. */
static void
plain(void)
{
	const struct setup_case c = {
		.set = "",
		.wish = { .milter = QUEUE "mailrace/milter",
		    .dsn = "127.0.0.1:10028" },
	};
	static const char want[] =
	    "service mailrace/unix = mailrace unix - - n - 50 lmtp"
	    " -o syslog_name=mailrace-in -o lmtp_send_xforward_command=yes"
	    " -o lmtp_line_length_limit=0"
	    " -o lmtp_connection_cache_on_demand=no"
	    " -o lmtp_tls_security_level=none"
	    " -o lmtp_generic_maps=$smtp_generic_maps"
	    " -o lmtp_header_checks=$smtp_header_checks"
	    " -o lmtp_mime_header_checks=$smtp_mime_header_checks"
	    " -o lmtp_nested_header_checks=$smtp_nested_header_checks"
	    " -o lmtp_body_checks=$smtp_body_checks\n"
	    "main mailrace_destination_concurrency_failed_cohort_limit = 0\n"
	    "main mailrace_initial_destination_concurrency = 20\n"
	    "main mailrace_destination_concurrency_limit = 50\n"
	    "main mailrace_destination_recipient_limit = 1000\n"
	    "service 127.0.0.1:10028/inet = 127.0.0.1:10028 inet n - n - - "
	    "smtpd -o syslog_name=mailrace-dsn -o smtpd_milters="
	    " -o smtpd_proxy_filter= -o content_filter="
	    " -o mynetworks=127.0.0.0/8"
	    " -o smtpd_client_restrictions=permit_mynetworks,reject"
	    " -o smtpd_helo_restrictions= -o smtpd_sender_restrictions="
	    " -o smtpd_relay_restrictions=permit_mynetworks,reject"
	    " -o smtpd_recipient_restrictions= -o smtpd_data_restrictions="
	    " -o smtpd_end_of_data_restrictions= -o smtpd_sasl_auth_enable=no"
	    " -o smtpd_tls_security_level=none"
	    " -o smtpd_client_connection_count_limit=0"
	    " -o smtpd_client_connection_rate_limit=0"
	    " -o smtpd_client_message_rate_limit=0\n"
	    "main smtpd_milters = " OURS_SMTPD "\n"
	    "main non_smtpd_milters = " OURS " }\n"
	    "main internal_mail_filter_classes = bounce\n"
	    "main default_transport = " LMTP "\n"
	    "main address_verify_default_transport = smtp\n"
	    "main address_verify_sender_dependent_default_transport_maps = \n";
	char *got = plan_of(&c);

	is_str(got, want, "nothing is set: all that is needed");
	free(got);
}

static const struct setup_case cases[] = {
	/* ---- where mail goes ---- */
	{ "all: only the way out is left to do",
	    "default_transport = " LMTP "\n", NULL, { .lmtp = NULL }, NULL,
	    { "main address_verify_default_transport = smtp\n" },
	    "main default_transport" },
	{ "what the operator has said of verification stays",
	    "address_verify_default_transport = relay:[mx]\n", NULL,
	    { .lmtp = NULL }, NULL, { "main default_transport = " LMTP "\n" },
	    "main address_verify_default_transport" },
	{ "domains: a table of ours before the others",
	    "transport_maps = hash:/etc/postfix/t\n", NULL,
	    { .scope = PF_DOMAINS, .list = "a.example, b.example" }, NULL,
	    { "main transport_maps = inline:{a.example=" LMTP ",b.example=" LMTP
	      ",mailrace-setup.invalid=" LMTP "}, hash:/etc/postfix/t\n",
		"main address_verify_transport_maps = hash:/etc/postfix/t\n" },
	    "default_transport = " LMTP },
	{ "domains: once more",
	    "transport_maps = inline:{a.example=" LMTP
	    ",mailrace-setup.invalid=" LMTP "}, hash:/etc/postfix/t\n"
	    "address_verify_transport_maps = hash:/etc/postfix/t\n",
	    NULL, { .scope = PF_DOMAINS, .list = "a.example" }, NULL,
	    { "service mailrace/unix" }, "transport_maps" },
	{ "notifications where somebody listens", "", NULL,
	    { .dsn = "127.0.0.1:25" }, NULL,
	    { "no: dsn-host 127.0.0.1:25: smtp/inet in master.cf listens" },
	    NULL },
	{ "notifications: milters by client", "smtpd_milter_maps = cidr:/m\n",
	    NULL, { .dsn = "127.0.0.1:10028" }, NULL,
	    { "_rate_limit=0 -o smtpd_milter_maps=\n" }, "no: " },
	{ "trivial-rewrite(8) has a route of its own", "",
	    PF_SERVICES "rewrite unix - - y - - trivial-rewrite "
			"-o { transport_maps = hash:/t } -o myorigin=x\n",
	    { .lmtp = NULL }, NULL,
	    { "no: rewrite/unix in master.cf has -o transport_maps=hash:/t: " },
	    "myorigin" },
	{ "domains: not one of the host's own", "", NULL,
	    { .scope = PF_DOMAINS, .list = "gmail.example,MX.example" }, NULL,
	    { "no: MX.example is in mydestination" }, NULL },
	{ "domains: nor all below one, with one of the host's own in it", "",
	    NULL, { .scope = PF_DOMAINS, .list = ".Example" }, NULL,
	    { "no: .Example is in mydestination" }, NULL },
	{ "domains: nor one with such below, where that counts",
	    "parent_domain_matches_subdomains = x, transport_maps\n", NULL,
	    { .scope = PF_DOMAINS, .list = "example" }, NULL,
	    { "no: .example is in mydestination" }, NULL },
	{ "domains: where it does not",
	    "parent_domain_matches_subdomains = relay_domains\n", NULL,
	    { .scope = PF_DOMAINS, .list = "example" }, NULL,
	    { "main transport_maps = inline:{example=" }, "no: " },
	{ "domains: nor one below what is relayed",
	    "relay_domains = r.example\n", NULL,
	    { .scope = PF_DOMAINS, .list = "a.r.example" }, NULL,
	    { "no: a.r.example is in relay_domains" }, NULL },
	{ "domains: beside the host's own", "relay_domains = r.example\n", NULL,
	    { .scope = PF_DOMAINS, .list = "ar.example, .mx.example" }, NULL,
	    { "main transport_maps = inline:{ar.example=" }, "no: " },
	{ "domains: what Postfix would expand", "", NULL,
	    { .scope = PF_DOMAINS, .list = "a.example,$b" }, NULL,
	    { "no: --domains: $b is no domain" }, NULL },
	{ "domains: none", "", NULL, { .scope = PF_DOMAINS, .list = "," }, NULL,
	    { "no: --domains has none" }, NULL },
	{ "senders: their table first", "", NULL,
	    { .scope = PF_SENDERS, .list = "hash:/etc/postfix/s" }, NULL,
	    { "main sender_dependent_default_transport_maps = "
	      "hash:/etc/postfix/s\n",
		"main address_verify_sender_dependent_default_transport_maps "
		"= \n" },
	    "main default_transport" },
	{ "a socket where a chroot does not reach", "", NULL,
	    { .lmtp = "/run/mailrace/lmtp" }, NULL,
	    { "no: lmtp-listener /run/mailrace/lmtp of Mailrace's" }, "main " },
	{ "a folder that only begins alike", "", NULL,
	    { .lmtp = "/var/spool/postfix2/lmtp" }, NULL,
	    { "no: lmtp-listener" }, "main " },
	{ "a service of that name that is somebody else's", "",
	    PF_SERVICES "mailrace unix - - n - - pipe flags=q\n",
	    { .lmtp = NULL }, NULL,
	    { "no: master.cf has a service mailrace/unix that is not ours" },
	    NULL },

	/* ---- what would not hold any more ---- */
	{ "relayhost", "relayhost = [192.0.2.1]\n", NULL, { .lmtp = NULL },
	    NULL,
	    { "no: relayhost = [192.0.2.1]: it would be bypassed; put what it "
	      "does into Mailrace's configuration (<domain *> " },
	    NULL },
	{ "relayhost, and we have a route", "relayhost = [192.0.2.1]\n", NULL,
	    { .lmtp = NULL }, "any.mailrace-setup.invalid smtp-hosts",
	    { "note: relayhost does not hold" }, "no: " },
	{ "relayhost, for a domain", "relayhost = [192.0.2.1]\n", NULL,
	    { .scope = PF_DOMAINS, .list = "a.example,b.example" },
	    "a.example smtp-hosts", { "(<domain b.example> " }, NULL },
	{ "relayhost, where Postfix signs in",
	    "relayhost = [192.0.2.1]\nsmtp_sasl_auth_enable = yes\n", NULL,
	    { .lmtp = NULL }, "any.mailrace-setup.invalid smtp-hosts",
	    { "no: smtp_sasl_auth_enable = yes, with relayhost = [192.0.2.1]: "
	      "Mailrace would have to sign in there; write <domain *> with route" },
	    NULL },
	{ "that holds for what goes elsewhere by a route of ours",
	    "relayhost = [192.0.2.1]\nsmtp_sasl_auth_enable = yes\n", NULL,
	    { .scope = PF_DOMAINS, .list = "a.example" },
	    "a.example smtp-hosts",
	    { "note: smtp_sasl_auth_enable does nothing for mail that goes" },
	    "no: " },
	{ "but not by the fast path",
	    "relayhost = [192.0.2.1]\nsmtp_sasl_auth_enable = yes\n", NULL,
	    .wish = { .scope = PF_DOMAINS,
		.list = "any.mailrace-setup.invalid",
		.fast = "10587" },
	    "any.mailrace-setup.invalid smtp-hosts",
	    { "no: smtp_sasl_auth_enable = yes, with relayhost = " }, NULL },
	{ "signing in, without relayhost", "smtp_sasl_auth_enable = yes\n",
	    NULL, { .lmtp = NULL }, NULL,
	    { "note: smtp_sasl_auth_enable does nothing for mail that goes by "
	      "Mailrace" },
	    "no: " },
	{ "relays by sender",
	    "sender_dependent_relayhost_maps = hash:/etc/postfix/r\n", NULL,
	    { .lmtp = NULL }, NULL,
	    { "no: sender_dependent_relayhost_maps = hash:" }, NULL },
	{ "ways out by sender",
	    "sender_dependent_default_transport_maps = hash:/x\n", NULL,
	    { .lmtp = NULL }, NULL,
	    { "no: sender_dependent_default_transport_maps = hash:/x: " },
	    NULL },
	{ "another way out", "default_transport = out1\n", NULL,
	    { .lmtp = NULL }, NULL, { "no: default_transport = out1: " },
	    NULL },
	{ "another way out, which stays for most", "default_transport = out1\n",
	    NULL, { .scope = PF_DOMAINS, .list = "a.example" }, NULL,
	    { "main transport_maps = inline:" }, "no: " },
	{ "several instances", "multi_instance_enable = yes\n", NULL,
	    { .lmtp = NULL }, NULL, { "no: multi_instance_enable = yes: " },
	    NULL },
	{ "one of several", "multi_instance_name = postfix-out\n", NULL,
	    { .lmtp = NULL }, NULL, { "no: multi_instance_name" }, NULL },
	{ "TLS if there is some", "smtp_tls_security_level = may\n", NULL,
	    { .lmtp = NULL }, NULL, { "main default_transport" }, "no: " },
	{ "TLS always", "smtp_tls_security_level = encrypt\n", NULL,
	    { .lmtp = NULL }, NULL,
	    { "no: smtp_tls_security_level = encrypt: ",
		"require-starttls yes into <domain *>" },
	    NULL },
	{ "TLS always, and with us", "smtp_tls_security_level = encrypt\n",
	    NULL, { .lmtp = NULL },
	    "any.mailrace-setup.invalid require-starttls",
	    { "main default_transport" }, "no: " },
	{ "DANE", "smtp_tls_security_level = dane\n", NULL, { .lmtp = NULL },
	    "any.mailrace-setup.invalid require-starttls",
	    { "no: smtp_tls_security_level = dane: " }, NULL },
	{ "TLS always, and not just any",
	    "smtp_tls_security_level = encrypt\n"
	    "smtp_tls_mandatory_ciphers = high\n"
	    "smtp_tls_mandatory_protocols = >=TLSv1.2\n",
	    NULL, { .lmtp = NULL },
	    "any.mailrace-setup.invalid require-starttls",
	    { "no: smtp_tls_mandatory_ciphers = high: it is not known",
		"no: smtp_tls_mandatory_protocols = >=TLSv1.2: it is not" },
	    NULL },
	{ "TLS always, but what nobody speaks",
	    "smtp_tls_security_level = encrypt\n"
	    "smtp_tls_mandatory_protocols = !SSLv2, !SSLv3\n"
	    "smtp_tls_mandatory_ciphers = medium\n"
	    "smtp_tls_mandatory_exclude_ciphers =\n",
	    NULL, { .lmtp = NULL },
	    "any.mailrace-setup.invalid require-starttls",
	    { "main default_transport = " LMTP "\n" }, "no: " },
	{ "what would be mandatory", "smtp_tls_mandatory_ciphers = high\n",
	    NULL, { .lmtp = NULL }, NULL,
	    { "main default_transport = " LMTP "\n" }, "no: " },
	{ "TLS always, as is usual",
	    "smtp_tls_security_level = encrypt\n"
	    "smtp_tls_mandatory_protocols = >=TLSv1\n",
	    NULL, { .lmtp = NULL },
	    "any.mailrace-setup.invalid require-starttls",
	    { "main default_transport = " LMTP "\n" }, "no: " },
	{ "what is mandatory for one domain",
	    "smtp_tls_policy_maps = hash:/x\n"
	    "smtp_tls_mandatory_ciphers = high\n",
	    NULL,
	    { .tls_policy = SLICE_LIT("a.example may\n"
				      "b.example encrypt\n") },
	    "b.example require-starttls",
	    { "no: smtp_tls_mandatory_ciphers = high: it is not" }, NULL },
	{ "TLS from the first byte", "smtp_tls_wrappermode = yes\n", NULL,
	    { .lmtp = NULL }, NULL,
	    { "no: smtp_tls_wrappermode = yes: TLS begins with STARTTLS" },
	    NULL },
	{ "policies that nobody can list", "smtp_tls_policy_maps = pcre:/x\n",
	    NULL, { .lmtp = NULL }, NULL,
	    { "no: smtp_tls_policy_maps = pcre:/x: what it has cannot" },
	    NULL },
	{ "policies, one by one", "smtp_tls_policy_maps = hash:/x\n", NULL,
	    { .tls_policy = SLICE_LIT("a.example\tmay\n"
				      "[mx.b.example]:587\tencrypt\n"
				      ".c.example  encrypt\n"
				      "e.example encrypt ciphers=high\n"
				      "d.example verify match=hostname\n") },
	    "mx.b.example require-starttls",
	    { "no: smtp_tls_policy_maps: .c.example encrypt: put "
	      "require-starttls yes into <domain any.c.example>",
		"no: smtp_tls_policy_maps: e.example encrypt ciphers=high: "
		"it is not known",
		"no: smtp_tls_policy_maps: d.example verify match=hostname: "
		"it is not known" },
	    "b.example" },

	/* ---- milters ---- */
	{ "ours behind those that are there",
	    "smtpd_milters = inet:localhost:8891, { unix:x, "
	    "default_action=accept }\n"
	    "internal_mail_filter_classes = notify\n",
	    NULL, MILTER, NULL,
	    { "main smtpd_milters = inet:localhost:8891, { unix:x, "
	      "default_action=accept }, " OURS_SMTPD "\n",
		"main internal_mail_filter_classes = notify, bounce\n" },
	    "option " },
	{ "ours is there",
	    "smtpd_milters = inet:localhost:8891, { unix:mailrace/milter }\n"
	    "non_smtpd_milters = unix:mailrace/milter\n"
	    "internal_mail_filter_classes = bounce, notify\n",
	    NULL, MILTER, NULL, { "main default_transport" }, "milter" },
	{ "all other mail meets the same ones",
	    "smtpd_milters = inet:localhost:8891\n"
	    "non_smtpd_milters = $smtpd_milters\n",
	    NULL, MILTER, NULL,
	    { "main smtpd_milters = inet:localhost:8891, " OURS_SMTPD "\n" },
	    "main non_smtpd_milters" },
	{ "and more of them, as ${name}",
	    "non_smtpd_milters = unix:x, ${smtpd_milters}\n", NULL, MILTER,
	    NULL, { "main smtpd_milters = " OURS_SMTPD "\n" },
	    "main non_smtpd_milters" },
	{ "but not those of another parameter",
	    "non_smtpd_milters = $smtpd_milters_x, ${smtpd_milters?{unix:y}}\n",
	    NULL, MILTER, NULL,
	    { "main non_smtpd_milters = $smtpd_milters_x, "
	      "${smtpd_milters?{unix:y}}, " OURS " }\n" },
	    NULL },
	{ "a service with milters of its own", "",
	    PF_SERVICES "587 inet n - y - - smtpd -o { smtpd_milters = x }\n",
	    MILTER, NULL, { "note: 587/inet has smtpd_milters of its own" },
	    "option " },
	{ "a filter: behind it, where no milter was asked",
	    "content_filter = scan:[127.0.0.1]:10024\n"
	    "smtpd_milters = { inet:localhost:8891, default_action=accept }\n",
	    FILTER_SERVICES("-o receive_override_options=no_milters,"
			    "no_header_body_checks"),
	    MILTER, NULL,
	    { "option smtp/inet/smtpd_milters = {inet:localhost:8891,"
	      "default_action=accept}\n",
		"option 127.0.0.1:10025/inet/receive_override_options = "
		"no_header_body_checks\n",
		"option 127.0.0.1:10025/inet/smtpd_milters = " OURS_SHORT "\n",
		"note: mail of sendmail(1) goes through content_filter",
		"main smtpd_milters = { inet:localhost:8891, "
		"default_action=accept }, " OURS_SMTPD },
	    "main non_smtpd_milters" },
	{ "a filter: a list behind it, which stays",
	    "content_filter = scan:[127.0.0.1]:10024\n",
	    FILTER_SERVICES("-o smtpd_milters=unix:dkim"), MILTER, NULL,
	    { "option smtp/inet/smtpd_milters = \n",
		"option 127.0.0.1:10025/inet/smtpd_milters = "
		"unix:dkim," OURS_SHORT "\n" },
	    NULL },
	{ "a filter on one port: the other, and local mail, have none", "",
	    "smtp inet n - y - - smtpd -o content_filter=scan:x\n"
	    "587 inet n - y - - smtpd\npickup unix n - y 60 1 pickup\n",
	    MILTER, NULL,
	    { "option smtp/inet/smtpd_milters = \n", "main non_smtpd_milters" },
	    "587" },
	{ "a filter before the queue", "smtpd_proxy_filter = 127.0.0.1:10024\n",
	    PF_SERVICES "127.0.0.1:10025 inet n - n - - smtpd "
			"-o smtpd_proxy_filter=\n",
	    MILTER, NULL,
	    { "option smtp/inet/smtpd_milters = \n", "main non_smtpd_milters" },
	    "10025" },
	{ "a filter from which nothing comes back",
	    "content_filter = scan:[127.0.0.1]:10024\n", NULL, MILTER, NULL,
	    { "no: there is a content filter, and no service" }, NULL },
	{ "milters are switched off for all",
	    "receive_override_options = no_milters\n", NULL, MILTER, NULL,
	    { "no: receive_override_options in main.cf has no_milters" },
	    NULL },
};

#define FAST .wish = { .fast = "10587" }
#define FAST_BEGIN(chroot) \
	"10587 inet n - " chroot " - 300 smtpd -o syslog_name=postfix/bulk" \
	" -o smtpd_proxy_filter=unix:mailrace/inject" \
	" -o smtpd_proxy_timeout=300s -o smtpd_proxy_options=" \
	" -o smtpd_authorized_verp_clients=" \
	" -o smtpd_authorized_xforward_hosts=" \
	" -o smtpd_client_connection_count_limit=0"
#define SIGN_IN \
	" -o smtpd_sasl_auth_enable=yes -o {smtpd_data_restrictions=" \
	"check_sasl_access regexp:{ {/^(.*)$$/ PREPEND X-Mailrace-Auth: $$1} }}"
#define CLIENTS \
	" -o smtpd_client_restrictions=" \
	"permit_mynetworks,permit_sasl_authenticated,reject"
#define SASL "smtpd_sasl_auth_enable = yes\n"

static const struct setup_case fast[] = {
	{ "fast: all users may sign in anywhere", SASL, NULL,
	    .wish = { .fast = "10587", .milter = QUEUE "mailrace/milter" },
	    NULL,
	    { "service 10587/inet = " FAST_BEGIN(
		  "y") " -o smtpd_milters="
		       "{unix:mailrace/milter,default_action=tempfail}" SIGN_IN
			   CLIENTS "\n",
		"note: on the fast path users sign in as at smtp/inet" },
	    "no: " },
	{ "fast: like the service where they do", "",
	    PF_SERVICES
	    "465 inet n - n - - smtpd -o smtpd_tls_wrappermode=yes"
	    " -o smtpd_sasl_auth_enable=yes\n"
	    "587 inet n - n - - smtpd -o syslog_name=postfix/submission"
	    " -o smtpd_sasl_auth_enable=yes -osmtpd_tls_security_level=encrypt"
	    " -o smtpd_client_restrictions=$mua"
	    " -o {smtpd_sender_restrictions=check_x a, b} -o content_filter=x"
	    " -v\n",
	    FAST, NULL,
	    { "service 10587/inet = " FAST_BEGIN(
		  "n") " -o smtpd_milters=" SIGN_IN
		       " -o smtpd_tls_security_level=encrypt"
		       " -o smtpd_client_restrictions=$mua"
		       " -o {smtpd_sender_restrictions=check_x a, b}\n",
		"note: on the fast path users sign in as at 587/inet" },
	    "no: " },
	{ "fast: nobody signs in", "", NULL, FAST, NULL,
	    { FAST_BEGIN("y") " -o smtpd_milters= -o smtpd_sasl_auth_enable=no"
			      " -o smtpd_data_restrictions=" CLIENTS "\n",
		"note: there is no service where users sign in" },
	    NULL },
	{ "fast: once more", SASL,
	    PF_SERVICES FAST_BEGIN("y") " -o smtpd_milters=" SIGN_IN CLIENTS
					"\n",
	    FAST, NULL, { "main default_transport" }, "10587" },
	{ "fast: and no filter for that reason",
	    SASL "smtpd_milters = unix:other\n",
	    PF_SERVICES FAST_BEGIN("y") " -o smtpd_milters=" SIGN_IN CLIENTS
					"\n",
	    MILTER, NULL, { "main smtpd_milters = unix:other, {" }, "option" },
	{ "fast: what is lost",
	    "always_bcc = a@b.example\ntransport_maps = hash:/t\n"
	    "smtpd_milters = unix:other\n",
	    NULL, FAST, NULL,
	    { "note: these do not hold for mail by the fast path: always_bcc, "
	      "transport_maps, other milters of smtpd_milters\n" },
	    NULL },
	{ "fast: other domains come there, past relayhost",
	    "relayhost = [smart]\n", NULL,
	    .wish = { .scope = PF_DOMAINS,
		.list = "a.example",
		.fast = "10587" },
	    "a.example smtp-hosts",
	    { "no: relayhost = [smart]: it would be bypassed; put what it does "
	      "into Mailrace's configuration (<domain *> " },
	    NULL },
	{ "fast: and without TLS", "smtp_tls_security_level = encrypt\n", NULL,
	    .wish = { .scope = PF_DOMAINS,
		.list = "a.example",
		.fast = "10587" },
	    "a.example require-starttls",
	    { "no: smtp_tls_security_level = encrypt: ",
		"require-starttls yes into <domain *>" },
	    NULL },
	{ "fast: and past another way out", "default_transport = out1\n", NULL,
	    .wish = { .scope = PF_DOMAINS,
		.list = "a.example",
		.fast = "10587" },
	    NULL, { "no: default_transport = out1: " }, NULL },
	{ "fast: other senders come there",
	    "default_transport = out1\n"
	    "sender_dependent_default_transport_maps = hash:/s, hash:/x\n",
	    NULL,
	    .wish = { .scope = PF_SENDERS, .list = "hash:/s", .fast = "10587" },
	    NULL,
	    { "no: default_transport = out1: ",
		"no: --fast-path: sender_dependent_default_transport_maps = "
		"hash:/x: " },
	    NULL },
	{ "fast: our own table of senders is none of theirs",
	    "sender_dependent_default_transport_maps = hash:/s\n", NULL,
	    .wish = { .scope = PF_SENDERS, .list = "hash:/s", .fast = "10587" },
	    NULL, { "service 10587/inet" }, "no: " },
	{ "fast: what is lost of the service where users sign in",
	    "always_bcc = a@b.example\nmime_header_checks = pcre:/m\n"
	    "smtp_nested_header_checks = pcre:/n\n",
	    PF_SERVICES "587 inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes"
			" -o always_bcc= -o content_filter=scan:x"
			" -o smtpd_data_restrictions=reject_x"
			" -o smtpd_milters=inet:127.0.0.1:8891\n",
	    FAST, NULL,
	    { "note: these do not hold for mail by the fast path: "
	      "content_filter, mime_header_checks, smtp_nested_header_checks, "
	      "smtpd_data_restrictions, other milters of smtpd_milters\n" },
	    "no: " },
	{ "fast: another filter where users sign in", "",
	    PF_SERVICES "587 inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes"
			" -o smtpd_proxy_filter=127.0.0.1:10024\n",
	    FAST, NULL,
	    { "no: --fast-path: 587/inet in master.cf, where users sign in, "
	      "has smtpd_proxy_filter=127.0.0.1:10024: mail" },
	    NULL },
	{ "fast: an old Postfix", "mail_version = 3.6.4\n", NULL, FAST, NULL,
	    { "no: --fast-path: this is Postfix 3.6.4, and it needs 3.7",
		"set up without it, and let applications" },
	    NULL },
	{ "fast: a new one", "mail_version = 3.10-20250217\n", NULL, FAST, NULL,
	    { "service 10587/inet" }, "no: " },
	{ "fast: a newer one", "mail_version = 4.0.1\n", NULL, FAST, NULL,
	    { "service 10587/inet" }, "no: " },
	{ "fast: another filter for all mail",
	    "smtpd_proxy_filter = 127.0.0.1:10024\n",
	    PF_SERVICES "127.0.0.1:10025 inet n - n - - smtpd "
			"-o smtpd_proxy_filter=\n",
	    FAST, NULL,
	    { "no: --fast-path: smtpd_proxy_filter = 127.0.0.1:10024 in main" },
	    NULL },
	{ "fast: another filter for that service", "",
	    PF_SERVICES "10587 inet n - n - - smtpd "
			"-o smtpd_proxy_filter=127.0.0.1:1\n",
	    FAST, NULL,
	    { "no: --fast-path: 10587/inet in master.cf has smtpd_proxy_filter="
	      "127.0.0.1:1 already" },
	    NULL },
	{ "fast: another service", "",
	    PF_SERVICES "10587 inet n - n - - qmqpd\n", FAST, NULL,
	    { "no: --fast-path: 10587/inet in master.cf is another service" },
	    NULL },
	{ "fast: no milter where users sign in", "",
	    PF_SERVICES "587 inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes"
			" -o receive_override_options=no_milters,"
			"no_address_mappings -v\n",
	    .wish = { .fast = "10587", .milter = QUEUE "mailrace/milter" },
	    NULL,
	    { SIGN_IN CLIENTS
		" -o receive_override_options=no_address_mappings\n",
		"note: 587/inet has receive_override_options=no_milters,"
		"no_address_mappings: on the fast path our milter is asked",
		"note: 587/inet has receive_override_options=no_milters,"
		"no_address_mappings, so no milter is asked: mail that comes "
		"in there is treated when it is handed over" },
	    "no: " },
	{ "fast: and none of ours", "",
	    PF_SERVICES "587 inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes"
			" -o receive_override_options=no_milters\n",
	    FAST, NULL, { CLIENTS " -o receive_override_options=no_milters\n" },
	    "no: " },
	{ "fast: who knows whether there is a milter", "",
	    PF_SERVICES "587 inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes"
			" -o receive_override_options=$mua\n",
	    .wish = { .fast = "10587", .milter = QUEUE "mailrace/milter" },
	    NULL,
	    { "no: --fast-path: 587/inet in master.cf, where users sign in, "
	      "has receive_override_options=$mua: whether",
		"note: 587/inet has receive_override_options=$mua, so" },
	    NULL },
	{ "fast: milters by client", "smtpd_milter_maps = cidr:/m\n", NULL,
	    .wish = { .fast = "10587", .milter = QUEUE "mailrace/milter" },
	    NULL,
	    { "default_action=tempfail} -o smtpd_milter_maps= -o smtpd_sasl",
		"note: smtp/inet has smtpd_milter_maps=cidr:/m: for clients" },
	    "no: " },
	{ "fast: milters by client, and none of ours",
	    "smtpd_milter_maps = cidr:/m\n", NULL, .wish = { .fast = "10587" },
	    NULL, { " -o smtpd_milters= -o smtpd_milter_maps= -o smtpd_sasl" },
	    "no: " },
	{ "fast: another service, by the name of its port", "",
	    PF_SERVICES "submission inet n - n - - smtpd\n",
	    .wish = { .fast = "587" }, NULL,
	    { "no: --fast-path: submission/inet in master.cf listens there" },
	    NULL },
	{ "fast: of one address", "",
	    PF_SERVICES "localhost:submission inet n - n - - smtpd\n",
	    .wish = { .fast = "127.0.0.1:587" }, NULL,
	    { "no: --fast-path: localhost:submission/inet in master.cf" },
	    NULL },
	{ "fast: of all addresses", "inet_interfaces = all\n",
	    PF_SERVICES "587 inet n - n - - smtpd\n",
	    .wish = { .fast = "127.0.0.1:587" }, NULL,
	    { "no: --fast-path: 587/inet in master.cf listens there" }, NULL },
	{ "fast: of another address", "inet_interfaces = 192.0.2.1\n",
	    PF_SERVICES "smtps inet n - n - - smtpd\n"
			"127.0.0.2:587 inet n - n - - smtpd\n"
			"587 inet n - n - - smtpd\n",
	    .wish = { .fast = "127.0.0.1:587" }, NULL,
	    { "service 127.0.0.1:587/inet" }, "no: " },
	{ "fast: one address", "", NULL, .wish = { .fast = "[::1]:587" }, NULL,
	    { "service [::1]:587/inet = [::1]:587 inet" }, "no: " },
	{ "fast: no number", "", NULL, .wish = { .fast = "submission" }, NULL,
	    { "no: --fast-path: submission is neither PORT nor" }, NULL },
	{ "fast: too high", "", NULL, .wish = { .fast = "65536" }, NULL,
	    { "no: --fast-path: 65536 is neither" }, NULL },
	{ "fast: nothing", "", NULL, .wish = { .fast = "" }, NULL,
	    { "no: --fast-path:  is neither" }, NULL },
	{ "fast: a socket that could not be told to be ours", "", NULL,
	    .wish = { .fast = "10587", .inject = QUEUE "mr/inject" }, NULL,
	    { "no: --fast-path: the smtp-listener mr/inject has to be in" },
	    NULL },
	{ "fast: a socket where a chroot does not reach", "", NULL,
	    .wish = { .fast = "10587", .inject = "/run/mailrace/inject" }, NULL,
	    { "no: smtp-listener /run/mailrace/inject of Mailrace's" },
	    "10587" },
};

/* What holds of a plan: all that is wanted is in it, and nothing else of it. */
static void
judge(const struct setup_case *c)
{
	char *got = plan_of(c);
	bool good = c->never == NULL || strstr(got, c->never) == NULL;

	for (size_t i = 0; i < 5 && c->want[i] != NULL; i++)
		good = good && strstr(got, c->want[i]) != NULL;
	if (!ok(good, "%s", c->label))
		(void)printf("# %s\n", got);
	free(got);
}

/* Ways of the host's own mail that name what set-up changes. */
static void
own_ways(void)
{
	struct region *rg = region_new();
	struct pf_conf *now = pf_case_host(rg, "relay_transport = smtp\n", ""),
		       *same = pf_case_host(rg,
			   "relay_transport = smtp\ndefault_transport = x\n",
			   ""),
		       *other = pf_case_host(rg, "relay_transport = x\n", "");

	is_str(pf_own_changed(now, same) == NULL ? "none" : "some", "none",
	    "another default is no other way of the host's own mail");
	is_str(pf_own_changed(now, other), "relay_transport",
	    "but where relay_transport names it");
	pf_conf_free(&now);
	pf_conf_free(&same);
	pf_conf_free(&other);
	region_free(&rg);
}

/* What it has made it finds, and adds nothing. */
static void
once_more(void)
{
	struct setup_case c = { .label = "once more",
		.set = "content_filter = scan:[127.0.0.1]:10024\n"
		       "smtpd_milters = " OURS_SMTPD "\n",
		.services = FILTER_SERVICES("-o smtpd_milters=" OURS_SHORT),
		MILTER };
	char *got = plan_of(&c);

	ok(strstr(got, "10025") == NULL && strstr(got, "main smtpd") == NULL,
	    "a second time: nothing behind the filter");
	ok(strstr(got, "option smtp/inet/smtpd_milters = \n") != NULL,
	    "nor before it");
	free(got);
}

int
main(void)
{
	plain();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		judge(&cases[i]);
	for (size_t i = 0; i < sizeof(fast) / sizeof(fast[0]); i++)
		judge(&fast[i]);
	once_more();
	own_ways();
	return done_testing();
}
