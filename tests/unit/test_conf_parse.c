/* SPDX-License-Identifier: Apache-2.0 */
/* Files become one tree: blocks, includes and macros, each with its line. */
#include <sys/stat.h>

#include "lib/conf_parse.h"
#include "tests/conf_file.h"

/* The tree as text: name[value]{children}. */
static void
show(struct buf *out, const struct conf_node *root)
{
	for (const struct conf_node *n = root->first; n != NULL;) {
		buf_printf(out, "%s[%s]%u", n->name, n->value, n->line);
		if (n->first != NULL) {
			buf_str(out, "{");
			n = n->first;
			continue;
		}
		while (n != root && n->next == NULL) {
			n = n->parent;
			if (n != root)
				buf_str(out, "}");
		}
		if (n == root)
			break;
		buf_str(out, " ");
		n = n->next;
	}
}

static const struct {
	const char *label, *text, *tree;
	const char *said; /* part of the first error; NULL: none */
} cases[] = {
	{ "blocks nest", "a 1\n<b x>\n c 2\n<d>\ne 3\n</d>\n</b>\nf 4\n",
	    "a[1]1 b[x]2{c[2]3 d[]4{e[3]5}} f[4]8", NULL },
	{ "an include", "a 1\ninclude one.inc\nb 2\n", "a[1]1 one[1]1 b[2]3",
	    NULL },
	{ "an include in a block", "<b>\n include \"one.inc\"\n</b>\n",
	    "b[]1{one[1]1}", NULL },
	{ "a pattern, in order", "include *.inc\n", "one[1]1 two[2]2 two[3]3",
	    NULL },
	{ "a pattern without files", "include *.none\na 1\n", "a[1]2",
	    "there is no such file" },
	{ "a file that is not there", "include none\na 1\n", "a[1]2",
	    "main:1: include" },
	{ "a cycle", "include main\na 1\n", "a[1]2", "includes itself" },
	{ "a cycle of two", "include loop.x\n", "", "loop.x:1: include" },
	{ "no folder", "include /\n", "", "not a regular file" },
	{ "no URL", "include https://x/y\na 1\n", "a[1]2",
	    "main:1: include: a URL is not read" },
	{ "something odd is warned about", "a 1,\n2\nb 3\n", "a[1, 2]1 b[3]3",
	    "main:1: a list over several lines: read as one" },
	{ "include without file", "include\n", "", "argument missing" },
	{ "not closed", "<b>\n a 1\n", "b[]1{a[1]2}",
	    "main:1: <b> is not closed" },
	{ "closed by the one around it", "<b>\n<c>\n a 1\n</b>\nd 2\n",
	    "b[]1{c[]2{a[1]3}} d[2]5", "main:2: <c> is not closed" },
	{ "nothing to close", "</b>\na 1\n", "a[1]2", "main:1: </b> closes" },
	{ "a file closes what it opens", "<b>\ninclude close.x\n</b>\n", "b[]1",
	    "close.x:1: </b> closes no block of this file" },
	{ "a bad line", "<b\na 1\n", "a[1]2", "main:1: no \">\"" },
	{ "a row that opens", "<l x>\nm /r/ <l>\n n 1\n</l>\n</l>\n",
	    "l[x]1{m[/r/]2{n[1]3}}", NULL },
};

static const struct {
	const char *label, *text, *use, *names; /* joined by blanks */
} macros[] = {
	{ "no macro", "", "a.com", "a.com" },
	{ "a macro alone", "domain-macro m a.com, b.com", "$m", "a.com b.com" },
	{ "without regard to case", "domain-macro Mm a.com", "$mM", "a.com" },
	{ "as a part", "domain-macro tld de, fr", "yahoo.$tld",
	    "yahoo.de yahoo.fr" },
	{ "cross product", "domain-macro a x, y\ndomain-macro b 1, 2", "$a.$b",
	    "x.1 x.2 y.1 y.2" },
	{ "macros in macros, in any order",
	    "domain-macro all $a, c.com\ndomain-macro a a.com, b.com", "$all",
	    "a.com b.com c.com" },
	{ "the last definition counts", "domain-macro m a\ndomain-macro m b",
	    "$m", "b" },
	{ "with brackets", "domain-macro m a, b", "[*.]$m", "[*.]a [*.]b" },
	{ "unknown", "", "$m", "ERROR" },
	{ "no name", "", "a$", "ERROR" },
};

static const struct {
	const char *label, *text, *said;
} bad_macros[] = {
	{ "a loop", "domain-macro a $b\ndomain-macro b x.$a\n", "is a loop" },
	{ "itself", "domain-macro a $a\n", "is a loop" },
	{ "unknown inside", "domain-macro a $zz\n", "unknown macro $zz" },
	{ "no items", "domain-macro a\n", "argument missing" },
	{ "no name", "domain-macro\n", "needs a name" },
	{ "a bad name", "domain-macro a-b c\n", "needs a name" },
	{ "in a block", "<b>\ndomain-macro a c\n</b>\n", "top level" },
	{ "too many",
	    "domain-macro a 1,2,3,4,5,6,7,8,9,0\n"
	    "domain-macro b $a$a$a$a$a$a\n",
	    "more than 200000" },
	{ "too many in all",
	    "domain-macro a 1,2,3,4,5,6,7,8,9,0\n"
	    "domain-macro b $a$a$a$a$a\n"
	    "domain-macro c $b,$b\ndomain-macro d $c,$c,$c,$c,$c\n"
	    "domain-macro e $d,$d,$d,$d,$d\n",
	    "in all" },
	{ "of too many bytes in all",
	    "domain-macro a 1,2,3,4,5,6,7,8,9,0\n"
	    "domain-macro b $a$a$a$a$a\n"
	    "domain-macro c $b,$b\n"
	    "domain-macro d 1$c,2$c,3$c,4$c,5$c,6$c,7$c,8$c,9$c,0$c\n"
	    "domain-macro e 1$c,2$c,3$c,4$c,5$c,6$c,7$c,8$c,9$c,0$c\n",
	    "in all" },
	{ "a long chain, the wrong way round", NULL, "unknown macro $m3000" },
};

