/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a configuration become directives and tags, as PowerMTA reads. */
#include "lib/conf_lex.h"
#include "tests/tap.h"

/*
 * Tokens are shown as D(name|value), O(name|argument), C(name), B, with their
 * line; "!" says that something odd was put up with.
 */
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
	{ "blocks within blocks on one line",
	    "<virtual-mta a> <domain *> x 2 </domain> </virtual-mta>\ny z",
	    "O(virtual-mta|a)@1 O(domain|*)@1 D(x|2)@1 C(domain)@1 "
	    "C(virtual-mta)@1 D(y|z)@2" },
	/* rows whose regex an editor has wrapped */
	{ "a regex over two lines", "/spam|\n  junk/ spam-related\nx 1\n",
	    "D(|/spam|junk/ spam-related)@1! D(x|1)@3" },
	{ "cut at a blank", "/mailbox\nis full/ quota-issues\n",
	    "D(|/mailbox is full/ quota-issues)@1!" },
	{ "over three lines, with comments and empty lines",
	    "/a| # x\n\nb\n|c/ other\n", "D(|/a|b|c/ other)@1!" },
	{ "cut before the last slash", "/a b\n/ other\n/c/ d\n",
	    "D(|/a b/ other)@1! D(|/c/ d)@3" },
	{ "cut before the category", "/a/\nother\n/c/ d\n",
	    "D(|/a/ other)@1! D(|/c/ d)@3" },
	{ "an escaped slash does not end it", "/a\\/ b\nc/ d\n",
	    "D(|/a\\/ b c/ d)@1!" },
	{ "cut off for good: the next row is whole", "/a b\n/c/ d\n",
	    "D(|/a b)@1 D(|/c/ d)@2" },
	{ "cut off at the end of the block", "/a b\n</x>\n",
	    "D(|/a b)@1 C(x)@2" },
	{ "no category at all", "/a/\n/b/ c\n/d/\n",
	    "D(|/a/)@1 D(|/b/ c)@2 D(|/d/)@3" },
	{ "without end for too many lines",
	    "/a\nb\nb\nb\nb\nb\nb\nb\nb\nb\nb\nb\nb\nb\nb\nb\nb\nb\nc/ d\n",
	    "D(|/a)@1 D(b|)@2 D(b|)@3 D(b|)@4 D(b|)@5 D(b|)@6 D(b|)@7 "
	    "D(b|)@8 D(b|)@9 D(b|)@10 D(b|)@11 D(b|)@12 D(b|)@13 D(b|)@14 "
	    "D(b|)@15 D(b|)@16 D(b|)@17 D(b|)@18 D(c/|d)@19" },
	/* lists over several lines */
	{ "behind a comma", "domain-macro m a.com,\n b.com, c.com\nx 1\n",
	    "D(domain-macro|m a.com, b.com, c.com)@1! D(x|1)@3" },
	{ "behind a comma with a comment",
	    "domain-macro m a.com, # the first\n# and\n\nb.com\n",
	    "D(domain-macro|m a.com, b.com)@1!" },
	{ "again and again", "records d,\nb,\nt\nx 1\n",
	    "D(records|d, b, t)@1! D(x|1)@4" },
	{ "a comma too many", "records d,\nmax-size 5M\n",
	    "D(records|d,)@1 D(max-size|5M)@2" },
	{ "a comma at the end of a block", "<a>\nrecords d,\n</a>\n",
	    "O(a|)@1 D(records|d,)@2 C(a)@3" },
	{ "a macro's list in the next line",
	    "domain-macro aol\n aol.com, aim.com\nx 1\n",
	    "D(domain-macro|aol aol.com, aim.com)@1! D(x|1)@3" },
	{ "and over several", "domain-macro m\na.com,\n$b\n",
	    "D(domain-macro|m a.com, $b)@1!" },
	{ "a macro without list", "domain-macro m\nmax-smtp-out 20\n",
	    "D(domain-macro|m)@1 D(max-smtp-out|20)@2" },
	{ "likewise, before a block", "domain-macro m\n<domain a.com>\n",
	    "D(domain-macro|m)@1 O(domain|a.com)@2" },
	/* templates that nobody has filled in */
	{ "double braces", "smtp-source-host {{ip}} x\n", "B@1" },
	{ "in a tag", "<virtual-mta {{ name }}>\n", "B@1" },
	{ "a shell's variable", "host-name ${HOST}\n", "B@1" },
	{ "a shell's command", "host-name `hostname`\n", "B@1" },
	{ "PHP", "<?php echo 1 ?>\na <?= $x ?>\n", "B@1 B@2" },
	{ "braces of a regex are none",
	    "reply /a{{2}}/ mode=backoff\n/`x` ${y}/ other\n",
	    "D(reply|/a{{2}}/ mode=backoff)@1 D(|/`x` ${y}/ other)@2" },
	{ "UTF-8 stays", "x \xd0\xbf\xd1\x80 # \xe4\xb8\xad\n",
	    "D(x|\xd0\xbf\xd1\x80)@1" },
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
	buf_printf(out, "@%u%s", t->line, t->odd != NULL ? "!" : "");
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

		conf_lex_init(&l, rg, cases[i].text, strlen(cases[i].text));
		while ((kind = conf_lex_next(&l, &t, &e)) != CONF_END)
			show(&out, kind, &t);
		is_str(buf_cstr(&out), cases[i].shown, cases[i].label);
		buf_fini(&out);
	}
	conf_lex_init(&l, rg, "a\0b\nc d", 7);
	is_int(conf_lex_next(&l, &t, &e), CONF_BAD, "a NUL is refused");
	is_int(conf_lex_next(&l, &t, &e), CONF_DIRECTIVE, "and it goes on");
	test_values(rg);
	region_free(&rg);
	return done_testing();
}
