/* SPDX-License-Identifier: Apache-2.0 */
/* Tag lists are read as strictly as RFC 6376 section 3.2 writes them. */
#include "mail/tag_list.h"

#include "tests/tap.h"

static const struct {
	const char *label, *text;
	const char *want; /* "name=value|", or what is wrong */
	bool good;
} cases[] = {
	{ "one", "v=1", "v=1|", true },
	{ "several", "v=1; a=b;c=d", "v=1|a=b|c=d|", true },
	{ "a semicolon at the end", "v=1;", "v=1|", true },
	{ "and blanks behind it", "v=1; \t ", "v=1|", true },
	{ "blanks and folds around", " v = 1 ;\r\n\ta\r\n =\r\n b\r\n ;",
	    "v=1|a=b|", true },
	{ "folds with LF alone", "v=1;\n\ta=b", "v=1|a=b|", true },
	{ "blanks inside a value stay", "h=From : To", "h=From : To|", true },
	{ "an empty value", "p=; t=s", "p=|t=s|", true },
	{ "an equals sign in a value", "b=ab==", "b=ab==|", true },
	{ "case makes another name", "A=1;a=2", "A=1|a=2|", true },
	{ "digits and underscores", "a_1=x", "a_1=x|", true },
	{ "8-bit values", "n=\xc3\xa4", "n=\xc3\xa4|", true },
	{ "nothing", "", "no tag", false },
	{ "blanks alone", " \r\n ", "no tag", false },
	{ "a semicolon alone", ";", "an empty tag", false },
	{ "an empty tag", "v=1;;a=b", "an empty tag", false },
	{ "an empty tag of blanks", "v=1; ;a=b", "an empty tag", false },
	{ "two semicolons at the end", "v=1;;", "an empty tag", false },
	{ "the same name twice", "a=1;b=2;a=1", "twice the tag \"a\"", false },
	{ "no equals sign", "v=1; a", "no \"=\" in \"a\"", false },
	{ "no name", "=1", "no name of a tag: \"\"", false },
	{ "a digit in front", "1a=1", "no name of a tag: \"1a\"", false },
	{ "a hyphen in a name", "a-b=1", "no name of a tag: \"a-b\"", false },
	{ "two words as name", "a b=1", "no name of a tag: \"a b\"", false },
	{ "a control character", "a=\x01", "a control character in \"a\"",
	    false },
	{ "a DEL", "a=x\x7f", "a control character in \"a\"", false },
};

static void
test_case(size_t i)
{
	struct region *rg = region_new();
	struct buf got = { 0 };
	struct tag_list list;
	struct err e = { "" };
	int rc = tag_list_parse(slice_of(cases[i].text), rg, &list, &e);

	ok((rc == 0) == cases[i].good, "%s", cases[i].label);
	for (size_t k = 0; rc == 0 && k < list.n; k++)
		buf_printf(&got, "%.*s=%.*s|", (int)list.v[k].name.len,
		    list.v[k].name.p, (int)list.v[k].value.len,
		    list.v[k].value.p);
	is_str(rc == 0 ? buf_cstr(&got) : e.text, cases[i].want,
	    "what was read");
	buf_fini(&got);
	region_free(&rg);
}

static void
test_nul(struct region *rg)
{
	struct tag_list list;
	struct err e;

	ok(tag_list_parse((struct slice){ "a=b\0c", 5 }, rg, &list, &e) == -1,
	    "a NUL in a value");
	ok(tag_list_parse((struct slice){ "a\0=b", 4 }, rg, &list, &e) == -1,
	    "a NUL in a name");
}

static void
test_many(struct region *rg)
{
	struct buf text = { 0 };
	struct tag_list list;
	struct err e;

	for (int i = 0; i < 100; i++)
		buf_printf(&text, "a%d=%d;", i, i);
	ok(tag_list_parse((struct slice){ text.p, text.len }, rg, &list, &e) ==
		    0 &&
		list.n == 100 && tag_list_is(&list, "a99", "99"),
	    "100 tags");
	buf_str(&text, "b=1");
	ok(tag_list_parse((struct slice){ text.p, text.len }, rg, &list, &e) ==
		-1,
	    "not 101: %s", e.text);
	buf_fini(&text);
}

static void
test_values(struct region *rg)
{
	struct tag_list list;
	struct err e;
	struct slice rest, item;
	char items[64] = "";

	(void)tag_list_parse(slice_of("v=1; h=From : To:\r\n\tcc : ; b=a b\tc"),
	    rg, &list, &e);
	ok(tag_list_is(&list, "v", "1") && !tag_list_is(&list, "v", "2") &&
		!tag_list_is(&list, "V", "1") && !tag_list_is(&list, "x", ""),
	    "a value and its name with regard to case");
	ok(tag_list_get(&list, "x") == NULL, "a tag that is not there");
	rest = *tag_list_get(&list, "h");
	for (size_t at = 0; tag_item(&rest, &item);)
		at += (size_t)snprintf(items + at, sizeof(items) - at, "%.*s|",
		    (int)item.len, item.p);
	is_str(items, "From|To|cc||", "items between colons");
	is_str(tag_flat(*tag_list_get(&list, "b"), rg).p, "abc",
	    "a value without its blanks");
}

int
main(void)
{
	struct region *rg = region_new();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(i);
	test_nul(rg);
	test_many(rg);
	test_values(rg);
	region_free(&rg);
	return done_testing();
}
