/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is made of an Exim that is not there: its answers are a table, and what it
 * would be asked beyond that is nothing that it could run.
 */
#include "compat/exim/ex_import.h"

#include <string.h>

#include "lib/check.h"
#include "tests/tap.h"

/* ---- in place of Exim ------------------------------------------------------ */

struct world {
	struct region *rg;
	const char *file;          /* what is in each file */
	const char *answers[8][2]; /* a part of what is asked, the value */
	const char *set;           /* what stands in its configuration */
	const char *authenticators;
	const char *main;
	struct buf asked;
};

static int
fetch(void *ctx, const char *path, struct slice *text_r, struct err *e)
{
	const struct world *w = ctx;

	if (w->file == NULL)
		return err_set(e, "%s: not there", path);
	*text_r = slice_of(w->file);
	return 0;
}

static int
list(void *ctx, const char *folder, const char ***names_r, size_t *n_r,
    struct err *e)
{
	(void)ctx;
	*names_r = NULL;
	*n_r = 0;
	return err_set(e, "%s: not there", folder);
}

static int
expand(void *ctx, const char *const *texts, size_t n, const char **values,
    struct err *e)
{
	struct world *w = ctx;

	(void)e;
	for (size_t i = 0; i < n; i++) {
		buf_printf(&w->asked, "%s\n", texts[i]);
		values[i] = texts[i];
		for (size_t k = 0; k < 8 && w->answers[k][0] != NULL; k++)
			if (strstr(texts[i], w->answers[k][0]) != NULL) {
				values[i] = w->answers[k][1];
				break;
			}
	}
	return 0;
}

#define ROUTER "\nall router:\ndriver = dnslookup\nmore\ntransport = out\n"
#define CLIENT "\nout transport:\ndriver = smtp\nprotocol = smtp\n"

/* Configuration and report, one behind the other. */
static void
import(struct world *w, const char *routers, const char *transports,
    struct buf *out)
{
	struct ex_conf *conf = ex_conf_new(w->rg);
	struct import_report *report = import_report_new(w->rg);
	struct import_conf *made = import_conf_new(w->rg, report);
	const struct ex_import_source from = { conf, fetch, list, expand, w };
	struct err e;

	CHECK(ex_conf_read(conf, EX_MAIN,
		  slice_of(REGION_JOIN(w->rg, "primary_hostname = mx.test\n",
		      w->main == NULL ? "" : w->main)),
		  &e) == 0 &&
	    ex_conf_read(conf, EX_ROUTER, slice_of(routers), &e) == 0 &&
	    ex_conf_read(conf, EX_TRANSPORT, slice_of(transports), &e) == 0 &&
	    (w->authenticators == NULL ||
		ex_conf_read(conf, EX_AUTHENTICATOR,
		    slice_of(w->authenticators), &e) == 0) &&
	    (w->set == NULL ||
		ex_conf_read_file(conf, slice_of(w->set), &e) == 0));
	ex_import(&from, w->rg, made, report);
	import_conf_print(made, false, out);
	import_report_print(report, out);
	import_conf_free(&made);
	ex_conf_free(&conf);
}

static bool
has(const struct buf *b, const char *text)
{
	return b->len > 0 && memmem(b->p, b->len, text, strlen(text)) != NULL;
}

static void
show(const struct buf *b)
{
	(void)printf("#   %.*s\n", (int)b->len, b->p);
}

/* ---- from whom notifications are ------------------------------------------- */

static const struct {
	const char *value, *said;
} froms[] = {
	{ "Club <a@b.example>", "custom-dsn-from-header Club <a@b.example>" },
	{ "\"A Club\" <a@b.example>",
	    "custom-dsn-from-header A Club <a@b.example>" },
	{ "\"A Club <a@b.example>", "<a@b.example>: no closing quote" },
	{ "A Club", "dsn_from = A Club  (main section)\n      manual: " },
};

static void
test_from(size_t i)
{
	struct world w = { .rg = region_new() };
	struct buf out = { 0 };

	w.main = REGION_JOIN(w.rg, "dsn_from = ", froms[i].value, "\n");
	w.set = w.main;
	import(&w, ROUTER, CLIENT, &out);
	if (!ok(has(&out, froms[i].said), "dsn_from %s", froms[i].value))
		show(&out);
	buf_fini(&out);
	region_free(&w.rg);
}

