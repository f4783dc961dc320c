/* SPDX-License-Identifier: Apache-2.0 */
/* What postconf prints is read as it is meant, with the lines of the files. */
#include "compat/postfix/pf_conf.h"

#include "tests/tap.h"

static const char set_text[] = "myhostname = a.example\n"
			       "out1_destination_rate_delay = 2s\n"
			       "own = x\n"
			       "relayhost =\n"
			       "smtp_connect_timeout = 30s\n";
static const char values_text[] = "myhostname = a.example\n"
				  "own = x\n"
				  "relayhost =\n"
				  "smtp_connect_timeout = 30s\n"
				  "smtp_helo_name = a.example\n"
				  "sasl = a = b\n";
static const char defaults_text[] = "myhostname = host.localdomain\n"
				    "relayhost =\n"
				    "smtp_connect_timeout = 30s\n"
				    "smtp_helo_name = $myhostname\n";
static const char services_text[] =
    "smtp       inet  n       -       y       -       -       smtpd\n"
    "smtp       unix  -       -       n       -       -       smtp\n"
    "out1       unix  -       -       n       -       7       smtp -o a=b\n"
    "broken line\n";
static const char overrides_text[] =
    "smtp/inet/smtpd_tls_security_level = may\n"
    "out1/unix/smtp_helo_name = out1.example\n"
    "out1/unix/smtp_tls_policy_maps = inline:{ {a = b} }\n"
    "out11/unix/smtp_helo_name = other.example\n";
static const char main_text[] = "# myhostname = x\n"
				"myhostname = a.example\n"
				"\n"
				"relayhost =\n"
				"  # a comment\n"
				"  \n"
				"myhostname = a.example";
static const char master_text[] = "# a comment\n"
				  "smtp inet n - y - - smtpd\n"
				  "  -o x=y\n"
				  "out1  unix - - n - 7 smtp\n";

static struct pf_conf *
example(struct region *rg)
{
	struct pf_conf *c = pf_conf_new(rg);

	pf_conf_read_set(c, slice_of(set_text));
	pf_conf_read_values(c, slice_of(values_text));
	pf_conf_read_defaults(c, slice_of(defaults_text));
	pf_conf_read_services(c, slice_of(services_text));
	pf_conf_read_overrides(c, slice_of(overrides_text));
	pf_conf_read_main(c, slice_of(main_text));
	pf_conf_read_master(c, slice_of(master_text));
	return c;
}

static void
test_services(const struct pf_conf *c)
{
	const struct pf_service *out1 = pf_service(c, "out1");
	const struct pf_service *smtp = pf_service(c, "smtp");

	ok(out1 != NULL && smtp != NULL, "unix services by name");
	if (out1 == NULL || smtp == NULL)
		return;
	is_str(smtp->command, "smtp", "not the inet one of that name");
	is_str(out1->maxproc, "7", "maxproc");
	ok(pf_service(c, "broken") == NULL, "a line that is none");
	is_str(pf_value(c, out1, "smtp_helo_name"), "out1.example",
	    "a value of its own");
	is_str(pf_value(c, smtp, "smtp_helo_name"), "a.example",
	    "else that of all");
	is_str(pf_value(c, out1, "smtp_tls_policy_maps"), "inline:{ {a = b} }",
	    "a value with =");
	is_str(pf_own_at(c, out1, 1), "smtp_tls_policy_maps",
	    "what the service sets");
	ok(pf_own_at(c, out1, 2) == NULL, "and no more");
	ok(pf_is_own(c, out1, "smtp_helo_name") &&
		!pf_is_own(c, smtp, "smtp_helo_name"),
	    "who sets it");
	is_str(pf_where(c, out1, "smtp_helo_name"), "master.cf:4",
	    "the line of the service");
}

static void
test_params(const struct pf_conf *c)
{
	is_str(pf_value(c, NULL, "sasl"), "a = b", "all behind the first =");
	is_str(pf_value(c, NULL, "relayhost"), "", "an empty one");
	is_str(pf_value(c, NULL, "nothing"), "", "and one that is not there");
	ok(pf_is_changed(c, "myhostname"), "another value than the default");
	ok(!pf_is_changed(c, "smtp_connect_timeout"), "set to the default");
	ok(!pf_is_changed(c, "smtp_helo_name"), "not set");
	ok(pf_is_changed(c, "own") && !pf_is_known(c, "own"),
	    "a name of the site's");
	ok(pf_is_known(c, "relayhost"), "one of Postfix's");
	is_str(pf_where(c, NULL, "myhostname"), "main.cf:7",
	    "the last line counts");
	is_str(pf_where(c, NULL, "own"), "main.cf", "a line that is not found");
	is_str(pf_where(c, NULL, "smtp_helo_name"), "Postfix's default",
	    "none");
	is_str(pf_set_at(c, 1), "out1_destination_rate_delay", "in order");
	ok(pf_set_at(c, 5) == NULL, "to the end");
}

static const struct {
	const char *text;
	char unit;
	int64_t s;
} times[] = {
	{ "30s", 'd', 30 },
	{ "5d", 's', 432000 },
	{ "5", 'd', 432000 },
	{ "2W", 's', 1209600 },
	{ "0h", 'h', 0 },
	{ "10m", 's', 600 },
	{ "", 's', -1 },
	{ "x", 's', -1 },
	{ "5y", 's', -1 },
	{ "5ms", 's', -1 },
	{ "9999999999", 's', -1 },
	{ "-5", 's', -1 },
};

int
main(void)
{
	struct region *rg = region_new();
	struct pf_conf *c = example(rg);

	test_services(c);
	test_params(c);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		is_int(pf_time_s(times[i].text, times[i].unit), times[i].s,
		    times[i].text);
	pf_conf_free(&c);
	pf_conf_free(&c);
	region_free(&rg);
	return done_testing();
}
