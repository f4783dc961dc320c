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
	"smtp_helo_name = mx.test\nsmtp_address_preference = any\n"

/* Configuration and report, one behind the other. */
static void
import(const char *set, struct buf *out)
{
	struct region *rg = region_new();
	struct pf_conf *conf = pf_case_host(rg,
	    REGION_JOIN(rg, PARAMETERS, set), PF_SERVICES);
	struct import_report *report = import_report_new(rg);
	struct import_conf *made = import_conf_new(rg, report);
	const struct pf_import_source from = { conf, fetch, NULL };

	pf_import(&from, rg, made, report);
	import_conf_print(made, true, out);
	import_report_print(report, out);
	import_conf_free(&made);
	pf_conf_free(&conf);
	region_free(&rg);
}

/* What is there or, behind "!", is not, with a "|" between. */
static void
check(const char *label, const char *set, const char *said)
{
	struct buf out = { 0 };
	bool good = true;

	import(set, &out);
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
	"inline:{{one.test=joe:s1},{two.test=joe:s1},{[other.test]=ann:s2}}\n"
#define NONE "auth-username \"\""

/* auth-username has no effect yet: the report has what would be written. */
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
	{ "a route beside a sender's relay",
	    "sender_dependent_relayhost_maps = "
	    "inline:{{@a.example=[other.test]}}\n"
	    "transport_maps = inline:{in.example=smtp:[none.test]}\n",
	    "auth-username ann|" NONE },
};

int
main(void)
{
	struct region *rg = region_new();

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		check(sources[i].label,
		    REGION_JOIN(rg, "inet_interfaces = ", sources[i].interfaces,
			"\n"),
		    sources[i].said);
	for (size_t i = 0; i < sizeof(passwords) / sizeof(passwords[0]); i++)
		check(passwords[i].label,
		    REGION_JOIN(rg, SIGNS_IN, passwords[i].set),
		    passwords[i].said);
	region_free(&rg);
	return done_testing();
}
