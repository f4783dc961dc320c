/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The byte form (strings as in mail/packed.h):
 *
 *	version(1) rcpt_count(4) arrival(8) run_count(4) job [user] [room(4)]
 *		[flags(1)]
 *	run_count times: count(4) priority(1) domain vmta
 *
 * A priority is 100 at most: its highest bit says that a pool chose the virtual
 * MTA, which nobody said before there was such a bit.
 * Version 1 has no user, and is still written where there is none; version 3 has
 * room, and is written where there is some; version 4 has flags as well, where
 * one is set.
 */
#include "mail/waybill.h"

#include <string.h>

#include "lib/check.h"
#include "mail/packed.h"

enum { VERSION_PLAIN = 1, VERSION_USER, VERSION_ROOM, VERSION_FLAGS };
enum { ONE_BY_ONE = 1 };
enum { RUN_MIN = 5 + 2 * PACKED_STRING_MIN };
enum { BY_POOL = 0x80 };

static const char *
text(const char *s)
{
	return s == NULL ? "" : s;
}

static bool
by_pool(const struct env_rcpt *r)
{
	return text(r->pool)[0] != '\0';
}

static bool
same_queue(const struct env_rcpt *a, const struct env_rcpt *b)
{
	return a->priority == b->priority && by_pool(a) == by_pool(b) &&
	    strcmp(text(a->domain), text(b->domain)) == 0 &&
	    strcmp(text(a->vmta), text(b->vmta)) == 0;
}

static uint32_t
run_from(const struct envelope *env, uint32_t first)
{
	uint32_t n = 1;

	while (first + n < env->rcpt_count &&
	    same_queue(&env->rcpts[first], &env->rcpts[first + n]))
		n++;
	return n;
}

static uint8_t
version_of(const struct envelope *env)
{
	if ((env->flags & ENVELOPE_VERP) != 0)
		return VERSION_FLAGS;
	if (env->signing != NULL)
		return VERSION_ROOM;
	return text(env->auth_user)[0] != '\0' ? VERSION_USER : VERSION_PLAIN;
}

void
waybill_pack(const struct envelope *env, struct buf *out)
{
	uint8_t version = version_of(env);
	uint32_t runs = 0, n;

	CHECK(env->rcpt_count > 0 && env->rcpt_count <= ENVELOPE_RCPT_MAX);
	for (uint32_t i = 0; i < env->rcpt_count; i += run_from(env, i))
		runs++;
	packed_add_byte(out, version);
	packed_add_u32(out, env->rcpt_count);
	packed_add_u64(out, (uint64_t)env->arrival_us);
	packed_add_u32(out, runs);
	packed_add_str(out, env->job);
	if (version >= VERSION_USER)
		packed_add_str(out, env->auth_user);
	if (version >= VERSION_ROOM)
		packed_add_u32(out,
		    env->signing == NULL ? 0 : env->signing->room);
	if (version == VERSION_FLAGS)
		packed_add_byte(out, ONE_BY_ONE);
	for (uint32_t i = 0; i < env->rcpt_count; i += n) {
		n = run_from(env, i);
		packed_add_u32(out, n);
		packed_add_byte(out,
		    (uint8_t)(env->rcpts[i].priority |
			(by_pool(&env->rcpts[i]) ? BY_POOL : 0)));
		packed_add_str(out, env->rcpts[i].domain);
		packed_add_str(out, env->rcpts[i].vmta);
	}
}

uint32_t
waybill_rcpt_count(const void *p, size_t len)
{
	struct packed r = { p, len, false };
	uint8_t version = packed_byte(&r);
	uint32_t count;

	if (version < VERSION_PLAIN || version > VERSION_FLAGS)
		return 0;
	count = packed_u32(&r);
	return count > ENVELOPE_RCPT_MAX ? 0 : count;
}

int
waybill_unpack(const void *p, size_t len, struct region *rg,
    struct waybill *w_r, struct err *e)
{
	struct packed r = { p, len, false };
	uint64_t sum = 0;
	bool empty = false;
	uint8_t version, flags;

	*w_r = (struct waybill){ .rcpt_count = waybill_rcpt_count(p, len) };
	if (w_r->rcpt_count == 0)
		return err_set(e, "no waybill, or one of another version");
	version = packed_byte(&r);
	(void)packed_u32(&r);
	w_r->arrival_us = (int64_t)packed_u64(&r);
	w_r->run_count = packed_u32(&r);
	w_r->job = packed_str(&r);
	w_r->user = version >= VERSION_USER ? packed_str(&r) : "";
	w_r->room = version >= VERSION_ROOM ? packed_u32(&r) : 0;
	flags = version == VERSION_FLAGS ? packed_byte(&r) : 0;
	w_r->one_by_one = (flags & ONE_BY_ONE) != 0;
	/* No huge array for a broken count. */
	if (r.bad || flags > ONE_BY_ONE || w_r->run_count > r.left / RUN_MIN)
		return err_set(e, "waybill with a bad count");
	w_r->runs = region_array(rg, w_r->run_count, sizeof(*w_r->runs));
	for (uint32_t i = 0; i < w_r->run_count; i++) {
		struct waybill_run *run = &w_r->runs[i];

		run->count = packed_u32(&r);
		run->priority = packed_byte(&r);
		run->by_pool = (run->priority & BY_POOL) != 0;
		run->priority &= (uint8_t)~BY_POOL;
		run->domain = packed_str(&r);
		run->vmta = packed_str(&r);
		sum += run->count;
		empty = empty || run->count == 0;
	}
	if (r.bad || r.left != 0 || empty || sum != w_r->rcpt_count)
		return err_set(e, "waybill does not add up");
	return 0;
}

const struct waybill_run *
waybill_find(const struct waybill *w, uint32_t n)
{
	const struct waybill_run *run = w->runs;

	CHECK(n < w->rcpt_count);
	while (n >= run->count) {
		n -= run->count;
		run++;
	}
	return run;
}
