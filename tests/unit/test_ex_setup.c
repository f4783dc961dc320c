/* SPDX-License-Identifier: Apache-2.0 */
/* What set-up would do to an Exim, or why not. */
#include "compat/exim/ex_setup.h"

#include <string.h>

#include "tests/tap.h"
#include "tests/unit/ex_case.h"

#define PLAIN \
	"domainlist local_domains = own.example\n" \
	"acl_smtp_rcpt = check\n" \
	"begin acl\n" \
	"check:\n" \
	"  accept\n" \
	"begin routers\n" \
	"out:\n" \
	"  driver = dnslookup\n" \
	"begin transports\n" \
	"remote:\n" \
	"  driver = smtp\n" \
	"begin retry\n" \
	"* * F,4d,1h\n"

#define ROUTER \
	"# Mailrace (mailrace setup exim): the router\n" \
	"mailrace:\n" \
	"  debug_print = \"R: mailrace for $local_part@$domain\"\n" \
	"  driver = accept\n"
#define ALL "  domains = ! +local_domains\n"
#define LMTP "  transport = mailrace_lmtp\n  no_verify\n\nout:\n"
#define WHOSE(id) \
	"  headers_remove = X-Mailrace-Meta\n" \
	"  headers_add = X-Mailrace-Meta: v=1; " id \
	"client=$sender_host_address; auth=${if and{" \
	"{def:sender_host_address}{def:authenticated_id}}" \
	"{${base64:$authenticated_id}}}\n"
#define WHOSE_NOW WHOSE("id=$message_exim_id; ")
#define TRANSPORT_WITH(whose) \
	"begin transports\n# Mailrace (mailrace setup exim): the transport\n" \
	"mailrace_lmtp:\n" \
	"  debug_print = \"T: mailrace for $local_part@$domain\"\n" \
	"  driver = lmtp\n  batch_max = 500\n  timeout = 5m\n" \
	"  socket = /run/lmtp\n  user = ex\n  group = ex\n" \
	"  initgroups\n" whose
#define TRANSPORT TRANSPORT_WITH(WHOSE_NOW)
#define ROUTERS \
	"out router:\ndriver = dnslookup\ndomains = ! +local_domains\n" \
	"transport = remote\n"
#define REMOTE \
	"remote transport:\ndriver = smtp\nport = smtp\nprotocol = smtp\n"
#define NOTES \
	"note: suppress-socket says nothing: who is in a suppression list is " \
	"refused at the hand-over, and Exim sends bounces\n" \
	"note: dsn-host of Mailrace's configuration names no port of " \
	"127.0.0.1: there will be nothing for notifications\n"

#define NO_DSN \
	"note: dsn-host of Mailrace's configuration names no port of " \
	"127.0.0.1: there will be nothing for notifications\n"
#define NO_HOSTS \
	"note: there is no hostlist relay_from_hosts: who is in a suppression " \
	"list is refused at RCPT to clients who have signed in; of mail of " \
	"others, Exim sends bounces\n"
#define OWN_ROUTERS \
	"local router:\ndriver = accept\ndomains = +local_domains\n" \
	"alias router:\ndriver = redirect\ndomains = +local_domains\n" \
	"some router:\ndriver = accept\n" \
	"domains = a.example : !*.b.example : *.example\n"
#define ASK \
	"  warn    set acl_m_mailrace = OK\n" \
	"  warn    authenticated = *\n" \
	"          set acl_m_mailrace = OK ask\n" \
	"  warn    hosts = :\n" \
	"          set acl_m_mailrace = OK ask\n" \
	"  warn    condition = ${if eq{$acl_m_mailrace}{OK ask}}\n"
#define ANSWERS \
	"  set acl_m_mailrace = ${readsocket{/s}{<$local_part@$domain> " \
	"<$sender_address> $sender_host_address\\n}{3s}{}{DEFER suppression " \
	"lists cannot be asked now}}\n" \
	"  deny    condition = ${if match{$acl_m_mailrace}{\\N^DENY \\N}}\n" \
	"          message   = 5.7.1 ${sg{$acl_m_mailrace}{\\N^DENY \\N}{}}\n" \
	"  defer   condition = ${if !match{$acl_m_mailrace}{\\N^OK\\N}}\n" \
	"          message   = 4.3.0 ${sg{$acl_m_mailrace}{\\N^DEFER \\N}{}}\n"

