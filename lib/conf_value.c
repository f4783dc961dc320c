/* SPDX-License-Identifier: Apache-2.0 */
/* The values of directives, by type; see conf_bind.h. */
#include <stdio.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/conf_bind.h"
#include "lib/conf_hosts.h"
#include "lib/conf_lex.h"
#include "lib/conf_limits.h"
#include "lib/conf_shares.h"
#include "lib/regex.h"

#define INTERVALS_MAX 30
#define RATES_MAX 400 /* a day each */

/* Is it the default, or one of the words behind it? ("250M|unlimited") */
static bool
has_word(const struct conf_directive *row, const char *word)
{
	for (const char *p = row->def; *p != '\0';) {
		struct slice one = { p, strcspn(p, "|") };

		if (slice_eq(one, word))
			return true;
		p += one.len + (p[one.len] == '|');
	}
	return false;
}

static void
print_count(struct buf *b, uint64_t v)
{
	buf_printf(b, "%llu", (unsigned long long)v);
}

static void
print_seconds(struct buf *b, uint64_t s)
{
	str_interval(b, (int64_t)s * US_PER_S);
}

static int
check_bounds(const struct conf_directive *row, uint64_t v,
    void (*print)(struct buf *, uint64_t), struct err *e)
{
	bool less = v < row->min;
	struct buf text = { 0 };

	if (!less && (row->max == 0 || v <= row->max))
		return 0;
	print(&text, v);
	buf_str(&text, less ? " is less than " : " is more than ");
	print(&text, less ? row->min : row->max);
	(void)err_set(e, "%s", buf_cstr(&text));
	buf_fini(&text);
	return -1;
}

static int
parse_uint(const struct conf_directive *row, struct slice s, uint32_t *out,
    struct err *e)
{
	uint64_t v;

	if (slice_eq_nocase(s, "unlimited") && has_word(row, "0")) {
		*out = 0;
		return 0;
	}
	if (str_to_u64(s, &v, e) == -1 ||
	    check_bounds(row, v, print_count, e) == -1)
		return -1;
	if (v > UINT32_MAX)
		return err_set(e, "%llu is too large", (unsigned long long)v);
	*out = (uint32_t)v;
	return 0;
}

static int
parse_size(const struct conf_directive *row, struct slice s, uint64_t *out,
    struct err *e)
{
	uint64_t v;

	if (str_to_size(s, &v, e) == -1)
		return -1;
	if (has_word(row, "unlimited") && v == 0)
		v = SIZE_UNLIMITED; /* PowerMTA writes either */
	if (v == SIZE_UNLIMITED) {
		if (!has_word(row, "unlimited"))
			return err_set(e, "\"unlimited\" is no value here");
		*out = v;
		return 0;
	}
	if (check_bounds(row, v, str_size, e) == -1)
		return -1;
	*out = v;
	return 0;
}

static int
parse_interval(const struct conf_directive *row, struct slice s, int64_t *out,
    struct err *e)
{
	int64_t us;

	if (str_to_interval(s, &us, e) == -1)
		return -1;
	if (us == INTERVAL_NEVER && !has_word(row, "never"))
		return err_set(e, "\"never\" is no value here");
	if (us != INTERVAL_NEVER &&
	    check_bounds(row, (uint64_t)(us / US_PER_S), print_seconds, e) ==
		-1)
		return -1;
	*out = us;
	return 0;
}

static int
parse_bool_interval(const struct conf_directive *row, struct slice s,
    int64_t *out, struct err *e)
{
	struct err ignored;
	bool yes;

	if (str_to_bool(s, &yes, &ignored) == 0) {
		*out = yes ? 0 : INTERVAL_NEVER;
		return 0;
	}
	if (parse_interval(row, s, out, &ignored) == -1)
		return err_set(e,
		    "\"%.*s\" is neither yes nor no nor a time "
		    "such as 4d12h",
		    (int)s.len, s.p);
	return 0;
}

static int
parse_percent(const struct conf_directive *row, struct slice s, uint32_t *out,
    struct err *e)
{
	struct slice digits = s;
	uint64_t v;

	if (digits.len > 0 && digits.p[digits.len - 1] == '%')
		digits.len--;
	if (str_to_u64(digits, &v, e) == -1 || v > 100)
		return err_set(e, "\"%.*s\" is not a percentage", (int)s.len,
		    s.p);
	if (check_bounds(row, v, print_count, e) == -1)
		return -1;
	*out = (uint32_t)v;
	return 0;
}

