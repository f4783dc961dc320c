/* SPDX-License-Identifier: Apache-2.0 */
/* Directives set fields by table; all that is wrong is said with its line. */
#include "lib/clock.h"
#include "lib/conf_known.h"
#include "tests/conf_file.h"

struct sample {
	uint32_t count, limited;
	bool flag;
	int64_t wait_us, until_us;
	struct conf_intervals waits;
	struct rate rate;
	uint64_t size, free;
	uint32_t percent;
	int64_t no_mx_us;
	struct data_rate volume;
	struct conf_rates days;
	struct net_prefix range;
	const char *word;
	struct conf_strs addrs;
	const char *text;
	struct conf_strs list;
	struct conf_strs domains;
	struct conf_hosts hosts;
	struct conf_sources sources;
	struct conf_dkeys keys;
};

static const struct conf_directive rows[] = {
	CONF_ROW(sample, "addrs", addrs, ADDRS, "", 0, 0, LIVE, "."),
	CONF_ROW(sample, "count", count, UINT, "20", 1, 100, LIVE, "."),
	CONF_ROW(sample, "days", days, RATES, "0/d", 0, 0, LIVE, "."),
	CONF_ROW(sample, "domains", domains, DOMAINS, "", 0, 0, LIVE, "."),
	CONF_ROW(sample, "flag", flag, BOOL, "no", 0, 0, LIVE, "."),
	CONF_ROW(sample, "free", free, SIZE, "64M", 0, 0, LIVE, "."),
	CONF_ROW(sample, "hosts", hosts, HOSTS, "", 0, 0, LIVE, "."),
	CONF_ROW(sample, "key", keys, DKEYS, "", 0, 0, LIVE, "."),
	CONF_ROW(sample, "limited", limited, UINT, "0", 0, 10, LIVE, "."),
	CONF_ROW(sample, "list", list, STRS, "d,b", 0, 0, LIVE, "."),
	CONF_ROW(sample, "no-mx", no_mx_us, BOOL_INTERVAL, "no", 0, 0, LIVE,
	    "."),
	CONF_ROW(sample, "percent", percent, PERCENT, "90", 0, 0, LIVE, "."),
	CONF_ROW(sample, "range", range, CIDR, "0/0", 0, 0, LIVE, "."),
	CONF_ROW(sample, "rate", rate, RATE, "unlimited", 0, 0, LIVE, "."),
	CONF_ROW(sample, "size", size, SIZE, "unlimited", 0, 0, LIVE, "."),
	CONF_ROW(sample, "source", sources, SOURCES, "", 0, 0, LIVE, "."),
	CONF_ROW(sample, "text", text, STR, "none", 0, 0, LIVE, "."),
	CONF_ROW(sample, "until", until_us, INTERVAL, "never", 0, 0, LIVE, "."),
	CONF_ROW(sample, "volume", volume, DATA_RATE, "unlimited", 0, 0, LIVE,
	    "."),
	CONF_ROW(sample, "wait", wait_us, INTERVAL, "10m", 1, 600, LIVE, "."),
	CONF_ROW(sample, "waits", waits, INTERVALS, "1h", 1, 0, LIVE, "."),
	CONF_ROW(sample, "word", word, WORD, "one|two|last-one", 0, 0, LIVE,
	    "."),
};
static const struct conf_directive other_rows[] = {
	CONF_ROW(sample, "elsewhere", count, UINT, "0", 0, 0, LIVE, "."),
};
static const struct conf_table table = { "in <sample>", 'X', rows,
	sizeof(rows) / sizeof(rows[0]) };
