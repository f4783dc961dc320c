/* SPDX-License-Identifier: Apache-2.0 */
/* Directives set fields by table; all that is wrong is said with its line. */
#include "lib/clock.h"
#include "lib/conf_bind.h"
#include "tests/conf_file.h"

struct sample {
	uint32_t count, limited;
	bool flag;
	int64_t wait_us, until_us;
	struct conf_intervals waits;
	struct rate rate;
	uint64_t size, free;
	const char *text;
	struct conf_strs list;
	struct conf_strs domains;
	struct conf_hosts hosts;
	struct conf_sources sources;
	struct conf_dkeys keys;
};

static const struct conf_directive rows[] = {
	CONF_ROW(sample, "count", count, UINT, "20", 1, 100, LIVE, "."),
	CONF_ROW(sample, "domains", domains, DOMAINS, "", 0, 0, LIVE, "."),
	CONF_ROW(sample, "flag", flag, BOOL, "no", 0, 0, LIVE, "."),
	CONF_ROW(sample, "free", free, SIZE, "64M", 0, 0, LIVE, "."),
	CONF_ROW(sample, "hosts", hosts, HOSTS, "", 0, 0, LIVE, "."),
	CONF_ROW(sample, "key", keys, DKEYS, "", 0, 0, LIVE, "."),
	CONF_ROW(sample, "limited", limited, UINT, "0", 0, 10, LIVE, "."),
	CONF_ROW(sample, "list", list, STRS, "d,b", 0, 0, LIVE, "."),
	CONF_ROW(sample, "rate", rate, RATE, "unlimited", 0, 0, LIVE, "."),
	CONF_ROW(sample, "size", size, SIZE, "unlimited", 0, 0, LIVE, "."),
	CONF_ROW(sample, "source", sources, SOURCES, "", 0, 0, LIVE, "."),
	CONF_ROW(sample, "text", text, STR, "none", 0, 0, LIVE, "."),
	CONF_ROW(sample, "until", until_us, INTERVAL, "never", 0, 0, LIVE, "."),
	CONF_ROW(sample, "wait", wait_us, INTERVAL, "10m", 1, 600, LIVE, "."),
	CONF_ROW(sample, "waits", waits, INTERVALS, "1h", 1, 0, LIVE, "."),
};
static const struct conf_directive other_rows[] = {
	CONF_ROW(sample, "elsewhere", count, UINT, "0", 0, 0, LIVE, "."),
};
static const struct conf_table table = { "in <sample>", 'X', rows,
	sizeof(rows) / sizeof(rows[0]) };
static const struct conf_table other = { "in <other>", 'Y', other_rows, 1 };
static const struct conf_table *const tables[] = { &table, &other };
static const char *const blocks[] = { "<sample>", "<other>" };
static const struct conf_known known[] = {
	{ "<old>", "X", false, "." },
	{ "ignored", "X", false, "." },
	{ "misplaced", "Y", false, "." },
	{ "protect", "X", true, "." },
};
static const struct conf_schema schema = { tables, 2, blocks, 2, known, 4 };

static void
show_hosts(struct buf *b, const struct sample *s)
{
	char text[NET_ADDR_TEXT];

	for (size_t i = 0; i < s->hosts.n; i++)
		buf_printf(b, " host=%s", s->hosts.v[i].name);
	for (size_t i = 0; i < s->sources.n; i++)
		buf_printf(b, " source=%s(%s)",
		    net_addr_text(&s->sources.v[i].addr, text),
		    s->sources.v[i].name);
	for (size_t i = 0; i < s->keys.n; i++)
		buf_printf(b, " key=%s._domainkey.%s:%s", s->keys.v[i].selector,
		    s->keys.v[i].domain, strrchr(s->keys.v[i].path, '/') + 1);
}

