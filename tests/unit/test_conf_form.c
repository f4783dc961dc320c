/* SPDX-License-Identifier: Apache-2.0 */
/* Values are checked against the forms that tables write down. */
#include "lib/conf_form.h"
#include "tests/conf_file.h"

static int
take_two(const struct conf_form_ctx *c, struct slice *rest, struct err *e)
{
	(void)c;
	if (rest->len < 2)
		return err_set(e, "two bytes are needed");
	*rest = (struct slice){ rest->p + 2, rest->len - 2 };
	return 0;
}

static const struct conf_form_type own_types[] = {
	{ "TWO", NULL, take_two, false },
};
static const struct conf_form_types own = { own_types, 1 };

static const struct {
	const char *form, *value;
	const char *said; /* NULL: right, and of the first form */
} cases[] = {
	{ "BOOL", "yes", NULL },
	{ "BOOL", "FALSE", NULL },
	{ "BOOL", "1", "neither yes nor no" },
	{ "BOOL", "\"\"", "neither yes nor no" },
	{ "BOOL", "yes no", "\"no\" is too much" },
	{ "UINT", "10", NULL },
	{ "UINT", "\"10\"", NULL },
	{ "UINT", "1", "1 is less than 2" },
	{ "UINT", "1001", "1001 is more than 1000" },
	{ "UINT", "unlimited", "is not a number" },
	{ "UINT|unlimited", "unlimited", NULL },
	{ "UINT|unlimited", "x", "\"x\" is not a number (of UINT|unlimited)" },
	{ "PERCENT", "90", NULL },
	{ "PERCENT", "900", "is not a percentage" },
	{ "INTERVAL", "5m", NULL },
	{ "INTERVAL", "1s", "1s is less than 2s" },
	{ "INTERVAL", "never", "\"never\" is no value here" },
	{ "INTERVAL|never", "Never", NULL },
	{ "INTERVALS", "10m, 2m,15m", NULL },
	{ "INTERVALS",
	    "5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,"
	    "5s,5s,5s,5s,5s,5s,5s,5s,5s",
	    NULL },
	{ "INTERVALS",
	    "5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,5s,"
	    "5s,5s,5s,5s,5s,5s,5s,5s,5s,5s",
	    "more than 30 times" },
	{ "RATE", "100/15m", NULL },
	{ "RATE", "100", "is not a rate" },
	{ "RATES", "1/day,2/day", NULL },
	{ "DATA-RATE", "10M/h", NULL },
	{ "DATA-RATE", "10M", "is not a data rate" },
	{ "SIZE", "1K", "1k is more than 1000" },
	{ "SIZE", "1x", "is not a size" },
	{ "SIZE", "unlimited", "no value here" },
	{ "IP", "192.0.2.1", NULL },
	{ "IP", "[2001:db8::1]", NULL },
	{ "IP", "192.0.2", "is not an address" },
	{ "CIDR", "0/0", NULL },
	{ "CIDR", "173.194/16", NULL },
	{ "CIDR", "10.0.0.0/8/9", "bad prefix length" },
	{ "IP:PORT", "0/0:2525", NULL },
	{ "IP:PORT", "192.0.2.1", "IP:PORT" },
	{ "IP|IP:PORT", "192.0.2.1:25", NULL },
	{ "IP|IP:PORT", "x", "\"x\" is none of IP|IP:PORT" },
	{ "HOST", "mx.example.com", NULL },
	{ "HOST", "\"\"", NULL },
	{ "HOST", "a..b", "is not a host name" },
	{ "HOST:PORT", "proxy.example.com:3128", NULL },
	{ "HOST:PORT", "[2001:db8::1]:3128", NULL },
	{ "HOST:PORT", "proxy.example.com", "is not HOST:PORT" },
	{ "HOSTS", "h1, h2; [10.1.1.1]:2525; lookup-mx:example.com", NULL },
	{ "HOSTS", "a,,b", "a host is missing" },
	{ "DOMAIN", "*", NULL },
	{ "DOMAIN", "example.com", NULL },
	{ "DOMAIN", "*.example.com", NULL },
	{ "DOMAIN", "[*.]example.com", NULL },
	{ "DOMAIN", "[10/8]", NULL },
	{ "DOMAIN", "{bounceProcessor}", NULL },
	{ "DOMAIN", "$m", NULL },
	{ "DOMAIN", "yahoo.$m", NULL },
	{ "DOMAIN", "$none", "unknown macro $none" },
	{ "DOMAIN", "[x/8]", "is not a domain pattern" },
	{ "DOMAIN", "a.*", "is not a domain pattern" },
	{ "ADDR", "user@example.com", NULL },
	{ "ADDR", "\"\"", NULL },
	{ "ADDR", "user", "is not a mail address" },
	{ "ADDR", "@example.com", "is not a mail address" },
	{ "ADDR", "\"a b@example.com\"", "is not a mail address" },
	{ "ADDR,", "a@b.com, c@d.com", NULL },
	{ "ADDR,", "\"\"", NULL },
	{ "ADDR,", "a@b.com, c", "\"c\" is not a mail address" },
	{ "ADDR,", ",", "argument missing" },
	{ "NAME", "a.b-c", NULL },
	{ "NAME", "a/b", "is not a name" },
	{ "NAME", "a,b", "is not a name" },
	{ "HEADER", "List-Id", NULL },
	{ "HEADER", "List-Id:", "is not the name of a header field" },
	{ "HEADER|/REGEX/,", "From, /^x-(a|b)/, To", NULL },
	{ "HEADER|/REGEX/,", "From, a:b", "is none of" },
	{ "FILE", "keys/a.pem", NULL },
	{ "FILE [TEXT]", "a.pem secret", NULL },
	{ "FILE [TEXT]", "a.pem", NULL },
	{ "DIR", "/var/spool", NULL },
	{ "DIR", "spool", "an absolute path" },
	{ "DIR DIR", "/a /b", NULL },
	{ "DIR DIR", "/a", "argument missing" },
	{ "DIR DIR", "/a /b /c", "\"/c\" is too much" },
	{ "URL", "https://example.com:8080/x", NULL },
	{ "URL", "http://example.com", NULL },
	{ "URL", "ftp://example.com", "is not a URL" },
	{ "URL", "https:///x", "is not a URL" },
	{ "TEXT", "a b  c", NULL },
	{ "TEXT", "\"a \\\"b\"", NULL },
	{ "TEXT", "\"a\" b", "behind the closing quote" },
	{ "REGEX", "/a|b/", NULL },
	{ "REGEX", "//", NULL },
	{ "REGEX", "/(?-i)a\\x23\\/b/", NULL },
	{ "REGEX", "/\xe2\x80\x93/", NULL },
	{ "REGEX", "/a", "lacks its last /" },
	{ "REGEX", "/a(/", "at offset 2" },
	{ "REGEX", "a", "/.../ is needed" },
	{ "REGEX NAME", "/a b/ c", NULL },
	{ "REGEX NAME", "/a b/", "argument missing" },
	{ "REGEX NAME", "/a/ b c", "\"c\" is too much" },
	{ "KEY", "s, example.com, k.pem", NULL },
	{ "KEY", "s, example.com", "SELECTOR, DOMAIN or *, FILE" },
	{ "SOURCE", "192.0.2.1 mta.example.com", NULL },
	{ "smtp|pipe|file", "PIPE", NULL },
	{ "smtp|pipe|file", "pip", "\"pip\" is none of smtp|pipe|file" },
	{ "d|b|t,", "d,b", NULL },
	{ "d|b|t,", "d x", "\"d x\" is none of d|b|t" },
	{ "CIDR UINT|unlimited", "10/8 5", NULL },
	{ "CIDR UINT|unlimited", "10/8 unlimited", NULL },
	{ "CIDR UINT|unlimited", "10/8", "argument missing" },
	{ "CIDR UINT|unlimited", "x 5", "is not an address or CIDR" },
	{ "DOMAIN NAME [by-ip]", "*.com x.rollup", NULL },
	{ "DOMAIN NAME [by-ip]", "*.com x.rollup BY-IP", NULL },
	{ "DOMAIN NAME [by-ip]", "*.com x.rollup by", "is none of by-ip" },
	{ "", "", NULL },
	{ "", "x", "\"x\" is too much" },
	{ "[NAME]", "", NULL },
	{ "[NAME,]", "", NULL },
	{ "TWO UINT", "ab7", NULL },
	{ "TWO UINT", "a", "two bytes" },
	{ "NAME / CIDR HOST", "a", NULL },
	{ "NAME / CIDR HOST", "a/b", "\"a/b\" is not a name" },
};

