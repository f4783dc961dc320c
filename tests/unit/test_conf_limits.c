/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits by address or domain are read in order, the first that fits is
 * found, and what is wrong with one is said with its line.
 */
#include "lib/conf_known.h"
#include "lib/conf_limits.h"
#include "lib/conf_print.h"
#include "tests/conf_file.h"

struct sample {
	struct conf_cidr_counts counts;
	struct conf_cidr_rates rates;
	struct conf_cidr_data_rates data;
	struct conf_domain_counts domains;
};

static const struct conf_directive rows[] = {
	CONF_ROW(sample, "counts", counts, CIDR_COUNTS, "", 0, 100, LIVE, "."),
	CONF_ROW(sample, "data", data, CIDR_DATA_RATES, "", 0, 0, LIVE, "."),
	CONF_ROW(sample, "domains", domains, DOMAIN_COUNTS, "", 0, 0, LIVE,
	    "."),
	CONF_ROW(sample, "rates", rates, CIDR_RATES, "", 0, 0, LIVE, "."),
};
static const struct conf_table table = { "in <sample>", 'X', rows,
	sizeof(rows) / sizeof(rows[0]) };
static const struct conf_table *const tables[] = { &table };
static const struct conf_known known[] = {
	{ "each", "X", "UINT|unlimited", 0, 0, CONF_FATE_ANY_IP, "counts",
	    "." },
};
static const struct conf_form_types no_types;
static const struct conf_schema schema = { tables, 1, NULL, 0, known, 1,
	&no_types };

static const struct {
	const char *text;
	const char *shown; /* of the row that the text sets */
	const char *said;  /* NULL: nothing may be said */
} cases[] = {
	{ "counts 10/8 3", "10.0.0.0/8 3", NULL },
	{ "counts 10/8 3\ncounts 0/0 unlimited",
	    "10.0.0.0/8 3|0.0.0.0/0 unlimited", NULL },
	{ "counts ::1 3", "::1/128 3", NULL },
	{ "counts 10/8 3\ncounts \"\"", "\"\"", NULL },
	{ "counts 10/8 3\ncounts \"\"\ncounts 11/8 4", "11.0.0.0/8 4", NULL },
	{ "rates 10/8 1/20m\nrates 0/0 unlimited",
	    "10.0.0.0/8 1/20m|0.0.0.0/0 unlimited", NULL },
	{ "data 10/8 10M/15m", "10.0.0.0/8 10m/15m", NULL },
	{ "domains *.a.example 3\ndomains b.example unlimited",
	    "*.a.example 3|b.example unlimited", NULL },
	{ "domain-macro m a.example, b.example\ndomains $m 3",
	    "a.example 3|b.example 3", NULL },
	{ "each 3", "0.0.0.0/0 3", "each is an old name: use counts" },
	{ "each 0", "0.0.0.0/0 unlimited", "use counts" },
	{ "each unlimited", "0.0.0.0/0 unlimited", "use counts" },
	/* what is wrong, and where */
	{ "\ncounts 10/8 0", "\"\"",
	    "main:2: counts: 0 would let nothing through" },
	{ "counts 10/8", "\"\"", "what it is for and the limit are needed" },
	{ "counts 10/8 3 4", "\"\"", "\"4\" behind the limit" },
	{ "counts 10/33 3", "\"\"", "bad prefix length" },
	{ "counts 10/8 101", "\"\"", "101 is more than 100" },
	{ "counts a.example 3", "\"\"", "is not an address or CIDR" },
	{ "counts 10/8 x", "\"\"", "\"x\" is not a number" },
	{ "counts", NULL, "counts: argument missing" },
	{ "rates 10/8 5", "\"\"", "is not a rate" },
	{ "rates 10/8 0/h", "\"\"", "is not a rate" },
	{ "data 10/8 5M", "\"\"", "is not a data rate" },
	{ "domains *a 3", "\"\"", "is not a domain pattern" },
	{ "domains $x 3", "\"\"", "unknown macro $x" },
	{ "domains a.example 4294967296", "\"\"", "is more than 4294967295" },
	{ "each x", NULL, "each: \"x\" is not a number" },
};

