/* SPDX-License-Identifier: Apache-2.0 */
/* Limits as shares of others: what is read, what is refused, what it comes to. */
#include "lib/conf_shares.h"

#include <stdio.h>

#include "lib/clock.h"
#include "tests/tap.h"

static const struct {
	const char *text;
	uint32_t percent, count; /* both 0: refused */
} counts[] = {
	{ "1", 0, 1 },
	{ "20", 0, 20 },
	{ "21", 0, 0 }, /* more than the most */
	{ "0", 0, 0 },
	{ "1%", 1, 0 },
	{ "100%", 100, 0 },
	{ "0%", 0, 0 },
	{ "101%", 0, 0 },
	{ "%", 0, 0 },
	{ "-5%", 0, 0 },
	{ "10 %", 0, 0 },
	{ "ten", 0, 0 },
	{ "", 0, 0 },
};

static void
test_counts(void)
{
	struct conf_count_share c;
	struct err e;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		int got = conf_count_share_parse(slice_of(counts[i].text), 20,
		    &c, &e);
		bool good = counts[i].percent != 0 || counts[i].count != 0;

		ok(got == (good ? 0 : -1) &&
			(!good ||
			    (c.percent == counts[i].percent &&
				c.count == counts[i].count)),
		    "count \"%s\"", counts[i].text);
	}
}

static const struct {
	const char *text;
	uint32_t per_mille; /* 0: refused */
} shares[] = { { "0.3%", 3 }, { "10%", 100 }, { "100%", 1000 },
	{ "100.0%", 1000 }, { "0.1%", 1 }, { "0%", 0 }, { "0.0%", 0 },
	{ "100.1%", 0 }, { "0.35%", 0 }, { "0.%", 0 }, { ".3%", 0 },
	{ "0.3", 0 }, { "10", 0 }, { "%", 0 }, { "", 0 }, { "-1%", 0 } };

static void
test_shares(void)
{
	uint32_t got;
	struct err e;

	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
		ok(conf_share_parse(slice_of(shares[i].text), &got, &e) ==
			    (shares[i].per_mille == 0 ? -1 : 0) &&
			(shares[i].per_mille == 0 ||
			    got == shares[i].per_mille),
		    "share \"%s\"", shares[i].text);
}

static const struct {
	const char *text;
	uint32_t percent, attempts;
	int64_t span_us;
} errors[] = {
	{ "none", 0, 0, 0 },
	{ "30% 100/10m", 30, 100, 600 * US_PER_S },
	{ "30%\t 1/1h", 30, 1, 3600 * US_PER_S },
	{ "100% 5/1m", 100, 5, 60 * US_PER_S },
};

static const char *const bad_errors[] = { "", "30%", "30 100/10m", "30% 100",
	"30% 0/10m", "30% 10/59s", "30% 10/61m", "30% unlimited", "0% 10/10m",
	"30% 10/10m more", "100/10m" };

static void
test_error_rates(void)
{
	struct conf_error_rate r;
	struct err e;

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		ok(conf_error_rate_parse(slice_of(errors[i].text), &r, &e) ==
			    0 &&
			r.percent == errors[i].percent &&
			r.attempts == errors[i].attempts &&
			r.span_us == errors[i].span_us,
		    "error rate \"%s\"", errors[i].text);
	for (size_t i = 0; i < sizeof(bad_errors) / sizeof(bad_errors[0]);
	     i++) {
		e.text[0] = '\0';
		ok(conf_error_rate_parse(slice_of(bad_errors[i]), &r, &e) ==
			    -1 &&
			e.text[0] != '\0',
		    "error rate \"%s\": %s", bad_errors[i], e.text);
	}
}

/* What N per cent of a whole come to, and never nothing. */
static const struct {
	uint32_t percent, whole, part;
} parts[] = { { 10, 20, 2 }, { 10, 29, 2 }, { 10, 5, 1 }, { 1, 1, 1 },
	{ 100, 7, 7 }, { 50, 0, 0 }, { 99, UINT32_MAX, 4252017622 } };

static void
test_part_of_count(void)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const struct conf_count_share c = { parts[i].percent, 0 };

		ok(conf_count_share(&c, parts[i].whole) == parts[i].part,
		    "%u%% of %u", parts[i].percent, parts[i].whole);
	}
	is_int(
	    (int64_t)conf_count_share(&(struct conf_count_share){ 0, 4 }, 100),
	    4, "a count is itself");
}

static void
test_part_of_rate(void)
{
	const struct conf_rate_share tenth = { .percent = 10 };
	const struct rate hour = { 5, 3600 * US_PER_S };
	const struct rate many = { 1000, 60 * US_PER_S }, none = { 0, 0 };
	struct rate got = conf_rate_share(&tenth, &many);

	ok(got.count == 100 && got.period_us == 60 * US_PER_S,
	    "10%% of 1000/m is 100/m");
	got = conf_rate_share(&tenth, &hour);
	ok(got.count == 1 && got.period_us == 7200 * US_PER_S,
	    "10%% of 5/h is 1/2h, not 1/h");
	got = conf_rate_share(&tenth, &none);
	ok(got.count == 0 && got.period_us == 0,
	    "10%% of no limit is no limit");
	got = conf_rate_share(&(struct conf_rate_share){ 0, hour }, &many);
	ok(got.count == 5 && got.period_us == hour.period_us,
	    "a rate is itself");
}

static void
test_part_of_data(void)
{
	const struct conf_data_share half = { .percent = 50 };
	struct data_rate got = conf_data_share(&half,
	    &(struct data_rate){ 1001, US_PER_S });

	ok(got.bytes == 500 && got.period_us == US_PER_S, "50%% of 1001/s");
	got = conf_data_share(&half, &(struct data_rate){ 1, US_PER_S });
	ok(got.bytes == 1, "a byte is left");
	got = conf_data_share(&half,
	    &(struct data_rate){ UINT64_MAX, US_PER_S });
	ok(got.bytes > UINT64_MAX / 2 - 100 && got.bytes <= UINT64_MAX / 2,
	    "it does not wrap");
	got = conf_data_share(&half, &(struct data_rate){ 0, 0 });
	ok(got.bytes == 0 && got.period_us == 0, "no limit stays no limit");
}

int
main(void)
{
	test_counts();
	test_shares();
	test_error_rates();
	test_part_of_count();
	test_part_of_rate();
	test_part_of_data();
	return done_testing();
}