static int
parse_cidr(struct slice s, struct net_prefix *out, struct err *e)
{
	struct net_prefix prefix = { 0 };

	if (net_prefix_parse(s, &prefix, e) == -1)
		return -1;
	*out = prefix;
	return 0;
}

static int
parse_word(const struct conf_directive *row, struct region *rg, struct slice s,
    const char **out, struct err *e)
{
	for (const char *p = row->def; *p != '\0';) {
		struct slice word = { p, strcspn(p, "|") };
		const char *text = region_strndup(rg, word.p, word.len);

		if (slice_eq_nocase(s, text)) {
			*out = text;
			return 0;
		}
		p += word.len + (p[word.len] == '|');
	}
	return err_set(e, "\"%.*s\" is none of %s", (int)s.len, s.p, row->def);
}

/* yes, true and their like are "yes"; the other words are the row's own. */
static int
parse_bool_word(const struct conf_directive *row, struct region *rg,
    struct slice s, const char **out, struct err *e)
{
	struct err ignored;
	bool yes;

	if (str_to_bool(s, &yes, &ignored) == -1)
		return parse_word(row, rg, s, out, e);
	*out = yes ? "yes" : "no";
	return 0;
}

/* As a rate; but here 0/d says "none today", and not "no limit". */
static int
parse_rate_item(const char *item, struct rate *out, struct err *e)
{
	char text[64];

	if (strncmp(item, "0/", 2) != 0 || strlen(item) >= sizeof(text))
		return str_to_rate(slice_of(item), out, e);
	(void)snprintf(text, sizeof(text), "1%s", item + 1);
	if (str_to_rate(slice_of(text), out, e) == -1)
		return -1;
	out->count = 0;
	return 0;
}

static int
parse_rates(const struct conf_tree *tree, struct slice s,
    struct conf_rates *out, struct err *e)
{
	struct conf_rates list = { 0 };
	const char *item;

	list.v = region_array(tree->rg, RATES_MAX, sizeof(list.v[0]));
	for (;;) {
		if (conf_item(&s, tree->rg, &item, e) == -1)
			return -1;
		if (item == NULL)
			break;
		if (list.n == RATES_MAX)
			return err_set(e, "more than %d rates", RATES_MAX);
		if (parse_rate_item(item, &list.v[list.n++], e) == -1)
			return -1;
	}
	if (list.n == 0)
		return err_set(e, "argument missing");
	*out = list;
	return 0;
}

static int
parse_intervals(const struct conf_tree *tree, const struct conf_directive *row,
    struct slice s, struct conf_intervals *out, struct err *e)
{
	struct conf_intervals list = { 0 };
	const char *item;

	list.v = region_array(tree->rg, INTERVALS_MAX, sizeof(list.v[0]));
	for (;;) {
		if (conf_item(&s, tree->rg, &item, e) == -1)
			return -1;
		if (item == NULL)
			break;
		if (list.n == INTERVALS_MAX)
			return err_set(e, "more than %d times", INTERVALS_MAX);
		if (parse_interval(row, slice_of(item), &list.v[list.n++], e) ==
		    -1)
			return -1;
	}
	if (list.n == 0)
		return err_set(e, "argument missing");
	*out = list;
	return 0;
}

/* The name of a header field, or a pattern of names. */
static int
check_field(const char *item, struct err *e)
{
	struct slice rest = slice_of(item), pattern;
	const char *p = item;

	if (item[0] == '/') {
		if (regex_take_pattern(&rest, &pattern, e) == -1)
			return -1;
		return regex_check(pattern, e);
	}
	while (*p > ' ' && *p < 0x7f && *p != ':')
		p++;
	if (*p != '\0')
		return err_set(e, "\"%s\" is not the name of a header field",
		    item);
	return 0;
}

static int
parse_strs(const struct conf_tree *tree, enum conf_type type, struct slice s,
    struct conf_strs *out, struct err *e)
{
	const char *item;
	bool from_macro;

	for (;;) {
		if (conf_item(&s, tree->rg, &item, e) == -1)
			return -1;
		if (item == NULL)
			return 0;
		if (item[0] == '\0') { /* "" empties what was inherited */
			*out = (struct conf_strs){ 0 };
			continue;
		}
		if (type == CONF_TYPE_FIELDS && check_field(item, e) == -1)
			return -1;
		if (type == CONF_TYPE_ADDRS && !conf_is_address(slice_of(item)))
			return err_set(e, "\"%s\" is not a mail address", item);
		if (type != CONF_TYPE_DOMAINS)
			conf_strs_add(out, tree->rg, item);
		else if (conf_expand(tree, item, out, &from_macro, e) == -1)
			return -1;
	}
}