/* Reads the text, whose last line names the row that is shown. */
static void
read_text(const char *text, struct buf *shown, struct conf_errors *errs)
{
	struct sample sample;
	struct conf_set set = { 0 };
	struct conf_tree tree;
	struct conf_binder b = { &tree, &schema, errs };

	conf_file_put("main", text);
	conf_parse(&tree, conf_file_path("main"), region_new(), errs);
	conf_defaults(&tree, &table, &sample);
	for (const struct conf_node *n = tree.root->first; n != NULL;
	     n = n->next)
		conf_bind(&b, &table, n, &sample, &set);
	buf_clear(shown);
	for (size_t i = 0; i < table.count; i++) {
		const void *field = (const char *)&sample + rows[i].offset;

		if (!conf_is_set(&table, &set, rows[i].name))
			continue;
		for (size_t k = 0; k < conf_print_lines(&rows[i], field); k++) {
			buf_str(shown, k == 0 ? "" : "|");
			conf_print(&rows[i], field, k, shown);
		}
	}
	region_free(&tree.rg);
	conf_tree_fini(&tree);
}

static void
test_reading(void)
{
	struct buf shown = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf_errors errs = { 0 };

		read_text(cases[i].text, &shown, &errs);
		is_str(buf_cstr(&shown),
		    cases[i].shown == NULL ? "" : cases[i].shown,
		    cases[i].text);
		if (cases[i].said == NULL)
			is_int((int64_t)errs.n, 0, "nothing is said");
		else
			ok(conf_file_said(&errs, cases[i].said), "said: %s",
			    cases[i].said);
		conf_errors_fini(&errs);
	}
	buf_fini(&shown);
}

static struct net_prefix
prefix(const char *text)
{
	struct net_prefix p = { 0 };
	struct err e;

	if (net_prefix_parse(slice_of(text), &p, &e) == -1)
		abort();
	return p;
}

static const struct {
	const char *outer, *inner;
	bool covers;
} covers[] = {
	{ "10/8", "10.1.1.1", true },
	{ "10/8", "10/8", true },
	{ "10/8", "0/0", false },
	{ "10.1/16", "10/8", false },
	{ "10/8", "11.1.1.1", false },
	{ "0/0", "10/8", true },
	{ "0/0", "2001:db8::1", true }, /* of both families */
	{ "::/0", "2001:db8::1", true },
	{ "::/0", "10/8", false },
	{ "::/0", "0/0", false },
	{ "2001:db8::/32", "2001:db8::/48", true },
	{ "2001:db8::/32", "10.0.0.1", false },
};

static void
test_covers(void)
{
	for (size_t i = 0; i < sizeof(covers) / sizeof(covers[0]); i++) {
		struct net_prefix outer = prefix(covers[i].outer),
				  inner = prefix(covers[i].inner);

		is_int(conf_cidr_covers(&outer, &inner), covers[i].covers,
		    covers[i].inner);
	}
}

static const struct {
	const char *addr;
	size_t found;
} finds[] = {
	{ "10.1.1.1", 0 },
	{ "10.1.1.2", 1 },
	{ "11.0.0.1", SIZE_MAX },
	{ "2001:db8::1", 2 },
	{ "::1", SIZE_MAX },
};

/* The first that fits, in each kind of list. */
static void
test_finds(void)
{
	struct conf_cidr_count counts[3] = { 0 };
	struct conf_cidr_rate rates[3] = { 0 };
	struct conf_cidr_data_rate data[3] = { 0 };
	static const char *const of[] = { "10.1.1.1", "10/8", "2001:db8::/32" };

	for (size_t i = 0; i < 3; i++)
		counts[i].prefix = rates[i].prefix = data[i].prefix = prefix(
		    of[i]);
	for (size_t i = 0; i < sizeof(finds) / sizeof(finds[0]); i++) {
		struct net_prefix p = prefix(finds[i].addr);

		ok(conf_cidr_counts_find(
		       &(struct conf_cidr_counts){ 3, counts }, &p.addr) ==
			    finds[i].found &&
			conf_cidr_rates_find(
			    &(struct conf_cidr_rates){ 3, rates }, &p.addr) ==
			    finds[i].found &&
			conf_cidr_data_rates_find(
			    &(struct conf_cidr_data_rates){ 3, data },
			    &p.addr) == finds[i].found,
		    "what fits %s first", finds[i].addr);
	}
}

int
main(void)
{
	conf_file_begin();
	test_reading();
	test_covers();
	test_finds();
	conf_file_end();
	return done_testing();
}
