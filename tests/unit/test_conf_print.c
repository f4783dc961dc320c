/* SPDX-License-Identifier: Apache-2.0 */
/* What is printed of a value reads back as the same value, for every type. */
#include "lib/conf_print.h"
#include "lib/strmap.h"
#include "tests/tap.h"

static const struct {
	enum conf_type type;
	const char *def;     /* of the row: says what words are allowed */
	const char *written; /* lines between "|" for what adds up */
	const char *printed;
} cases[] = {
	{ CONF_TYPE_UINT, "20", "7", "7" },
	{ CONF_TYPE_UINT, "0", "unlimited", "0" },
	{ CONF_TYPE_PERCENT, "90", "45%", "45" },
	{ CONF_TYPE_BOOL, "no", "TRUE", "yes" },
	{ CONF_TYPE_BOOL, "no", "false", "no" },
	{ CONF_TYPE_BOOL_INTERVAL, "no", "yes", "yes" },
	{ CONF_TYPE_BOOL_INTERVAL, "no", "no", "no" },
	{ CONF_TYPE_BOOL_INTERVAL, "no", "90m", "1h30m" },
	{ CONF_TYPE_INTERVAL, "10m", "4d12h", "4d12h" },
	{ CONF_TYPE_INTERVAL, "10m", "300s", "5m" },
	{ CONF_TYPE_INTERVAL, "never", "never", "never" },
	{ CONF_TYPE_INTERVALS, "10m", "60s, 2m,\t1d", "1m,2m,1d" },
	{ CONF_TYPE_RATE, "unlimited", "unlimited", "unlimited" },
	{ CONF_TYPE_RATE, "unlimited", "0", "unlimited" },
	{ CONF_TYPE_RATE, "unlimited", "100/hr", "100/h" },
	{ CONF_TYPE_RATE, "unlimited", "1/20m", "1/20m" },
	{ CONF_TYPE_RATES, "0/d", "0/day,50/day,100/day", "0/d,50/d,100/d" },
	{ CONF_TYPE_DATA_RATE, "unlimited", "10M/15m", "10m/15m" },
	{ CONF_TYPE_DATA_RATE, "unlimited", "unlimited", "unlimited" },
	{ CONF_TYPE_COUNT_SHARE, "20", "5", "5" },
	{ CONF_TYPE_COUNT_SHARE, "20", "10%", "10%" },
	{ CONF_TYPE_RATE_SHARE, "100%", "100/hr", "100/h" },
	{ CONF_TYPE_RATE_SHARE, "100%", "unlimited", "unlimited" },
	{ CONF_TYPE_RATE_SHARE, "100%", "7%", "7%" },
	{ CONF_TYPE_DATA_SHARE, "100%", "10M/15m", "10m/15m" },
	{ CONF_TYPE_DATA_SHARE, "100%", "1%", "1%" },
	{ CONF_TYPE_SHARE, "10%", "10%", "10%" },
	{ CONF_TYPE_SHARE, "10%", "0.3%", "0.3%" },
	{ CONF_TYPE_ERROR_RATE, "none", "none", "none" },
	{ CONF_TYPE_ERROR_RATE, "none", "30%  100/10m", "30% 100/10m" },
	{ CONF_TYPE_SIZE, "64M", "25M", "25m" },
	{ CONF_TYPE_SIZE, "64M", "1500", "1500" },
	{ CONF_TYPE_SIZE, "64M", "2048k", "2m" },
	{ CONF_TYPE_SIZE, "64M", "0", "0" },
	{ CONF_TYPE_SIZE, "unlimited", "unlimited", "unlimited" },
	{ CONF_TYPE_CIDR, "0/0", "10/8", "10.0.0.0/8" },
	{ CONF_TYPE_CIDR, "0/0", "::1", "::1/128" },
	{ CONF_TYPE_STR, "", "plain", "plain" },
	{ CONF_TYPE_STR, "", "\"\"", "\"\"" },
	{ CONF_TYPE_STR, "", "\"a b\"", "\"a b\"" },
	{ CONF_TYPE_STR, "", "\"a\\\"b\\\\c\"", "\"a\\\"b\\\\c\"" },
	{ CONF_TYPE_SECRET, "", "\"Horse 7\"", "***" },
	{ CONF_TYPE_SECRET, "", "\"\"", "\"\"" },
	{ CONF_TYPE_KEY_FILE, "", "/k/1.pem", "/k/1.pem" },
	{ CONF_TYPE_KEY_FILE, "", "\"/k/a b\" \"Horse 7\"", "\"/k/a b\" ***" },
	{ CONF_TYPE_KEY_FILE, "", "\"\"", "\"\"" },
	{ CONF_TYPE_WORD, "info|warn", "WARN", "warn" },
	{ CONF_TYPE_STRS, "", "d, b", "d|b" },
	{ CONF_TYPE_STRS, "", "\"\"", "\"\"" },
	{ CONF_TYPE_STRS, "", "\"a,b\"|\"c d\"", "\"a,b\"|\"c d\"" },
	{ CONF_TYPE_ADDRS, "", "a@b.example, c@d.example",
	    "a@b.example|c@d.example" },
	{ CONF_TYPE_DOMAINS, "", "a.example,*.b.example",
	    "a.example|*.b.example" },
	{ CONF_TYPE_HOSTS, "", "\"\"", "\"\"" },
	{ CONF_TYPE_HOSTS, "",
	    "h1, h2:26; [10.1.1.1]:2525; [IPv6:::1]; lookup-mx:x.example",
	    "h1,h2:26;[10.1.1.1]:2525;[::1];lookup-mx:x.example" },
	{ CONF_TYPE_SOURCES, "", "192.0.2.1 a.example|::1",
	    "192.0.2.1 a.example|::1" },
	{ CONF_TYPE_DKEYS, "", "s1, a.example, /k/1|s2,*,/k/2",
	    "s1,a.example,/k/1|s2,*,/k/2" },
	{ CONF_TYPE_MEMBERS, "", "a, b 7|c 100", "a|b 7|c" },
	{ CONF_TYPE_MEMBERS, "", "a, b 7|\"\"", "\"\"" },
	{ CONF_TYPE_CIDR_COUNTS, "", "10/8 3|::/0 unlimited|0/0 4",
	    "10.0.0.0/8 3|::/0 unlimited|0.0.0.0/0 4" },
	{ CONF_TYPE_CIDR_COUNTS, "", "\"\"", "\"\"" },
	{ CONF_TYPE_CIDR_RATES, "", "10.1.1.1 1/20m|0/0 0",
	    "10.1.1.1/32 1/20m|0.0.0.0/0 unlimited" },
	{ CONF_TYPE_CIDR_DATA_RATES, "", "10/8 10M/15m|0/0 unlimited",
	    "10.0.0.0/8 10m/15m|0.0.0.0/0 unlimited" },
	{ CONF_TYPE_DOMAIN_COUNTS, "", "*.a.example 5|[*.]b.example unlimited",
	    "*.a.example 5|[*.]b.example unlimited" },
};