static bool
says_nothing(void *ctx, const char *domain, const char *directive)
{
	(void)ctx;
	(void)directive;
	return strcmp(domain, "said.example") == 0;
}

static const struct {
	const char *label;
	const char *main, *routers, *transports; /* more, or other */
	enum ex_scope scope;
	const char *list, *dsn, *want;
} cases[] = {
	{ "all mail", "", ROUTERS, REMOTE, EX_ALL, NULL, NULL,
	    NOTES "text conf = " ROUTER ALL LMTP "text conf = " TRANSPORT
		  "\n" },
	{ "some domains", "", ROUTERS, REMOTE, EX_DOMAINS, "a.example", NULL,
	    NOTES "text conf = " ROUTER
		  "  domains = a.example : mailrace-setup.invalid\n"
		  "  condition = ${if match_domain{$domain}"
		  "{! +local_domains}}\n" LMTP "text conf = " TRANSPORT "\n" },
	{ "some senders", "", ROUTERS, REMOTE, EX_SENDERS, "*@b.example", NULL,
	    NOTES "text conf = " ROUTER ALL
		  "  condition = ${if or{{eq{$domain}{mailrace-setup.invalid}}"
		  "{match_address{$sender_address}{*@b.example}}}}\n" LMTP
		  "text conf = " TRANSPORT "\n" },
	{ "what the transport does ours does, too", "", ROUTERS,
	    REMOTE "headers_remove = x\nhelo_data = $primary_hostname\n"
		   "interface = 192.0.2.1\n",
	    EX_ALL, NULL, NULL,
	    "note: transport remote has interface = 192.0.2.1, which does "
	    "nothing for mail that goes by Mailrace\n" NOTES
	    "text conf = " ROUTER ALL LMTP "text conf = " TRANSPORT
	    "  headers_remove = x\n\n" },
	{ "what it removes is a list of another form", "", ROUTERS,
	    REMOTE "headers_remove = <; x ; y\n", EX_ALL, NULL, NULL,
	    "no: transport remote has headers_remove = <; x ; y: set-up cannot "
	    "write the same for its own\n" },
	{ "a place for notifications", "", ROUTERS, REMOTE, EX_ALL, NULL,
	    "127.0.0.1:28",
	    "note: suppress-socket says nothing: who is in a suppression list "
	    "is refused at the hand-over, and Exim sends bounces\n"
	    "text conf = " ROUTER ALL LMTP
	    "text conf = # Mailrace (mailrace setup exim): where it listens, "
	    "too\n"
	    "local_interfaces = <; 0.0.0.0 ; ::0 ; 127.0.0.1.28\n\n"
	    "begin acl\n"
	    "text conf = check:\n"
	    "# Mailrace (mailrace setup exim): acl_smtp_rcpt\n"
	    "  accept  hosts = 127.0.0.1\n"
	    "          condition = ${if eq{$received_port}{28}}\n\n"
	    "text conf = " TRANSPORT "\n" },
	{ "no general router", "",
	    "x router:\ndriver = dnslookup\ndomains = a.example\n", REMOTE,
	    EX_ALL, NULL, NULL,
	    "no: no router takes all other mail (driver = dnslookup, domains "
	    "= ! +local_domains): which mail leaves this host cannot be "
	    "told\n" },
	{ "a smarthost", "",
	    "out router:\ndriver = manualroute\nroute_list = * h.example\n"
	    "transport = remote\n",
	    REMOTE, EX_DOMAINS, "said.example, b.example", NULL,
	    "no: conf:7: router out sends mail by * h.example: it would be "
	    "bypassed; put what it does into Mailrace's configuration "
	    "(<domain b.example> with smtp-hosts or route) first\n" },
	{ "partners have routes of their own", "",
	    "hubbed router:\ndriver = manualroute\ntransport = remote\n"
	    "route_list = partner.example gw.example\n" ROUTERS,
	    REMOTE, EX_ALL, NULL, NULL,
	    NOTES "text conf = " ROUTER ALL LMTP "text conf = " TRANSPORT
		  "\n" },
	{ "and all others a smarthost, for which Mailrace has no route", "",
	    "hubbed router:\ndriver = manualroute\ntransport = remote\n"
	    "route_list = partner.example gw.example ; b.example gw.example\n"
	    "looked router:\ndriver = manualroute\ntransport = remote\n"
	    "route_data = ${lookup{$domain}lsearch{/r}}\n"
	    "mixed router:\ndriver = manualroute\ntransport = remote\n"
	    "route_list = * gw.example ; *.example gw.example\n"
	    "out router:\ndriver = manualroute\ntransport = remote\n"
	    "domains = ! +local_domains\nroute_list = * h1.example:h2.example "
	    "byname ; * h3.example\n",
	    REMOTE, EX_ALL, NULL, NULL,
	    "no: conf:7: router out sends mail by * h1.example:h2.example "
	    "byname ; * h3.example: it would be bypassed; put what it does "
	    "into Mailrace's configuration (<domain *> with smtp-hosts or "
	    "route) first\n" },
	{ "nothing but partners", "",
	    "hubbed router:\ndriver = manualroute\ntransport = remote\n"
	    "route_list = partner.example gw.example\n",
	    REMOTE, EX_ALL, NULL, NULL,
	    "no: no router takes all other mail (driver = dnslookup, domains "
	    "= ! +local_domains): which mail leaves this host cannot be "
	    "told\n" },
	{ "a smarthost by route_data", "",
	    "out router:\ndriver = manualroute\ntransport = remote\n"
	    "route_data = h.example\n",
	    REMOTE, EX_DOMAINS, "b.example", NULL,
	    "no: conf:7: router out sends mail by h.example: it would be "
	    "bypassed; put what it does into Mailrace's configuration "
	    "(<domain b.example> with smtp-hosts or route) first\n" },
	{ "conditions", "", ROUTERS "condition = ${x}\nerrors_to = y\n", REMOTE,
	    EX_ALL, NULL, NULL,
	    "no: conf:7: router out has condition = ${x}: which mail it "
	    "leaves to others cannot be told\n"
	    "no: conf:7: router out has errors_to = y: it would not hold any "
	    "more\n" },
	{ "TLS", "", ROUTERS,
	    REMOTE "hosts_require_tls = *\ntransport_filter = /bin/x\n", EX_ALL,
	    NULL, NULL,
	    "no: transport remote has hosts_require_tls = *: mail would go "
	    "out without; put require-starttls yes into <domain *> of "
	    "Mailrace's configuration first\n"
	    "no: transport remote has transport_filter = /bin/x: it would be "
	    "bypassed\n" },
	{ "TLS, as far as it goes", "", ROUTERS,
	    REMOTE "tls_verify_hosts = mx.example\ntls_crl = /crl\n", EX_ALL,
	    NULL, NULL,
	    "no: transport remote has tls_crl = /crl: it is not known "
	    "whether Mailrace does the same, and mail could go out with less\n"
	    "no: transport remote has tls_verify_hosts = mx.example: it is not "
	    "known whether Mailrace does the same, and mail could go out with "
	    "less\n" },
	{ "a transport by expansion", "",
	    "out router:\ndriver = dnslookup\ntransport = ${y}\n", REMOTE,
	    EX_ALL, NULL, NULL,
	    "no: conf:7: router out has transport = ${y}: which one it uses "
	    "cannot be told\n" },
	{ "DSN is offered", "dsn_advertise_hosts = *\n", ROUTERS, REMOTE,
	    EX_ALL, NULL, NULL,
	    "no: dsn_advertise_hosts = *: an LMTP socket would lose what "
	    "senders ask for by it: put a second lmtp-listener, such as "
	    "127.0.0.1:2424, into Mailrace's configuration\n" },
	{ "a list that is an expansion", "acl_smtp_data = ${z}\n", ROUTERS,
	    REMOTE, EX_ALL, NULL, "127.0.0.1:25",
	    "no: acl_smtp_data = ${z}: set-up cannot put a statement before "
	    "it: only a name is understood\n" },
};

