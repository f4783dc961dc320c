/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a queue stands with the other side: what time does to it, which sources
 * are off, and that its bytes bring it back as it was, whenever that is.
 */
#include "vmta/standing.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/packed.h"
#include "tests/tap.h"
#include "tests/unit/arrivals.h"

#define S US_PER_S
#define M (60 * S)
#define H (3600 * S)
#define NOW (500000 * H)

static struct net_addr
addr(const char *text)
{
	struct net_addr a = { .family = 0 };
	struct err e;

	ok(net_addr_parse(slice_of(text), &a, &e) == 0, "%s", text);
	return a;
}

static struct net_addr
some_addr(uint32_t n)
{
	struct net_addr a = { .family = n % 2 == 0 ? AF_INET : AF_INET6 };

	put_be32(a.a, n);
	return a;
}

/* ---- the mode ------------------------------------------------------------ */

static void
test_mode(void)
{
	struct standing st = { .count = 0 };

	ok(standing_is_plain(&st) && standing_next(&st, NOW) == INT64_MAX,
	    "zeroed it says nothing");
	ok(standing_enter(&st, NOW + H, "421 slowly", NOW) &&
		!standing_is_plain(&st),
	    "into backoff");
	ok(!standing_enter(&st, NOW + 2 * H, "421 again", NOW + S), "again");
	is_str(st.why, "421 slowly", "the reason is the first one");
	ok(!standing_run(&st, 0, NOW + H) && !standing_is_plain(&st),
	    "until the later end");
	ok(standing_run(&st, 16 * M, NOW + 2 * H) &&
		st.backoff.mode == MODE_RETURN && st.why == NULL &&
		standing_next(&st, NOW + 2 * H) == NOW + 2 * H + M,
	    "then it returns, step by step");
	ok(standing_run(&st, 16 * M, NOW + 2 * H + 16 * M) &&
		standing_is_plain(&st),
	    "and is plain");
	(void)standing_enter(&st, BACKOFF_NEVER, "", NOW);
	ok(standing_leave(&st, 0, NOW) && !standing_leave(&st, 0, NOW) &&
		standing_is_plain(&st),
	    "who says so ends it at once");
	standing_fini(&st);
}

/* ---- sources ------------------------------------------------------------- */

static void
test_sources(void)
{
	struct net_addr one = addr("192.0.2.1"), two = addr("2001:db8::2"),
			back;
	struct standing st = { .count = 0 };

	ok(standing_source_is_off(&st, &one, NOW) == NULL, "all are on");
	ok(standing_source_off(&st, &one, NOW + H, "550 S3150", NOW) &&
		standing_source_off(&st, &two, STANDING_NEVER, "", NOW),
	    "two go off");
	ok(!standing_source_off(&st, &one, NOW + 2 * H, "550 more", NOW) &&
		!standing_source_off(&st, &one, NOW + H, "550 less", NOW) &&
		!standing_source_off(&st, &two, NOW + H, "", NOW),
	    "and are off already when it is said again");
	is_str(standing_source_is_off(&st, &one, NOW + 2 * H - 1)->why,
	    "550 S3150", "one is, until the later end");
	ok(standing_source_is_off(&st, &one, NOW + 2 * H) == NULL &&
		standing_sources_off(&st, NOW + 2 * H) == 1 &&
		standing_sources_off(&st, NOW) == 2,
	    "not longer");
	ok(standing_next(&st, NOW) == NOW + 2 * H &&
		!standing_source_back(&st, NOW + 2 * H - 1, &back),
	    "nothing happens before");
	ok(standing_source_back(&st, NOW + 2 * H, &back) &&
		net_addr_eq(&back, &one) &&
		!standing_source_back(&st, NOW + 2 * H, &back) &&
		standing_next(&st, NOW + 2 * H) == INT64_MAX,
	    "then it is told, once");
	ok(!standing_source_on(&st, &one) && standing_source_on(&st, &two) &&
		standing_is_plain(&st),
	    "one without an end is on when somebody says so");
	ok(!standing_source_off(&st, &one, NOW, "", NOW) &&
		standing_is_plain(&st),
	    "for no time at all it is not off");
	standing_fini(&st);
}

