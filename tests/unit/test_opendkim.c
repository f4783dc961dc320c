/* SPDX-License-Identifier: Apache-2.0 */
/* An opendkim.conf signs as OpenDKIM would, and what is wrong in it is named. */
#include "vmta/opendkim.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "tests/conf_file.h"
#include "vmta/snapshot_signing.h"

static const char key_table[] = "# keys\n"
				"a  example.com:sa:./ed.pem\n"
				"b\tb.example:sb:./rsa.pem  # with a comment\n"
				"own %:so:./ed.pem\n"
				"each %:se:./each.%.pem\n"
				"by.name by.name:sn:./ed.pem\n";

/* What may stand in a SigningTable, in no order that matters. */
static const char plain[] = "* own\n"
			    "news@* own:n@%\n"
			    ".example.com b\n"
			    "bob@.example.com a:bob@%\n"
			    "sub.example.com a:@example.com\n"
			    "ann@sub.example.com b\n"
			    ".each.example each\n"
			    "by.name %\n";

static const char patterns[] = "*@example.com a\n"
			       "*@EXAMPLE.com b:%@b.example\n"
			       "bob@* b\n"
			       "*@*.example.com own\n";

enum table { SINGLE, PLAIN, REFILE };

/* signatures: s d i, each. */
static const struct {
	const char *label;
	enum table table;
	const char *more; /* of opendkim.conf */
	const char *header, *signatures;
} cases[] = {
	{ "a user of a host", PLAIN, "", "From: ann@sub.example.com\r\n",
	    "sb b.example -;" },
	{ "a host", PLAIN, "", "From: X <x@SUB.example.com>\r\n",
	    "sa example.com @example.com;" },
	{ "a user of domains below", PLAIN, "", "From: bob@a.b.example.com\r\n",
	    "sa example.com bob@a.b.example.com;" },
	{ "domains below", PLAIN, "", "From: x@a.b.example.com\r\n",
	    "sb b.example -;" },
	{ "not the domain itself", PLAIN, "", "From: x@example.com\r\n",
	    "so example.com -;" },
	{ "a user of any domain", PLAIN, "", "From: news@other.example\r\n",
	    "so other.example n@other.example;" },
	{ "anybody", PLAIN, "", "From: x@other.example\r\n",
	    "so other.example -;" },
	{ "the key named as the domain", PLAIN, "", "From: x@by.name\r\n",
	    "sn by.name -;" },
	{ "a file for each domain", PLAIN, "", "From: x@one.each.example\r\n",
	    "se one.each.example -;" },
	{ "none for that one", PLAIN, "", "From: x@two.each.example\r\n", "" },
	{ "the first, and that of anybody", PLAIN, "MultipleSignatures yes\n",
	    "From: ann@sub.example.com\r\n",
	    "sb b.example -;so sub.example.com -;" },
	{ "Sender is not asked", PLAIN, "",
	    "Sender: x@by.name\r\nFrom: x@other.example\r\n",
	    "so other.example -;" },
	{ "unless it is to be", PLAIN, "SenderHeaders Sender,From\n",
	    "Sender: x@by.name\r\nFrom: x@other.example\r\n", "sn by.name -;" },
	{ "From where it is not there", PLAIN, "SenderHeaders Sender,From\n",
	    "From: x@other.example\r\n", "so other.example -;" },
	{ "From though it is not named", PLAIN, "SenderHeaders Sender\n",
	    "From: x@other.example\r\n", "so other.example -;" },
	{ "the first pattern", REFILE, "", "From: bob@example.com\r\n",
	    "sa example.com -;" },
	{ "any pattern", REFILE, "MultipleSignatures 1\n",
	    "From: bob@example.com\r\n",
	    "sa example.com -;sb b.example example.com@b.example;"
	    "sb b.example -;" },
	{ "no pattern", REFILE, "", "From: x@b.example\r\n", "" },
	{ "one key", SINGLE, "", "From: x@ONE.example\r\n",
	    "s1 one.example -;" },
	{ "of several domains", SINGLE, "", "From: x@two.example\r\n",
	    "s1 two.example -;" },
	{ "not below them", SINGLE, "", "From: x@sub.one.example\r\n", "" },
	{ "unless asked for", SINGLE, "SubDomains yes\n",
	    "From: x@sub.one.example\r\n", "s1 one.example @one.example;" },
	{ "no author", SINGLE, "", "Subject: x\r\n", "" },
};

