/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What XDFN defines is what stands in the line or nothing, and a text gets the
 * values of its variables, once, with not an octet more.
 */
#include "mail/merge.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/tap.h"

static struct region *rg;

/* All that is defined, as "name=value|". */
static const char *
shown(const struct merge_vars *vars, struct buf *out)
{
	buf_clear(out);
	for (size_t i = 0; i < vars->n; i++)
		buf_printf(out, "%s=%.*s|", vars->v[i].name,
		    (int)vars->v[i].value.len, vars->v[i].value.p);
	return buf_cstr(out);
}

#define QUOTE_REPLY \
	"501 5.5.4 XDFN: how to write a quote or backslash in a value is not known"
#define SYNTAX_REPLY "501 5.5.4 XDFN: syntax error"

/* why NULL: what is defined is told; else what is said. */
static const struct {
	const char *label, *text, *defined, *why;
} definitions[] = {
	{ "a quoted value", "name=\"Ann Lee\"", "name=Ann Lee|", NULL },
	{ "a bare one", "city=Rome", "city=Rome|", NULL },
	{ "several, and blanks around", " b=2 \t a=\"1\"  ", "a=1|b=2|", NULL },
	{ "an empty value", "a=\"\" b=", "a=|b=|", NULL },
	{ "case of names", "First_Name=x *JobId=j7", "*jobid=j7|first_name=x|",
	    NULL },
	{ "the last one counts", "a=1 A=2", "a=2|", NULL },
	{ "brackets and signs", "a=\"[b]<i>=x;'y'\"", "a=[b]<i>=x;'y'|", NULL },
	{ "octets that are not ASCII", "a=\"\xc3\xa9\"", "a=\xc3\xa9|", NULL },
	{ "a tab in quotes", "a=\"x\ty\"", "a=x\ty|", NULL },
	{ "nothing", "  ", NULL, SYNTAX_REPLY },
	{ "no value", "name", NULL, SYNTAX_REPLY },
	{ "a blank before =", "name =\"x\"", NULL, SYNTAX_REPLY },
	{ "a digit first", "1st=x", NULL, SYNTAX_REPLY },
	{ "no name", "=x", NULL, SYNTAX_REPLY },
	{ "a reserved one without a name", "*=x", NULL, SYNTAX_REPLY },
	{ "quotes that do not end", "a=\"x", NULL, SYNTAX_REPLY },
	{ "a CR", "a=\"x\ry\"", NULL, SYNTAX_REPLY },
	{ "an LF, bare", "a=x\nBcc:", NULL, SYNTAX_REPLY },
	{ "DEL", "a=\x7f", NULL, SYNTAX_REPLY },
	{ "a quote by backslash", "a=\"x\\\"y\"", NULL, QUOTE_REPLY },
	{ "a doubled quote", "a=\"x\"\"y\"", NULL, QUOTE_REPLY },
	{ "a quote in a bare value", "a=x\"y", NULL, QUOTE_REPLY },
	{ "a backslash", "a=C:\\x", NULL, QUOTE_REPLY },
	{ "no blank between", "a=\"x\"b=y", NULL, QUOTE_REPLY },
	{ "a sender", "*from=\"a@b.test\"", "*from=a@b.test|", NULL },
	{ "the null sender", "*from=", "*from=|", NULL },
	{ "a sender with a name", "*from=\"Ann <a@b.test>\"", NULL,
	    "501 5.5.4 XDFN: *from cannot have that value" },
	{ "a sender that is not ASCII", "*from=\xc3\xa9@b.test", NULL,
	    "501 5.5.4 XDFN: *from cannot have that value" },
	{ "parts", "*parts=1,3-4", "*parts=1,3-4|", NULL },
	{ "parts that are none", "*parts=\"\"", NULL,
	    "501 5.5.4 XDFN: *parts cannot have that value" },
	{ "a priority", "*priority=100", "*priority=100|", NULL },
	{ "one too high", "*priority=101", NULL,
	    "501 5.5.4 XDFN: *priority cannot have that value" },
	{ "one too low", "*priority=0", NULL,
	    "501 5.5.4 XDFN: *priority cannot have that value" },
	{ "times", "*schedule=\"2026-11-30 08:00:00 / 2026-11-30 12:00:00\"",
	    "*schedule=2026-11-30 08:00:00 / 2026-11-30 12:00:00|", NULL },
	{ "no times", "*schedule=soon", NULL,
	    "501 5.5.4 XDFN: *schedule cannot have that value" },
	{ "no virtual MTA", "*vmta=\"\"", NULL,
	    "501 5.5.4 XDFN: *vmta cannot have that value" },
	{ "no job", "*jobid=", NULL,
	    "501 5.5.4 XDFN: *jobid cannot have that value" },
	{ "the recipient", "*to=x@y.test", NULL,
	    "501 5.5.4 XDFN: *to cannot be defined" },
	{ "the date", "*date=today", NULL,
	    "501 5.5.4 XDFN: *date cannot be defined" },
	{ "a subaccount", "*subaccountid=1", NULL,
	    "501 5.5.4 XDFN: *subaccountid is not supported" },
	{ "an id", "*custommessageid=1", NULL,
	    "501 5.5.4 XDFN: *custommessageid is not supported" },
	{ "not a reserved one", "*colour=red", NULL,
	    "501 5.5.4 XDFN: *colour is not a reserved variable" },
};

