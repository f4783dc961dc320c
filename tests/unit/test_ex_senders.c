/* SPDX-License-Identifier: Apache-2.0 */
/* As whom a probe is sent where a list of Exim says whose mail comes to us. */
#include "compat/exim/ex_senders.h"

#include <string.h>

#include "compat/exim/ex_lookup.h"
#include "tests/tap.h"

static const struct {
	const char *label, *list, *want;
} cases[] = {
	{ "addresses, domains and what is below",
	    "a@x.example : *@y.example : *.z.example",
	    "<> <a@x.example> <probe@y.example> <probe@any.z.example>" },
	{ "all, or the null sender", "* : ", "<>" },
	{ "keys of a file", "lsearch;/senders", "<> <k@file.example>" },
	{ "an expression: in the host's own domains, too",
	    "a@x.example : ^news.*",
	    "<> <a@x.example> <probe@own.example> others" },
	{ "a file that cannot be listed", "cdb;/senders",
	    "<> <probe@own.example> others" },
	{ "a list that is empty", "+nobody", "<>" },
};

static bool
keys(void *ctx, struct ex_lookup *l)
{
	return ex_lookup_read(ctx,
	    slice_of("k@file.example: x\nfile.example\n"), l);
}

static void
print(const struct ex_senders *s, struct buf *out)
{
	for (size_t i = 0; i < s->n; i++)
		buf_printf(out, "%s<%s>", i == 0 ? "" : " ", s->v[i]);
	if (s->others)
		buf_str(out, " others");
}

static void
many(const struct ex_own_asks *asks, struct region *rg)
{
	struct buf list = { .p = NULL };
	struct ex_senders s;

	for (int i = 0; i < EX_SENDERS_MAX; i++)
		buf_printf(&list, "%sa@%d.example", i == 0 ? "" : " : ", i);
	ex_senders(asks, buf_cstr(&list), rg, &s);
	ok(s.n == EX_SENDERS_MAX && s.others, "more than are asked about");
	buf_fini(&list);
}

int
main(void)
{
	struct region *rg = region_new();
	const struct ex_files files = { keys, rg };
	struct ex_facts f;
	const struct ex_own_asks asks = { .f = &f, .files = &files };
	struct err e;

	ex_facts_init(&f, rg);
	(void)ex_conf_read_file(f.conf,
	    slice_of("domainlist local_domains = own.example\n"
		     "addresslist nobody =\n"),
	    &e);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = { .p = NULL };
		struct ex_senders s;

		ex_senders(&asks, cases[i].list, rg, &s);
		print(&s, &out);
		is_str(buf_cstr(&out), cases[i].want, cases[i].label);
		buf_fini(&out);
	}
	many(&asks, rg);
	ex_facts_fini(&f);
	region_free(&rg);
	return done_testing();
}