static void
write_key(const char *name, bool rsa)
{
	EVP_PKEY *pkey = rsa ? EVP_RSA_gen(2048) :
			       EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	FILE *f = fopen(conf_file_path(name), "w");

	if (pkey == NULL || f == NULL)
		abort();
	(void)PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL);
	(void)fclose(f);
	EVP_PKEY_free(pkey);
}

static const char *const tables[] = {
	[SINGLE] = ("Domain one.example, Two.example\nSelector s1\n"
		    "KeyFile ./rsa.pem\n"),
	[PLAIN] = "KeyTable file:keys\nSigningTable file:plain\n",
	[REFILE] = "KeyTable file:keys\nSigningTable refile:patterns\n",
};

static struct snapshot *
load(const char *first, const char *more, struct conf_errors *errs)
{
	struct region *rg = region_new();
	struct snapshot *s;

	conf_file_put("opendkim.conf", REGION_JOIN(rg, first, more));
	conf_file_put("main",
	    "dsn-host localhost\n"
	    "opendkim-tables opendkim.conf\n");
	s = snapshot_load(conf_file_path("main"), errs);
	region_free(&rg);
	return s;
}

static void
find(const struct snapshot *s, const char *header, const char *text,
    struct region *rg, struct signing *out)
{
	struct header_list headers;
	struct signing_facts facts;
	struct signing_in in = { s, &facts, "", "x.y" };
	size_t at;

	header_parse(header, strlen(header), rg, &headers, &at);
	signing_facts_read(&headers, text, rg, &facts);
	signing_find(&in, rg, out);
}

static void
run(size_t i, struct region *rg)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s = load(tables[cases[i].table], cases[i].more, &errs);
	const char *text = "";
	struct signing got;

	if (s == NULL) {
		ok(false, "%s: %s", cases[i].label,
		    errs.n == 0 ? "" : errs.v[0].text);
	} else {
		find(s, cases[i].header, "", rg, &got);
		for (size_t k = 0; k < got.n; k++)
			text = region_printf(rg, "%s%s %s %s;", text,
			    got.v[k].selector, got.v[k].domain,
			    got.v[k].identity == NULL ? "-" :
							got.v[k].identity);
		is_str(text, cases[i].signatures, cases[i].label);
		find(s, cases[i].header, "-", rg, &got);
		if (got.n > 0)
			ok(false, "%s: from outside", cases[i].label);
	}
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

/* The forms, and the fields; "r" is relaxed, "s" is simple. */
static const struct {
	const char *label, *more, *forms;
	int64_t expire_s;
	const char *h;
} opts[] = {
	{ "as it comes", "", "ss", 0, "From:To:To:List-Id:" },
	{ "all said",
	    "canonicalization relaxed/simple\nSignatureTTL 3600\n"
	    "SignHeaders from,To,X-A\nOmitHeaders To\n"
	    "OversignHeaders From,Reply-To\n",
	    "rs", 3600, "From:X-A:From:Reply-To:" },
	{ "a form for the header alone", "Canonicalization relaxed\n", "rs", 0,
	    "From:To:To:List-Id:" },
	{ "what differs from the default",
	    "Canonicalization simple/relaxed\n"
	    "SignHeaders *,+Sender,+X-A*,-To\n",
	    "sr", 0, "From:List-Id:Sender:X-A:X-AB:" },
	{ "left out unless said otherwise",
	    "SignHeaders From,Comments,Keywords\nOmitHeaders *,-Comments\n",
	    "ss", 0, "From:Comments:" },
	{ "left out though it changes on the way",
	    "SignHeaders Received,X-A,DKIM-Signature\n", "ss", 0, "From:X-A:" },
	{ "left out by pattern", "SignHeaders X-*\nOmitHeaders x-*b,lis*\n",
	    "ss", 0, "From:X-A:" },
	{ "nothing left out", "SignHeaders Comments\nOmitHeaders .\n", "ss", 0,
	    "From:Comments:" },
};