/* ---- what it would run ----------------------------------------------------- */

static void
test_selector(void)
{
	struct world w = { .rg = region_new(),
		.file = "a.example: x\n",
		.answers = { { "${lookup{a.example}",
				 "${run{/usr/bin/touch /tmp/x}} : s1" },
		    { "${lookup{", "s0" }, { "/k/", "/k/pem" } } };
	struct buf out = { 0 };

	import(&w, ROUTER,
	    CLIENT "dkim_domain = $sender_address_domain\n"
		   "dkim_selector = ${lookup{$dkim_domain}lsearch{/t}"
		   "{$value}{s0}}\n"
		   "dkim_private_key = /k/$dkim_domain.$dkim_selector\n",
	    &out);
	ok(!has(&w.asked, "${run"), "what a file says is not expanded");
	ok(has(&w.asked, "/k/a.example.s1"), "but a name in it");
	if (!ok(has(&out, "dkim_selector") && has(&out, "is no selector"),
		"and that is said"))
		show(&out);
	buf_fini(&out);
	buf_fini(&w.asked);
	region_free(&w.rg);
}

/* ---- what is nobody's name ------------------------------------------------- */

static const struct {
	const char *label, *routers, *transports, *said;
} shown[] = {
	{ "the domain in hosts",
	    "\nall router:\ndriver = manualroute\nmore\ntransport = out\n"
	    "route_data = mail.$domain\n",
	    CLIENT, "route_data" },
	{ "the sender's in the name of HELO", ROUTER,
	    CLIENT "helo_data = mail.$sender_address_domain\n", "helo_data" },
	{ "the sender's in an address", ROUTER,
	    CLIENT "interface = $sender_address_domain\n", "interface" },
	{ "the domain in a selector", ROUTER,
	    CLIENT "dkim_domain = $sender_address_domain\n"
		   "dkim_selector = s.$dkim_domain\n"
		   "dkim_private_key = /k/pem\n",
	    "dkim_selector" },
};

static void
test_shown(size_t i)
{
	struct world w = { .rg = region_new(),
		.answers = { { "mail.", "mail.nobody-names-it.invalid" },
		    { "s.", "s.nobody-names-it.invalid" },
		    { "nobody-names-it.invalid",
			"nobody-names-it.invalid" } } };
	struct buf out = { 0 };

	import(&w, shown[i].routers, shown[i].transports, &out);
	if (!ok(!has(&out, "nobody-names-it") && has(&out, shown[i].said) &&
		    has(&out, "manual: "),
		"%s is manual", shown[i].label))
		show(&out);
	buf_fini(&out);
	buf_fini(&w.asked);
	region_free(&w.rg);
}

/* ---- what it would say ----------------------------------------------------- */

static void
test_false(void)
{
	static const char *const words[] = { "no", "No", "FALSE", "0", "",
		"yes", "True" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		struct world w = { .rg = region_new(),
			.answers = { { "${if", words[i] } } };
		struct buf out = { 0 };

		import(&w,
		    "\none router:\ndriver = manualroute\nmore\ntransport = out\n"
		    "condition = ${if eq{$primary_hostname}{x}{Yes}{No}}\n"
		    "route_list = * gw.test\n" ROUTER,
		    CLIENT, &out);
		if (!ok(has(&out, "smtp-hosts gw.test") == (i > 4),
			"a condition that is \"%s\"", words[i]))
			show(&out);
		buf_fini(&out);
		buf_fini(&w.asked);
		region_free(&w.rg);
	}
}

static void
test_hosts(void)
{
	struct world w = { .rg = region_new() };
	struct buf out = { 0 };

	import(&w,
	    "\nby_gw router:\ndriver = accept\nmore\ndomains = a.example : b.example\n"
	    "transport = gw\n" ROUTER,
	    CLIENT "\ngw transport:\ndriver = smtp\nprotocol = smtp\n"
		   "hosts = ${lookup{$domain}lsearch{/t}}\n"
		   "hosts_require_tls = *\n",
	    &out);
	if (!ok(has(&out, "transport gw") &&
		    has(&out, "the way of that mail is left out"),
		"hosts of a transport that are not known are told"))
		show(&out);
	ok(has(&out, "less safe"), "with what protects that mail");
	buf_fini(&out);
	buf_fini(&w.asked);
	region_free(&w.rg);
}

