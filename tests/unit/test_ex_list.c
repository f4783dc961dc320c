/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of Exim: whom they hold, as Exim's rule of the last item has it. */
#include "compat/exim/ex_list.h"

#include <string.h>

#include "compat/exim/ex_lookup.h"
#include "tests/tap.h"

static const char config[] =
    "domainlist local = @ : *.own.example\n"
    "domainlist both = ! +local : x.own.example\n"
    "domainlist bad = +bad : a.example\n"
    "domainlist odd = ^a.*$\n"
    "addresslist staff = joe@a.example : *@b.example : c.example\n"
    "addresslist void = : a.example\n"
    "addresslist not_joe = ! joe@a.example : *\n";

static bool
keys(void *ctx, struct ex_lookup *l)
{
	static const char *const files[][2] = {
		{ "/t", "k.example: 1\n" },
		{ "/star", "k.example\n*\n*@m.example\n*.p.example\n*.top\n" },
		{ "/who", "joe@a.example\nb.example\n*@m.example\n" },
		{ "/odd", "o'neil@a.example\nk.example\n" },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (strcmp(l->path, files[i][0]) == 0)
			return ex_lookup_read(ctx, slice_of(files[i][1]), l);
	l->why = "no such file";
	return false;
}

static const struct {
	const char *kind, *list, *point;
	bool has;
} cases[] = {
	{ "domainlist", "a.example : b.example", "B.example", true },
	{ "domainlist", "a.example : b.example", "c.example", false },
	{ "domainlist", "a.example : b.example", "*", false },
	{ "domainlist", "", "*", false },
	{ "domainlist", "*", "*", true },
	{ "domainlist", "! a.example", "*", true },
	{ "domainlist", "! a.example", "a.example", false },
	{ "domainlist", "! a.example : b.example", "c.example", false },
	{ "domainlist", "<; a.example ; ! b.example", "c.example", true },
	{ "domainlist", "*.a.example", "a.example", false },
	{ "domainlist", "*.a.example", "x.y.a.example", true },
	{ "domainlist", "*.a.example", "*.a.example", true },
	{ "domainlist", "*.a.example", "*.y.a.example", true },
	{ "domainlist", "a.example", "*.a.example", false },
	{ "domainlist", "! x.a.example : *.a.example", "x.a.example", false },
	{ "domainlist", "+local", "mx.host.example", true },
	{ "domainlist", "! +local", "mx.host.example", false },
	{ "domainlist", "! +local", "x.own.example", false },
	{ "domainlist", "! +local", "*", true },
	{ "domainlist", "+both", "x.own.example", false },
	{ "domainlist", "+both", "mx.host.example", false },
	{ "domainlist", "! +both", "mx.host.example", true },
	{ "domainlist", "+both : *", "a.example", true },
	{ "domainlist", "lsearch;/t", "k.example", true },
	{ "domainlist", "! lsearch;/t : *", "k.example", false },
	{ "domainlist", "lsearch;/star", "k.example", true },
	{ "domainlist", "lsearch;/star", "*", false },
	{ "domainlist", "lsearch*;/star", "*", true },
	{ "domainlist", "lsearch*@;/star", "*", true },
	{ "domainlist", "wildlsearch;/star", "*", true },
	{ "domainlist", "lsearch;/star", "m.example", false },
	{ "domainlist", "lsearch;/star", "p.example", false },
	{ "domainlist", "lsearch;/star", "x.p.example", false },
	{ "domainlist", "partial-lsearch;/star", "p.example", true },
	{ "domainlist", "partial-lsearch;/star", "*.p.example", true },
	{ "domainlist", "partial-lsearch;/star", "x.top", false },
	{ "domainlist", "partial-lsearch;/star", "*", false },
	{ "domainlist", "nwildlsearch;/who", "m.example", false },
	{ "addresslist", "lsearch;/who", "joe@a.example", true },
	{ "addresslist", "lsearch;/who", "x@b.example", false },
	{ "addresslist", "lsearch;/who", "x@m.example", false },
	{ "addresslist", "lsearch*@;/who", "x@m.example", true },
	{ "addresslist", "lsearch*@;/who", "*", false },
	{ "addresslist", "nwildlsearch;/who", "x@m.example", true },
	{ "addresslist", "partial-lsearch;/star", "x@p.example", false },
	{ "addresslist", "+staff", "joe@a.example", true },
	{ "addresslist", "+staff", "a.example", false },
	{ "addresslist", "+staff", "anna@b.example", true },
	{ "addresslist", "+staff", "c.example", true },
	{ "addresslist", "+not_joe", "joe@a.example", false },
	{ "addresslist", "+not_joe", "*", true },
	{ "addresslist", "+local", "x@mx.host.example", true },
};

/* Is the null sender another than all others? */
static const struct {
	const char *list;
	bool differs;
} nulls[] = {
	{ "", false },
	{ "*", false },
	{ "a.example : ! b.example", false },
	{ "a.example : ", false },
	{ ":", true },
	{ " : a.example", true },
	{ "a.example : : b.example", true },
	{ "<; a.example ; ; b.example", true },
	{ "*@*", true },
	{ "! +void", true },
	{ "lsearch*@;/star", true },
	{ "lsearch;/star", false },
};

static const char *const unknown[] = { "+nothing", "+bad", "+odd", "^x",
	"*x.example", "lsearch;/none", "mysql;select", "$domain", "@mx_any",
	"a b" };

static void
read_list(struct region *rg, struct ex_conf *c, const char *kind,
    const char *text, struct ex_list *l)
{
	const struct ex_files files = { keys, rg };
	struct err e;

	(void)ex_conf_read(c, EX_MAIN,
	    slice_of("primary_hostname = mx.host.example\n"), &e);
	(void)ex_conf_read_file(c, slice_of(config), &e);
	ex_list_read(c, &files, kind, text, l);
}

static void
test_lists(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct region *rg = region_new();
		struct ex_conf *c = ex_conf_new(rg);
		struct ex_point point = { 0 };
		struct ex_list l;

		read_list(rg, c, cases[i].kind, cases[i].list, &l);
		if (strcmp(cases[i].point, "*") != 0)
			(void)ex_point_parse(rg, cases[i].point, &point);
		ok(l.unknown == NULL && ex_list_has(&l, &point) == cases[i].has,
		    "%s: %s", cases[i].list, cases[i].point);
		ex_conf_free(&c);
		region_free(&rg);
	}
}