/* Against a list: any order of switching on and off, time that passes. */
static void
test_many_sources(void)
{
	enum { ADDRS = 50 };
	static int64_t until[ADDRS];
	struct standing st = { .count = 0 };
	bool right = true, told = true;

	for (int i = 0; i < 20000; i++) {
		int64_t now = NOW + i * S;
		uint32_t n = (uint32_t)rnd(ADDRS);
		struct net_addr a = some_addr(n);
		bool was_off = until[n] > now;

		while (standing_source_back(&st, now, &a)) {
			uint32_t k = get_be32(a.a);

			told = told && until[k] > 0 && until[k] <= now;
			until[k] = 0;
		}
		a = some_addr(n);
		if (rnd(3) > 0) {
			int64_t end = now + 1 + (int64_t)rnd((uint64_t)M);

			right = right &&
			    standing_source_off(&st, &a, end, "", now) !=
				was_off;
			if (!was_off || end > until[n])
				until[n] = end;
		} else {
			right = right && standing_source_on(&st, &a) == was_off;
			until[n] = 0;
		}
		for (uint32_t k = 0; k < ADDRS; k++) {
			a = some_addr(k);
			right = right &&
			    (standing_source_is_off(&st, &a, now) != NULL) ==
				(until[k] > now);
		}
	}
	ok(right, "50 addresses: each is off when it should be");
	ok(told, "and told when it is on again");
	standing_fini(&st);
}

static void
test_full(void)
{
	struct standing st = { .count = 0 };
	struct net_addr a;

	for (uint32_t i = 0; i < STANDING_SOURCES_MAX; i++) {
		a = some_addr(i);
		(void)standing_source_off(&st, &a, NOW + H + i, "", NOW);
	}
	a = some_addr(STANDING_SOURCES_MAX);
	ok(standing_source_off(&st, &a, NOW + 9 * H, "", NOW) &&
		standing_source_is_off(&st, &a, NOW) != NULL,
	    "one more than there is room for is off");
	a = some_addr(0);
	ok(standing_source_is_off(&st, &a, NOW) == NULL &&
		standing_sources_off(&st, NOW) == STANDING_SOURCES_MAX,
	    "the one that would have been on first is on");
	standing_fini(&st);
}

/* ---- errors -------------------------------------------------------------- */

static void
test_errors(void)
{
	struct net_addr one = addr("192.0.2.1");
	struct standing st = { .count = 0 };

	errors_lately_add(standing_errors(&st), 2, 1, NOW);
	errors_lately_add(standing_source_errors(&st, &one), 2, 1, NOW + M);
	(void)standing_run(&st, 0, NOW + 30 * M);
	ok(!standing_is_plain(&st) &&
		standing_source_is_off(&st, &one, NOW) == NULL &&
		errors_lately_sum(standing_errors(&st), H, NOW).errors == 1,
	    "errors count, and the source is on");
	(void)standing_source_off(&st, &one, NOW + 2 * H, "", NOW + 30 * M);
	ok(standing_source_on(&st, &one) &&
		errors_lately_any(standing_source_errors(&st, &one), NOW + M),
	    "off and on again, the errors of a source count on");
	(void)standing_run(&st, 0, standing_next(&st, NOW + 30 * M));
	ok(st.errors == NULL && st.count == 1, "an hour later they go");
	(void)standing_run(&st, 0, standing_next(&st, NOW + H));
	ok(standing_is_plain(&st), "those of the source a minute after");
	standing_fini(&st);
}

/* ---- bytes --------------------------------------------------------------- */

/* What is there to be seen of it; borrowed until the next call. */
static const char *
shown(const struct standing *st, const struct retry *wait, int64_t now)
{
	static struct buf b;

	buf_clear(&b);
	buf_printf(&b, "mode %u since %" PRId64 " until %" PRId64 " (%s)\n",
	    (unsigned)st->backoff.mode, st->backoff.since_us,
	    st->backoff.until_us, st->why == NULL ? "" : st->why);
	buf_printf(&b, "wait %" PRId64 " %u\n",
	    retry_waits(wait, now) ? wait->until_us : 0, wait->position);
	for (uint32_t i = 0; i < st->count; i++) {
		char text[NET_ADDR_TEXT];

		if (st->sources[i].until_us > now)
			buf_printf(&b, "off %s %" PRId64 " (%s)\n",
			    net_addr_text(&st->sources[i].addr, text),
			    st->sources[i].until_us, st->sources[i].why);
	}
	for (uint32_t ago = 0; st->errors != NULL && ago < ERRORS_MINUTES;
	     ago++) {
		struct errors_count c = errors_lately_at(st->errors, ago, now);

		if (c.attempts > 0)
			buf_printf(&b, "%u min ago %u of %u\n", ago, c.errors,
			    c.attempts);
	}
	return buf_cstr(&b);
}