static void
make(const struct ex_wish *w, const char *const *conf,
    const struct ex_text *text, struct host_plan *p)
{
	struct ex_facts f;
	struct err e;

	ex_facts_init(&f, p->rg);
	f.has_lmtp = true;
	(void)ex_conf_read(f.conf, EX_MAIN,
	    slice_of(REGION_JOIN(p->rg,
		"acl_smtp_rcpt = check\ndaemon_smtp_ports = smtp\n"
		"exim_user = ex\nexim_group = ex\n",
		conf[EX_MAIN])),
	    &e);
	(void)ex_conf_read(f.conf, EX_ROUTER, slice_of(conf[EX_ROUTER]), &e);
	(void)ex_conf_read(f.conf, EX_TRANSPORT, slice_of(conf[EX_TRANSPORT]),
	    &e);
	if (conf[EX_AUTHENTICATOR] != NULL)
		(void)ex_conf_read(f.conf, EX_AUTHENTICATOR,
		    slice_of(conf[EX_AUTHENTICATOR]), &e);
	ex_setup(w, &f, text, p);
	ex_facts_fini(&f);
}

static void
plan(size_t i, const struct ex_text *text, struct host_plan *p)
{
	const char *const conf[EX_KINDS] = { [EX_MAIN] = cases[i].main,
		[EX_ROUTER] = cases[i].routers,
		[EX_TRANSPORT] = cases[i].transports };

	make(&(struct ex_wish){ .form = EX_PLAIN,
		 .scope = cases[i].scope,
		 .list = cases[i].list,
		 .lmtp = "/run/lmtp",
		 .lmtp_is_exims = true,
		 .dsn = cases[i].dsn,
		 .holds = says_nothing },
	    conf, text, p);
}

