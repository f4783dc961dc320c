/* SPDX-License-Identifier: Apache-2.0 */
/* How far a reading is, is told in bytes, rows, their rate and what is left. */
#include "admin/progress.h"

#include "lib/clock.h"
#include "tests/tap.h"

static const struct {
	const char *label;
	uint64_t total, bytes, rows;
	int64_t took_us;
	const char *want;
} cases[] = {
	{ "a quarter in thirty seconds", 4000000000, 1000000000, 3000000,
	    30 * US_PER_S,
	    "25% of 4000.0 MB, 3000000 rows, 100000 rows/s, 1:30 left" },
	{ "nearly done", 1000000, 999999, 10, US_PER_S,
	    "99% of 1.0 MB, 10 rows, 10 rows/s, 0:00 left" },
	{ "the file has grown", 1000000, 1500000, 10, US_PER_S,
	    "100% of 1.0 MB, 10 rows, 10 rows/s" },
	{ "a stream", 0, 2500000, 7, 2 * US_PER_S, "2.5 MB, 7 rows, 4 rows/s" },
	{ "at once", 1000000, 0, 0, 0, "0% of 1.0 MB, 0 rows, 0 rows/s" },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct progress p = { .total = cases[i].total };
		struct buf out = { 0 };

		progress_text(&out, &p, cases[i].bytes, cases[i].rows,
		    cases[i].took_us);
		is_str(buf_cstr(&out), cases[i].want, cases[i].label);
		buf_fini(&out);
	}
	return done_testing();
}