static int64_t
some_end(void)
{
	return rnd(4) == 0 ? INT64_MAX : NOW + 1 + (int64_t)rnd(9 * H);
}

static void
make_any(struct standing *st, struct retry *wait)
{
	*st = (struct standing){ .count = 0 };
	*wait = (struct retry){ .until_us = 0 };
	if (rnd(2) == 0)
		(void)standing_enter(st, some_end(), "421 4.7.0 slowly",
		    NOW - (int64_t)rnd(9 * H));
	if (rnd(4) == 0)
		(void)standing_leave(st, 1 + (int64_t)rnd(H), NOW);
	for (uint64_t n = rnd(4); n > 0; n--) {
		struct net_addr a = some_addr((uint32_t)rnd(9));

		(void)standing_source_off(st, &a, some_end(), "550 S3150", NOW);
	}
	for (uint64_t n = rnd(9), back = 70 * M; n > 0; n--) {
		back -= rnd(back);
		errors_lately_add(standing_errors(st), 5, 2,
		    NOW - (int64_t)back);
	}
	if (rnd(2) == 0)
		*wait = (struct retry){ some_end(), (uint32_t)rnd(9), false,
			false };
	(void)standing_run(st, 0, NOW);
}

/* As it was: in the same minute nothing differs. */
static void
test_round_trip(void)
{
	struct standing st, again;
	struct retry wait, waits;
	int same = 0, plain = 0, rounds = 2000;

	for (int i = 0; i < rounds; i++) {
		struct buf b = { 0 };
		char *before;
		struct err e;

		make_any(&st, &wait);
		before = mem_strdup(shown(&st, &wait, NOW));
		standing_pack(&st, &wait, NOW, &b);
		if (b.len == 0) {
			plain += standing_is_plain(&st) &&
			    !retry_waits(&wait, NOW) && wait.position == 0;
		} else if (standing_unpack((struct slice){ b.p, b.len }, 0, NOW,
			       &again, &waits, &e) == 0) {
			same += strcmp(before, shown(&again, &waits, NOW)) == 0;
			standing_fini(&again);
		}
		free(before);
		buf_fini(&b);
		standing_fini(&st);
	}
	ok(plain > 0 && same > 0 && plain + same == rounds,
	    "2,000 of any kind come back as they were; %d say nothing", plain);
}

/* What it says at a later time is the same whether it was kept or lived on. */
static void
test_meanwhile(void)
{
	struct standing st, again;
	struct retry wait, waits;
	struct net_addr a;
	int same = 0, rounds = 0;

	for (int i = 0; i < 2000; i++) {
		int64_t elapsed = (int64_t)rnd(10 * H), then = NOW + elapsed;
		struct buf b = { 0 };
		struct err e;

		make_any(&st, &wait);
		standing_pack(&st, &wait, NOW, &b);
		if (b.len > 0 &&
		    standing_unpack((struct slice){ b.p, b.len }, elapsed, then,
			&again, &waits, &e) == 0) {
			char *lived;

			rounds++;
			while (standing_source_back(&st, then, &a) &&
			    standing_source_back(&again, then, &a))
				continue;
			(void)standing_run(&st, H, then);
			(void)standing_run(&again, H, then);
			lived = mem_strdup(shown(&st, &wait, then));
			same += strcmp(lived, shown(&again, &waits, then)) == 0;
			free(lived);
			standing_fini(&again);
		}
		buf_fini(&b);
		standing_fini(&st);
	}
	ok(rounds > 1000 && same == rounds,
	    "%d kept for up to ten hours are as those that lived on", rounds);
}

/* The new process has another clock; nobody knows how long it was away. */
static void
test_other_clock(void)
{
	struct net_addr one = addr("192.0.2.1");
	struct standing st = { .count = 0 };
	struct retry wait = { NOW + 2 * H, 3, false, false };
	struct buf b = { 0 };
	int64_t now = NOW - 9000 * H;
	struct err e;

	(void)standing_enter(&st, NOW + H, "421 slowly", NOW - M);
	(void)standing_source_off(&st, &one, NOW + M, "550", NOW);
	standing_pack(&st, &wait, NOW, &b);
	standing_fini(&st);
	ok(standing_unpack((struct slice){ b.p, b.len }, -1, now, &st, &wait,
	       &e) == 0 &&
		st.backoff.until_us == now + H &&
		st.backoff.since_us == now - M &&
		wait.until_us == now + 2 * H && wait.position == 3 &&
		standing_source_is_off(&st, &one, now + M - 1) != NULL,
	    "unknown: all lasts as long as it did");
	standing_fini(&st);
	ok(standing_unpack((struct slice){ b.p, b.len }, INT64_MAX, NOW, &st,
	       &wait, &e) == 0 &&
		standing_source_back(&st, NOW, &one) &&
		standing_run(&st, H, NOW) && standing_is_plain(&st) &&
		!retry_waits(&wait, NOW),
	    "ages later: all is over");
	buf_fini(&b);
	standing_fini(&st);
}