static void
test_unknown(void)
{
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		struct region *rg = region_new();
		struct ex_conf *c = ex_conf_new(rg);
		struct ex_list l;

		read_list(rg, c, "domainlist", unknown[i], &l);
		ok(l.unknown != NULL, "%s", unknown[i]);
		ex_conf_free(&c);
		region_free(&rg);
	}
}

static void
test_nulls(void)
{
	for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++) {
		struct region *rg = region_new();
		struct ex_conf *c = ex_conf_new(rg);
		struct ex_list l;

		read_list(rg, c, "addresslist", nulls[i].list, &l);
		ok(l.unknown == NULL && l.null_differs == nulls[i].differs,
		    "the null sender in \"%s\"", nulls[i].list);
		ex_conf_free(&c);
		region_free(&rg);
	}
}

static const struct {
	const char *list, *items; /* with a "|" behind each */
} texts[] = {
	{ "a : b", "a|b|" },
	{ " a:: b :c", "a: b|c|" },
	{ "<; a:b ; ;c", "a:b|c|" },
	{ "<+ a ++ b + c", "a + b|c|" },
	{ "", "" },
	{ ":::", ":|" },
};

static void
test_items(void)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct region *rg = region_new();
		struct ex_cursor at = ex_cursor_of(texts[i].list);
		struct buf b = { 0 };
		const char *item;

		while ((item = ex_cursor_next(&at, rg)) != NULL)
			buf_printf(&b, "%s|", item);
		is_str(buf_cstr(&b), texts[i].items, texts[i].list);
		buf_fini(&b);
		region_free(&rg);
	}
}

int
main(void)
{
	test_lists();
	test_unknown();
	test_nulls();
	test_items();
	return done_testing();
}
