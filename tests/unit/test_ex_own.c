/* SPDX-License-Identifier: Apache-2.0 */
/* Mail of the host's own goes where it went, or set-up would know. */
#include "compat/exim/ex_own.h"

#include <string.h>

#include "compat/exim/ex_expand.h"
#include "compat/exim/ex_lookup.h"
#include "tests/tap.h"

static const char main_options[] = "primary_hostname = mx.example\n";
static const char routers[] =
    "virtual router:\ndriver = accept\n"
    "domains = own.example : ! other.example : *.below.example\n"
    "looked router:\ndriver = accept\n"
    "domains = ${lookup{$domain}lsearch{/looked}{$domain}}\n"
    "run router:\ndriver = accept\ndomains = ${run{/bin/domains}}\n"
    "hubbed router:\ndriver = manualroute\n"
    "domains = ${if exists{/hubs}{partial-lsearch;/hubs}fail}\n"
    "beside router:\ndriver = accept\ndomains = beside.example : +virtual : "
    "${lookup{$domain}lsearch{/beside}{$domain}}\n"
    "open router:\ndriver = accept\n"
    "domains = open.example : ${if exists{/x}{$domain}{*.$domain}}\n"
    "slow router:\ndriver = accept\ndomains = ${if exists{/slow}{x}}\n"
    "broken router:\ndriver = accept\ndomains = ${if exists{/bad}{y}}\n"
    "none router:\ndriver = accept\n"
    "domains = ${if exists{/none}{lsearch;/none}fail}\n"
    "named router:\ndriver = redirect\ndomains = +local_domains : +more\n"
    "out router:\ndriver = dnslookup\ntransport = remote\n"
    "domains = ! +local_domains\n";
static const char lists[] =
    "domainlist local_domains = @ : localhost : own.example\n"
    "domainlist more = <; m.example ; +again ; cdb;;/x ; * ; @[]\n"
    "domainlist again = +more : a.example : ! lsearch;/many : ^b.*\n"
    "domainlist virtual = v.example\n"
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

/* As Exim, of what depends on nothing, or for another domain; else no answer. */
static const char *
expand(void *site, const char *text)
{
	static const struct {
		const char *text, *said;
	} all[] = {
		{ "${lookup{" EX_OTHER "}lsearch{/looked}{" EX_OTHER "}}", "" },
		{ "beside.example : +virtual : "
		  "${lookup{" EX_OTHER "}lsearch{/beside}{" EX_OTHER "}}",
		    "beside.example : +virtual : " },
		{ "open.example : ${if exists{/x}{" EX_OTHER "}{*." EX_OTHER
		  "}}",
		    "open.example : *." EX_OTHER },
		{ "${if exists{/hubs}{partial-lsearch;/hubs}fail}",
		    "partial-lsearch;/hubs" },
		{ "${if exists{/none}{lsearch;/none}fail}",
		    "Failed: \"if\" failed and \"fail\" requested" },
		{ "${if exists{/bad}{y}}", "Failed: it is not so" },
	};

	(void)site;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(text, all[i].text) == 0)
			return all[i].said;
	return NULL;
}

static bool
keys(void *ctx, struct ex_lookup *l)
{
	struct buf text = { .p = NULL };
	bool known;

	buf_printf(&text, "%s.example\n", l->path + 1);
	for (int i = 0; i < EX_OWN_OF_FILE + 3 && l->path[1] == 'm'; i++)
		buf_printf(&text, "%d.example\n", i);
	known = ex_lookup_read(ctx, (struct slice){ text.p, text.len }, l);
	buf_fini(&text);
	return known;
}

static void
print(struct region *rg, const struct ex_own *own, struct buf *out)
{
	for (size_t i = 0; i < own->points.n; i++) {
		const char *name = ex_own_address(rg, &own->points.v[i]) + 11;

		if (strspn(name, "0123456789") == 0)
			buf_printf(out, "%s\n", name);
	}
	for (size_t i = 0; i < own->unknown_n; i++)
		buf_printf(out, "unknown %s\n", own->unknown[i]);
	buf_printf(out, "%zu more\n", own->left);
}

int
main(void)
{
	struct buf out = { .p = NULL };
	struct ex_own own;
	struct host_plan p;
	struct ex_facts f;
	struct ex_setup s = { .f = &f, .p = &p };
	struct err e;

	host_plan_init(&p);
	ex_facts_init(&f, p.rg);
	(void)ex_conf_read(f.conf, EX_MAIN, slice_of(main_options), &e);
	(void)ex_conf_read(f.conf, EX_ROUTER, slice_of(routers), &e);
	(void)ex_conf_read_file(f.conf, slice_of(lists), &e);
	ex_own_read(&(struct ex_own_asks){ &f, &(struct ex_files){ keys, p.rg },
			expand, NULL },
	    p.rg, &own);
	print(p.rg, &own, &out);
	is_str(buf_cstr(&out),
	    "own.example\nother.example\nany.below.example\nlooked.example\n"
	    "hubs.example\nbeside.example\nopen.example\nmx.example\n"
	    "localhost\nv.example\nm.example\na.example\nmany.example\n"
	    "unknown ${run{/bin/domains}}: it has ${run\n"
	    "unknown open.example : ${if exists{/x}{$domain}{*.$domain}}: not "
	    "every value can be known\n"
	    "unknown ${if exists{/slow}{x}}: Exim could not be asked\n"
	    "unknown ${if exists{/bad}{y}}: it is not so\n"
	    "unknown cdb;/x: keys of such files cannot be listed\n"
	    "unknown ^b.*: no name of a domain\n"
	    "4 more\n",
	    "the domains");
	buf_fini(&out);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *left = ex_own_left(&s, cases[i].now, cases[i].then);

		if (left == NULL &&
		    ex_own_is_taken("a@own.example", cases[i].now,
			cases[i].then))
			left = "undeliverable";

		is_str(left == NULL ? "" : left,
		    cases[i].want == NULL ? "" : cases[i].want, cases[i].label);
	}
	ex_facts_fini(&f);
	host_plan_fini(&p);
	return done_testing();
}
