/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/stats_sum.h"

#include <string.h>

#include "admin/stats_diag.h"
#include "lib/check.h"

#define S_PER_MINUTE 60
#define S_PER_HOUR 3600

static const uint32_t widths[STATS_TABLES] = {
	[STATS_DOMAINS] = STATS_MEASURES,
	[STATS_VMTAS] = STATS_MEASURES,
	[STATS_HOURS] = STATS_MEASURES,
	[STATS_MINUTES] = 2,
	[STATS_CATEGORIES] = 2,
	[STATS_BOUNCES] = 2,
	[STATS_DELAYS] = 1,
};

void
stats_sum_init(struct stats_sum *s, bool by_dsn, struct stats_room *room)
{
	*s = (struct stats_sum){ .by_dsn = by_dsn,
		.hour = INT64_MIN,
		.minute = INT64_MIN };
	for (size_t i = 0; i < STATS_TABLES; i++)
		stats_table_init(&s->tables[i], widths[i], room);
}

void
stats_sum_fini(struct stats_sum *s)
{
	for (size_t i = 0; i < STATS_TABLES; i++)
		stats_table_fini(&s->tables[i]);
}

/* ---- keys ---------------------------------------------------------------- */

/* Big-endian, so that keys in order are times in order. */
static uint32_t
number_row(struct stats_table *t, int64_t number)
{
	unsigned char be[8];

	put_be64(be, (uint64_t)number);
	return stats_table_row(t,
	    (struct slice){ (const char *)be, sizeof(be) });
}

int64_t
stats_sum_number(const struct stats_table *t, uint32_t row)
{
	struct slice key = stats_table_key(t, row);

	CHECK(key.len == 8);
	return (int64_t)get_be64(key.p);
}

struct key {
	char p[STATS_KEY_MAX];
	size_t len;
};

/* Separators and control characters within a part would tear the key. */
static void
add_part(struct key *k, struct slice s)
{
	for (size_t i = 0; i < s.len && k->len < sizeof(k->p); i++)
		k->p[k->len++] = (unsigned char)s.p[i] < ' ' ? '?' : s.p[i];
}

static void
add_separator(struct key *k)
{
	if (k->len < sizeof(k->p))
		k->p[k->len++] = STATS_SEPARATOR;
}

/* Behind the last @, in lower case; "" if there is none. */
static void
domain_of(struct slice rcpt, struct key *k)
{
	const char *at = rcpt.len == 0 ? NULL : memrchr(rcpt.p, '@', rcpt.len);

	k->len = 0;
	if (at == NULL)
		return;
	at++;
	add_part(k, (struct slice){ at, rcpt.len - (size_t)(at - rcpt.p) });
	for (size_t i = 0; i < k->len; i++)
		if (k->p[i] >= 'A' && k->p[i] <= 'Z')
			k->p[i] = (char)(k->p[i] + ('a' - 'A'));
}

/* ---- a row --------------------------------------------------------------- */

static void
count(uint64_t *measures, const struct stats_row *r)
{
	measures[r->type]++;
	if (r->type == ACCT_D)
		measures[STATS_BYTES] += r->size;
}

static void
count_table(struct stats_sum *s, enum stats_by by, uint32_t row,
    const struct stats_row *r)
{
	count(stats_table_at(&s->tables[by], row), r);
}

static void
add_time(struct stats_sum *s, const struct stats_row *r)
{
	int64_t hour = r->logged_s / S_PER_HOUR;
	int64_t minute = r->logged_s / S_PER_MINUTE;
	struct stats_table *minutes = &s->tables[STATS_MINUTES];

	if (r->logged_s <= 0)
		return;
	if (s->first_s == 0 || r->logged_s < s->first_s)
		s->first_s = r->logged_s;
	if (r->logged_s > s->last_s)
		s->last_s = r->logged_s;
	if (hour != s->hour) {
		s->hour = hour;
		s->hour_row = number_row(&s->tables[STATS_HOURS], hour);
	}
	count_table(s, STATS_HOURS, s->hour_row, r);
	if (r->type != ACCT_D && r->type != ACCT_R)
		return;
	if (minute != s->minute) {
		s->minute = minute;
		s->minute_row = number_row(minutes, minute);
	}
	stats_table_at(minutes,
	    s->minute_row)[r->type == ACCT_D ? STATS_MINUTE_D :
					       STATS_MINUTE_R]++;
}

static void
add_bounce(struct stats_sum *s, const struct stats_row *r, struct key *domain)
{
	size_t column = r->type == ACCT_B ? STATS_BOUNCED : STATS_REMOTE;
	struct stats_table *t = &s->tables[STATS_CATEGORIES];
	char diag[STATS_DIAG_MAX];

	stats_table_at(t, stats_table_row(t, r->bounce_cat))[column]++;
	add_separator(domain);
	add_part(domain, r->bounce_cat);
	if (s->by_dsn) {
		add_separator(domain);
		add_part(domain, r->dsn_status);
		add_separator(domain);
		add_part(domain,
		    (struct slice){ diag, stats_diag(r->dsn_diag, diag) });
	}
	t = &s->tables[STATS_BOUNCES];
	stats_table_at(t,
	    stats_table_row(t,
		(struct slice){ domain->p, domain->len }))[column]++;
}

/* A clock that was set back makes no delivery faster than none. */
static void
add_delay(struct stats_sum *s, const struct stats_row *r)
{
	struct stats_table *t = &s->tables[STATS_DELAYS];
	int64_t delay = r->logged_s - r->queued_s;

	stats_table_at(t, number_row(t, delay < 0 ? 0 : delay))[0]++;
}

void
stats_sum_add(struct stats_sum *s, const struct stats_row *r)
{
	struct stats_table *t;
	struct key k;

	s->records++;
	count(s->measures, r);
	add_time(s, r);
	if (acct_field_in(ACCT_VMTA, r->type)) {
		t = &s->tables[STATS_VMTAS];
		count_table(s, STATS_VMTAS, stats_table_row(t, r->vmta), r);
	}
	if (acct_field_in(ACCT_RCPT, r->type)) {
		domain_of(r->rcpt, &k);
		t = &s->tables[STATS_DOMAINS];
		count_table(s, STATS_DOMAINS,
		    stats_table_row(t, (struct slice){ k.p, k.len }), r);
		if (r->type == ACCT_B || r->type == ACCT_RB)
			add_bounce(s, r, &k);
	}
	if (r->type == ACCT_D && r->logged_s > 0 && r->queued_s > 0)
		add_delay(s, r);
}

void
stats_sum_merge(struct stats_sum *s, const struct stats_sum *from)
{
	CHECK(s->by_dsn == from->by_dsn);
	s->records += from->records;
	if (from->first_s > 0 &&
	    (s->first_s == 0 || from->first_s < s->first_s))
		s->first_s = from->first_s;
	if (from->last_s > s->last_s)
		s->last_s = from->last_s;
	for (size_t i = 0; i < STATS_MEASURES; i++)
		s->measures[i] += from->measures[i];
	for (size_t i = 0; i < STATS_TABLES; i++)
		stats_table_merge(&s->tables[i], &from->tables[i]);
}
