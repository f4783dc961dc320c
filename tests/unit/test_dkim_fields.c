/* SPDX-License-Identifier: Apache-2.0 */
/* Which fields a signature covers: the fixed set, more, and none to be added. */
#include "mail/dkim_fields.h"

#include "tests/tap.h"

#define PLAIN "From: a@b\r\nTo: c@d\r\nX-Job: 7\r\nX-Id: 8\r\n"

static const struct {
	const char *label, *more, *no_adding, *fields;
	const char *h; /* "!" in front of an entry without a field */
} cases[] = {
	{ "the fixed set", "", "", PLAIN, "From:To:!From" },
	{ "one more", "X-Job", "", PLAIN, "From:To:X-Job:!From" },
	{ "two more, in their order", "x-id ,X-Job", "", PLAIN,
	    "From:To:x-id:X-Job:!From" },
	{ "one of the fixed set", "to", "", PLAIN, "From:To:!From" },
	{ "one that is not there", "X-Other", "", PLAIN, "From:To:!From" },
	{ "by expression", "/^x-/", "", PLAIN, "From:To:X-Job:X-Id:!From" },
	{ "by two expressions", "/job/, /ID$/", "", PLAIN,
	    "From:To:X-Job:X-Id:!From" },
	{ "a comma and a slash in an expression", "/^x-[ij]{1,2}|\\/a/, X-Id",
	    "", PLAIN, "From:To:X-Id:X-Job:!From" },
	{ "found twice", "/^x-/", "", "X-A: 1\r\nx-a: 2\r\nFrom: a\r\n",
	    "From:X-A:X-A:!From" },
	{ "none to be added", "", "To,Subject", PLAIN,
	    "From:To:!From:!To:!Subject" },
	{ "of an unknown name", "", "X-Job, X-No", PLAIN,
	    "From:To:X-Job:!From:!X-Job:!X-No" },
	{ "by expression, also those of the set", "", "/^(x-job|list-h)/",
	    PLAIN, "From:To:X-Job:!From:!List-Help:!X-Job" },
	{ "From twice is From once", "From", "From", PLAIN, "From:To:!From" },
	{ "what changes on the way is not found", "/./", "",
	    "Received: x\r\nDKIM-Signature: y\r\nReturn-Path: z\r\n"
	    "ARC-Seal: a\r\nBcc: b\r\nX-Mailer: m\r\n",
	    "X-Mailer:!From" },
	{ "a name that would end the tag is not found", "/./", "",
	    "X-A;b=c: 1\r\nX-B: 2\r\n", "X-B:!From" },
	{ "nothing", "", "", "", "!From" },
};

static const struct {
	const char *label, *list, *text;
} wrong[] = {
	{ "a blank in a name", "X Y", "\"X Y\" is no name" },
	{ "a colon", "X:", "\"X:\" is no name" },
	{ "a semicolon", "a;b", "\"a;b\" is no name" },
	{ "no name between commas", "X-A,,X-B", "\"\" is no name" },
	{ "a comma in front", ",X", "\"\" is no name" },
	{ "8-bit", "\xc3\xa4", "is no name" },
	{ "an expression without end", "X-A, /abc", "lacks its last /" },
	{ "an expression that is none", "/(/", "offset" },
	{ "the signature itself", "DKIM-Signature", "changes on the way" },
	{ "received", "To, received", "changes on the way" },
};

static const char *
text_of(const struct dkim_field *v, size_t n, struct region *rg)
{
	struct buf b = { 0 };
	const char *text;

	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "%s%s%.*s", i == 0 ? "" : ":",
		    v[i].header == NULL ? "!" : "", (int)v[i].name.len,
		    v[i].name.p);
	text = region_strdup(rg, buf_cstr(&b));
	buf_fini(&b);
	return text;
}

static void
test_case(size_t i, struct region *rg)
{
	struct dkim_fields *f = NULL;
	struct dkim_field *v;
	struct header_list list;
	struct err e = { "" };
	size_t body, n;

	if (!ok(dkim_fields_new(slice_of(cases[i].more),
		    slice_of(cases[i].no_adding), &f, &e) == 0,
		"%s", cases[i].label)) {
		(void)printf("#   %s\n", e.text);
		return;
	}
	header_parse(cases[i].fields, strlen(cases[i].fields), rg, &list,
	    &body);
	n = dkim_fields_choose(f, &list, NULL, rg, &v);
	is_str(text_of(v, n, rg), cases[i].h, "its h=");
	dkim_fields_free(&f);
}

static void
test_wrong(void)
{
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct slice list = slice_of(wrong[i].list), none = { "", 0 };
		struct dkim_fields *f = NULL;
		struct err e = { "" };

		ok(dkim_fields_new(list, none, &f, &e) == -1 && f == NULL &&
			strstr(e.text, wrong[i].text) != NULL,
		    "%s: %s", wrong[i].label, e.text);
		ok(dkim_fields_new(none, list, &f, &e) == -1 && f == NULL,
		    "%s, not to be added", wrong[i].label);
	}
}

/* Bottom up, and without what does not go out. */
static void
test_order(struct region *rg)
{
	static const char text[] =
	    "Subject: 1\r\nFrom: a\r\nSubject: 2\r\nSubject: 3\r\n\r\n";
	static const bool skip[] = { false, false, false, true };
	struct header_list list;
	struct dkim_field *v;
	size_t body, n;

	header_parse(text, sizeof(text) - 1, rg, &list, &body);
	n = dkim_fields_choose(NULL, &list, skip, rg, &v);
	is_str(text_of(v, n, rg), "From:Subject:Subject:!From",
	    "a field that does not go out is not named");
	ok(v[1].header == &list.v[2] && v[2].header == &list.v[0],
	    "from the bottom up");
}

/*
 * A verifier takes the entry behind the 50th for the 51st field from below:
 * where not all are signed, there is none for "one more".
 */
static void
test_many(struct region *rg)
{
	struct dkim_fields *f = NULL;
	struct header_list list = { 0 };
	struct dkim_field *v;
	struct err e;
	size_t n;

	for (int i = 0; i < 60; i++)
		header_list_add(&list, rg, SLICE_LIT("To"), SLICE_LIT(" x"));
	for (int i = 0; i < 60; i++)
		header_list_add(&list, rg, SLICE_LIT("From"), SLICE_LIT(" x"));
	n = dkim_fields_choose(NULL, &list, NULL, rg, &v);
	is_int((int64_t)n, 100, "60 of a name: 50 are named, and none more");
	ok(v[0].header == &list.v[119] && v[99].header == &list.v[10],
	    "those at the bottom");
	for (int i = 0; i < 1000; i++) {
		const char *name = region_printf(rg, "X-%d", i);

		header_list_add(&list, rg, slice_of(name), SLICE_LIT(" x"));
	}
	if (ok(dkim_fields_new(SLICE_LIT("/^x-/"), SLICE_LIT(""), &f, &e) == 0,
		"an expression"))
		is_int((int64_t)dkim_fields_choose(f, &list, NULL, rg, &v), 200,
		    "that finds 1,000 names: 100 of them are named");
	dkim_fields_free(&f);
}

int
main(void)
{
	struct region *rg = region_new();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(i, rg);
	test_wrong();
	test_order(rg);
	test_many(rg);
	region_free(&rg);
	return done_testing();
}
