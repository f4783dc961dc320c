/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/stats_report.h"

#include <stdio.h>
#include <string.h>

#include "admin/stats_order.h"
#include "lib/check.h"
#include "lib/clock.h"
#include "lib/ctl_proto.h"
#include "lib/glob.h"
#include "lib/mem.h"

#define S_PER_MINUTE 60
#define S_PER_HOUR 3600
#define S_PER_DAY 86400

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define SECTION(name_, title_, columns_, keys_) \
	{ \
		.name = name_, .title = title_, .columns = columns_, \
		.count = COUNT(columns_), .keys = keys_ \
	}

struct report {
	struct stats_print *out;
	const struct stats_sum *sum;
	const struct stats_show *show;
};

/* ---- cells --------------------------------------------------------------- */

static void
set(json_t *row, const char *key, json_t *value)
{
	(void)json_object_set_new(row, key, value);
}

static void
set_number(json_t *row, const char *key, uint64_t n)
{
	set(row, key, json_integer((json_int_t)n));
}

/* A quotient to the hundredth; null of nothing. */
static void
set_ratio(json_t *row, const char *key, uint64_t part, uint64_t whole)
{
	uint64_t hundredths = whole == 0 ? 0 : (part * 100 + whole / 2) / whole;

	set(row, key,
	    whole == 0 ? json_null() : json_real((double)hundredths / 100));
}

static void
set_percent(json_t *row, const char *key, uint64_t part, uint64_t whole)
{
	set_ratio(row, key, part * 100, whole);
}

static void
set_text(json_t *row, const char *key, struct slice s)
{
	char z[STATS_KEY_MAX + 1];

	CHECK(s.len <= STATS_KEY_MAX);
	if (s.len > 0)
		memcpy(z, s.p, s.len);
	z[s.len] = '\0';
	set(row, key, ctl_string(z));
}

enum { TO_DAY = 10, TO_MINUTE = 16, TO_END = 39 };

/* The first `len` characters of 2026-11-20 23:40:01+0000; null of no time. */
static void
set_time(json_t *row, const char *key, int64_t s, size_t len)
{
	char out[TO_END + 1];

	if (s <= 0) {
		set(row, key, json_null());
		return;
	}
	(void)clock_iso(out, sizeof(out), s * US_PER_S);
	if (strlen(out) > len)
		out[len] = '\0';
	set(row, key, json_string(out));
}

/* What the counters of domains, virtual MTAs and hours are called. */
static const struct {
	const char *key;
	size_t measure;
} measures[] = {
	{ "received", ACCT_R },
	{ "delivered", ACCT_D },
	{ "bounced", ACCT_B },
	{ "transient", ACCT_T },
	{ "queue_failures", ACCT_TQ },
	{ "remote_bounced", ACCT_RB },
	{ "remote_status", ACCT_RS },
	{ "complaints", ACCT_F },
	{ "bytes", STATS_BYTES },
};

/* The columns of a section that are counters, or made of them. */
static void
set_measures(json_t *row, const struct stats_section *s, const uint64_t *m)
{
	for (size_t i = s->keys; i < s->count; i++) {
		const char *key = s->columns[i].key;

		if (strcmp(key, "bounce_rate") == 0)
			set_percent(row, key, m[ACCT_B], m[ACCT_D] + m[ACCT_B]);
		for (size_t k = 0; k < COUNT(measures); k++)
			if (strcmp(key, measures[k].key) == 0)
				set_number(row, key, m[measures[k].measure]);
	}
}

/* ---- the whole ----------------------------------------------------------- */

static void
time_frame(const struct report *r, const uint64_t *files)
{
	static const struct ctl_column columns[] = { { "first", "first" },
		{ "last", "last" }, { "records", "records" },
		{ "files", "files" } };
	static const struct stats_section all = SECTION("time_frame",
	    "Time frame (UTC)", columns, 0);
	static const struct stats_section part = { .name = "time_frame",
		.title = "Time frame (UTC)",
		.columns = columns,
		.count = COUNT(columns) - 1 };
	json_t *row = json_object();

	stats_print_section(r->out, files == NULL ? &part : &all);
	set_time(row, "first", r->sum->first_s, TO_END);
	set_time(row, "last", r->sum->last_s, TO_END);
	set_number(row, "records", r->sum->records);
	if (files != NULL)
		set_number(row, "files", *files);
	stats_print_row(r->out, row);
}