int
main(void)
{
	struct region *rg = region_new();
	struct conf_errors errs = { 0 };
	struct conf_tree tree;
	struct conf_form_ctx c = { &tree, NULL, 2, 1000 };
	struct err e;

	conf_file_begin();
	conf_file_put("main", "domain-macro m de, fr\n");
	conf_parse(&tree, conf_file_path("main"), rg, &errs);
	c.node = tree.root;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = conf_form_check(&c, &own, cases[i].form,
		    slice_of(cases[i].value), &e);

		if (cases[i].said == NULL)
			ok(rc == 0, "%s is %s", cases[i].value, cases[i].form);
		else
			ok(rc == -1 && strstr(e.text, cases[i].said) != NULL,
			    "%s is not %s: %s", cases[i].value, cases[i].form,
			    rc == -1 ? e.text : "nothing said");
	}
	is_int(conf_form_check(&c, &own, "NAME / CIDR HOST",
		   slice_of("10/8 a.com"), &e),
	    1, "the second form");
	is_int(conf_form_check(&c, &own, "retain / redact [TEXT] / hash HEX",
		   slice_of("redact x"), &e),
	    1, "of three");
	conf_tree_fini(&tree);
	conf_errors_fini(&errs);
	region_free(&rg);
	conf_file_end();
	return done_testing();
}
