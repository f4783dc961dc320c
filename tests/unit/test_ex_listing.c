/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue as Exim lists it: columns of age and size where they change their
 * unit, what is frozen, and nobody who breaks a line.
 */
#include "compat/exim/ex_listing.h"

#include "compat/exim/ex_log.h"
#include "tests/tap.h"

#define NOW 1795333970
#define KB 1024
#define MB (1024 * KB)

/* 1xV2N4-0001AB-39 is what Exim 4.96 printed of its own. */
static const struct {
	int64_t age_s;
	uint64_t size;
	const char *begins;
} cases[] = {
	{ 0, 277, " 0m   277 " },
	{ 59, 1023, " 0m  1023 " },
	{ 60, KB, " 1m  1.0K " },
	{ 90 * 60 + 59, 10 * KB - 1, "90m 10.0K " },
	{ 91 * 60, 30240, " 2h   30K " },
	{ 72 * 3600 + 1799, 10 * KB, "72h   10K " },
	{ 72 * 3600 + 1800, MB - 1, " 3d 1024K " },
	{ 100 * 86400, 3042857, "100d  2.9M " },
	{ -5, 25 * MB, " 0m   25M " },
	{ 5, 0, " 0m       " },
};

static void
test_columns(void)
{
	static const struct listed_rcpt one[] = { { "b@x.example", "" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct listed m = { .id = 1795333942979849,
			.host_id = "",
			.arrival_s = NOW - cases[i].age_s,
			.size = cases[i].size,
			.state = LISTED_DEFERRED,
			.sender = "a@example.org",
			.rcpts = one,
			.rcpt_count = 1 };
		struct buf out = { 0 }, want = { 0 };

		buf_printf(&want,
		    "%s1xV2N4-0046u1-00 <a@example.org>\n"
		    "          b@x.example\n\n",
		    cases[i].begins);
		ex_listing_message(&m, NOW, &out);
		is_str(buf_cstr(&out), buf_cstr(&want), cases[i].begins);
		buf_fini(&out);
		buf_fini(&want);
	}
}

static void
test_frozen(void)
{
	static const struct listed_rcpt two[] = { { "a@b.example", "" },
		{ "x\n 0m   1 1xV2N4-000000-00 <>@y", "" } };
	const struct listed m = { .id = 1,
		.host_id = "1xV3uw-00000000ABC-2C3D",
		.arrival_s = NOW,
		.size = 1,
		.state = LISTED_HOLD,
		.sender = "",
		.rcpts = two,
		.rcpt_count = 2 };
	struct buf out = { 0 };

	ex_listing_message(&m, NOW, &out);
	is_str(buf_cstr(&out),
	    " 0m     1 000000-00000000001-0000 <> *** frozen ***\n"
	    "          a@b.example\n"
	    "          x\\n 0m   1 1xV2N4-000000-00 <>@y\n\n",
	    "held back, with an id as wide as the host's");
	buf_fini(&out);
}

static void
test_ids(void)
{
	static const char *const wrong[] = { "", "1xV2N4", "1xV2N4-0046u1-01",
		"1xV2N4-00zzzz-00", "1xV2N4-0046u1-000", "1xV2N4-0046u1-0_",
		"1xV2N4-0000000Xy00-00", "1xV2N4-0046u1-00-",
		"000000-000000-00", "000000-00000000000-0000",
		/* 2^64 microseconds and one more */
		"1xV2N4-LygHa16AHYH-0000" };
	static const char *const hosts[] = { "", "1xV3uw-00000000ABC-2C3D" };
	const uint64_t ids[] = { 1, 999999, 1000000, 1795333942979849 };
	char text[EX_ID_TEXT];
	uint64_t id;

	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < 2; k++)
			ok(ex_log_read_id(ex_log_id(ids[i], hosts[k], text),
			       &id) &&
				id == ids[i],
			    "%s", text);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ok(!ex_log_read_id(wrong[i], &id), "not \"%s\"", wrong[i]);
}

int
main(void)
{
	test_columns();
	test_ids();
	test_frozen();
	return done_testing();
}