/*
 * No connection can come from these; an address of one link (fe80::/10) would
 * need an interface, which has no place here.
 */
static bool
is_usable_source(const struct net_addr *a)
{
	static const uint8_t zero[16];

	if (a->family == AF_INET)
		return a->a[0] != 0 && a->a[0] < 224;
	return memcmp(a->a, zero, 16) != 0 && a->a[0] != 0xff &&
	    !(a->a[0] == 0xfe && (a->a[1] & 0xc0) == 0x80);
}

/* More are a block that somebody has, not one to send from. */
#define BLOCK_BITS 8

/*
 * All addresses of a block that a host can have: not the one that means the
 * network (IPv6: any of its routers), nor IPv4's broadcast.
 */
static int
add_sources(struct region *rg, const struct net_prefix *block, const char *name,
    struct conf_sources *out, struct err *e)
{
	bool v4 = block->addr.family == AF_INET;
	unsigned host_bits = (v4 ? 32u : 128u) - block->bits;
	struct conf_source src = { .addr = block->addr, .name = name };
	uint8_t *low = &src.addr.a[v4 ? 3 : 15], first;
	unsigned i = 0, end;

	if (host_bits > BLOCK_BITS)
		return err_set(e, "more than %d addresses in a line",
		    1 << BLOCK_BITS);
	end = 1u << host_bits;
	first = (uint8_t)(*low & ~(end - 1));
	if (host_bits > 1) {
		i++;
		end -= v4;
	}
	for (; i < end; i++) {
		*low = (uint8_t)(first + i);
		if (!is_usable_source(&src.addr))
			return err_set(e, "it cannot be a source address");
		out->v = region_grow(rg, out->v, out->n, sizeof(out->v[0]));
		out->v[out->n++] = src;
	}
	return 0;
}

/* smtp-source-host IP-or-CIDR [NAME] */
static int
parse_source(const struct conf_tree *tree, struct slice s,
    struct conf_sources *out, struct err *e)
{
	const char *addr, *name, *more;
	struct net_prefix block;
	struct slice a;

	if (conf_word(&s, tree->rg, &addr, e) == -1 ||
	    conf_word(&s, tree->rg, &name, e) == -1 ||
	    conf_word(&s, tree->rg, &more, e) == -1)
		return -1;
	if (addr == NULL || addr[0] == '\0') {
		*out = (struct conf_sources){ 0 };
		return 0;
	}
	if (more != NULL)
		return err_set(e, "\"%s\" behind the name", more);
	a = slice_of(addr);
	if (a.len > 2 && a.p[0] == '[' && a.p[a.len - 1] == ']')
		a = (struct slice){ a.p + 1, a.len - 2 };
	if (net_prefix_parse(a, &block, e) == -1)
		return -1;
	if (name != NULL && !conf_is_host_name(slice_of(name)))
		return err_set(e, "\"%s\" is not a host name", name);
	if (add_sources(tree->rg, &block, name == NULL ? "" : name, out, e) ==
	    -1)
		return err_where(e, "\"%s\"", addr);
	return 0;
}

/* FILE [PASSWORD]; no error has a word of it. */
static int
parse_key_file(const struct conf_tree *tree, const struct conf_node *n,
    struct slice s, struct conf_key_file *out, struct err *e)
{
	const char *path, *password, *more;

	if (conf_word(&s, tree->rg, &path, e) == -1 ||
	    conf_word(&s, tree->rg, &password, e) == -1 ||
	    conf_word(&s, tree->rg, &more, e) == -1)
		return -1;
	if (more != NULL)
		return err_set(e, "more than FILE PASSWORD");
	out->path = path == NULL || path[0] == '\0' ?
	    "" :
	    conf_path(tree->rg, n->file, path);
	out->password = password == NULL ? "" : password;
	return 0;
}

/* domain-key SELECTOR, DOMAIN or *, FILE */
static int
parse_dkey(const struct conf_tree *tree, const struct conf_node *n,
    struct slice s, struct conf_dkeys *out, struct err *e)
{
	const char *selector, *domain, *path, *more;
	struct conf_strs domains = { 0 };
	bool from_macro;

