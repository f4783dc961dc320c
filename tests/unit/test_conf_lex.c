/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a configuration become directives and tags, as PowerMTA reads. */
#include "lib/conf_lex.h"
#include "tests/tap.h"

/* Tokens are shown as D(name|value), O(name|argument), C(name), B. */
static const struct {
	const char *label, *text, *shown;
} cases[] = {
	{ "a directive", "max-smtp-out 20", "D(max-smtp-out|20)@1" },
	{ "blanks, tabs, CRLF", " \ta \t b  c \r\n\r\nd e\r\n",
	    "D(a|b  c)@1 D(d|e)@3" },
	{ "no newline at the end", "a b\nc d", "D(a|b)@1 D(c|d)@2" },
	{ "a comment anywhere", "# x\na b # c\nd \"e#f\"\n",
	    "D(a|b)@2 D(d|\"e)@3" },
	{ "no value", "yes\n", "D(yes|)@1" },
	{ "a block", "<domain a.com>\n x 1\n</domain>\n",
	    "O(domain|a.com)@1 D(x|1)@2 C(domain)@3" },
	{ "odd blanks in tags", "<domain   $hotmail >\n</ domain >\n< x>\n",
	    "O(domain|$hotmail)@1 C(domain)@2 O(x|)@3" },
	{ "a closing tag repeats its argument", "</domain a.com>",
	    "C(domain)@1" },
	{ "a command with > as argument", "<acct-file |cat > /x>\n",
	    "O(acct-file||cat > /x)@1" },
	{ "a block on one line", "<domain a> max-smtp-out 2 </domain>\ny z",
	    "O(domain|a)@1 D(max-smtp-out|2)@1 C(domain)@1 D(y|z)@2" },
	{ "an empty block on one line", "<domain a></DOMAIN>",
	    "O(domain|a)@1 C(DOMAIN)@1" },
	{ "a row that opens a block", "mail-from /a/ <pattern-list>\n",
	    "D(mail-from|/a/)<pattern-list>@1" },
	{ "an address opens none", "mail-from * <a@b>\nmail-from a <>\n",
	    "D(mail-from|* <a@b>)@1 D(mail-from|a <>)@2" },
	{ "a row without name", "/spam|junk/ spam-related\n",
	    "D(|/spam|junk/ spam-related)@1" },
	{ "a byte order mark",
	    "\xef\xbb\xbf"
	    "a b",
	    "D(a|b)@1" },
	{ "an unfinished tag", "<domain a\nb c\n", "B@1 D(b|c)@2" },
	{ "tags without name", "<>\n</>\n<\n", "B@1 B@2 B@3" },
	{ "text behind a closing tag", "</a> <b>\n", "B@1" },
	{ "nothing", "", "" },
	{ "only a comment", "#", "" },
};

static void
show(struct buf *out, enum conf_kind kind, const struct conf_token *t)
{
	if (out->len > 0)
		buf_byte(out, ' ');
	if (kind == CONF_BAD)
		buf_str(out, "B");
	else if (kind == CONF_CLOSE)
		buf_printf(out, "C(%.*s)", (int)t->name.len, t->name.p);
	else
		buf_printf(out, "%c(%.*s|%.*s)", kind == CONF_OPEN ? 'O' : 'D',
		    (int)t->name.len, t->name.p, (int)t->value.len, t->value.p);
	if (t->opens.len > 0)
		buf_printf(out, "<%.*s>", (int)t->opens.len, t->opens.p);
	buf_printf(out, "@%u", t->line);
}

static const struct {
	const char *text, *value; /* NULL: refused */
} quotes[] = {
	{ "plain text", "plain text" },
	{ "\"quoted text\"", "quoted text" },
	{ "\"a \\\"b\\\" \\\\ c\"", "a \"b\" \\ c" },
	{ "\"\"", "" },
	{ "a\\b", "a\\b" },
	{ "\"open", NULL },
	{ "\"open\\\"", NULL },
	{ "\"a\" b", NULL },
	{ "\"", NULL },
};

static const struct {
	const char *text, *items; /* joined by "/" */
} lists[] = {
	{ "a,b , c", "a/b/c" },
	{ "a b, c", "a b/c" },
	{ "\"a,b\", c,", "a,b/c" },
	{ ",,a", "a" },
	{ "\"\"", "" },
	{ "\"a\" b", "ERROR" },
};

static void
test_values(struct region *rg)
{
	const char *text;
	struct err e;

	for (size_t i = 0; i < sizeof(quotes) / sizeof(quotes[0]); i++) {
		int rc = conf_unquote(slice_of(quotes[i].text), rg, &text, &e);

		if (quotes[i].value == NULL)
			is_int(rc, -1, quotes[i].text);
		else
			is_str(text, quotes[i].value, quotes[i].text);
	}
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct slice rest = slice_of(lists[i].text);
		struct buf out = { 0 };

		for (size_t n = 0;; n++) {
			if (conf_item(&rest, rg, &text, &e) == -1) {
				buf_clear(&out);
				buf_str(&out, "ERROR");
				break;
			}
			if (text == NULL)
				break;
			buf_printf(&out, "%s%s", n == 0 ? "" : "/", text);
		}
		is_str(buf_cstr(&out), lists[i].items, lists[i].text);
		buf_fini(&out);
	}
}

int
main(void)
{
	struct region *rg = region_new();
	struct conf_token t;
	struct conf_lex l;
	struct err e;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = { 0 };
		enum conf_kind kind;

		conf_lex_init(&l, cases[i].text, strlen(cases[i].text));
		while ((kind = conf_lex_next(&l, &t, &e)) != CONF_END)
			show(&out, kind, &t);
		is_str(buf_cstr(&out), cases[i].shown, cases[i].label);
		buf_fini(&out);
	}
	conf_lex_init(&l, "a\0b\nc d", 7);
	is_int(conf_lex_next(&l, &t, &e), CONF_BAD, "a NUL is refused");
	is_int(conf_lex_next(&l, &t, &e), CONF_DIRECTIVE, "and it goes on");
	test_values(rg);
	region_free(&rg);
	return done_testing();
}