/* m0 names m1, and so on: as deep as there are macros. */
static void
put_chain(void)
{
	struct buf b = { 0 };

	for (unsigned i = 0; i < 3000; i++)
		buf_printf(&b, "domain-macro m%u $m%u\n", i, i + 1);
	conf_file_put("main", buf_cstr(&b));
	buf_fini(&b);
}

/* Blocks in blocks: what is deeper than any real file is refused. */
static void
test_depth(void)
{
	struct region *rg = region_new();
	struct conf_errors errs = { 0 };
	struct conf_tree tree;
	struct buf b = { 0 };

	for (unsigned i = 0; i < 100000; i++)
		buf_str(&b, "<a>\n");
	for (unsigned i = 0; i < 100000; i++)
		buf_str(&b, "</b>\n");
	conf_file_put("main", buf_cstr(&b));
	conf_parse(&tree, conf_file_path("main"), rg, &errs);
	ok(conf_file_said(&errs, "main:33: <a> is nested too deep"),
	    "blocks nest 32 deep, no deeper");
	ok(conf_file_said(&errs, "main:200000: </b> closes no block"),
	    "and reading goes on");
	conf_tree_fini(&tree);
	conf_errors_fini(&errs);
	buf_fini(&b);
	region_free(&rg);
}

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct region *rg = region_new();
		struct conf_errors errs = { 0 };
		struct conf_tree tree;
		struct buf out = { 0 };

		conf_file_put("main", cases[i].text);
		conf_parse(&tree, conf_file_path("main"), rg, &errs);
		show(&out, tree.root);
		is_str(buf_cstr(&out), cases[i].tree, cases[i].label);
		if (cases[i].said == NULL)
			is_int((int64_t)errs.n, 0, "no error");
		else
			ok(conf_file_said(&errs, cases[i].said), "%s: said",
			    cases[i].label);
		conf_tree_fini(&tree);
		conf_errors_fini(&errs);
		buf_fini(&out);
		region_free(&rg);
	}
}

static void
test_macros(void)
{
	for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++) {
		struct region *rg = region_new();
		struct conf_errors errs = { 0 };
		struct conf_strs names = { 0 };
		struct buf out = { 0 };
		struct conf_tree tree;
		bool from_macro;
		struct err e;

		conf_file_put("main", macros[i].text);
		conf_parse(&tree, conf_file_path("main"), rg, &errs);
		if (conf_expand(&tree, macros[i].use, &names, &from_macro,
			&e) == -1)
			buf_str(&out, "ERROR");
		for (size_t k = 0; k < names.n; k++)
			buf_printf(&out, "%s%s", k == 0 ? "" : " ", names.v[k]);
		is_str(buf_cstr(&out), macros[i].names, macros[i].label);
		conf_tree_fini(&tree);
		conf_errors_fini(&errs);
		buf_fini(&out);
		region_free(&rg);
	}
	for (size_t i = 0; i < sizeof(bad_macros) / sizeof(bad_macros[0]);
	     i++) {
		struct region *rg = region_new();
		struct conf_errors errs = { 0 };
		struct conf_tree tree;

		if (bad_macros[i].text == NULL)
			put_chain();
		else
			conf_file_put("main", bad_macros[i].text);
		conf_parse(&tree, conf_file_path("main"), rg, &errs);
		ok(errs.fatal > 0 && conf_file_said(&errs, bad_macros[i].said),
		    "macro: %s", bad_macros[i].label);
		conf_tree_fini(&tree);
		conf_errors_fini(&errs);
		region_free(&rg);
	}
}

int
main(void)
{
	struct region *rg = region_new();
	struct conf_errors errs = { 0 };
	struct conf_tree tree;

	conf_file_begin();
	conf_file_put("one.inc", "one 1\n");
	conf_file_put("two.inc", "# two\ntwo 2\ntwo 3\n");
	conf_file_put("loop.x", "include main\n");
	conf_file_put("close.x", "</b>\n");
	test_cases();
	test_macros();
	test_depth();
	conf_parse(&tree, conf_file_path("none"), rg, &errs);
	ok(errs.fatal == 1 && conf_file_said(&errs, "none: cannot open"),
	    "no file at all");
	conf_tree_fini(&tree);
	conf_errors_fini(&errs);
	region_free(&rg);
	is_str(conf_path(NULL, "config", "/a/b"), "/a/b", "absolute path");
	conf_file_end();
	return done_testing();
}