	if (conf_item(&s, tree->rg, &selector, e) == -1 ||
	    conf_item(&s, tree->rg, &domain, e) == -1 ||
	    conf_item(&s, tree->rg, &path, e) == -1 ||
	    conf_item(&s, tree->rg, &more, e) == -1)
		return -1;
	if (selector != NULL && selector[0] == '\0' && domain == NULL) {
		*out = (struct conf_dkeys){ 0 };
		return 0;
	}
	if (path == NULL || path[0] == '\0' || more != NULL)
		return err_set(e, "SELECTOR, DOMAIN or *, FILE is needed");
	if (!conf_is_host_name(slice_of(selector)))
		return err_set(e, "\"%s\" is not a selector", selector);
	if (path[0] == '{')
		return err_set(e, "keys in a vault are not supported");
	if (conf_expand(tree, domain, &domains, &from_macro, e) == -1)
		return -1;
	path = conf_path(tree->rg, n->file, path);
	for (size_t i = 0; i < domains.n; i++) {
		char *d = region_strdup(tree->rg, domains.v[i]);

		str_lower(d);
		if (strcmp(d, "*") != 0 && !conf_is_host_name(slice_of(d)))
			return err_set(e, "\"%s\" is not a domain", d);
		out->v = region_grow(tree->rg, out->v, out->n,
		    sizeof(out->v[0]));
		out->v[out->n++] = (struct conf_dkey){
			.selector = selector,
			.domain = d,
			.path = path,
			.file = n->file,
			.line = n->line,
		};
	}
	return 0;
}

/* virtual-mta NAME [WEIGHT], ... */
static int
parse_members(const struct conf_tree *tree, const struct conf_directive *row,
    struct slice s, struct conf_members *out, struct err *e)
{
	const char *item, *weight, *more;
	struct conf_member m;

	for (;;) {
		struct slice rest;

		if (conf_item(&s, tree->rg, &item, e) == -1)
			return -1;
		if (item == NULL)
			return 0;
		rest = slice_of(item);
		m.weight = CONF_MEMBER_WEIGHT;
		if (conf_word(&rest, tree->rg, &m.name, e) == -1 ||
		    conf_word(&rest, tree->rg, &weight, e) == -1 ||
		    conf_word(&rest, tree->rg, &more, e) == -1)
			return -1;
		if (m.name == NULL) { /* "" takes all away */
			*out = (struct conf_members){ 0 };
			continue;
		}
		if (more != NULL)
			return err_set(e, "\"%s\" behind the weight", more);
		if (weight != NULL &&
		    parse_uint(row, slice_of(weight), &m.weight, e) == -1)
			return err_where(e, "the weight of %s", m.name);
		out->v = region_grow(tree->rg, out->v, out->n,
		    sizeof(out->v[0]));
		out->v[out->n++] = m;
	}
}

/* One text, without its quotes. */
static int
parse_scalar(const struct conf_tree *tree, const struct conf_directive *row,
    struct slice s, void *field, struct err *e)
{
	switch (row->type) {
	case CONF_TYPE_UINT:
		return parse_uint(row, s, field, e);
	case CONF_TYPE_PERCENT:
		return parse_percent(row, s, field, e);
	case CONF_TYPE_BOOL:
		return str_to_bool(s, field, e);
	case CONF_TYPE_BOOL_INTERVAL:
		return parse_bool_interval(row, s, field, e);
	case CONF_TYPE_INTERVAL:
		return parse_interval(row, s, field, e);
	case CONF_TYPE_INTERVALS:
		return parse_intervals(tree, row, s, field, e);
	case CONF_TYPE_RATE:
		return str_to_rate(s, field, e);
	case CONF_TYPE_RATES:
		return parse_rates(tree, s, field, e);
	case CONF_TYPE_DATA_RATE:
		return str_to_data_rate(s, field, e);
	case CONF_TYPE_SIZE:
		return parse_size(row, s, field, e);
	case CONF_TYPE_COUNT_SHARE:
		return conf_count_share_parse(s,
		    row->max == 0 ? UINT32_MAX : (uint32_t)row->max, field, e);
	case CONF_TYPE_RATE_SHARE:
		return conf_rate_share_parse(s, field, e);
	case CONF_TYPE_DATA_SHARE:
		return conf_data_share_parse(s, field, e);
	case CONF_TYPE_SHARE:
		return conf_share_parse(s, field, e);
	case CONF_TYPE_ERROR_RATE:
		return conf_error_rate_parse(s, field, e);
	case CONF_TYPE_CIDR:
		return parse_cidr(s, field, e);
	case CONF_TYPE_STR:
	case CONF_TYPE_SECRET:
		*(const char **)field = region_strndup(tree->rg, s.p, s.len);
		return 0;
	case CONF_TYPE_WORD:
		return parse_word(row, tree->rg, s, field, e);
	case CONF_TYPE_BOOL_WORD:
		return parse_bool_word(row, tree->rg, s, field, e);
	case CONF_TYPE_HOSTS:
		return conf_hosts_parse(s, tree->rg, field, e);
	case CONF_TYPE_KEY_FILE:
	case CONF_TYPE_STRS:
	case CONF_TYPE_ADDRS:
	case CONF_TYPE_DOMAINS:
	case CONF_TYPE_FIELDS:
	case CONF_TYPE_SENDERS:
	case CONF_TYPE_SOURCES:
	case CONF_TYPE_DKEYS:
	case CONF_TYPE_MEMBERS:
	case CONF_TYPE_CIDR_COUNTS:
	case CONF_TYPE_CIDR_RATES:
	case CONF_TYPE_CIDR_DATA_RATES:
	case CONF_TYPE_DOMAIN_COUNTS:
		break;
	}
	CHECK_NEVER("a list among the scalars");
	return -1;
}

