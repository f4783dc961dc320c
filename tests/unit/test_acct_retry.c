/* SPDX-License-Identifier: Apache-2.0 */
/* Pauses grow to the longest, vary a little, and obey the server. */
#include "transport/acct_retry.h"

#include "lib/clock.h"
#include "tests/tap.h"

#define NOW (INT64_C(1700000000) * US_PER_S)

static const struct {
	const char *label;
	unsigned failures; /* before this one */
	int64_t longest_s, asked_s;
	uint32_t chance;
	int64_t wait_ms;
} cases[] = {
	{ "the first time", 0, 300, 0, 0, 1000 },
	{ "the second", 1, 300, 0, 0, 2000 },
	{ "the third", 2, 300, 0, 0, 4000 },
	{ "the ninth", 8, 300, 0, 0, 256000 },
	{ "the tenth: not beyond the longest", 9, 300, 0, 0, 300000 },
	{ "the hundredth", 99, 300, 0, 0, 300000 },
	{ "the last that is counted", UINT32_MAX, 300, 0, 0, 300000 },
	{ "a longest pause below the first", 0, 0, 0, 0, 0 },
	{ "the longest pause is a second", 7, 1, 0, 0, 1000 },
	{ "a longest pause of a hundred years", 9999, INT64_C(3155760000), 0, 0,
	    INT64_C(3155760000000) },
	{ "chance shortens by a fifth", 2, 300, 0, UINT32_MAX, 3200 },
	{ "half the chance by a tenth", 2, 300, 0, UINT32_MAX / 2 + 1, 3600 },
	{ "also the longest", 50, 300, 0, UINT32_MAX, 240000 },
	{ "the server asks for more", 0, 300, 30, 0, 30000 },
	{ "more than the longest", 0, 300, 900, UINT32_MAX, 900000 },
	{ "but not for more than an hour", 0, 300, 86400, 0, 3600000 },
	{ "the server asks for less", 5, 300, 3, 0, 32000 },
};

int
main(void)
{
	struct acct_retry r = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t at;

		r.failures = cases[i].failures;
		at = acct_retry_at(&r, NOW, cases[i].longest_s * US_PER_S,
		    cases[i].asked_s * US_PER_S, cases[i].chance);
		is_int((at - NOW) / 1000, cases[i].wait_ms, cases[i].label);
	}
	acct_retry_well(&r);
	is_int(acct_retry_at(&r, NOW, 300 * US_PER_S, 0, 0) - NOW, 1 * US_PER_S,
	    "from the beginning when it has worked");
	return done_testing();
}