static const struct conf_table other = { "in <other>", 'Y', other_rows, 1 };
static const struct conf_table *const tables[] = { &table, &other };
static const struct conf_block blocks[] = {
	CONF_BLOCK("sample", "", 0, "", READ, "."),
	CONF_BLOCK("other", "", 0, "", READ, "."),
	CONF_BLOCK("old", "X", 'o', "[NAME]", LATER, "."),
	CONF_BLOCK("inner", "o", 'i', "NAME", LATER, "."),
	CONF_BLOCK("shut", "o", 0, "", LATER, "."),
};
static const struct conf_known known[] = {
	{ "", "i", "REGEX NAME", 0, 0, CONF_FATE_LATER, "", "." },
	{ "an-hour", "X", "UINT", 0, 0, CONF_FATE_HOURLY, "rate", "." },
	{ "former", "X", "UINT", 0, 0, CONF_FATE_ALIAS, "count", "." },
	{ "forms", "X", "NAME / CIDR", 0, 0, CONF_FATE_LATER, "write NAME",
	    "." },
	{ "gone", "Xo", "BOOL", 0, 0, CONF_FATE_OLD, "use text", "." },
	{ "ignored", "X", "UINT", 1, 9, CONF_FATE_LATER, "", "." },
	{ "ignored", "o", "BOOL", 0, 0, CONF_FATE_LATER, "", "." },
	{ "latter", "X", "UINT", 0, 0, CONF_FATE_SAME, "count", "." },
	{ "misplaced", "Y", "UINT", 0, 0, CONF_FATE_LATER, "", "." },
	{ "never", "X", "BOOL", 0, 0, CONF_FATE_NEVER, "it is ours", "." },
	{ "protect", "X", "BOOL / TEXT", 0, 0, CONF_FATE_PROTECTS, "", "." },
};
static const struct conf_form_types no_types;
static const struct conf_schema schema = { tables, 2, blocks, 5, known, 11,
	&no_types };

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

static void
show_strs(struct buf *b, const struct conf_strs *list)
{
	for (size_t i = 0; i < list->n; i++)
		buf_printf(b, "%s/", list->v[i]);
}

/* Those that are no plain number or text. */
static void
show_lists(struct buf *b, const struct sample *s, const char *name)
{
	char text[NET_ADDR_TEXT];

	for (size_t k = 0; k < s->waits.n && strcmp(name, "waits") == 0; k++) {
		buf_str(b, k == 0 ? "" : "/");
		str_interval(b, s->waits.v[k]);
	}
	for (size_t k = 0; k < s->days.n && strcmp(name, "days") == 0; k++) {
		buf_str(b, k == 0 ? "" : " ");
		str_rate(b, &s->days.v[k]);
	}
	if (strcmp(name, "list") == 0)
		show_strs(b, &s->list);
	if (strcmp(name, "addrs") == 0)
		show_strs(b, &s->addrs);
	if (strcmp(name, "domains") == 0)
		show_strs(b, &s->domains);
	if (strcmp(name, "range") == 0)
		buf_printf(b, "%s/%u", net_addr_text(&s->range.addr, text),
		    s->range.bits);
}

static void
show_row(struct buf *b, const struct sample *s, const char *name)
{
	if (strcmp(name, "count") == 0)
		buf_printf(b, "%u", s->count);
	if (strcmp(name, "limited") == 0)
		buf_printf(b, "%u", s->limited);
	if (strcmp(name, "percent") == 0)
		buf_printf(b, "%u", s->percent);
	if (strcmp(name, "flag") == 0)
		buf_str(b, s->flag ? "yes" : "no");
	if (strcmp(name, "wait") == 0)
		str_interval(b, s->wait_us);
	if (strcmp(name, "until") == 0)
		str_interval(b, s->until_us);
	if (strcmp(name, "no-mx") == 0)
		str_interval(b, s->no_mx_us);
	if (strcmp(name, "rate") == 0)
		str_rate(b, &s->rate);
	if (strcmp(name, "volume") == 0)
		str_data_rate(b, &s->volume);
	if (strcmp(name, "size") == 0)
		buf_printf(b, "%lld", (long long)s->size);
	if (strcmp(name, "free") == 0)
		buf_printf(b, "%lld", (long long)s->free);
	if (strcmp(name, "text") == 0)
		buf_str(b, s->text);
	if (strcmp(name, "word") == 0)
		buf_str(b, s->word);
	show_lists(b, s, name);
}