/* A router takes it, and its transport is none: told, with one of its domains. */
static const struct {
	const char *label, *routers, *answer, *said;
} lost[] = {
	{ "one that is not there",
	    "\nvip router:\ndriver = dnslookup\nmore\n"
	    "transport = ${if eq{$domain}{vip.example}{vip}{out}}\n",
	    "vip", "\"vip\" is no transport" },
	{ "one that is local",
	    "\nvip router:\ndriver = accept\nmore\n"
	    "transport = ${if eq{$domain}{vip.example}{pipe}{out}}\n",
	    "pipe", "\"pipe\" is no transport" },
	{ "one of which Exim says nothing",
	    "\nvip router:\ndriver = dnslookup\nmore\n"
	    "transport = ${if eq{$domain}{vip.example}{vip}fail}\n",
	    NULL, "does not say which" },
	{ "one of a row",
	    "\nvip router:\ndriver = manualroute\nmore\ntransport = out\n"
	    "route_list = vip.example gw.test pipe\n",
	    NULL, "\"pipe\" is no transport" },
	{ "no more routers",
	    "\nvip router:\ndriver = manualroute\nno_more\ntransport = out\n"
	    "domains = vip.example\nroute_list = other.example gw.test\n",
	    NULL, "has no way in Exim" },
};

static void
test_lost(size_t i)
{
	struct world w = { .rg = region_new(),
		.answers = { { "}{vip.example}{", lost[i].answer },
		    { "${if", "out" } } };
	struct buf out = { 0 };

	import(&w, REGION_JOIN(w.rg, lost[i].routers, ROUTER),
	    CLIENT "\npipe transport:\ndriver = pipe\n", &out);
	if (!ok(has(&out, lost[i].said) && has(&out, "vip.example"),
		"%s is told", lost[i].label))
		show(&out);
	buf_fini(&out);
	buf_fini(&w.asked);
	region_free(&w.rg);
}

/* What is not taken over is not taken over: nothing else is said of it. */
static void
test_once(void)
{
	struct world w = { .rg = region_new() };
	struct buf out = { 0 };

	import(&w, ROUTER,
	    CLIENT "interface = 192.0.2.1\nhelo_data = ${perl{f}}\n", &out);
	if (!ok(has(&out, "helo_data = ${perl{f}}") &&
		    has(&out, "smtp-source-host 192.0.2.1 mx.test") &&
		    !has(&out, "in smtp-source-host of"),
		"a name that cannot be asked for is not taken"))
		show(&out);
	buf_fini(&out);
	buf_fini(&w.asked);
	region_free(&w.rg);
}

static const struct {
	const char *main, *interface;
	bool bound; /* to that address */
	const char *said;
} families[] = {
	{ "", "192.0.2.1", true, "goes over IPv4 alone" },
	{ "disable_ipv6\n", "192.0.2.1", true, NULL },
	{ "dns_ipv4_lookup = *\n", "192.0.2.1", true, NULL },
	{ "", "<; 192.0.2.1 ; 2001:db8::1", true, NULL },
	{ "", "<; 2001:db8::1", false, "over IPv6 alone" },
};

static void
test_family(size_t i)
{
	struct world w = { .rg = region_new(), .main = families[i].main };
	struct buf out = { 0 };

	import(&w, ROUTER,
	    REGION_JOIN(w.rg, CLIENT "interface = ", families[i].interface,
		"\n"),
	    &out);
	if (!ok(has(&out, "    smtp-source-host ") == families[i].bound &&
		    has(&out, " alone") == (families[i].said != NULL) &&
		    (families[i].said == NULL || has(&out, families[i].said)),
		"%zu: %s: %s", i, families[i].interface,
		families[i].said == NULL ? "all is well" : families[i].said))
		show(&out);
	buf_fini(&out);
	buf_fini(&w.asked);
	region_free(&w.rg);
}

static const struct {
	const char *rule;
	bool told; /* that there is none for all mail */
} rules[] = {
	{ NULL, true },
	{ "  a.example * F,1h,10m\n", true },
	{ "  * * F,1h,10m\n", false },
};