static const char opts_header[] =
    "From: x@one.example\r\nSender: s@one.example\r\nTo: a\r\nX-A: a\r\n"
    "X-AB: b\r\nTo: b\r\nMessage-ID: <x@y>\r\nComments: c\r\n"
    "Keywords: k\r\nList-Id: l\r\nList-Unsubscribe-Post: p\r\n"
    "DKIM-Signature: v=1\r\n";

static void
test_opts(struct region *rg)
{
	struct header_list headers;
	size_t at;

	header_parse(opts_header, strlen(opts_header), rg, &headers, &at);
	for (size_t i = 0; i < sizeof(opts) / sizeof(opts[0]); i++) {
		struct conf_errors errs = { 0 };
		struct snapshot *s = load(tables[SINGLE], opts[i].more, &errs);
		const struct dkim_sign_opts *o;
		struct dkim_field *v;
		const char *h = "";
		struct signing got;
		size_t n;

		is_int((int64_t)errs.n, 0, "settings that are used");
		find(s, opts_header, "", rg, &got);
		o = &got.v[0].opts;
		ok(got.n == 1 && o->timestamp &&
			o->expire_s == opts[i].expire_s &&
			(o->header_canon == CANON_RELAXED) ==
			    (opts[i].forms[0] == 'r') &&
			(o->body_canon == CANON_RELAXED) ==
			    (opts[i].forms[1] == 'r'),
		    "%s: forms and times", opts[i].label);
		n = dkim_fields_choose(o->fields, &headers, NULL, rg, &v);
		for (size_t k = 0; k < n; k++)
			h = region_printf(rg, "%s%.*s:", h, (int)v[k].name.len,
			    v[k].name.p);
		is_str(h, opts[i].h, opts[i].label);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

static void
test_inside(void)
{
	static const struct {
		const char *address;
		bool inside;
	} clients[] = {
		{ "10.1.1.1", true },
		{ "10.2.1.1", false },
		{ "10.2.3.4", true },
		{ "::ffff:10.1.1.1", true },
		{ "192.0.2.1", false },
	};
	struct conf_errors errs = { 0 };
	struct snapshot *s = load(tables[SINGLE],
	    "InternalHosts 10.0.0.0/8, !10.2.0.0/16, 10.2.3.4\n", &errs);
	struct net_addr a;
	struct err e;

	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		(void)net_addr_parse(slice_of(clients[i].address), &a, &e);
		ok(opendkim_is_inside(snapshot_opendkim(s), &a) ==
			clients[i].inside,
		    "%s is %sside", clients[i].address,
		    clients[i].inside ? "in" : "out");
	}
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

/* first NULL: the tables by patterns. */
static const struct {
	const char *first, *more, *said;
} checks[] = {
	{ "", "", "main:2: opendkim.conf: it has neither KeyTable" },
	{ "Domain a.b\n", "", "opendkim.conf:1: Domain: Selector is needed" },
	{ "KeyTable file:keys\n", "",
	    "opendkim.conf:1: KeyTable: SigningTable is needed" },
	{ "KeyTable file:/dev/zero\nSigningTable *=x\n", "",
	    "opendkim.conf:1: KeyTable: /dev/zero: no file" },
	{ "KeyTable file:none\nSigningTable *=x\n", "",
	    "opendkim.conf:1: KeyTable: " },
	{ "KeyTable dsn:mysql://x\nSigningTable x=y\n", "",
	    "opendkim.conf:1: KeyTable: only file:, refile: and csl:" },
	{ "KeyTable k=a.b:s:./rsa.pem\nSigningTable *=x\n", "",
	    "opendkim.conf:2: SigningTable: *: the KeyTable has no x" },
	{ "KeyTable k=a.b:s:./none.pem\nSigningTable *=k\n", "",
	    "opendkim.conf:1: KeyTable: " },
	{ "KeyTable k=a.b:s\nSigningTable *=k\n", "",
	    "opendkim.conf:1: KeyTable: k: DOMAIN:SELECTOR:KEY is needed" },
	{ "KeyTable k=a.b:s:none.pem\nSigningTable *=k\n", "",
	    "k: neither a path that begins with / or ., nor a key" },
	{ "KeyTable k=%:s:./\\e\\d%.pem\nSigningTable *=k\n", "",
	    "KeyTable: k: one % can stand in a path" },
	{ "KeyTable k=a..b:s:./rsa.pem\nSigningTable *=k\n", "",
	    "KeyTable: k: its domain is none" },
	{ "KeyTable refile:domains\nSigningTable *=k\n", "",
	    "domains:2: KeyTable: *.b.example: a pattern: write a row" },
	{ "Domain refile:domains\nSelector s\nKeyFile ./rsa.pem\n", "",
	    "domains:2: Domain: *.b.example: a pattern: write a row" },
	{ NULL, "Canonicalization nowsp\n",
	    "opendkim.conf:3: Canonicalization: \"nowsp\" is neither" },
	{ NULL, "SignatureTTL soon\n", "opendkim.conf:3: SignatureTTL: " },
	{ NULL, "MultipleSignatures x\n",
	    "opendkim.conf:3: MultipleSignatures: \"x\" is not yes or no" },
	{ NULL, "SigningTable\n", "opendkim.conf:3: SigningTable: its value" },
	{ NULL, "OversignHeaders Received\n", "OversignHeaders: Received" },
	{ NULL, "InternalHosts 10.0.0.0/99\n", "InternalHosts: " },
	{ NULL, "InternalHosts .example\n", "names are not looked up" },
	{ NULL, "Nonsense x\n", "opendkim.conf:3: Nonsense is not known" },
	{ NULL, "DontSignMailTo x@y\n",
	    "opendkim.conf:3: DontSignMailTo has no effect here" },
	{ NULL, "Mode v\n", "opendkim.conf:3: Mode: " },
	{ NULL, "Include opendkim.conf\n", "nested more than 5 deep" },
	{ NULL, "Include more.conf\n", "more.conf:2: Other is not known" },
};

static void
test_checks(void)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		struct conf_errors errs = { 0 };
		struct snapshot *s = load(
		    checks[i].first == NULL ? tables[REFILE] : checks[i].first,
		    checks[i].more, &errs);

		ok(conf_file_said(&errs, checks[i].said), "%s", checks[i].said);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

/* The key stands in the table. */
static void
test_own_key(struct region *rg)
{
	struct conf_errors errs = { 0 };
	FILE *f = fopen(conf_file_path("ed.pem"), "r");
	char line[200] = "", text[300];
	struct signing got;
	struct snapshot *s;

	for (int i = 0; i < 2; i++)
		if (fgets(line, sizeof(line), f) == NULL)
			abort();
	(void)fclose(f);
	line[strcspn(line, "\n")] = '\0';
	(void)snprintf(text, sizeof(text),
	    "KeyTable file:inline\nSigningTable file:all\n");
	conf_file_put("inline", REGION_JOIN(rg, "k one.example:s:", line));
	conf_file_put("all", "* k");
	s = load(text, "", &errs);
	got.n = 0;
	if (s != NULL)
		find(s, "From: x@y.z\r\n", "", rg, &got);
	ok(got.n == 1 && got.v[0].key != NULL, "a key in base64");
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

int
main(void)
{
	struct region *rg = region_new();

	conf_file_begin();
	write_key("rsa.pem", true);
	write_key("ed.pem", false);
	write_key("each.one.each.example.pem", false);
	conf_file_put("keys", key_table);
	conf_file_put("plain", plain);
	conf_file_put("patterns", patterns);
	conf_file_put("domains",
	    "a.example a.example:s:./rsa.pem\n"
	    "*.b.example %:s:./rsa.pem\n");
	conf_file_put("more.conf", "Syslog yes\nOther x\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run(i, rg);
	test_opts(rg);
	test_inside();
	test_checks();
	test_own_key(rg);
	conf_file_end();
	region_free(&rg);
	return done_testing();
}