static void
counts(const struct report *r)
{
	static const struct ctl_column columns[] = { { "received", "received" },
		{ "delivered", "delivered" }, { "bounced", "bounced" },
		{ "transient", "transient" },
		{ "queue_failures", "queue failures" },
		{ "remote_bounced", "remote bounced" },
		{ "remote_status", "remote status" },
		{ "complaints", "complaints" }, { "bytes", "bytes delivered" },
		{ "bounce_rate", "bounce rate, percent" } };
	static const struct stats_section section = SECTION("counts", "Counts",
	    columns, 0);
	json_t *row = json_object();

	stats_print_section(r->out, &section);
	set_measures(row, &section, r->sum->measures);
	stats_print_row(r->out, row);
}

/* ---- bounces ------------------------------------------------------------- */

enum { DOMAIN, CATEGORY, STATUS, DIAGNOSIS, BOUNCE_KEYS };

static uint64_t
bounces_weight(const uint64_t *c)
{
	return c[STATS_BOUNCED] + c[STATS_REMOTE];
}

/* Is it among the categories that were asked for? */
static bool
is_wanted(const struct stats_show *show, struct slice category)
{
	return show->bounce_cats == NULL ||
	    glob_list_match(show->bounce_cats, category);
}

/* The parts of a key; the last one has all that is left. */
static size_t
split_key(struct slice key, struct slice parts[BOUNCE_KEYS])
{
	size_t n = 0;

	for (;;) {
		const char *tab = n + 1 == BOUNCE_KEYS ?
		    NULL :
		    memchr(key.p, STATS_SEPARATOR, key.len);

		parts[n] = key;
		if (tab != NULL)
			parts[n].len = (size_t)(tab - key.p);
		n++;
		if (tab == NULL)
			return n;
		key.p += parts[n - 1].len + 1;
		key.len -= parts[n - 1].len + 1;
	}
}

/* Cells of bounces, and their share of all. */
static void
bounces_row(const struct report *r, json_t *row, const uint64_t *c)
{
	const uint64_t *m = r->sum->measures;

	set_number(row, "bounced", c[STATS_BOUNCED]);
	set_number(row, "remote_bounced", c[STATS_REMOTE]);
	set_percent(row, "percent", bounces_weight(c), m[ACCT_B] + m[ACCT_RB]);
	stats_print_row(r->out, row);
}

/* The rest of a table of bounces, if there is any. */
static void
bounces_others(const struct report *r, const char *key, uint64_t others,
    const uint64_t *c)
{
	json_t *row;

	if (others == 0 && bounces_weight(c) == 0)
		return;
	row = json_object();
	set(row, key, json_null());
	set_number(row, "others", others);
	bounces_row(r, row, c);
}

/*
 * Rows of a table of bounces: the heaviest, then the rest as one.  Keys are
 * set by the section's columns; the category is part `category` of them.
 */
static void
bounces(const struct report *r, const struct stats_section *section,
    const struct stats_table *t, size_t category, uint64_t limit)
{
	uint64_t rest[] = { t->others[STATS_BOUNCED], t->others[STATS_REMOTE] };
	struct slice parts[BOUNCE_KEYS];
	uint64_t shown = 0, others = 0;
	struct stats_order o;

	stats_print_section(r->out, section);
	stats_order_init(&o, t, bounces_weight);
	for (size_t i = 0; i < o.count; i++) {
		const uint64_t *c = stats_item_counters(&o.items[i]);
		size_t n = split_key(stats_item_key(&o.items[i]), parts);
		json_t *row;

		/* A key that was cut may have lost its last parts. */
		while (n < section->keys)
			parts[n++] = SLICE_LIT("");
		if (!is_wanted(r->show, parts[category]))
			continue;
		if (shown == limit) {
			rest[STATS_BOUNCED] += c[STATS_BOUNCED];
			rest[STATS_REMOTE] += c[STATS_REMOTE];
			others++;
			continue;
		}
		row = json_object();
		for (size_t k = 0; k < section->keys; k++)
			set_text(row, section->columns[k].key, parts[k]);
		bounces_row(r, row, c);
		shown++;
	}
	bounces_others(r, section->columns[0].key, others, rest);
	stats_order_fini(&o);
}