/* What was set, in the order of the table. */
static void
show(struct buf *b, const struct sample *s, const struct conf_set *set)
{
	for (size_t i = 0; i < table.count; i++) {
		if (!conf_is_set(&table, set, rows[i].name))
			continue;
		buf_printf(b, " %s=", rows[i].name);
		show_row(b, s, rows[i].name);
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
	/* of a block those that a host can have */
	{ "source 192.0.2.8/30 x",
	    " source= source=192.0.2.9(x) source=192.0.2.10(x)", NULL },
	{ "source 192.0.2.11/30 x",
	    " source= source=192.0.2.9(x) source=192.0.2.10(x)", NULL },
	{ "source 192.0.2.254/31 x",
	    " source= source=192.0.2.254(x) source=192.0.2.255(x)", NULL },
	{ "source 192.0.2.8/32", " source= source=192.0.2.8()", NULL },
	{ "source 2001:db8::fffc/126 x",
	    " source= source=2001:db8::fffd(x) source=2001:db8::fffe(x) "
	    "source=2001:db8::ffff(x)",
	    NULL },
	{ "source 192.0.2.1 a\nsource 192.0.2.8/30 b",
	    " source= source=192.0.2.1(a) source=192.0.2.9(b) "
	    "source=192.0.2.10(b)",
	    NULL },
	{ "key s, Example.com, k.pem\nkey t,*,/d/k.pem",
	    " key= key=s._domainkey.example.com:k.pem "
	    "key=t._domainkey.*:k.pem",
	    NULL },
	{ "percent 75", " percent=75", NULL },
	{ "percent 75%", " percent=75", NULL },
	{ "no-mx yes", " no-mx=0", NULL },
	{ "no-mx false", " no-mx=never", NULL },
	{ "no-mx 4h", " no-mx=4h", NULL },
	{ "volume 10M/15m", " volume=10m/15m", NULL },
	{ "volume 500/s", " volume=500/s", NULL },
	{ "volume 2000000K/day", " volume=2000000k/d", NULL },
	{ "volume 0", " volume=unlimited", NULL },
	{ "volume unlimited", " volume=unlimited", NULL },
	{ "rate 50/day", " rate=50/d", NULL },
	{ "rate 250/hr", " rate=250/h", NULL },
	{ "rate 10/36sec", " rate=10/36s", NULL },
	{ "rate 0", " rate=unlimited", NULL },
	{ "days 1/day,2/day, 3/day", " days=1/d 2/d 3/d", NULL },
	{ "days 0/d", " days=0/d", NULL },
	{ "days unlimited", " days=unlimited", NULL },
	{ "range 10/8", " range=10.0.0.0/8", NULL },
	{ "range 173.194/16", " range=173.194.0.0/16", NULL },
	{ "range 0/0", " range=0.0.0.0/0", NULL },
	{ "range ::1", " range=::1/128", NULL },
	{ "word TWO", " word=two", NULL },
	{ "word \"last-one\"", " word=last-one", NULL },
	{ "addrs a@x.com, \"b@y.com\"", " addrs=a@x.com/b@y.com/", NULL },
	{ "addrs a@x.com\naddrs \"\"", " addrs=", NULL },
	{ "wait 1m30s", " wait=1m30s", NULL },
	{ "until 4d12h\nuntil 2w", " until=2w", NULL },
	{ "flag TRUE\nflag no", " flag=no", NULL },
	{ "size 10000K\nfree 1g", " free=1073741824 size=10240000", NULL },
	{ "size 5b", " size=5", NULL },
	{ "text p\xc3\xa4ivi", " text=p\xc3\xa4ivi", NULL },
	{ "hosts [10.1.1.1]:2525", " hosts= host=(null)", NULL },
	/* other names of a row */
	{ "former 30", " count=30", "former is an old name: use count" },
	{ "latter 30", " count=30", NULL },
	{ "an-hour 250", " rate=250/h", "an-hour is an old name: use rate" },
	/* what is wrong, and where */
	{ "former x", "", "former: \"x\" is not a number" },
	{ "latter 101", " count=20", "latter: 101 is more than 100" },
	{ "percent 101", " percent=90", "\"101\" is not a percentage" },
	{ "percent x%", " percent=90", "not a" },
	{ "no-mx maybe", " no-mx=never", "neither yes nor no nor a time" },
	{ "volume 10M", " volume=unlimited", "is not a data rate" },
	{ "volume x/h", " volume=unlimited", "is not a data rate" },
	{ "volume 10M/0h", " volume=unlimited", "is not a data rate" },
	{ "volume 10M/fortnight", " volume=unlimited", "is not a data rate" },
	{ "rate 10", " rate=unlimited", "is not a rate" },
	{ "rate 1/5000000000000h", " rate=unlimited", "longer than ten years" },
	{ "days 1/d, x", " days=0/d", "is not a rate" },
	{ "range 10.0.0.0/33", " range=0.0.0.0/0", "bad prefix length" },
	{ "range x", " range=0.0.0.0/0", "is not an address or CIDR" },
	{ "word three", " word=one", "\"three\" is none of one|two|last-one" },
	{ "addrs a@x.com, b", " addrs=a@x.com/",
	    "\"b\" is not a mail address" },
	{ "addrs a b@x.com", " addrs=", "is not a mail address" },
	{ "source $p_ip x", " source=", "is this a template?" },
	{ "count 101", " count=20", "main:1: count: 101 is more than 100" },
	{ "\ncount 0", " count=20", "main:2: count: 0 is less than 1" },
	{ "count x", " count=20", "\"x\" is not a number" },
	{ "count unlimited", " count=20", "not a number" },
	{ "count", "", "main:1: count: argument missing" },
	{ "flag maybe", " flag=no", "neither yes nor no" },
	{ "wait 11m", " wait=10m", "11m is more than 10m" },
	{ "wait never", " wait=10m", "\"never\" is no value here" },
	{ "waits 1m, 0", " waits=1h", "0 is less than 1s" },
	{ "waits ,", " waits=1h", "argument missing" },
	{ "free unlimited", " free=67108864", "no value here" },
	{ "text \"a", " text=none", "no closing quote" },
	{ "source 10.0.0.0/23 x", " source=", "more than 256 addresses" },
	{ "source 10/8 x", " source=", "more than 256 addresses" },
	{ "source 10.0.0.0/33 x", " source=", "bad prefix length" },
	{ "source 10.0.0.1-10.0.0.9 x", " source=", "is not an address" },
	{ "source 2001:db8::/119 x", " source=", "more than 256 addresses" },
	{ "source 0.0.0.0/30 x", " source=", "cannot be a source" },
	{ "source 224.0.0.0/31 x", " source=", "cannot be a source" },
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
	{ "ignored x", "", "main:1: ignored: \"x\" is not a number" },
	{ "ignored 10", "", "main:1: ignored: 10 is more than 9" },
	{ "ignored", "", "main:1: ignored: argument missing" },
	{ "never yes", "", "never has no effect here: it is ours" },
	{ "gone yes", "", "gone is an old name without effect: use text" },
	{ "forms a", "", "forms has no effect yet" },
	{ "forms 10/8", "", "forms: an old form: write NAME" },
	{ "forms a,b", "", "forms: \"a,b\" is not a name" },
	{ "protect no", "", NULL },
	{ "protect \"\"", "", NULL },
	{ "protect yes", "", "protect protects" },
	{ "<othr x>\n</othr>", "", "did you mean <other>?" },
	{ "<other x>\n</other>", "", "unknown directive <other> in <sample>" },
	/* blocks without effect, and what is in them */
	{ "<old x>\n</old>", "", "<old> has no effect yet" },
	{ "<old>\nignored yes\n</old>", "", "<old> has no effect yet" },
	{ "<inner x>\n</inner>", "",
	    "<inner> does not belong in <sample>, but in <old>" },
};

/* The same, where two things are said. */
static const struct {
	const char *text, *said;
} pairs[] = {
	{ "<old>\nignored 3\n</old>", "main:2: ignored: \"3\" is neither" },
	{ "<old>\nignored\n</old>", "main:2: ignored: argument missing" },
	{ "<old a b>\n</old>", "main:1: <old>: \"b\" is too much" },
	{ "<old>\ncount 3\n</old>",
	    "main:2: count does not belong in <old>, but in <sample>" },
	{ "<old>\nignord yes\n</old>",
	    "main:2: unknown directive ignord in <old>; did you mean ignored "
	    "(in <sample> or in <old>)?" },
	{ "<old>\ngone yes\n</old>", "main:2: gone is an old name" },
	{ "<old>\n<inner x>\n/a/ b\n/c d\n</inner>\n</old>",
	    "main:4: the row: the regular expression lacks its last /" },
	{ "<old>\n<inner>\n/a/ b\n</inner>\nignored no\n</old>",
	    "main:2: <inner>: argument missing" },
	{ "<old>\n<inner x>\n/a(/ b\n</inner>\nignored no\n</old>",
	    "main:3: the row: regular expression, at offset 2" },
	{ "<old>\n<inner x>\n</inner>\n<inner y>\n/a/\n</inner>\n</old>",
	    "main:5: the row: argument missing" },
	{ "<old>\n<shut>\nx 1\n</shut>\nignored z\n</old>",
	    "main:5: ignored: \"z\" is neither" },
	{ "<old>\n<sample x>\n</sample>\n</old>",
	    "main:2: unknown directive <sample> in <old>" },
	{ "<old>\nignored yes <old>\n</old>\n</old>",
	    "main:2: <old> does not belong behind ignored" },
};

static void
test_pairs(void)
{
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct region *rg = region_new();
		struct conf_errors errs = { 0 };
		struct conf_set set = { 0 };
		struct conf_tree tree;
		struct conf_binder b = { &tree, &schema, &errs };
		struct sample s;

		conf_file_put("main", pairs[i].text);
		conf_parse(&tree, conf_file_path("main"), rg, &errs);
		conf_defaults(&tree, &table, &s);
		for (const struct conf_node *n = tree.root->first; n != NULL;
		     n = n->next)
			conf_bind(&b, &table, n, &s, &set);
		ok(errs.n == 2 && conf_file_said(&errs, pairs[i].said) &&
			conf_file_said(&errs, "<old> has no effect yet"),
		    "in a block: %s", pairs[i].said);
		conf_tree_fini(&tree);
		conf_errors_fini(&errs);
		region_free(&rg);
	}
}