static void
test_wait_alone(void)
{
	struct retry wait = { NOW + H, 1, false, false }, again;
	struct standing st;
	struct buf b = { 0 };
	struct err e;

	standing_pack(NULL, NULL, NOW, &b);
	ok(b.len == 0, "nothing to say is no bytes");
	standing_pack(NULL, &wait, NOW, &b);
	ok(standing_unpack((struct slice){ b.p, b.len }, 0, NOW, &st, &again,
	       &e) == 0 &&
		standing_is_plain(&st) && again.until_us == NOW + H &&
		again.position == 1,
	    "a member of a group has its wait alone");
	buf_clear(&b);
	standing_pack(NULL, &wait, NOW + 2 * H, &b);
	ok(b.len > 0 &&
		standing_unpack((struct slice){ b.p, b.len }, 0, NOW, &st,
		    &again, &e) == 0 &&
		!retry_waits(&again, NOW) && again.position == 1,
	    "after it the position stays, for the next failure");
	buf_fini(&b);
}

/* Of a member: the mode is the group's, its position in a list of its own. */
static void
test_wait_in_backoff(void)
{
	struct retry wait = { NOW + H, 2, true, false }, again;
	struct standing st = { .count = 0 };
	struct buf b = { 0 };
	struct err e;

	standing_pack(NULL, &wait, NOW, &b);
	ok(standing_unpack((struct slice){ b.p, b.len }, 0, NOW, &st, &again,
	       &e) == 0 &&
		again.position == 2 && again.slow,
	    "of which list a member's wait was stays known");
	buf_clear(&b);
	(void)standing_enter(&st, NOW + H, "421 slowly", NOW);
	wait.slow = false;
	standing_pack(&st, &wait, NOW, &b);
	standing_fini(&st);
	ok(standing_unpack((struct slice){ b.p, b.len }, 0, NOW, &st, &again,
	       &e) == 0 &&
		again.position == 2 && !again.slow,
	    "also when it is not that of the mode");
	standing_fini(&st);
	buf_fini(&b);
}

/* Two that say something of the same: the stricter holds. */
static void
test_join(void)
{
	struct net_addr one = addr("192.0.2.1"), two = addr("192.0.2.2");
	struct standing st = { .count = 0 }, from = { .count = 0 };

	(void)standing_enter(&from, NOW + H, "421 slowly", NOW);
	ok(standing_join(&st, &from, NOW) && standing_is_plain(&from) &&
		st.backoff.until_us == NOW + H &&
		strcmp(st.why, "421 slowly") == 0,
	    "what says nothing takes all of the other");
	(void)standing_enter(&from, NOW + 2 * H, "421 more slowly", NOW);
	(void)standing_source_off(&from, &one, NOW + 3 * H, "550", NOW);
	(void)standing_source_off(&st, &one, NOW + H, "551", NOW);
	(void)standing_source_off(&st, &two, NOW + H, "551", NOW);
	errors_lately_add(standing_errors(&from), 5, 2, NOW);
	ok(!standing_join(&st, &from, NOW) && standing_is_plain(&from) &&
		st.backoff.until_us == NOW + 2 * H && st.count == 2 &&
		st.sources[0].until_us == NOW + 3 * H && st.errors != NULL,
	    "later ends, sources of both");
	(void)standing_leave(&st, 0, NOW);
	ok(!standing_join(&st, &from, NOW) && st.count == 2,
	    "nothing takes nothing");
	(void)standing_enter(&from, NOW + H, "421", NOW);
	ok(standing_join(&st, &from, NOW) && st.backoff.mode == MODE_BACKOFF,
	    "backoff is stricter");
	(void)standing_enter(&from, NOW + H, "421", NOW);
	(void)standing_leave(&from, H, NOW);
	ok(!standing_join(&st, &from, NOW) && st.backoff.mode == MODE_BACKOFF,
	    "than a return, too");
	standing_fini(&st);
	errors_lately_add(standing_errors(&st), 5, 2, NOW);
	(void)standing_enter(&from, NOW + H, "421", NOW);
	(void)standing_leave(&from, H, NOW);
	ok(standing_join(&st, &from, NOW) && st.backoff.mode == MODE_RETURN &&
		st.backoff.until_us == NOW + H && st.errors != NULL,
	    "a return is, than errors alone");
	(void)standing_enter(&from, NOW + H, "421", NOW);
	(void)standing_leave(&from, 2 * H, NOW);
	ok(!standing_join(&st, &from, NOW + H / 2) &&
		st.backoff.until_us == NOW + 2 * H,
	    "of two returns the one that has risen less");
	standing_fini(&st);
}

