/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a queue's standing: damaged ones are refused; what is read says
 * the same when it is written again, and comes to an end in a bounded number of
 * looks, however long ago the bytes were made.
 *
 * The first byte picks how long ago that was.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "vmta/standing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW (INT64_C(1800000000) * US_PER_S)
#define LOOKS_MAX (2 * STANDING_SOURCES_MAX + 2 * BACKOFF_STEPS + 10)

/* Bytes that say nothing need not be written. */
static void
check_same(struct slice bytes)
{
	struct buf out = { 0 };
	struct standing st;
	struct retry wait;
	struct err e;

	if (standing_unpack(bytes, 0, NOW, &st, &wait, &e) == -1) {
		CHECK(standing_is_plain(&st) && wait.until_us == 0);
		return;
	}
	standing_pack(&st, &wait, NOW, &out);
	if (out.len > 0)
		CHECK(out.len == bytes.len &&
		    memcmp(out.p, bytes.p, out.len) == 0);
	else
		CHECK(standing_is_plain(&st) && !retry_waits(&wait, NOW));
	buf_fini(&out);
	standing_fini(&st);
}

static void
check_end(struct slice bytes, int64_t elapsed_us)
{
	int64_t now = NOW, looks = 0;
	struct standing st;
	struct retry wait;
	struct net_addr addr;
	struct err e;

	if (standing_unpack(bytes, elapsed_us, NOW, &st, &wait, &e) == -1)
		return;
	do {
		CHECK(++looks <= LOOKS_MAX);
		while (standing_source_back(&st, now, &addr))
			CHECK(standing_source_is_off(&st, &addr, now) == NULL);
		(void)standing_run(&st, US_PER_S, now);
		CHECK(standing_next(&st, now) > now);
		now = standing_next(&st, now);
	} while (now < INT64_MAX);
	CHECK(standing_is_plain(&st) || st.backoff.mode == MODE_BACKOFF ||
	    st.count > 0);
	standing_fini(&st);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t elapsed[] = { -1, 0, US_PER_S, 600 * US_PER_S,
		3600 * US_PER_S, 86400 * US_PER_S, INT64_MAX };
	struct slice bytes;

	if (size < 1)
		return 0;
	bytes = (struct slice){ (const char *)data + 1, size - 1 };
	check_same(bytes);
	check_end(bytes,
	    elapsed[data[0] % (sizeof(elapsed) / sizeof(elapsed[0]))]);
	return 0;
}