static void
test_definitions(void)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < sizeof(definitions) / sizeof(*definitions);
	     i++) {
		struct merge_vars vars = { 0 };
		const char *why = merge_define(slice_of(definitions[i].text),
		    false, rg, &vars);

		if (definitions[i].why != NULL)
			is_str(why == NULL ? "(defined)" : why,
			    definitions[i].why, definitions[i].label);
		else
			is_str(why == NULL ? shown(&vars, &out) : why,
			    definitions[i].defined, definitions[i].label);
	}
	buf_fini(&out);
}

static void
test_bounds(void)
{
	struct merge_vars vars = { 0 };
	struct buf line = { 0 };
	const char *why;

	for (int i = 0; i < MERGE_VARS_MAX; i++)
		buf_printf(&line, "v%d=%d ", MERGE_VARS_MAX - i, i);
	why = merge_define((struct slice){ line.p, line.len }, false, rg,
	    &vars);
	ok(why == NULL && vars.n == MERGE_VARS_MAX, "as many as there may be");
	is_str(merge_get(&vars, "v1"), "499", "the last of them");
	is_str(merge_get(&vars, "v500"), "0", "the first");
	ok(merge_get(&vars, "v501") == NULL, "and no other");
	why = merge_define(slice_of("v7=again"), false, rg, &vars);
	is_str(why == NULL ? merge_get(&vars, "v7") : why, "again",
	    "one of them again");
	is_str(merge_define(slice_of("more=1"), false, rg, &vars),
	    "552 5.5.4 XDFN: too many variables", "one more");
	buf_clear(&line);
	for (int i = 0; i < MERGE_NAME_MAX; i++)
		buf_byte(&line, 'n');
	buf_str(&line, "=x");
	vars = (struct merge_vars){ 0 };
	ok(merge_define((struct slice){ line.p, line.len }, false, rg, &vars) ==
		NULL,
	    "a name as long as may be");
	is_str(merge_define(slice_of(REGION_JOIN(rg, "n", buf_cstr(&line))),
		   false, rg, &vars),
	    SYNTAX_REPLY, "a longer one");
	ok(merge_define(slice_of("*from=\xc3\xa9@b.test"), true, rg, &vars) ==
		NULL,
	    "with SMTPUTF8 a sender may be such");
	buf_clear(&line);
	buf_str(&line, "*envid=");
	for (int i = 0; i < 100; i++)
		buf_byte(&line, 'e');
	ok(merge_define((struct slice){ line.p, line.len }, false, rg, &vars) ==
		NULL,
	    "an envelope id of 100 octets");
	buf_byte(&line, 'e');
	is_str(
	    merge_define((struct slice){ line.p, line.len }, false, rg, &vars),
	    "501 5.5.4 XDFN: *envid cannot have that value", "one of 101");
	buf_fini(&line);
}

static const struct {
	const char *label, *text, *parts; /* "" for none */
} lists[] = {
	{ "one", "7", "7 " },
	{ "in any order, and twice", "1,3,2,3", "1 3 2 3 " },
	{ "a range", "1-3", "1 2 3 " },
	{ "of one", "2-2", "2 " },
	{ "both", "4,1-2", "4 1 2 " },
	{ "the highest", "1000", "1000 " },
	{ "above it", "1001", "" },
	{ "far above", "99999999999999999999", "" },
	{ "nothing", "", "" },
	{ "zero", "0", "" },
	{ "backwards", "3-1", "" },
	{ "an open range", "1-", "" },
	{ "a sign", "-1", "" },
	{ "two dashes", "1-2-3", "" },
	{ "an empty place", "1,,2", "" },
	{ "a comma behind", "1,", "" },
	{ "a blank", "1, 2", "" },
	{ "more than there may be", "1-1000,1", "" },
};

