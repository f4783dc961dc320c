/* SPDX-License-Identifier: Apache-2.0 */
/* A header block is split into its fields, whatever stands in it. */
#include "mail/header.h"

#include "tests/tap.h"

static const struct {
	const char *label, *text;
	const char *fields; /* "name=value|..." with CRLF shown as ~ */
	const char *body;
} cases[] = {
	{ "plain", "A: x\r\nB: y\r\n\r\nbody\r\n", "A= x|B= y|", "body\r\n" },
	{ "folded", "A: x\r\n\ty\r\n z\r\nB: 1\r\n\r\n", "A= x~\ty~ z|B= 1|",
	    "" },
	{ "folded right behind the colon", "A:\r\n x\r\n\r\nb", "A=~ x|", "b" },
	{ "no blank", "A:x\r\n\r\n", "A=x|", "" },
	{ "empty value", "A:\r\nB: 1\r\n\r\n", "A=|B= 1|", "" },
	{ "blank before the colon", "A \t: x\r\n\r\n", "A= x|", "" },
	{ "no body", "A: x\r\n", "A= x|", "" },
	{ "no final line end", "A: x", "A= x|", "" },
	{ "no header", "\r\nbody", "", "body" },
	{ "nothing", "", "", "" },
	{ "junk ends the header", "A: x\r\njunk\r\nB: y\r\n\r\nb", "A= x|",
	    "junk\r\nB: y\r\n\r\nb" },
	{ "mbox line", "From a@b Fri\r\nA: x\r\n\r\n", "",
	    "From a@b Fri\r\nA: x\r\n\r\n" },
	{ "starts with a fold", " x\r\nA: y\r\n\r\n", "",
	    " x\r\nA: y\r\n\r\n" },
	{ "LF alone is no line end", "A: x\nB: y\r\n\r\nb", "A= x\nB: y|",
	    "b" },
	{ "CR alone is none either", "A: x\rB\r\n\r\nb", "A= x\rB|", "b" },
	{ "8-bit name ends the header", "\xc3\xa4: x\r\n\r\n", "",
	    "\xc3\xa4: x\r\n\r\n" },
	{ "8-bit value", "A: \xc3\xa4\r\n\r\n", "A= \xc3\xa4|", "" },
	{ "colon only", ": x\r\n\r\n", "", ": x\r\n\r\n" },
};

static void
show(struct buf *out, const struct header_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct header *h = &list->v[i];

		buf_add(out, h->name.p, h->name.len);
		buf_byte(out, '=');
		for (size_t k = 0; k < h->value.len; k++)
			if (h->value.p[k] == '\r' && k + 1 < h->value.len &&
			    h->value.p[k + 1] == '\n') {
				buf_byte(out, '~');
				k++;
			} else {
				buf_byte(out, h->value.p[k]);
			}
		buf_byte(out, '|');
	}
}

static void
test_values(struct region *rg)
{
	struct header_list list = { 0 };

	header_list_add(&list, rg, SLICE_LIT("Subject"),
	    SLICE_LIT(" one\r\n\ttwo \r\n three \t"));
	header_list_add(&list, rg, SLICE_LIT("X-Job"), SLICE_LIT("\r\n 7"));
	header_list_add(&list, rg, SLICE_LIT("x-job"), SLICE_LIT(""));
	is_str(header_value(&list.v[0], rg), "one\ttwo  three",
	    "unfolded and trimmed");
	is_str(header_value(&list.v[1], rg), "7", "a fold in front");
	is_str(header_value(&list.v[2], rg), "", "an empty value");
	is_int((int64_t)header_find(&list, "X-JOB", 0), 1, "found");
	is_int((int64_t)header_find(&list, "X-JOB", 2), 2, "and the next");
	is_int((int64_t)header_find(&list, "X-Nope", 0), 3, "none");
	ok(list.v[0].whole.len == 7 + 1 + list.v[0].value.len &&
		memcmp(list.v[0].whole.p, "Subject: one", 12) == 0,
	    "the whole field");
}

static void
test_seek(void)
{
	static const struct {
		const char *label, *text, *whole; /* NULL: it is not there */
	} seeks[] = {
		{ "behind what is no field",
		    "\xc3\xa4: 1\r\n: 2\r\njunk\r\nx-job \t: 3\r\n\t4\r\nA: 5\r\n",
		    "x-job \t: 3\r\n\t4" },
		{ "in a fold", "A: 1\r\n X-Job: 2\r\n", NULL },
		{ "in a fold of what is none", ": 1\r\n X-Job: 2\r\n", NULL },
		{ "below the empty line", "A: 1\r\n\r\nX-Job: 2\r\n", NULL },
		{ "a name that begins so", "X-Job-Id: 1\r\n", NULL },
		{ "the last line", "\v\r\nX-Job:", "X-Job:" },
	};

	for (size_t i = 0; i < sizeof(seeks) / sizeof(seeks[0]); i++) {
		const char *text = seeks[i].text, *whole = seeks[i].whole;
		struct header h;
		bool found = header_seek(text, strlen(text), "X-Job", &h);

		ok(found == (whole != NULL) &&
			(!found || slice_eq(h.whole, whole)),
		    "%s", seeks[i].label);
	}
}

static void
test_many(struct region *rg)
{
	struct header_list list;
	struct buf text = { 0 };
	size_t body;

	for (int i = 0; i < 1500; i++)
		buf_printf(&text, "X-%d: %d\r\n", i, i);
	buf_str(&text, "\r\nbody");
	header_parse(text.p, text.len, rg, &list, &body);
	is_int((int64_t)list.n, 1500, "1,500 fields");
	is_str(header_value(&list.v[1499], rg), "1499", "the last of them");
	is_int((int64_t)(text.len - body), 4, "and the body");
	buf_fini(&text);
}

int
main(void)
{
	struct region *rg = region_new();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct header_list list;
		struct buf shown = { 0 };
		size_t body;

		header_parse(cases[i].text, strlen(cases[i].text), rg, &list,
		    &body);
		show(&shown, &list);
		is_str(buf_cstr(&shown), cases[i].fields, cases[i].label);
		is_str(cases[i].text + body, cases[i].body, "its body");
		buf_fini(&shown);
	}
	test_values(rg);
	test_seek();
	test_many(rg);
	region_free(&rg);
	return done_testing();
}