static void
test_damage(void)
{
	struct net_addr one = addr("192.0.2.1");
	struct standing st = { .count = 0 }, cut;
	struct retry wait = { NOW + H, 1, false, false };
	struct buf b = { 0 };
	bool refused = true;
	struct err e;
	char *why;

	why = mem_zalloc(STANDING_WHY_MAX + 2);
	memset(why, 'x', STANDING_WHY_MAX + 1);
	(void)standing_enter(&st, NOW + H, why, NOW);
	ok(strlen(st.why) == STANDING_WHY_MAX, "a long reason is cut off");
	(void)standing_source_off(&st, &one, NOW + H, "550", NOW);
	errors_lately_add(standing_errors(&st), 5, 2, NOW);
	standing_pack(&st, &wait, NOW, &b);
	for (size_t len = 0; len < b.len; len++)
		refused = refused &&
		    standing_unpack((struct slice){ b.p, len }, 0, NOW, &cut,
			&wait, &e) == -1 &&
		    standing_is_plain(&cut) && wait.until_us == 0;
	ok(refused, "what is cut short is refused, and nothing is left of it");
	buf_byte(&b, '\0');
	ok(standing_unpack((struct slice){ b.p, b.len }, 0, NOW, &cut, &wait,
	       &e) == -1,
	    "and so is a byte too many");
	b.p[0] = 9;
	ok(standing_unpack((struct slice){ b.p, b.len - 1 }, 0, NOW, &cut,
	       &wait, &e) == -1 &&
		strstr(e.text, "version") != NULL,
	    "or another version");
	free(why);
	buf_fini(&b);
	standing_fini(&st);
}

static void
add_source(struct buf *b, const char *four, const char *why)
{
	packed_add_byte(b, 4);
	buf_add(b, four, 4);
	packed_add_u64(b, 1);
	packed_add_str(b, why);
}

/* Bytes that nobody would have written. */
static void
test_crafted(void)
{
	char why[STANDING_WHY_MAX + 2] = "";
	static const struct {
		const char *label, *first, *second;
		size_t why_len;
		int rc;
	} cases[] = {
		{ "two sources", "aaaa", "bbbb", STANDING_WHY_MAX, 0 },
		{ "not in order", "bbbb", "aaaa", 0, -1 },
		{ "twice the same", "aaaa", "aaaa", 0, -1 },
		{ "a reason that is too long", "aaaa", "bbbb",
		    STANDING_WHY_MAX + 1, -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b = { 0 };
		struct standing st;
		struct retry wait;
		struct err e;

		memset(why, 'x', cases[i].why_len);
		why[cases[i].why_len] = '\0';
		buf_add(&b, "\1", 2); /* normal */
		packed_add_u64(&b, 0);
		packed_add_u64(&b, 0);
		packed_add_str(&b, "");
		packed_add_u64(&b, 0);
		packed_add_u32(&b, 0);
		buf_add(&b, "\0\2", 2);
		add_source(&b, cases[i].first, "");
		add_source(&b, cases[i].second, why);
		packed_add_byte(&b, 0);
		ok(standing_unpack((struct slice){ b.p, b.len }, 0, NOW, &st,
		       &wait, &e) == cases[i].rc,
		    "%s", cases[i].label);
		standing_fini(&st);
		buf_fini(&b);
	}
}

int
main(void)
{
	test_mode();
	test_sources();
	test_many_sources();
	test_full();
	test_errors();
	test_round_trip();
	test_meanwhile();
	test_other_clock();
	test_wait_alone();
	test_wait_in_backoff();
	test_join();
	test_damage();
	test_crafted();
	return done_testing();
}