static void
bounce_categories(const struct report *r)
{
	static const struct ctl_column columns[] = { { "category", "category" },
		{ "bounced", "bounced" }, { "remote_bounced", "remote" },
		{ "percent", "percent" } };
	static const struct stats_section section = SECTION("bounce_categories",
	    "Bounce categories", columns, 1);

	bounces(r, &section, &r->sum->tables[STATS_CATEGORIES], 0,
	    r->show->top_categories);
}

static void
top_bounces(const struct report *r)
{
	static const struct ctl_column plain[] = { { "domain", "domain" },
		{ "category", "category" }, { "bounced", "bounced" },
		{ "remote_bounced", "remote" }, { "percent", "percent" } };
	static const struct ctl_column dsn[] = { { "domain", "domain" },
		{ "category", "category" }, { "status", "status" },
		{ "diagnosis", "diagnosis" }, { "bounced", "bounced" },
		{ "remote_bounced", "remote" }, { "percent", "percent" } };
	static const struct stats_section by_category = SECTION("top_bounces",
	    "Top bounces", plain, 2);
	static const struct stats_section by_dsn = SECTION("top_bounces",
	    "Top bounces", dsn, 4);

	bounces(r, r->sum->by_dsn ? &by_dsn : &by_category,
	    &r->sum->tables[STATS_BOUNCES], CATEGORY, r->show->top_bounces);
}

/* ---- delivery times ------------------------------------------------------ */

static const struct {
	const char *within;
	int64_t seconds;
} delays[] = {
	{ "10s", 10 },
	{ "1m", 60 },
	{ "5m", 300 },
	{ "15m", 900 },
	{ "1h", S_PER_HOUR },
	{ "4h", 14400 },
	{ "8h", 28800 },
	{ "1d", S_PER_DAY },
	{ "more", INT64_MAX },
};

static void
delay_classes(const struct report *r, const struct stats_order *o,
    uint64_t total)
{
	static const struct ctl_column columns[] = { { "within", "within" },
		{ "delivered", "delivered" }, { "percent", "percent" } };
	static const struct stats_section section = SECTION("delivery_times",
	    "Delivery times", columns, 1);
	size_t i = 0;

	stats_print_section(r->out, &section);
	for (size_t k = 0; k < COUNT(delays); k++) {
		json_t *row = json_object();
		uint64_t n = 0;

		for (; i < o->count; i++) {
			const struct stats_item *item = &o->items[i];

			if (stats_sum_number(item->table, item->row) >
			    delays[k].seconds)
				break;
			n += *stats_item_counters(item);
		}
		set(row, "within", json_string(delays[k].within));
		set_number(row, "delivered", n);
		set_percent(row, "percent", n, total);
		stats_print_row(r->out, row);
	}
}

/* The seconds within which so many percent arrived; null of none. */
static void
set_quantile(json_t *row, const char *key, const struct stats_order *o,
    uint64_t total, uint64_t share)
{
	uint64_t n = 0;

	set(row, key, json_null());
	for (size_t i = 0; i < o->count; i++) {
		const struct stats_item *item = &o->items[i];

		n += *stats_item_counters(item);
		if (n * 100 >= total * share) {
			set_number(row, key,
			    (uint64_t)stats_sum_number(item->table, item->row));
			return;
		}
	}
}

static void
delivery_times(const struct report *r)
{
	static const struct ctl_column columns[] = { { "measured", "measured" },
		{ "median_s", "median, seconds" },
		{ "p95_s", "95 percent, seconds" },
		{ "longest_s", "longest, seconds" } };
	static const struct stats_section section = SECTION("delivery_time",
	    "Delivery time", columns, 0);
	json_t *row = json_object();
	struct stats_order o;
	uint64_t total = 0;

	stats_order_init(&o, &r->sum->tables[STATS_DELAYS], NULL);
	for (size_t i = 0; i < o.count; i++)
		total += *stats_item_counters(&o.items[i]);
	delay_classes(r, &o, total);
	stats_print_section(r->out, &section);
	set_number(row, "measured", total);
	set_quantile(row, "median_s", &o, total, 50);
	set_quantile(row, "p95_s", &o, total, 95);
	set_quantile(row, "longest_s", &o, total, 100);
	stats_print_row(r->out, row);
	stats_order_fini(&o);
}

/* ---- domains, virtual MTAs ----------------------------------------------- */

/* Attempts that ended in something. */
static uint64_t
attempts(const uint64_t *m)
{
	return m[ACCT_D] + m[ACCT_B] + m[ACCT_T] + m[ACCT_TQ];
}

