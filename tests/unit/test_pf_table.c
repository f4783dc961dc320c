/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of Postfix, with all their rows, in the order of its look-ups. */
#include "compat/postfix/pf_table.h"

#include "tests/tap.h"

/* What the tables of the test hold; a row is "k KEY=VALUE|VALUE;". */
static int
fetch(void *ctx, enum pf_fetch how, const char *table, struct slice *text_r,
    struct err *e)
{
	(void)ctx;
	if (how == PF_FETCH_TEXT && strcmp(table, "/patterns") == 0)
		*text_r = SLICE_LIT("# some\n\n/^a\\/b@/ one:\n"
				    "/^C@/i  two:[h]\n");
	else if (how == PF_FETCH_TEXT && strcmp(table, "/bad") == 0)
		*text_r = SLICE_LIT("/a/ one:\nif /x/\n/b/ two:\nendif\n");
	else if (how == PF_FETCH_TEXT && strcmp(table, "/parts") == 0)
		*text_r = SLICE_LIT("/(.*)/ $1:\n");
	else if (how == PF_FETCH_TEXT && strcmp(table, "/long") == 0)
		*text_r = SLICE_LIT("/a/\n  one:\n");
	else if (how == PF_FETCH_ROWS && strcmp(table, "hash:/t") == 0)
		*text_r = SLICE_LIT("A.example\tone: \n.b.example\ttwo:x y\n"
				    "no tab\n");
	else
		return err_set(e, "%s: no such table", table);
	return 0;
}

static void
complain(void *ctx, const char *table, const char *why)
{
	struct buf *out = ctx;

	buf_printf(out, "! %s: %s;", table, why);
}

static const char *
rows_of(struct region *rg, const char *value, struct buf *out)
{
	static const char kinds[] = "kp*";
	const struct pf_table_reader r = { rg, fetch, complain, out };
	struct pf_rows rows;

	buf_clear(out);
	pf_tables_read(&r, value, &rows);
	for (size_t i = 0; i < rows.n; i++) {
		buf_printf(out, "%c %s=", kinds[rows.v[i].kind], rows.v[i].key);
		for (size_t j = 0; j < rows.v[i].n; j++)
			buf_printf(out, "%s%s", j == 0 ? "" : "|",
			    rows.v[i].values[j]);
		buf_byte(out, ';');
	}
	pf_rows_fini(&rows);
	return buf_cstr(out);
}

static const struct {
	const char *label, *value, *rows;
} cases[] = {
	{ "none", "", "" },
	{ "a file that can be listed", "hash:/t",
	    "k .b.example=two:x y;k a.example=one:;" },
	{ "by proxymap", "proxy:hash:/t",
	    "k .b.example=two:x y;k a.example=one:;" },
	{ "inline", "inline:{ {a = b: c}, d=e }", "k a=b: c;k d=e;" },
	{ "two, with commas and blanks", "inline:{a=b},inline:{c=d} ,",
	    "k a=b;k c=d;" },
	{ "any", "static:out:", "* =out:;" },
	{ "at random", "randmap:{one:,two:,two:}", "* =one:|two:|two:;" },
	{ "at random, for some",
	    "pipemap:{inline:{@a=x, @b=y},randmap:{one:,two:}}",
	    "k @a=one:|two:;k @b=one:|two:;" },
	{ "patterns", "pcre:/patterns", "p ^a\\/b@=one:;p (?-i)^C@=two:[h];" },
	{ "patterns that stand in main.cf",
	    "pcre:{ { /^a{2}@/i one: }, {/x/ two:[h]} },regexp:{{/y/  z:}}",
	    "p (?-i)^a{2}@=one:;p x=two:[h];p y=z:;" },
	{ "conditions there", "regexp:{{if /x/}, {/y/ z:}, {endif}}",
	    "! regexp:...: only rows of the form /PATTERN/ VALUE are "
	    "understood;" },
	{ "a pattern without braces", "regexp:{/x/ y:}",
	    "! regexp:...: a row without braces;" },
	{ "no patterns", "regexp:{}", "" },
	{ "conditions", "regexp:/bad",
	    "! regexp:/bad: only rows of the form /PATTERN/ VALUE are "
	    "understood;" },
	{ "parts in a value", "regexp:/parts",
	    "! regexp:/parts: a value has parts of what was looked up "
	    "($1);" },
	{ "rows in two lines", "pcre:/long",
	    "! pcre:/long: a row without a value;" },
	{ "a table that is not there", "hash:/none",
	    "! hash:/none: hash:/none: no such table;" },
	{ "a table that cannot be listed", "ldap:/x",
	    "! ldap:/x: the rows of such a table cannot be listed;" },
	{ "a pipe of other tables", "pipemap:{inline:{a=b},inline:{b=c}}",
	    "! pipemap:...: the rows of such a table cannot be listed;" },
	{ "no table", "x", "! x: not TYPE:NAME;" },
	{ "braces that do not close", "inline:{a=b",
	    "! inline:...: the rows of such a table cannot be listed;" },
	{ "nothing at random", "randmap:{}", "" },
};

static void
test_find(struct region *rg)
{
	struct buf out = { 0 };
	const struct pf_table_reader r = { rg, fetch, complain, &out };
	struct pf_rows rows;

	pf_tables_read(&r,
	    "inline:{a=1} inline:{a=2, b=3} static:x inline:{c=4}", &rows);
	is_str(pf_rows_find(&rows, "a")->values[0], "1", "the first counts");
	is_str(pf_rows_find(&rows, "b")->values[0], "3", "of all tables");
	is_str(pf_rows_find(&rows, "c")->values[0], "x",
	    "one for any before it");
	pf_rows_fini(&rows);
	pf_tables_read(&r, "inline:{a=1}", &rows);
	ok(pf_rows_find(&rows, "b") == NULL, "none");
	pf_rows_fini(&rows);
	buf_fini(&out);
}

int
main(void)
{
	struct region *rg = region_new();
	struct buf out = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_str(rows_of(rg, cases[i].value, &out), cases[i].rows,
		    cases[i].label);
	test_find(rg);
	buf_fini(&out);
	region_free(&rg);
	return done_testing();
}
