/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A repeated hand-over is recognised by recipient, for a day, and its rows go
 * when the day is over.
 */
#include "lib/mem.h"
#include "queue/handover.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"

#define HOUR (INT64_C(3600) * 1000000)
#define DAY_ONE (INT64_C(20000) * 24 * HOUR)

static struct env *env;
static struct handover ho;
static struct err e;

/* What is known of the recipients, as 'k' and '-'; at a time, by one key. */
static const char *
admit(char key, const char *rcpts, int64_t at_us)
{
	static uint64_t next_id = 1;
	static char out[32];
	struct store_accept a = { .has_key = true };
	uint32_t fresh = 99, counted = 0;

	a.rcpt_count = (uint32_t)strlen(rcpts);
	a.rcpt_keys = mem_array(a.rcpt_count, sizeof(uint64_t));
	a.known = mem_array(a.rcpt_count, sizeof(bool));
	memset(a.key, key, sizeof(a.key));
	for (uint32_t i = 0; i < a.rcpt_count; i++)
		a.rcpt_keys[i] = (uint64_t)(unsigned char)rcpts[i];
	env_begin(env);
	handover_begin(&ho, at_us);
	if (handover_admit(&ho, &a, &fresh, &e) != ENV_OK ||
	    handover_end(&ho, next_id++, &e) != ENV_OK ||
	    env_commit(env, &e) != ENV_OK)
		exit(99);
	for (uint32_t i = 0; i < a.rcpt_count; i++) {
		out[i] = a.known[i] ? 'k' : '-';
		counted += a.known[i] ? 0 : 1;
	}
	out[a.rcpt_count] = '\0';
	if (counted != fresh)
		out[0] = '?';
	free(a.rcpt_keys);
	free(a.known);
	return out;
}

static int
rows(enum env_table t)
{
	struct slice key, rec;
	struct env_scan sc;
	int count = 0;

	env_scan_init(&sc, t, ENV_SCAN_SMALL);
	while (env_scan_next(env, &sc, &key, &rec, &e) == ENV_OK)
		count++;
	env_scan_fini(&sc);
	return count;
}

static int
expire(int64_t at_us)
{
	bool more = true;
	int slices = 0;

	while (more && handover_expire(&ho, at_us, &more, &e) == ENV_OK)
		slices++;
	return slices;
}

int
main(void)
{
	if (env_open(tmpdir_make(), &env, &e) != ENV_OK) {
		(void)printf("Bail out! %s\n", e.text);
		return 99;
	}
	handover_init(&ho, env);
	is_str(admit('A', "ab", DAY_ONE), "--", "a first hand-over is new");
	is_str(admit('A', "ab", DAY_ONE), "kk", "again: all are known");
	is_str(admit('B', "ab", DAY_ONE), "--", "another message is new");
	is_str(admit('A', "bcb", DAY_ONE + 2 * HOUR), "k-k",
	    "one more recipient is new");
	is_str(admit('A', "abc", DAY_ONE + 2 * HOUR), "kkk",
	    "and known from then on");
	is_str(admit('C', "xx", DAY_ONE), "--",
	    "the same recipient twice in one message is two");
	is_int(rows(TABLE_HANDOVER), 3, "three keys are kept");
	is_int(expire(DAY_ONE + 24 * HOUR), 1, "nothing is over after 24 h");
	is_int(rows(TABLE_HANDOVER), 3, "so all are there");
	ok(expire(DAY_ONE + 24 * HOUR + HOUR / 2) > 1,
	    "half an hour later some are");
	is_int(rows(TABLE_HANDOVER), 1, "but the one that came again is kept");
	is_str(admit('A', "a", DAY_ONE + 25 * HOUR), "k", "and known");
	is_str(admit('B', "a", DAY_ONE + 25 * HOUR), "-", "the other is not");
	(void)expire(DAY_ONE + 100 * HOUR);
	is_int(rows(TABLE_HANDOVER), 0, "in the end all are gone");
	is_int(rows(TABLE_BUCKET), 0, "and their buckets");
	handover_fini(&ho);
	(void)env_close(&env);
	tmpdir_remove();
	return done_testing();
}