int
conf_value_parse(const struct conf_tree *tree, const struct conf_directive *row,
    const struct conf_node *n, struct slice text, void *field, struct err *e)
{
	const char *word;

	/* Lists take their quotes apart themselves. */
	if (row->type == CONF_TYPE_SOURCES)
		return parse_source(tree, text, field, e);
	if (row->type == CONF_TYPE_DKEYS)
		return parse_dkey(tree, n, text, field, e);
	if (row->type == CONF_TYPE_KEY_FILE)
		return parse_key_file(tree, n, text, field, e);
	if (row->type == CONF_TYPE_MEMBERS)
		return parse_members(tree, row, text, field, e);
	if (conf_type_is_limits(row->type))
		return conf_limits_parse(tree, row, text, field, e);
	if (conf_type_adds_up(row->type))
		return parse_strs(tree, row->type, text, field, e);
	if (conf_unquote(text, tree->rg, &word, e) == -1)
		return -1;
	return parse_scalar(tree, row, slice_of(word), field, e);
}

size_t
conf_type_size(enum conf_type type)
{
	static const size_t sizes[] = {
#define SIZE(type) [CONF_TYPE_##type] = sizeof(CONF_CTYPE_##type)
		SIZE(UINT),
		SIZE(PERCENT),
		SIZE(BOOL),
		SIZE(BOOL_INTERVAL),
		SIZE(INTERVAL),
		SIZE(INTERVALS),
		SIZE(RATE),
		SIZE(RATES),
		SIZE(DATA_RATE),
		SIZE(SIZE),
		SIZE(COUNT_SHARE),
		SIZE(RATE_SHARE),
		SIZE(DATA_SHARE),
		SIZE(ERROR_RATE),
		SIZE(SHARE),
		SIZE(CIDR),
		SIZE(STR),
		SIZE(SECRET),
		SIZE(KEY_FILE),
		SIZE(WORD),
		SIZE(BOOL_WORD),
		SIZE(FIELDS),
		SIZE(SENDERS),
		SIZE(STRS),
		SIZE(ADDRS),
		SIZE(DOMAINS),
		SIZE(HOSTS),
		SIZE(SOURCES),
		SIZE(DKEYS),
		SIZE(MEMBERS),
		SIZE(CIDR_COUNTS),
		SIZE(CIDR_RATES),
		SIZE(CIDR_DATA_RATES),
		SIZE(DOMAIN_COUNTS),
#undef SIZE
	};

	CHECK((size_t)type < sizeof(sizes) / sizeof(sizes[0]));
	return sizes[type];
}

bool
conf_type_adds_up(enum conf_type type)
{
	return type == CONF_TYPE_STRS || type == CONF_TYPE_ADDRS ||
	    type == CONF_TYPE_DOMAINS || type == CONF_TYPE_FIELDS ||
	    type == CONF_TYPE_SENDERS || type == CONF_TYPE_SOURCES ||
	    type == CONF_TYPE_DKEYS || type == CONF_TYPE_MEMBERS ||
	    conf_type_is_limits(type);
}

size_t
conf_value_items(const struct conf_directive *row, const void *field)
{
	size_t n = 1;

	/* All types that add up begin with the number of their items. */
	if (conf_type_adds_up(row->type))
		memcpy(&n, field, sizeof(n));
	return n;
}