static void
measures_others(const struct report *r, const struct stats_section *section,
    uint64_t others, const uint64_t *m)
{
	uint64_t any = others;
	json_t *row;

	for (size_t i = 0; i < STATS_MEASURES; i++)
		any |= m[i];
	if (any == 0)
		return;
	row = json_object();
	set(row, section->columns[0].key, json_null());
	set_number(row, "others", others);
	set_measures(row, section, m);
	stats_print_row(r->out, row);
}

/* The first ones of an order, then the rest as one row. */
static void
measures_table(const struct report *r, const struct stats_section *section,
    enum stats_by by, stats_weight_fn *weight, uint64_t limit)
{
	const struct stats_table *t = &r->sum->tables[by];
	uint64_t rest[STATS_MEASURES], others = 0;
	struct stats_order o;

	memcpy(rest, t->others, sizeof(rest));
	stats_print_section(r->out, section);
	stats_order_init(&o, t, weight);
	for (size_t i = 0; i < o.count; i++) {
		const uint64_t *m = stats_item_counters(&o.items[i]);
		json_t *row;

		if (i >= limit) {
			for (size_t k = 0; k < STATS_MEASURES; k++)
				rest[k] += m[k];
			others++;
			continue;
		}
		row = json_object();
		set_text(row, section->columns[0].key,
		    stats_item_key(&o.items[i]));
		set_measures(row, section, m);
		stats_print_row(r->out, row);
	}
	measures_others(r, section, others, rest);
	stats_order_fini(&o);
}

static const struct ctl_column domain_columns[] = { { "domain", "domain" },
	{ "received", "received" }, { "delivered", "delivered" },
	{ "bounced", "bounced" }, { "transient", "transient" },
	{ "remote_bounced", "remote" }, { "complaints", "complaints" },
	{ "bytes", "bytes" }, { "bounce_rate", "bounce %" } };

static void
top_domains(const struct report *r)
{
	static const struct stats_section section = SECTION("top_domains",
	    "Top domains", domain_columns, 1);

	measures_table(r, &section, STATS_DOMAINS, attempts,
	    r->show->top_domains);
}

static void
all_domains(const struct report *r)
{
	static const struct stats_section section = SECTION("domains",
	    "By domain", domain_columns, 1);

	measures_table(r, &section, STATS_DOMAINS, NULL, UINT64_MAX);
}

static void
vmtas(const struct report *r)
{
	static const struct ctl_column columns[] = { { "vmta", "virtual MTA" },
		{ "received", "received" }, { "delivered", "delivered" },
		{ "bounced", "bounced" }, { "transient", "transient" },
		{ "queue_failures", "queue failures" }, { "bytes", "bytes" },
		{ "bounce_rate", "bounce %" } };
	static const struct stats_section section = SECTION("vmtas",
	    "Virtual MTAs", columns, 1);

	measures_table(r, &section, STATS_VMTAS, attempts, UINT64_MAX);
}

/* ---- times --------------------------------------------------------------- */

struct busiest {
	int64_t number; /* of the hour or minute */
	uint64_t count;
};

static struct busiest
busiest(const struct stats_table *t, size_t column)
{
	struct busiest best = { 0 };

	for (uint32_t i = 0; i < t->count; i++) {
		uint64_t n = stats_table_get(t, i)[column];
		int64_t number = stats_sum_number(t, i);

		if (n > best.count ||
		    (n > 0 && n == best.count && number < best.number))
			best = (struct busiest){ number, n };
	}
	return best;
}

static void
rate_row(const struct report *r, const char *what, size_t in_hours,
    size_t in_minutes)
{
	const struct stats_sum *s = r->sum;
	struct busiest minute = busiest(&s->tables[STATS_MINUTES], in_minutes);
	struct busiest hour = busiest(&s->tables[STATS_HOURS], in_hours);
	int64_t span_s = s->last_s - s->first_s + 1;
	json_t *row = json_object();

	set(row, "what", json_string(what));
	set_ratio(row, "per_hour", s->measures[in_hours] * S_PER_HOUR,
	    (uint64_t)(span_s < S_PER_HOUR ? S_PER_HOUR : span_s));
	set_number(row, "hour_count", hour.count);
	set_time(row, "hour", hour.number * S_PER_HOUR, TO_MINUTE);
	set_number(row, "minute_count", minute.count);
	set_time(row, "minute", minute.number * S_PER_MINUTE, TO_MINUTE);
	stats_print_row(r->out, row);
}