/* As many edits as a third of the word has letters. */
static const struct {
	const char *wrong, *meant;
} guesses[] = {
	{ "ount", "count" },
	{ "coount", "count" },
	{ "coumt", "count" },
	{ "cuont", "count" },
	{ "COUTN", "count" },
	{ "ocuntt", "count" },
	{ "cmumt", NULL },
	{ "ocutn", NULL },
	{ "elsewhen", "elsewhere" },
	{ "lsewhree", "elsewhere" }, /* a loss and a swap */
	{ "lsewhereee", "elsewhere" },
	{ "elsewhereeeeeeee", NULL },
	{ "els", NULL },
	{ "count1234567890123456789012345678901234567890123456789012345678",
	    NULL },
	{ "count123456789012345678901234567890123456789012345678901234567890",
	    NULL },
	{ "\xe4", NULL },
};

static void
test_guesses(void)
{
	for (size_t i = 0; i < sizeof(guesses) / sizeof(guesses[0]); i++) {
		struct region *rg = region_new();
		struct conf_errors errs = { 0 };
		struct conf_tree tree = { .rg = rg };
		struct conf_binder b = { &tree, &schema, &errs };
		struct conf_node n = { .name = guesses[i].wrong,
			.file = "main",
			.line = 1,
			.value = "1" };
		const char *asked = "; did you mean ";
		const char *said;

		conf_complain_unknown(&b, &table, &n, n.name);
		said = errs.n == 1 ? strstr(errs.v[0].text, asked) : NULL;
		said = said == NULL ? "nothing (" : said + strlen(asked);
		is_str(region_strndup(rg, said, strcspn(said, " ")),
		    guesses[i].meant == NULL ? "nothing" : guesses[i].meant,
		    guesses[i].wrong);
		is_int((int64_t)errs.n, 1, "one mistake");
		conf_errors_fini(&errs);
		region_free(&rg);
	}
}