static void
test_retry(size_t i)
{
	struct world w = { .rg = region_new() };
	struct buf out = { 0 };

	if (rules[i].rule != NULL)
		w.set = REGION_JOIN(w.rg, "# 1 \"/x\"\nbegin retry\n",
		    rules[i].rule);
	import(&w, ROUTER, CLIENT, &out);
	if (!ok(has(&out, "gives back what fails once") == rules[i].told,
		"mail without a rule for retries, %zu", i))
		show(&out);
	buf_fini(&out);
	buf_fini(&w.asked);
	region_free(&w.rg);
}

/* Hosts of a way, and those that must have TLS. */
static const struct {
	const char *hosts, *list, *said; /* of the option in the report */
} tls[] = {
	{ "gw.test", "gw.test", "require-starttls yes" },
	{ "gw.test", "*.test", "require-starttls yes" },
	{ "gw.test", "other.test", NULL },
	{ "gw.test", "192.0.2.1", "manual" },
	{ "gw.test", "gw.test : 192.0.2.1", "require-starttls yes" },
	{ "gw.test", "! 192.0.2.1 : *", "manual" },
	{ "192.0.2.1", "192.0.2.1", "require-starttls yes" },
	{ "192.0.2.1", "gw.test", "manual" },
	{ "192.0.2.2", "192.0.2.1", NULL },
	{ "gw.test : two.test", "gw.test", "manual" },
	{ "gw.test/mx", "gw.test", "manual" },
	{ "gw.test/mx", "gw.test : *", "require-starttls yes" },
};

static void
test_tls(size_t i)
{
	struct world w = { .rg = region_new() };
	struct buf out = { 0 };
	const char *told;

	w.set = REGION_JOIN(w.rg,
	    "# 1 \"/x\"\nbegin transports\n  out:\n"
	    "    hosts_require_tls = ",
	    tls[i].list, "\n");
	import(&w,
	    REGION_JOIN(w.rg,
		"\nall router:\ndriver = manualroute\ntransport = out\n"
		"route_list = * \"",
		tls[i].hosts, "\"\n"),
	    REGION_JOIN(w.rg, CLIENT "hosts_require_tls = ", tls[i].list, "\n"),
	    &out);
	told = strstr(buf_cstr(&out), "  hosts_require_tls = ");
	if (!ok(tls[i].said == NULL ?
		    !has(&out, "require-starttls yes") && told == NULL :
		    told != NULL && strstr(told, tls[i].said) != NULL,
		"%s for %s", tls[i].list, tls[i].hosts))
		show(&out);
	buf_fini(&out);
	buf_fini(&w.asked);
	region_free(&w.rg);
}

/* Whose certificates are believed. */
static const struct {
	const char *options, *said, *absent;
} verified[] = {
	{ "tls_verify_hosts = *\n", "    smtp-tls-ca-file system  #",
	    "UNSAFE" },
	{ "tls_verify_hosts = *\ntls_verify_certificates = /ca.pem\n",
	    "    smtp-tls-ca-file /ca.pem  #", "smtp-tls-ca-file system" },
	{ "tls_verify_hosts = *\ntls_verify_certificates = /etc/ssl/certs\n",
	    "    smtp-tls-ca-file system  #", "ca-file /etc" },
	{ "tls_verify_hosts = *\ntls_verify_certificates = /ca/\n",
	    "manual: write smtp-tls-ca-file", "    smtp-tls-ca-file" },
	{ "tls_verify_hosts = *\ntls_verify_certificates = ${if eq{$host}{a}{/a}}\n",
	    "manual: write smtp-tls-ca-file", "    smtp-tls-ca-file" },
	{ "tls_verify_hosts =\n", "require-starttls no",
	    "    smtp-tls-ca-file" },
	{ "hosts_avoid_tls = *\ntls_verify_hosts = *\n", "use-starttls no",
	    "    smtp-tls-ca-file" },
	{ "tls_verify_hosts = *\ntls_verify_cert_hostnames = \n",
	    "has to be in its certificate", "UNSAFE" },
	{ "tls_verify_hosts = *\ntls_verify_cert_hostnames = *\n",
	    "    smtp-tls-ca-file system  #", "has to be in its certificate" },
};