static void
rates(const struct report *r)
{
	static const struct ctl_column columns[] = { { "what", "what" },
		{ "per_hour", "an hour" }, { "hour_count", "busiest hour" },
		{ "hour", "at" }, { "minute_count", "busiest minute" },
		{ "minute", "at" } };
	static const struct stats_section section = SECTION("rates", "Rates",
	    columns, 1);

	stats_print_section(r->out, &section);
	rate_row(r, "delivered", ACCT_D, STATS_MINUTE_D);
	rate_row(r, "received", ACCT_R, STATS_MINUTE_R);
}

#define TIME_COLUMNS \
	{ "received", "received" }, { "delivered", "delivered" }, \
	    { "bounced", "bounced" }, { "transient", "transient" }, \
	    { "queue_failures", "queue failures" }, \
	    { "remote_bounced", "remote" }, { "complaints", "complaints" }, \
	{ \
		"bytes", "bytes" \
	}

struct period {
	int64_t seconds;
	size_t len; /* of its time as text */
};

static void
period_row(const struct report *r, const struct stats_section *section,
    const struct period *p, int64_t s, const uint64_t *m)
{
	json_t *row = json_object();

	set_time(row, section->columns[0].key, s, p->len);
	set_measures(row, section, m);
	stats_print_row(r->out, row);
}

/* Hours put together to longer periods, in their order. */
static void
periods(const struct report *r, const struct stats_section *section,
    const struct period *p)
{
	const struct stats_table *t = &r->sum->tables[STATS_HOURS];
	uint64_t m[STATS_MEASURES] = { 0 };
	struct stats_order o;
	int64_t start_s = -1;

	stats_print_section(r->out, section);
	stats_order_init(&o, t, NULL);
	for (size_t i = 0; i < o.count; i++) {
		const uint64_t *more = stats_item_counters(&o.items[i]);
		int64_t s = stats_sum_number(t, o.items[i].row) * S_PER_HOUR;

		if (start_s >= 0 && s / p->seconds != start_s / p->seconds) {
			period_row(r, section, p, start_s, m);
			memset(m, 0, sizeof(m));
		}
		start_s = s;
		for (size_t k = 0; k < STATS_MEASURES; k++)
			m[k] += more[k];
	}
	if (start_s >= 0)
		period_row(r, section, p, start_s, m);
	measures_others(r, section, 0, t->others);
	stats_order_fini(&o);
}

static void
hourly(const struct report *r)
{
	static const struct ctl_column columns[] = { { "hour", "hour" },
		TIME_COLUMNS };
	static const struct stats_section section = SECTION("hourly",
	    "By hour (UTC)", columns, 1);
	static const struct period hour = { S_PER_HOUR, TO_MINUTE };

	periods(r, &section, &hour);
}

static void
dates(const struct report *r)
{
	static const struct ctl_column columns[] = { { "date", "date" },
		TIME_COLUMNS };
	static const struct stats_section section = SECTION("dates",
	    "By date (UTC)", columns, 1);
	static const struct period day = { S_PER_DAY, TO_DAY };

	periods(r, &section, &day);
}

/* ---- all ----------------------------------------------------------------- */

static bool
has(const struct stats_show *show, enum stats_part part)
{
	return (show->parts & STATS_PART(part)) != 0;
}

void
stats_report(struct stats_print *p, const struct stats_sum *s,
    const struct stats_show *show, const uint64_t *files)
{
	static void (*const parts[STATS_PARTS])(const struct report *) = {
		[STATS_COUNTS] = counts,
		[STATS_BOUNCE_CATEGORIES] = bounce_categories,
		[STATS_DELIVERY_TIMES] = delivery_times,
		[STATS_TOP_BOUNCES] = top_bounces,
		[STATS_TOP_DOMAINS] = top_domains,
		[STATS_RATES] = rates,
		[STATS_TOP_VMTAS] = vmtas,
		[STATS_HOURLY] = hourly,
		[STATS_DATES] = dates,
		[STATS_ALL_DOMAINS] = all_domains,
	};
	struct report r = { p, s, show };

	if (has(show, STATS_TIME_FRAME))
		time_frame(&r, files);
	for (enum stats_part i = STATS_COUNTS; i < STATS_PARTS; i++)
		if (has(show, i))
			parts[i](&r);
}