union field {
	uint64_t number;
	struct net_prefix prefix;
	struct rate rate;
	struct data_rate data_rate;
	struct conf_data_share data_share;
	struct conf_error_rate error_rate;
	struct conf_strs list;
	struct conf_hosts hosts;
};

/* Binds each of the lines. */
static bool
bind_lines(const struct conf_directive *row, const char *lines,
    struct region *rg, union field *out)
{
	struct conf_tree tree = { .rg = rg, .macros = strmap_new() };
	struct conf_node node = { .name = "x", .file = "/f", .line = 1 };
	bool good = true;
	struct err e;

	*out = (union field){ 0 };
	while (good && *lines != '\0') {
		size_t len = strcspn(lines, "|");

		good = conf_value_parse(&tree, row, &node,
			   (struct slice){ lines, len }, out, &e) == 0;
		if (!good)
			(void)printf("# %.*s: %s\n", (int)len, lines, e.text);
		lines += len + (lines[len] == '|');
	}
	conf_tree_fini(&tree);
	return good;
}

static void
print(const struct conf_directive *row, const union field *field,
    struct buf *out)
{
	size_t lines = conf_print_lines(row, field);

	buf_clear(out);
	for (size_t i = 0; i < lines; i++) {
		buf_str(out, i == 0 ? "" : "|");
		conf_print(row, field, i, out);
	}
}

int
main(void)
{
	struct buf once = { 0 }, twice = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct region *rg = region_new();
		struct conf_directive row = { .name = "x",
			.type = cases[i].type,
			.def = cases[i].def };
		union field field;

		if (!ok(bind_lines(&row, cases[i].written, rg, &field),
			"%s is read", cases[i].written))
			continue;
		print(&row, &field, &once);
		is_str(buf_cstr(&once), cases[i].printed, cases[i].written);
		ok(bind_lines(&row, buf_cstr(&once), rg, &field),
		    "%s is read back", cases[i].printed);
		print(&row, &field, &twice);
		is_str(buf_cstr(&twice), cases[i].printed, "and is the same");
		region_free(&rg);
	}
	buf_fini(&once);
	buf_fini(&twice);
	return done_testing();
}