static void
test_verified(size_t i)
{
	struct world w = { .rg = region_new() };
	struct buf out = { 0 };
	const char *line = verified[i].options;
	const char *set = "# 1 \"/x\"\nbegin transports\n  out:\n";

	for (; *line != '\0'; line += strcspn(line, "\n") + 1)
		set = REGION_JOIN(w.rg, set, "    ",
		    region_strndup(w.rg, line, strcspn(line, "\n")), "\n");
	w.set = set;
	import(&w, ROUTER, REGION_JOIN(w.rg, CLIENT, verified[i].options),
	    &out);
	if (!ok(has(&out, verified[i].said) && !has(&out, verified[i].absent),
		"%s", verified[i].options))
		show(&out);
	buf_fini(&out);
	buf_fini(&w.asked);
	region_free(&w.rg);
}

/* Where the units and the sample have it, which Exim's user may reach. */
static void
test_doors(void)
{
	struct world w = { .rg = region_new() };
	struct buf out = { 0 };

	import(&w, ROUTER, CLIENT, &out);
	if (!ok(has(&out, "\nlmtp-listener /var/spool/postfix/mailrace/lmtp") &&
		    has(&out,
			"\nexim-listener /var/spool/postfix/mailrace/lmtp"),
		"the socket of the units"))
		show(&out);
	buf_fini(&out);
	buf_fini(&w.asked);
	region_free(&w.rg);
}

static void
test_auth_list(void)
{
	struct world w = { .rg = region_new() };
	struct buf out = { 0 };

	import(&w,
	    "\nall router:\ndriver = manualroute\ntransport = out\n"
	    "route_list = * gw.test\n",
	    CLIENT "hosts_require_auth = 192.0.2.0/24\n", &out);
	if (!ok(has(&out, "not a list of plain names: 192.0.2.0/24"),
		"hosts that want a password and are no names are told"))
		show(&out);
	buf_fini(&out);
	buf_fini(&w.asked);
	region_free(&w.rg);
}

/* No router is for all mail, and a sender has another transport. */
static void
test_single(void)
{
	struct world w = { .rg = region_new(),
		.answers = { { "{a.example}{a.example}", "other" },
		    { "${if", "out" } } };
	struct buf out = { 0 };

	import(&w,
	    "\nin router:\ndriver = manualroute\nmore\ndomains = in.example\n"
	    "route_list = * gw.test\ntransport = "
	    "${if eqi{$sender_address_domain}{a.example}{other}{out}}\n",
	    CLIENT "\nother transport:\ndriver = smtp\nprotocol = smtp\n",
	    &out);
	if (!ok(has(&out, "routers = a.example") &&
		    has(&out, "goes to single domains alone"),
		"a sender of whom only some mail is known is told"))
		show(&out);
	buf_fini(&out);
	buf_fini(&w.asked);
	region_free(&w.rg);
}

/* Of some hosts each has a password of its own, or none. */
static const struct {
	const char *label, *hosts, *said;
} passwords[] = {
	{ "one host", "one.test", "auth-username joe" },
	{ "two of one password", "one.test : two.test", "auth-username joe" },
	{ "two passwords", "one.test : other.test", "not the same user" },
	{ "one has none", "one.test : none.test", "not the same user" },
	{ "the first has none", "none.test : one.test", "not the same user" },
	{ "all of its MX hosts", "one.test/mx", "password for MX hosts" },
};

#define SIGN_IN \
	"\ncram authenticator:\ndriver = cram_md5\n" \
	"client_name = joe\nclient_secret = ${lookup{$host}lsearch{/t}" \
	"{$value}fail}\n"

static void
test_passwords(size_t i)
{
	struct world w = { .rg = region_new(),
		.answers = { { "{one.test}", "s3cret" },
		    { "{two.test}", "s3cret" }, { "{other.test}", "secr3t" },
		    { "${lookup", NULL } } };
	struct buf out = { 0 };

	w.authenticators = SIGN_IN;
	import(&w,
	    REGION_JOIN(w.rg,
		"\nin router:\ndriver = manualroute\nmore\ntransport = out\n"
		"route_list = in.example in.test\n"
		"\nall router:\ndriver = manualroute\ntransport = out\n"
		"route_list = * \"",
		passwords[i].hosts, "\"\n"),
	    CLIENT "hosts_try_auth = one.test : two.test : other.test : "
		   "nobody-names-it.invalid\n",
	    &out);
	if (!ok(has(&out, passwords[i].said) && !has(&out, "s3cret") &&
		    has(&out, "auth-username joe") ==
			has(&out, "auth-username \"\""),
		"%s: what it has is told, and that others have none",
		passwords[i].label))
		show(&out);
	buf_fini(&out);
	buf_fini(&w.asked);
	region_free(&w.rg);
}