/* What was set, in the order of the table. */
static void
show(struct buf *b, const struct sample *s, const struct conf_set *set)
{
	for (size_t i = 0; i < table.count; i++) {
		const char *name = rows[i].name;

		if (!conf_is_set(&table, set, name))
			continue;
		buf_printf(b, " %s=", name);
		if (rows[i].offset == offsetof(struct sample, count))
			buf_printf(b, "%u", s->count);
		if (rows[i].offset == offsetof(struct sample, limited))
			buf_printf(b, "%u", s->limited);
		if (rows[i].offset == offsetof(struct sample, flag))
			buf_str(b, s->flag ? "yes" : "no");
		if (rows[i].offset == offsetof(struct sample, wait_us))
			str_interval(b, s->wait_us);
		if (rows[i].offset == offsetof(struct sample, until_us))
			str_interval(b, s->until_us);
		for (size_t k = 0; k < s->waits.n &&
		     rows[i].offset == offsetof(struct sample, waits);
		     k++) {
			buf_str(b, k == 0 ? "" : "/");
			str_interval(b, s->waits.v[k]);
		}
		if (rows[i].offset == offsetof(struct sample, rate))
			str_rate(b, &s->rate);
		if (rows[i].offset == offsetof(struct sample, size))
			buf_printf(b, "%lld", (long long)s->size);
		if (rows[i].offset == offsetof(struct sample, free))
			buf_printf(b, "%lld", (long long)s->free);
		if (rows[i].offset == offsetof(struct sample, text))
			buf_str(b, s->text);
		for (size_t k = 0; k < s->list.n &&
		     rows[i].offset == offsetof(struct sample, list);
		     k++)
			buf_printf(b, "%s/", s->list.v[k]);
		for (size_t k = 0; k < s->domains.n &&
		     rows[i].offset == offsetof(struct sample, domains);
		     k++)
			buf_printf(b, "%s/", s->domains.v[k]);
	}
	show_hosts(b, s);
}

static const struct {
	const char *text, *shown;
	const char *said; /* NULL: nothing may be said */
} cases[] = {
	{ "", "", NULL },
	{ "count 30\nflag yes\ntext hello", " count=30 flag=yes text=hello",
	    NULL },
	{ "COUNT 30", " count=30", NULL },
	{ "count \"30\"", " count=30", NULL },
	{ "count 1\ncount 2", " count=2", NULL },
	{ "text \"\"", " text=", NULL },
	{ "text \"a  \\\"b\\\"\"", " text=a  \"b\"", NULL },
	{ "wait 90s\nwaits 1m, 2m,1h\nuntil 1d",
	    " until=1d wait=1m30s waits=1m/2m/1h", NULL },
	{ "until never", " until=never", NULL },
	{ "rate 100/15m", " rate=100/15m", NULL },
	{ "size 0\nfree 1k", " free=1024 size=-1", NULL },
	{ "limited unlimited", " limited=0", NULL },
	{ "list t", " list=t/", NULL },
	{ "list t\nlist \"a, b\", c", " list=t/a, b/c/", NULL },
	{ "list t\nlist \"\"", " list=", NULL },
	{ "domain-macro m a.de, b.de\ndomains $m, c.de",
	    " domains=a.de/b.de/c.de/", NULL },
	{ "hosts a, b", " hosts= host=a host=b", NULL },
	{ "source 192.0.2.1 a.example\nsource [2001:db8::1] b.example",
	    " source= source=192.0.2.1(a.example) "
	    "source=2001:db8::1(b.example)",
	    NULL },
	{ "source 192.0.2.1", " source= source=192.0.2.1()", NULL },
	{ "key s, Example.com, k.pem\nkey t,*,/d/k.pem",
	    " key= key=s._domainkey.example.com:k.pem "
	    "key=t._domainkey.*:k.pem",
	    NULL },
	/* what is wrong, and where */
	{ "count 101", " count=20", "main:1: count: 101 is more than 100" },
	{ "\ncount 0", " count=20", "main:2: count: 0 is less than 1" },
	{ "count x", " count=20", "\"x\" is not a number" },
	{ "count unlimited", " count=20", "not a number" },
	{ "count", "", "main:1: count: argument missing" },
	{ "flag maybe", " flag=no", "neither yes nor no" },
	{ "wait 11m", " wait=10m", "660s is more than 600s" },
	{ "wait never", " wait=10m", "\"never\" is no value here" },
	{ "waits 1m, 0", " waits=1h", "0s is less than 1s" },
	{ "waits ,", " waits=1h", "argument missing" },
	{ "free unlimited", " free=67108864", "no value here" },
	{ "text \"a", " text=none", "no closing quote" },
	{ "source 10.0.0.0/24 x", " source=", "is a range" },
	{ "source 1.2.3 x", " source=", "is not an address" },
	{ "source 1.2.3.4 a b", " source=", "behind the name" },
	{ "source 1.2.3.4 a_b..c", " source=", "not a host name" },
	{ "source 0.0.0.0 a", " source=", "cannot be a source" },
	{ "source 224.0.0.1 a", " source=", "cannot be a source" },
	{ "source ff02::1 a", " source=", "cannot be a source" },
	{ "source fe80::1 a", " source=", "cannot be a source" },
	{ "key s, example.com", " key=", "SELECTOR, DOMAIN or *, FILE" },
	{ "key s, {vault}:x, {vault}:/a", " key=", "vault" },
	{ "key s, a b, c", " key=", "is not a domain" },
	{ "domains $nope", " domains=", "unknown macro $nope" },
	{ "conut 3", "", "did you mean count (in <sample>)?" },
	{ "tect 3", "", "did you mean text" },
	{ "zzzzzz 3", "", "main:1: unknown directive zzzzzz in <sample>" },
	{ "elsewhere 3", "",
	    "elsewhere does not belong in <sample>, but in <other>" },
	{ "misplaced 3", "",
	    "misplaced does not belong in <sample>, but in <other>" },
	{ "ignored 3", "", "main:1: ignored has no effect yet" },
	{ "protect no", "", NULL },
	{ "protect \"\"", "", NULL },
	{ "protect yes", "", "protect protects" },
	{ "<othr x>\n</othr>", "", "did you mean <other>?" },
	{ "<other x>\n</other>", "", "<other> does not belong in <sample>" },
	{ "<old x>\n</old>", "", "<old> has no effect yet" },
};