/* Each row that was set knows its line. */
static void
test_origins(void)
{
	struct region *rg = region_new();
	struct conf_errors errs = { 0 };
	struct conf_set set = { 0 };
	struct conf_tree tree;
	struct conf_binder b = { &tree, &schema, &errs };
	struct sample s;

	conf_file_put("inc", "\nlatter 9\n");
	conf_file_put("main", "count 3\nflag yes\ninclude inc\n");
	conf_parse(&tree, conf_file_path("main"), rg, &errs);
	conf_defaults(&tree, &table, &s);
	for (const struct conf_node *n = tree.root->first; n != NULL;
	     n = n->next)
		conf_bind(&b, &table, n, &s, &set);
	is_int(conf_set_node(&table, &set, "flag")->line, 2, "its line");
	is_int(conf_set_node(&table, &set, "count")->line, 2, "the last one");
	ok(strstr(conf_set_node(&table, &set, "count")->file, "/inc") != NULL,
	    "with its file");
	ok(conf_set_node(&table, &set, "wait") == NULL, "or the default");
	conf_tree_fini(&tree);
	conf_errors_fini(&errs);
	region_free(&rg);
}

static void
test_case(size_t i)
{
	struct region *rg = region_new();
	struct conf_errors errs = { 0 };
	struct conf_set set = { 0 };
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
	struct conf_set set = { 0 };
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
	test_pairs();
	test_guesses();
	test_merge();
	test_origins();
	test_errors();
	conf_file_end();
	return done_testing();
}