static void
plans(void)
{
	struct ex_source source = { "conf", SLICE_LIT(PLAIN) };
	const struct ex_text text = { &source, 1 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = { .p = NULL };
		struct host_plan p;

		host_plan_init(&p);
		plan(i, &text, &p);
		ex_case_print(&p, p.refusals.n > 0, &out);
		(void)is_str(buf_cstr(&out), cases[i].want, cases[i].label);
		buf_fini(&out);
		host_plan_fini(&p);
	}
}

/* ---- signing in at a smarthost ------------------------------------------- */

#define SMARTHOST \
	"out router:\ndriver = manualroute\ntransport = remote\n" \
	"route_list = * h1.example::587:h2.example byname\n"
#define ALIAS \
	"out router:\ndriver = manualroute\ntransport = remote\n" \
	"route_list = * alias.example\n"
#define CLIENT "plain authenticator:\ndriver = plaintext\nclient_send = x\n"
#define SERVER "plain authenticator:\ndriver = plaintext\nserver_prompts = :\n"
#define TRY "hosts_try_auth = "
#define PASSWORD "<; ${lookup{$host}{$host_address}}"

static const struct {
	const char *label, *routers, *options, *authenticators, *want, *never;
	const char *domains; /* NULL: all mail */
	const char *route;   /* what -bt says */
} signing[] = {
	{ "there is a password for the smarthost", SMARTHOST, TRY PASSWORD "\n",
	    CLIENT,
	    "no: transport remote has " TRY PASSWORD
	    ": Mailrace would have to sign in there; write <domain>",
	    NULL, NULL, NULL },
	{ "for the one with a port", SMARTHOST, TRY "${$host}\n", CLIENT,
	    "no: transport remote has " TRY "${$host}: ", NULL, NULL, NULL },
	{ "only for another one", SMARTHOST, TRY "<; ${lookup{$other}}\n",
	    CLIENT, "text conf = ", TRY, NULL, NULL },
	{ "what cannot be expanded", SMARTHOST, TRY "${fail}\n", CLIENT,
	    "no: transport remote has " TRY, NULL, NULL, NULL },
	{ "a host by its name", SMARTHOST, TRY "h1.example\n", CLIENT,
	    "no: transport remote has " TRY "h1.example: ", NULL, NULL, NULL },
	{ "no authenticator of a client", SMARTHOST, TRY "*\n", SERVER,
	    "text conf = ", TRY, NULL, NULL },
	{ "mail goes to each MX", ROUTERS, TRY "*\n", CLIENT,
	    "note: transport remote has " TRY "*, which does nothing",
	    "no: ", NULL, NULL },
	{ "and may not without", ROUTERS, "hosts_require_auth = mx.example\n",
	    CLIENT, "no: transport remote has hosts_require_auth = mx.example",
	    NULL, NULL, NULL },
	{ "that holds for what goes elsewhere by a route of ours", SMARTHOST,
	    TRY PASSWORD "\n", CLIENT,
	    "note: transport remote has " TRY PASSWORD ", which does nothing",
	    "no: ", "a.example", NULL },
	{ "by the name of which the router has an alias", ALIAS,
	    TRY PASSWORD "\n", CLIENT,
	    "no: transport remote has " TRY PASSWORD ": ", NULL, NULL,
	    "probe@x\n  router = out, transport = remote\n"
	    "  host h3.example    [192.0.2.3] port=587\n"
	    "  host h2.example    [192.0.2.2] port=587\n" },
	{ "by neither", ALIAS, TRY PASSWORD "\n", CLIENT, "text conf = ",
	    "note: exim -bt", NULL, "  host h3.example [192.0.2.3]\n" },
	{ "nobody knows", ALIAS, TRY PASSWORD "\n", CLIENT,
	    "note: exim -bt does not say which servers router out leads to",
	    "no: ", NULL, "probe@x cannot be resolved at this time\n" },
	{ "nobody asks any more", ALIAS, TRY PASSWORD "\n", CLIENT,
	    "text conf = ", "note: exim -bt", NULL,
	    "  router = mailrace, transport = mailrace_lmtp\n" },
};

