/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_shares.h"

#include <string.h>

#include "lib/clock.h"

#define SPAN_MIN_US (60 * US_PER_S)
#define SPAN_MAX_US (3600 * US_PER_S)

/* ---- reading ------------------------------------------------------------- */

static bool
is_share(struct slice s)
{
	return s.len > 0 && s.p[s.len - 1] == '%';
}

static int
parse_share(struct slice s, uint32_t *percent_r, struct err *e)
{
	uint64_t v;

	if (!is_share(s) ||
	    str_to_u64((struct slice){ s.p, s.len - 1 }, &v, e) == -1 ||
	    v < 1 || v > 100)
		return err_set(e, "\"%.*s\" is not from 1%% to 100%%",
		    (int)s.len, s.p);
	*percent_r = (uint32_t)v;
	return 0;
}

int
conf_count_share_parse(struct slice s, uint32_t max,
    struct conf_count_share *out, struct err *e)
{
	uint64_t v;

	*out = (struct conf_count_share){ 0 };
	if (is_share(s))
		return parse_share(s, &out->percent, e);
	if (str_to_u64(s, &v, e) == -1)
		return -1;
	if (v == 0)
		return err_set(e, "0 would let nothing through");
	if (v > max)
		return err_set(e, "%llu is more than %u", (unsigned long long)v,
		    max);
	out->count = (uint32_t)v;
	return 0;
}

int
conf_rate_share_parse(struct slice s, struct conf_rate_share *out,
    struct err *e)
{
	*out = (struct conf_rate_share){ 0 };
	if (is_share(s))
		return parse_share(s, &out->percent, e);
	return str_to_rate(s, &out->rate, e);
}

int
conf_data_share_parse(struct slice s, struct conf_data_share *out,
    struct err *e)
{
	*out = (struct conf_data_share){ 0 };
	if (is_share(s))
		return parse_share(s, &out->percent, e);
	return str_to_data_rate(s, &out->rate, e);
}

/* "COUNT/INTERVAL", from a minute to an hour. */
static int
parse_span(struct slice s, struct conf_error_rate *out, struct err *e)
{
	const char *slash = s.len == 0 ? NULL : memchr(s.p, '/', s.len);
	size_t front = slash == NULL ? s.len : (size_t)(slash - s.p);
	struct rate rate;

	if (slash == NULL || str_to_rate(s, &rate, e) == -1)
		return err_set(e, "\"%.*s\" is not COUNT/INTERVAL, as 100/10m",
		    (int)s.len, s.p);
	if (rate.count == 0)
		return err_set(e, "\"%.*s\" is no count of attempts",
		    (int)front, s.p);
	if (rate.period_us < SPAN_MIN_US || rate.period_us > SPAN_MAX_US)
		return err_set(e, "\"%.*s\" is not from a minute to an hour",
		    (int)(s.len - front - 1), slash + 1);
	out->attempts = rate.count;
	out->span_us = rate.period_us;
	return 0;
}

int
conf_error_rate_parse(struct slice s, struct conf_error_rate *out,
    struct err *e)
{
	size_t word = 0;
	struct slice rest;

	*out = (struct conf_error_rate){ 0 };
	if (slice_eq_nocase(s, "none"))
		return 0;
	while (word < s.len && s.p[word] != ' ' && s.p[word] != '\t')
		word++;
	rest = slice_trim((struct slice){ s.p + word, s.len - word });
	if (parse_share((struct slice){ s.p, word }, &out->percent, e) == -1)
		return -1;
	return parse_span(rest, out, e);
}

int
conf_share_parse(struct slice s, uint32_t *per_mille_r, struct err *e)
{
	const char *dot = s.len == 0 ? NULL : memchr(s.p, '.', s.len);
	size_t front = dot == NULL ? s.len - 1 : (size_t)(dot - s.p);
	uint64_t whole, tenth = 0;
	struct err ignored;

	if (!is_share(s) ||
	    str_to_u64((struct slice){ s.p, front }, &whole, &ignored) == -1 ||
	    (dot != NULL &&
		(s.len - front != 3 ||
		    str_to_u64((struct slice){ dot + 1, 1 }, &tenth,
			&ignored) == -1)) ||
	    whole > 100 || whole * 10 + tenth < 1 || whole * 10 + tenth > 1000)
		return err_set(e, "\"%.*s\" is not from 0.1%% to 100%%",
		    (int)s.len, s.p);
	*per_mille_r = (uint32_t)(whole * 10 + tenth);
	return 0;
}

/* ---- printing ------------------------------------------------------------ */

void
conf_count_share_print(struct buf *b, const struct conf_count_share *c)
{
	if (c->percent != 0)
		buf_printf(b, "%u%%", c->percent);
	else
		buf_printf(b, "%u", c->count);
}

void
conf_rate_share_print(struct buf *b, const struct conf_rate_share *r)
{
	if (r->percent != 0)
		buf_printf(b, "%u%%", r->percent);
	else
		str_rate(b, &r->rate);
}

void
conf_data_share_print(struct buf *b, const struct conf_data_share *d)
{
	if (d->percent != 0)
		buf_printf(b, "%u%%", d->percent);
	else
		str_data_rate(b, &d->rate);
}

void
conf_error_rate_print(struct buf *b, const struct conf_error_rate *r)
{
	const struct rate span = { r->attempts, r->span_us };

	if (r->percent == 0) {
		buf_str(b, "none");
		return;
	}
	buf_printf(b, "%u%% ", r->percent);
	str_rate(b, &span);
}

void
conf_share_print(struct buf *b, uint32_t per_mille)
{
	buf_printf(b, "%u", per_mille / 10);
	if (per_mille % 10 != 0)
		buf_printf(b, ".%u", per_mille % 10);
	buf_byte(b, '%');
}

/* ---- what they come to --------------------------------------------------- */

uint32_t
conf_count_share(const struct conf_count_share *c, uint32_t whole)
{
	uint64_t part = (uint64_t)whole * c->percent / 100;

	if (c->percent == 0)
		return c->count;
	return whole != 0 && part == 0 ? 1 : (uint32_t)part;
}

/* The period in which one of so many hundredths a period comes. */
static int64_t
longer(int64_t period_us, uint64_t hundredths)
{
	if (period_us > INT64_MAX / 100)
		return period_us;
	return (period_us * 100 + (int64_t)hundredths - 1) /
	    (int64_t)hundredths;
}

struct rate
conf_rate_share(const struct conf_rate_share *r, const struct rate *whole)
{
	uint64_t hundredths = (uint64_t)whole->count * r->percent;

	if (r->percent == 0)
		return r->rate;
	if (hundredths == 0)
		return *whole;
	if (hundredths < 100)
		return (struct rate){ 1, longer(whole->period_us, hundredths) };
	return (struct rate){ (uint32_t)(hundredths / 100), whole->period_us };
}

struct data_rate
conf_data_share(const struct conf_data_share *d, const struct data_rate *whole)
{
	/* In two parts, since bytes times a hundred may not fit. */
	uint64_t part = whole->bytes / 100 * d->percent +
	    whole->bytes % 100 * d->percent / 100;

	if (d->percent == 0)
		return d->rate;
	if (whole->bytes == 0)
		return *whole;
	return (struct data_rate){ part == 0 ? 1 : part, whole->period_us };
}
