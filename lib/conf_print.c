/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_print.h"

#include <string.h>

#include "lib/check.h"
#include "lib/conf_limits.h"
#include "lib/conf_shares.h"

/* Text as it must be written to be read as one item of a list. */
static void
print_text(struct buf *out, const char *s)
{
	if (s[0] != '\0' && strpbrk(s, " \t\",;\\<>") == NULL) {
		buf_str(out, s);
		return;
	}
	buf_byte(out, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			buf_byte(out, '\\');
		buf_byte(out, *s);
	}
	buf_byte(out, '"');
}

/* That there is one, and nothing else about it. */
static void
print_secret(struct buf *out, const char *s)
{
	buf_str(out, s[0] == '\0' ? "\"\"" : "***");
}

static void
print_key_file(struct buf *out, const struct conf_key_file *f)
{
	print_text(out, f->path);
	if (f->password[0] == '\0')
		return;
	buf_byte(out, ' ');
	print_secret(out, f->password);
}

static void
print_intervals(struct buf *out, const struct conf_intervals *list)
{
	for (size_t i = 0; i < list->n; i++) {
		buf_str(out, i == 0 ? "" : ",");
		str_interval(out, list->v[i]);
	}
}

static void
print_rates(struct buf *out, const struct conf_rates *list)
{
	for (size_t i = 0; i < list->n; i++) {
		buf_str(out, i == 0 ? "" : ",");
		str_rate(out, &list->v[i]);
	}
}

static void
print_bool_interval(struct buf *out, int64_t us)
{
	if (us == INTERVAL_NEVER)
		buf_str(out, "no");
	else if (us == 0)
		buf_str(out, "yes");
	else
		str_interval(out, us);
}

static void
print_addr(struct buf *out, const struct net_addr *a)
{
	char text[NET_ADDR_TEXT];

	buf_str(out, net_addr_text(a, text));
}

static void
print_hosts(struct buf *out, const struct conf_hosts *list)
{
	if (list->n == 0)
		buf_str(out, "\"\"");
	for (size_t i = 0; i < list->n; i++) {
		const struct conf_host *h = &list->v[i];

		if (i > 0)
			buf_str(out,
			    h->pref == list->v[i - 1].pref ? "," : ";");
		if (h->lookup_mx)
			buf_str(out, "lookup-mx:");
		if (h->name != NULL) {
			buf_str(out, h->name);
		} else {
			buf_byte(out, '[');
			print_addr(out, &h->addr);
			buf_byte(out, ']');
		}
		if (h->port != 0)
			buf_printf(out, ":%u", h->port);
	}
}

static void
print_prefix(struct buf *out, const struct net_prefix *p)
{
	print_addr(out, &p->addr);
	buf_printf(out, "/%u", p->bits);
}

static void
print_source(struct buf *out, const struct conf_source *s)
{
	print_addr(out, &s->addr);
	if (s->name[0] != '\0')
		buf_printf(out, " %s", s->name);
}

static void
print_dkey(struct buf *out, const struct conf_dkey *k)
{
	print_text(out, k->selector);
	buf_byte(out, ',');
	print_text(out, k->domain);
	buf_byte(out, ',');
	print_text(out, k->path);
}

static void
print_count(struct buf *out, uint32_t max)
{
	if (max == 0)
		buf_str(out, " unlimited");
	else
		buf_printf(out, " %u", max);
}

static void
print_member(struct buf *out, const struct conf_member *m)
{
	print_text(out, m->name);
	if (m->weight != CONF_MEMBER_WEIGHT)
		buf_printf(out, " %u", m->weight);
}

static void
print_limit(const struct conf_directive *row, const void *field, size_t line,
    struct buf *out)
{
	const struct conf_cidr_counts *counts = field;
	const struct conf_cidr_rates *rates = field;
	const struct conf_cidr_data_rates *data = field;
	const struct conf_domain_counts *domains = field;