static bool
says_all(void *ctx, const char *domain, const char *directive)
{
	(void)ctx;
	(void)domain;
	return strcmp(directive, "smtp-hosts") == 0;
}

static const char *
route(void *site, const char *address)
{
	(void)address;
	return site;
}

/* As Debian's list, with an entry for the second of the smarthosts. */
static const char *
expand(void *site, const char *text)
{
	(void)site;
	if (strstr(text, "fail") != NULL)
		return NULL;
	return strcmp(text, "${h1.example}") == 0 ||
		strcmp(text, "<; ${lookup{h2.example}{h2.example}}") == 0 ||
		strcmp(text, "<; ${lookup{h2.example}{192.0.2.2}}") == 0 ?
	    "<; h2.example" :
	    "<; ";
}

static void
sign_in(void)
{
	struct ex_source source = { "conf", SLICE_LIT(PLAIN) };
	const struct ex_text text = { &source, 1 };

	for (size_t i = 0; i < sizeof(signing) / sizeof(signing[0]); i++) {
		struct buf out = { .p = NULL };
		struct host_plan p;

		host_plan_init(&p);
		make(&(struct ex_wish){ .form = EX_PLAIN,
			 .scope = signing[i].domains == NULL ? EX_ALL :
							       EX_DOMAINS,
			 .list = signing[i].domains,
			 .lmtp = "/run/lmtp",
			 .lmtp_is_exims = true,
			 .holds = says_all,
			 .expand = expand,
			 .route = route,
			 .site = (void *)(uintptr_t)signing[i].route },
		    (const char *const[EX_KINDS]){ "", signing[i].routers,
			REGION_JOIN(p.rg, REMOTE, signing[i].options),
			signing[i].authenticators },
		    &text, &p);
		ex_case_print(&p, p.refusals.n > 0, &out);
		if (!ok(strstr(buf_cstr(&out), signing[i].want) != NULL &&
			    (signing[i].never == NULL ||
				strstr(buf_cstr(&out), signing[i].never) ==
				    NULL),
			"%s", signing[i].label))
			(void)printf("# %s\n", buf_cstr(&out));
		buf_fini(&out);
		host_plan_fini(&p);
	}
}

