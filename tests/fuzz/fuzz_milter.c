/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host MTA's side of a milter session: whatever comes, in one piece or cut
 * anywhere, the answers are whole packets, and the same.
 *
 * The first byte says how long the pieces are, and whether steps without a reply
 * are offered; the rest is what comes.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/log.h"
#include "milter/milter_session.h"
#include "tests/fuzz/fake_clock.h"
#include "tests/support/milter_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OPT_TCP = 0x80, PIECES_MAX = 64 };

static struct milter_env env;

static void
stop(void)
{
	milter_world_fini(&env);
}

static void
start(void)
{
	struct err e;

	if (env.conf != NULL)
		return;
	milter_world_init(&env, MILTER_WORLD_CONF);
	log_set_level(LOG_L_ERROR);
	(void)log_open("/dev/null", &e);
	CHECK(atexit(stop) == 0);
}

/* Keys are never found. */
static void
run(const char *p, size_t len, size_t step, struct buf *out)
{
	struct milter_session *s = milter_session_new(&env);
	struct buf waiting = { 0 }, words = { 0 };

	while (len > 0 && !milter_session_is_over(s)) {
		size_t piece = len < step ? len : step, taken;

		buf_add(&waiting, p, piece);
		p += piece;
		len -= piece;
		do {
			taken = milter_session_input(s,
			    (struct slice){ waiting.p, waiting.len });
			buf_drop(&waiting, taken);
			if (milter_session_wanted(s) != NULL)
				milter_session_answered(s);
		} while (taken > 0);
	}
	host_heard(milter_session_output(s), &words);
	buf_add(out, milter_session_output(s)->p,
	    milter_session_output(s)->len);
	milter_session_free(&s);
	buf_fini(&waiting);
	buf_fini(&words);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 1;
	struct buf whole = { 0 }, pieces = { 0 };
	size_t step;

	if (size < 2)
		return 0;
	start();
	fake_clock_reset();
	env.unix_socket = (data[0] & OPT_TCP) == 0;
	size--;
	step = 1 + (data[0] & 0x7fU);
	if (step < size / PIECES_MAX)
		step = size / PIECES_MAX;
	run(p, size, size, &whole);
	run(p, size, step, &pieces);
	CHECK(whole.len == pieces.len);
	CHECK(whole.len == 0 || memcmp(whole.p, pieces.p, whole.len) == 0);
	buf_fini(&whole);
	buf_fini(&pieces);
	return 0;
}