/* What is worked with to look at a value goes again. */
static void
test_memory(void)
{
	struct region *own = region_new();
	struct merge_vars vars = { 0 };
	size_t before = mallinfo2().uordblks, refused = 0;

	for (int i = 0; i < 1000; i++)
		refused += merge_define(SLICE_LIT("*parts=1-1000"), false, own,
			       &vars) != NULL;
	is_int((int64_t)refused, 0, "a list of many parts, many times");
	ok(mallinfo2().uordblks - before < 500000, "is kept as text alone");
	region_free(&own);
}

static void
test_lists(void)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		struct merge_parts parts;
		bool good = merge_parts_parse(slice_of(lists[i].text), rg,
		    &parts);

		buf_clear(&out);
		for (size_t k = 0; good && k < parts.n; k++)
			buf_printf(&out, "%u ", parts.v[k]);
		is_str(buf_cstr(&out), lists[i].parts, lists[i].label);
	}
	buf_fini(&out);
}

/* With name=Ann, empty=, br=[name], *to=r@b.test. */
static const struct {
	const char *label, *text, *expanded, *kept; /* kept NULL: the same */
	bool has;
} texts[] = {
	{ "none", "plain", "plain", NULL, false },
	{ "one", "Dear [name],", "Dear Ann,", NULL, true },
	{ "in any case", "[NAME][Name]", "AnnAnn", NULL, true },
	{ "a reserved one", "To: [*to]\r\n", "To: r@b.test\r\n", NULL, true },
	{ "an empty one", "a[empty]b", "ab", NULL, true },
	{ "a value is not looked at again", "[br]", "[name]", NULL, true },
	{ "undefined", "a[nobody]b", "ab", "a[nobody]b", true },
	{ "a reserved one, undefined", "a[*vmta]b", "ab", "a[*vmta]b", true },
	{ "a bracket", "a[[]name]", "a[name]", NULL, false },
	{ "a bracket before a variable", "[[name]", "[Ann", NULL, true },
	{ "no name", "[ name] [1] [] [*] [na me] [name", NULL, NULL, false },
	{ "a bracket at the end", "a[", "a[", NULL, false },
	{ "brackets at the end", "a[[", "a[[", NULL, false },
	{ "a line end within", "[na\r\nme]", "[na\r\nme]", NULL, false },
	{ "a condition of a browser", "<!--[if gte mso 9]><![endif]-->",
	    "<!--[if gte mso 9]><!-->", "<!--[if gte mso 9]><![endif]-->",
	    true },
};

static void
test_texts(void)
{
	struct merge_vars vars = { 0 };
	struct merge_how how = { .max = 1000 };
	struct buf out = { 0 };

	ok(merge_define(slice_of("name=Ann empty= br=\"[name]\""), false, rg,
	       &vars) == NULL,
	    "variables");
	merge_put(&vars, rg, "*to", slice_of("r@b.test"));
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		const char *want = texts[i].expanded != NULL ?
		    texts[i].expanded :
		    texts[i].text;

		buf_clear(&out);
		how.keeps_undefined = false;
		ok(merge_expand(slice_of(texts[i].text), &vars, &how, &out),
		    "%s", texts[i].label);
		is_str(buf_cstr(&out), want, texts[i].label);
		ok(merge_has_variables(slice_of(texts[i].text)) == texts[i].has,
		    "%s: has variables or none", texts[i].label);
		buf_clear(&out);
		how.keeps_undefined = true;
		ok(merge_expand(slice_of(texts[i].text), &vars, &how, &out),
		    "%s", texts[i].label);
		is_str(buf_cstr(&out),
		    texts[i].kept != NULL ? texts[i].kept : want,
		    texts[i].label);
	}
	buf_clear(&out);
	how.max = 6;
	ok(merge_expand(slice_of("abc[name]"), &vars, &how, &out),
	    "as long as it may be");
	ok(!merge_expand(slice_of("d"), &vars, &how, &out), "longer");
	buf_fini(&out);
}

int
main(void)
{
	(void)setenv("TZ", "UTC", 1);
	tzset();
	rg = region_new();
	test_definitions();
	test_bounds();
	test_memory();
	test_lists();
	test_texts();
	region_free(&rg);
	return done_testing();
}