/* ---- whom is asked about at RCPT ----------------------------------------- */

static const struct {
	const char *label, *routers, *want;
} asked[] = {
	{ "its own domains are asked about by nobody",
	    OWN_ROUTERS "out router:\ndriver = dnslookup\n"
			"transport = remote\n",
	    NO_HOSTS NO_DSN
	    "text conf = " ROUTER LMTP "text conf = check:\n"
	    "# Mailrace (mailrace setup exim): acl_smtp_rcpt\n" ASK
	    "  condition = ${if !match_domain{$domain}"
	    "{+local_domains}}\n"
	    "  condition = ${if !match_domain{$domain}"
	    "{a.example : !*.b.example : *.example}}\n" ANSWERS
	    "\ntext conf = " TRANSPORT "\n" },
	{ "unless some router is for any",
	    OWN_ROUTERS "users router:\ndriver = accept\n"
			"domains = ! a.example\n"
			"out router:\ndriver = dnslookup\n"
			"transport = remote\n",
	    "note: routers users and out do not say for which domains they "
	    "are: which mail is this host's own cannot be told at RCPT, so who "
	    "is in a suppression list is refused at the hand-over, and Exim "
	    "sends bounces\n" NO_DSN "text conf = " ROUTER LMTP
	    "text conf = " TRANSPORT "\n" },
};

static void
questions(void)
{
	struct ex_source source = { "conf", SLICE_LIT(PLAIN) };
	const struct ex_text text = { &source, 1 };

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		const char *const conf[EX_KINDS] = { [EX_MAIN] = "",
			[EX_ROUTER] = asked[i].routers,
			[EX_TRANSPORT] = REMOTE };
		struct buf out = { .p = NULL };
		struct host_plan p;

		host_plan_init(&p);
		make(&(struct ex_wish){ .form = EX_PLAIN,
			 .lmtp = "/run/lmtp",
			 .lmtp_is_exims = true,
			 .suppress = "/s",
			 .holds = says_nothing },
		    conf, &text, &p);
		ex_case_print(&p, p.refusals.n > 0, &out);
		(void)is_str(buf_cstr(&out), asked[i].want, asked[i].label);
		buf_fini(&out);
		host_plan_fini(&p);
	}
}

/* ---- places that are not there, or twice, or done --------------------------------- */

static const struct {
	const char *label, *text, *want;
} places[] = {
	{ "an include", "begin routers\n.include /etc/r\nbegin transports\n",
	    "no: router out is in no file that set-up could change; conf:2 "
	    "includes another: .include /etc/r\n" },
	{ "twice",
	    "begin routers\n.ifdef A\nout:\n.else\nout:\n.endif\n"
	    "begin transports\n",
	    "no: conf:3: router out is there more than once: which one holds "
	    "cannot be told\n" },
	{ "an earlier set-up, whose transport says no id",
	    "begin routers\n" ROUTER ALL LMTP TRANSPORT_WITH(WHOSE("")) "\n",
	    NOTES "text conf = " WHOSE_NOW },
	{ "and another than that",
	    "begin routers\n" ROUTER ALL LMTP TRANSPORT_WITH(
		WHOSE("x=; ")) "\n",
	    "no: conf has \"# Mailrace (mailrace setup exim): the transport\", "
	    "and otherwise than it would be now: first mailrace setup exim "
	    "--undo\n" },
	{ "this one", "begin routers\n" ROUTER ALL LMTP TRANSPORT "\n", NOTES },
	{ "otherwise",
	    "begin routers\n# Mailrace (mailrace setup exim): the router\n"
	    "mailrace:\nout:\nbegin transports\n",
	    "no: conf has \"# Mailrace (mailrace setup exim): the router\", "
	    "and otherwise than it would be now: first mailrace setup exim "
	    "--undo\n" },
};