static void
test_case(size_t i)
{
	struct region *rg = region_new();
	struct conf_errors errs = { 0 };
	struct conf_set set = { { 0 } };
	struct buf out = { 0 };
	struct conf_tree tree;
	struct conf_binder b = { &tree, &schema, &errs };
	struct sample s;
	char label[200];

	(void)snprintf(label, sizeof(label), "%s", cases[i].text);
	for (char *p = strchr(label, '\n'); p != NULL; p = strchr(p, '\n'))
		*p = ';';
	conf_file_put("main", cases[i].text);
	conf_parse(&tree, conf_file_path("main"), rg, &errs);
	conf_defaults(&tree, &table, &s);
	for (const struct conf_node *n = tree.root->first; n != NULL;
	     n = n->next)
		conf_bind(&b, &table, n, &s, &set);
	show(&out, &s, &set);
	is_str(buf_cstr(&out), cases[i].shown, label);
	if (cases[i].said == NULL)
		is_int((int64_t)errs.n, 0, "nothing is said");
	else
		ok(errs.n == 1 && conf_file_said(&errs, cases[i].said),
		    "and said");
	buf_fini(&out);
	conf_tree_fini(&tree);
	conf_errors_fini(&errs);
	region_free(&rg);
}

/* Levels: only what was set overrides. */
static void
test_merge(void)
{
	struct region *rg = region_new();
	struct conf_errors errs = { 0 };
	struct conf_set set = { { 0 } };
	struct conf_tree tree;
	struct conf_binder b = { &tree, &schema, &errs };
	struct sample upper, lower;

	conf_file_put("main", "count 3\nlist x\n");
	conf_parse(&tree, conf_file_path("main"), rg, &errs);
	conf_defaults(&tree, &table, &lower);
	memset(&upper, 0, sizeof(upper));
	for (const struct conf_node *n = tree.root->first; n != NULL;
	     n = n->next)
		conf_bind(&b, &table, n, &upper, &set);
	conf_merge(&table, &lower, &upper, &set);
	is_int(lower.count, 3, "what was set is taken");
	ok(lower.list.n == 1 && strcmp(lower.list.v[0], "x") == 0,
	    "a list is replaced");
	is_int(lower.wait_us, 600 * US_PER_S, "what was not set stays");
	is_str(lower.text, "none", "likewise");
	conf_tree_fini(&tree);
	region_free(&rg);
}

/* Warnings that come again are counted; errors are all kept, in order. */
static void
test_errors(void)
{
	struct conf_errors errs = { 0 };

	conf_warning(&errs, "f", 3, "%s", "odd");
	conf_error(&errs, "f", 0, "bad %d", 1);
	is_str(errs.v[0].text, "f:3: odd", "a warning with its line");
	is_str(errs.v[1].text, "f: bad 1", "an error of the file");
	ok(errs.v[0].warning && !errs.v[1].warning && errs.fatal == 1,
	    "warnings are not fatal");
	conf_warning(&errs, "g", 7, "%s", "odd");
	conf_warning(&errs, "f", 9, "%s", "odd");
	conf_warning(&errs, "e", 9, "%s", "other");
	conf_error(&errs, "f", 2, "bad %d", 1);
	conf_errors_finish(&errs, 0);
	is_int((int64_t)errs.n, 4, "a warning is said once");
	is_str(errs.v[0].text, "e:9: other", "sorted by file");
	is_str(errs.v[2].text, "f:2: bad 1", "an error is said again");
	is_str(errs.v[3].text, "f:3: odd (and 2 more)", "and how often");
	conf_warning(&errs, "f", 1, "%s", "odd");
	conf_errors_finish(&errs, 4);
	is_str(errs.v[4].text, "f:1: odd", "the next load counts anew");
	conf_errors_fini(&errs);
}

int
main(void)
{
	conf_file_begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(i);
	test_merge();
	test_errors();
	conf_file_end();
	return done_testing();
}