/* A route without password in reach of one that has one. */
static const struct {
	const char *label, *routes;
	bool sign_in, told_none;
} beside[] = {
	{ "a route whose password no line can have",
	    "\nin router:\ndriver = manualroute\nmore\ntransport = out\n"
	    "route_list = in.example other.test\n"
	    "\nall router:\ndriver = manualroute\ntransport = out\n"
	    "route_list = * one.test\n",
	    true, true },
	{ "all mail, whose password no line can have",
	    "\nin router:\ndriver = manualroute\nmore\ntransport = out\n"
	    "route_list = in.example none.test\n"
	    "\nall router:\ndriver = manualroute\ntransport = out\n"
	    "route_list = * other.test\n",
	    false, false },
	{ "a route within another",
	    "\nin router:\ndriver = manualroute\nmore\ntransport = out\n"
	    "route_list = a.in.example none.test\n"
	    "\nbelow router:\ndriver = manualroute\nmore\ntransport = out\n"
	    "route_list = *.in.example one.test\n",
	    true, true },
};

static void
test_beside(size_t i)
{
	struct world w = { .rg = region_new(),
		.answers = { { "{one.test}", "s3cret" },
		    { "{other.test}", "s#cret" }, { "${lookup", NULL } } };
	struct buf out = { 0 };

	w.authenticators = SIGN_IN;
	import(&w, beside[i].routes, CLIENT "hosts_try_auth = *\n", &out);
	if (!ok(!has(&out, "s#cret") &&
		    has(&out, "auth-username joe") == beside[i].sign_in &&
		    has(&out, "    auth-username \"\"") == beside[i].told_none,
		"%s: nobody gets another's", beside[i].label))
		show(&out);
	buf_fini(&out);
	buf_fini(&w.asked);
	region_free(&w.rg);
}

static void
test_secret(void)
{
	static const char *const lines[] = {
		"socks_proxy = 192.0.2.1 auth=name name=u pass=s3cret\n",
		"socks_proxy = ${lookup{s3cret}lsearch{/t}}\n",
		"event_action = ${acl{a}{pass=s3cret}}\n",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct world w = { .rg = region_new() };
		struct buf out = { 0 };
		const char *client = REGION_JOIN(w.rg, CLIENT, lines[i]);

		w.set = REGION_JOIN(w.rg,
		    "# 1 \"/x\"\nbegin transports\n  out:\n    ", lines[i]);

		import(&w, ROUTER, client, &out);
		if (!ok(has(&out, "(hidden)") && !has(&out, "s3cret"),
			"not to be seen: %s", lines[i]))
			show(&out);
		buf_fini(&out);
		buf_fini(&w.asked);
		region_free(&w.rg);
	}
}

/* A key that nobody can be asked for is told, once. */
static void
test_odd(void)
{
	struct world w = { .rg = region_new(),
		.file = "o'neil@a.example: 192.0.2.1\n" };
	struct buf out = { 0 };

	import(&w, ROUTER,
	    CLIENT "interface = ${lookup{$sender_address}lsearch{/t}}\n", &out);
	if (!ok(has(&out, "\"o'neil@a.example\" is no plain domain"),
		"a key that is no plain address is told"))
		show(&out);
	buf_fini(&out);
	buf_fini(&w.asked);
	region_free(&w.rg);
}

int
main(void)
{
	test_odd();
	test_once();
	test_doors();
	test_auth_list();
	for (size_t i = 0; i < sizeof(tls) / sizeof(*tls); i++)
		test_tls(i);
	for (size_t i = 0; i < sizeof(verified) / sizeof(verified[0]); i++)
		test_verified(i);
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		test_retry(i);
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		test_family(i);
	test_single();
	for (size_t i = 0; i < sizeof(passwords) / sizeof(*passwords); i++)
		test_passwords(i);
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++)
		test_beside(i);
	for (size_t i = 0; i < sizeof(lost) / sizeof(*lost); i++)
		test_lost(i);
	for (size_t i = 0; i < sizeof(froms) / sizeof(froms[0]); i++)
		test_from(i);
	test_selector();
	for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++)
		test_shown(i);
	test_false();
	test_secret();
	test_hosts();
	return done_testing();
}