static void
in_place(void)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct ex_source source = { "conf", slice_of(places[i].text) };
		const struct ex_text text = { &source, 1 };
		struct buf out = { .p = NULL };
		struct host_plan p;

		host_plan_init(&p);
		plan(0, &text, &p);
		ex_case_print(&p, p.refusals.n > 0, &out);
		(void)is_str(buf_cstr(&out), places[i].want, places[i].label);
		buf_fini(&out);
		host_plan_fini(&p);
	}
}

/* ---- does it lead here? -------------------------------------------------- */

static const struct {
	const char *label, *routers, *transports, *want;
} routes[] = {
	{ "none leads here", ROUTERS, REMOTE, "" },
	{ "set-up's router",
	    "mailrace router:\ndriver = accept\ntransport = mailrace_lmtp\n",
	    "mailrace_lmtp transport:\ndriver = lmtp\nsocket = /run/x\n",
	    "mailrace" },
	{ "another one to that transport",
	    "mine router:\ndriver = accept\ntransport = mailrace_smtp\n",
	    "mailrace_smtp transport:\ndriver = smtp\n", "mine" },
	{ "another one to that socket",
	    "mine router:\ndriver = accept\ntransport = mine\n",
	    "mine transport:\ndriver = lmtp\nsocket = /run/mailrace/lmtp\n",
	    "mine" },
	{ "one to a folder that begins so",
	    "mine router:\ndriver = accept\ntransport = mine\n",
	    "mine transport:\ndriver = lmtp\nsocket = /run/mailrace-in/lmtp\n",
	    "mine" },
};

static void
leads_here(void)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		struct region *rg = region_new();
		struct ex_facts f;
		struct err e;
		const char *name;

		ex_facts_init(&f, rg);
		(void)ex_conf_read(f.conf, EX_ROUTER,
		    slice_of(routes[i].routers), &e);
		(void)ex_conf_read(f.conf, EX_TRANSPORT,
		    slice_of(routes[i].transports), &e);
		name = ex_leads_here(&f);
		(void)is_str(name == NULL ? "" : name, routes[i].want,
		    routes[i].label);
		ex_facts_fini(&f);
		region_free(&rg);
	}
}

/* ---- whose the listener is ----------------------------------------------- */

/* Else users would have the rights of the host. */
static void
listener_of_another(void)
{
	static const char *const mains[] = { "", "dsn_advertise_hosts = *\n" };
	static const char *const wants[] = {
		"put this line into its configuration, and reload it:\n"
		"  exim-listener /run/lmtp\n",
		"  exim-listener 127.0.0.1:24\n"
	};
	struct ex_source source = { "conf", SLICE_LIT(PLAIN) };
	const struct ex_text text = { &source, 1 };

	for (size_t i = 0; i < 2; i++)
		for (int is_exims = 0; is_exims < 2; is_exims++) {
			struct buf out = { .p = NULL };
			struct host_plan p;

			host_plan_init(&p);
			make(&(struct ex_wish){ .form = EX_PLAIN,
				 .lmtp = "/run/lmtp",
				 .lmtp_tcp = "127.0.0.1:24",
				 .lmtp_is_exims = i == 0 && is_exims,
				 .lmtp_tcp_is_exims = i == 1 && is_exims,
				 .holds = says_nothing },
			    (const char *const[EX_KINDS]){ mains[i], ROUTERS,
				REMOTE, NULL },
			    &text, &p);
			ex_case_print(&p, p.refusals.n > 0, &out);
			ok((strstr(buf_cstr(&out), wants[i]) != NULL) ==
				    !is_exims &&
				(p.refusals.n > 0) == !is_exims,
			    "listener %zu, Exim's: %d", i, is_exims);
			buf_fini(&out);
			host_plan_fini(&p);
		}
}

int
main(void)
{
	leads_here();
	listener_of_another();
	plans();
	questions();
	sign_in();
	in_place();
	return done_testing();
}
