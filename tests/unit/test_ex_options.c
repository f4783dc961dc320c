/* SPDX-License-Identifier: Apache-2.0 */
/* What exim -bP prints, as options; and what no Exim prints is an error. */
#include "compat/exim/ex_options.h"

#include "tests/tap.h"

static const char main_text[] = "accept_8bitmime\n"
				"no_split_spool_directory\n"
				"queue_domains = slow.example : b\n"
				"hold_domains = \n"
				"admin_groups =\n";
static const char routers[] = "\nfirst router:\n"
			      "driver = dnslookup\n"
			      "no_more\n"
			      "domains = ! +local : a = b\n"
			      "condition = \n"
			      "*odd_one = x\n"
			      "\nsecond router:\n"
			      "driver = accept\n"
			      "more\n";
static const char config[] =
    "# Exim Configuration (4.96)\n"
    "# 1 \"/etc/exim4/exim4.conf\"\n"
    "MACRO = x\n"
    "hide queue_domains = slow.example : b\n"
    "not_split_spool_directory\n"
    "domainlist local = @ : a.example\n"
    "hide addresslist cache staff=x@y.example\n"
    "begin acl\n  first:\n    accept\n"
    "begin routers\n"
    "  first:\n    driver = dnslookup\n    no_more\n"
    "    nothing_of_the_kind = 3\n"
    "  third:\n    driver = x\n"
    "begin retry\n  * * F,1d,1h\n  a.example * F,2d,1h\n"
    "begin rewrite\n  *@a *@b F\n";

static void
test_read(void)
{
	struct region *rg = region_new();
	struct ex_conf *c = ex_conf_new(rg);
	const struct ex_instance *d;
	struct err e;

	ok(ex_conf_read(c, EX_MAIN, slice_of(main_text), &e) == 0 &&
		ex_conf_read(c, EX_ROUTER, slice_of(routers), &e) == 0 &&
		ex_conf_read_file(c, slice_of(config), &e) == 0,
	    "it is read");
	d = ex_main(c);
	is_str(ex_conf_value(d, "queue_domains"), "slow.example : b",
	    "a value");
	is_str(ex_conf_value(d, "hold_domains"), "", "no value");
	is_str(ex_conf_value(d, "no_such"), "", "no such option");
	ok(ex_is_true(d, "accept_8bitmime") &&
		!ex_is_true(d, "split_spool_directory"),
	    "booleans");
	ok(ex_is_set(d, "queue_domains") && !ex_is_set(d, "hold_domains") &&
		ex_is_set(d, "split_spool_directory") && !ex_is_set(d, "MACRO"),
	    "what is set");
	ok(ex_is_hidden(d, "queue_domains") &&
		!ex_is_hidden(d, "split_spool_directory"),
	    "what is hidden");
	d = ex_conf_instance(c, EX_ROUTER, "first");
	is_str(d->where, "router first", "where it stands");
	is_str(ex_conf_value(d, "domains"), "! +local : a = b",
	    "a value with =");
	is_str(ex_set_at(d, 0), "driver", "the first that is set");
	is_str(ex_set_at(d, 1), "more", "under the name that Exim prints");
	ok(ex_set_at(d, 2) == NULL, "no option of another name");
	ok(ex_is_true(ex_conf_instance(c, EX_ROUTER, "second"), "more") &&
		ex_conf_instance(c, EX_ROUTER, "third") == NULL &&
		ex_conf_instance(c, EX_TRANSPORT, "first") == NULL,
	    "drivers by kind");
	is_str(ex_named_list(c, "domainlist", "local"), "@ : a.example",
	    "a list");
	is_str(ex_named_list(c, "addresslist", "staff"), "x@y.example",
	    "a hidden list");
	ok(ex_named_list(c, "hostlist", "local") == NULL, "no such list");
	is_int((int64_t)c->retry.n, 2, "rules of retry");
	is_str(c->retry.v[1].text, "a.example * F,2d,1h", "the second");
	is_int((int64_t)c->rewrite.n, 1, "rules of rewrite");
	is_str(c->path, "/etc/exim4/exim4.conf", "the file");
	ex_conf_free(&c);
	region_free(&rg);
}

static const struct {
	const char *label;
	enum ex_conf_kind kind;
	const char *text, *said;
} wrong[] = {
	{ "no name", EX_MAIN, "a = b\n= 3\n",
	    "exim -bP, line 2: not an option" },
	{ "no equals sign", EX_MAIN, "a b\n",
	    "exim -bP, line 1: not an option" },
	{ "no heading", EX_ROUTER, "driver = x\n",
	    "exim -bP routers, line 1: not the name of a router" },
	{ "a hidden value", EX_MAIN, "a = <value not displayable>\n",
	    "exim -bP hides values from this user: run it as root" },
	{ "bytes", EX_TRANSPORT, "\nt transport:\nx = \001\n",
	    "exim -bP transports, line 3: a control character: this is no "
	    "text" },
};

static void
test_errors(void)
{
	struct buf long_line = { 0 };

	for (size_t i = 0; i <= sizeof(wrong) / sizeof(wrong[0]); i++) {
		bool last = i == sizeof(wrong) / sizeof(wrong[0]);
		struct region *rg = region_new();
		struct ex_conf *c = ex_conf_new(rg);
		struct err e = { "" };

		if (last) {
			buf_str(&long_line, "a = ");
			for (int n = 0; n < 70000; n++)
				buf_byte(&long_line, 'x');
			(void)ex_conf_read(c, EX_MAIN,
			    (struct slice){ long_line.p, long_line.len }, &e);
		} else {
			(void)ex_conf_read(c, wrong[i].kind,
			    slice_of(wrong[i].text), &e);
		}
		is_str(e.text,
		    last ? "exim -bP, line 1: longer than 65536 bytes" :
			   wrong[i].said,
		    last ? "a long line" : wrong[i].label);
		ex_conf_free(&c);
		region_free(&rg);
	}
	buf_fini(&long_line);
}

static const struct {
	const char *text;
	int64_t time_s, number;
} values[] = {
	{ "1h30m", 5400, -1 },
	{ "2w", 1209600, -1 },
	{ "0s", 0, -1 },
	{ "10", -1, 10 },
	{ "50M", -1, 52428800 },
	{ "2k", -1, 2048 },
	{ "5m", 300, 5242880 },
	{ "", -1, -1 },
	{ "1x", -1, -1 },
	{ "h", -1, -1 },
	{ "99999999999d", -1, -1 },
};

static void
test_values(void)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		is_int(ex_time_s(values[i].text), values[i].time_s,
		    values[i].text);
		is_int(ex_number(values[i].text), values[i].number,
		    values[i].text);
	}
}

int
main(void)
{
	test_read();
	test_errors();
	test_values();
	return done_testing();
}