	if (row->type == CONF_TYPE_CIDR_COUNTS) {
		print_prefix(out, &counts->v[line].prefix);
		print_count(out, counts->v[line].max);
	} else if (row->type == CONF_TYPE_DOMAIN_COUNTS) {
		print_text(out, domains->v[line].pattern);
		print_count(out, domains->v[line].max);
	} else if (row->type == CONF_TYPE_CIDR_RATES) {
		print_prefix(out, &rates->v[line].prefix);
		buf_byte(out, ' ');
		str_rate(out, &rates->v[line].rate);
	} else {
		print_prefix(out, &data->v[line].prefix);
		buf_byte(out, ' ');
		str_data_rate(out, &data->v[line].rate);
	}
}

static void
print_item(const struct conf_directive *row, const void *field, size_t line,
    struct buf *out)
{
	if (row->type == CONF_TYPE_SOURCES)
		print_source(out,
		    &((const struct conf_sources *)field)->v[line]);
	else if (row->type == CONF_TYPE_DKEYS)
		print_dkey(out, &((const struct conf_dkeys *)field)->v[line]);
	else if (row->type == CONF_TYPE_MEMBERS)
		print_member(out,
		    &((const struct conf_members *)field)->v[line]);
	else if (conf_type_is_limits(row->type))
		print_limit(row, field, line, out);
	else
		print_text(out, ((const struct conf_strs *)field)->v[line]);
}

static void
print_one(const struct conf_directive *row, const void *field, struct buf *out)
{
	switch (row->type) {
	case CONF_TYPE_UINT:
	case CONF_TYPE_PERCENT:
		buf_printf(out, "%u", *(const uint32_t *)field);
		return;
	case CONF_TYPE_BOOL:
		buf_str(out, *(const bool *)field ? "yes" : "no");
		return;
	case CONF_TYPE_BOOL_INTERVAL:
		print_bool_interval(out, *(const int64_t *)field);
		return;
	case CONF_TYPE_INTERVAL:
		str_interval(out, *(const int64_t *)field);
		return;
	case CONF_TYPE_INTERVALS:
		print_intervals(out, field);
		return;
	case CONF_TYPE_RATE:
		str_rate(out, field);
		return;
	case CONF_TYPE_RATES:
		print_rates(out, field);
		return;
	case CONF_TYPE_DATA_RATE:
		str_data_rate(out, field);
		return;
	case CONF_TYPE_SIZE:
		str_size(out, *(const uint64_t *)field);
		return;
	case CONF_TYPE_COUNT_SHARE:
		conf_count_share_print(out, field);
		return;
	case CONF_TYPE_RATE_SHARE:
		conf_rate_share_print(out, field);
		return;
	case CONF_TYPE_DATA_SHARE:
		conf_data_share_print(out, field);
		return;
	case CONF_TYPE_SHARE:
		conf_share_print(out, *(const uint32_t *)field);
		return;
	case CONF_TYPE_ERROR_RATE:
		conf_error_rate_print(out, field);
		return;
	case CONF_TYPE_CIDR:
		print_prefix(out, field);
		return;
	case CONF_TYPE_SECRET:
		print_secret(out, *(const char *const *)field);
		return;
	case CONF_TYPE_KEY_FILE:
		print_key_file(out, field);
		return;
	case CONF_TYPE_STR:
	case CONF_TYPE_WORD:
	case CONF_TYPE_BOOL_WORD:
		print_text(out, *(const char *const *)field);
		return;
	case CONF_TYPE_HOSTS:
		print_hosts(out, field);
		return;
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
	CHECK_NEVER("a list among the single values");
}

size_t
conf_print_lines(const struct conf_directive *row, const void *field)
{
	size_t n = conf_value_items(row, field);

	return n == 0 ? 1 : n;
}

void
conf_print(const struct conf_directive *row, const void *field, size_t line,
    struct buf *out)
{
	if (!conf_type_adds_up(row->type))
		print_one(row, field, out);
	else if (conf_value_items(row, field) == 0)
		buf_str(out, "\"\"");
	else
		print_item(row, field, line, out);
}
