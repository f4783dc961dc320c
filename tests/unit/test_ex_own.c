/* SPDX-License-Identifier: Apache-2.0 */
/* Mail of the host's own goes where it went, or set-up would know. */
#include "compat/exim/ex_own.h"

#include <string.h>

#include "tests/tap.h"

static const char main_options[] = "primary_hostname = mx.example\n";
static const char routers[] =
    "virtual router:\ndriver = accept\n"
    "domains = own.example : ! other.example : *.below.example\n"
    "looked router:\ndriver = accept\ndomains = ${lookup{true:a.b}}\n"
    "named router:\ndriver = redirect\ndomains = +local_domains : +more\n"
    "out router:\ndriver = dnslookup\ntransport = remote\n"
    "domains = ! +local_domains\n";
static const char lists[] =
    "domainlist local_domains = @ : localhost : own.example\n"
    "domainlist more = <; m.example ; +again ; lsearch;;/x\n"
    "domainlist again = +more : a.example\n"
    "domainlist not_named = n.example\n";

static const struct {
	const char *label, *now, *then, *want; /* NULL: all is well */
} cases[] = {
	{ "local mail stays",
	    "a@own.example\n  router = virtual, transport = v\n",
	    "a@own.example\n  router = virtual, transport = v\n", NULL },
	{ "what goes out comes to us, by whatever host",
	    "a@own.example\n  router = out, transport = remote\n"
	    "  host mx1.in.example [192.0.2.1] MX=1\n",
	    "a@own.example\n  router = mailrace, transport = mailrace_lmtp\n",
	    NULL },
	{ "local mail does",
	    "a@own.example\n  router = virtual, transport = v\n",
	    "a@own.example\n  router = mailrace, transport = mailrace_lmtp\n",
	    "router = virtual, transport = v" },
	{ "it goes another way", "a@own.example\n  router = x, transport = y\n",
	    "a@own.example\n  router = virtual, transport = v\n",
	    "router = x, transport = y" },
	{ "it would be delivered", "a@own.example is undeliverable: no\n",
	    "a@own.example\n  router = virtual, transport = v\n", "nothing" },
	{ "a file",
	    "root@own.example -> /var/mail/mail\n"
	    "    <-- a@own.example\n  transport = address_file\n",
	    "a@own.example\n  router = mailrace, transport = mailrace_lmtp\n",
	    "root@own.example -> /var/mail/mail; transport = address_file" },
	{ "what nobody takes would be taken",
	    "a@own.example is undeliverable: Unrouteable address\n",
	    "a@own.example\n  router = mailrace, transport = mailrace_lmtp\n",
	    "undeliverable" },
	{ "an alias leads to what nobody takes",
	    "r@nosuch.example is undeliverable: Unrouteable address\n"
	    "    <-- a@own.example\n",
	    "r@nosuch.example\n    <-- a@own.example\n"
	    "  router = mailrace, transport = mailrace_lmtp\n",
	    NULL },
	{ "it cannot be known now",
	    "a@own.example cannot be resolved at this time\n",
	    "a@own.example\n  router = mailrace, transport = mailrace_lmtp\n",
	    NULL },
};

int
main(void)
{
	struct buf out = { .p = NULL };
	struct ex_points points;
	struct host_plan p;
	struct ex_facts f;
	struct ex_setup s = { .f = &f, .p = &p };
	struct err e;

	host_plan_init(&p);
	ex_facts_init(&f, p.rg);
	(void)ex_conf_read(f.conf, EX_MAIN, slice_of(main_options), &e);
	(void)ex_conf_read(f.conf, EX_ROUTER, slice_of(routers), &e);
	(void)ex_conf_read_file(f.conf, slice_of(lists), &e);
	ex_own_points(&f, p.rg, &points);
	for (size_t i = 0; i < points.n; i++)
		buf_printf(&out, "%s\n",
		    ex_own_address(p.rg, &points.v[i]) + 11);
	is_str(buf_cstr(&out),
	    "own.example\nother.example\nany.below.example\nmx.example\n"
	    "localhost\nm.example\na.example\n",
	    "the domains");
	buf_fini(&out);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *left = ex_own_left(&s, "a@own.example",
		    cases[i].now, cases[i].then);

		is_str(left == NULL ? "" : left,
		    cases[i].want == NULL ? "" : cases[i].want, cases[i].label);
	}
	ex_facts_fini(&f);
	host_plan_fini(&p);
	return done_testing();
}
