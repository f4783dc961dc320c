/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which source a connection goes out from: by address-family, by what is known
 * of the domain, and by what the host has; and when there is none, the queue
 * waits, says so, and goes on at once when one is back.
 */
#include <string.h>
#include <sys/socket.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "tests/support/fake_conf.h"
#include "tests/tap.h"
#include "vmta/sched.h"
#include "vmta/sched_why.h"

#define S US_PER_S
#define FOUR "10.0.0.1"
#define FOUR_TOO "10.0.0.2"
#define SIX "fd00::1"

enum { OPEN_MAX = 16 };

struct world {
	struct sched *sched;
	int64_t now;
	uint64_t last_id;
	struct sched_conn *conns[OPEN_MAX]; /* open, as they were opened */
	unsigned n, closed;
	unsigned told_lost, told_back;
	struct buf seen; /* first letters of families, as they were opened */
	struct buf why;  /* words of the reasons */
};

static void
on_open(void *ctx, struct sched_conn *c)
{
	struct world *w = ctx;

	CHECK(w->n < OPEN_MAX);
	w->conns[w->n++] = c;
	buf_printf(&w->seen, "%s",
	    sched_conn_source(c)->addr.family == AF_INET ? "4" : "6");
}

static void
on_close(void *ctx, struct sched_conn *c)
{
	struct world *w = ctx;

	(void)c;
	w->closed++;
}

static void
on_source(void *ctx, const struct net_addr *a, bool lost)
{
	struct world *w = ctx;

	(void)a;
	w->told_lost += lost;
	w->told_back += !lost;
}

static struct snapshot *
conf_new(const char *sources, const char *domain)
{
	struct snapshot *conf = fake_conf_new();
	struct buf line = { 0 };
	struct err e;

	buf_printf(&line, "virtual-mta v { %s }", sources);
	CHECK(fake_conf_line(conf, buf_cstr(&line), &e) == 0);
	buf_clear(&line);
	buf_printf(&line, "domain * { max-smtp-out 1 ; %s }", domain);
	CHECK(fake_conf_line(conf, buf_cstr(&line), &e) == 0);
	buf_fini(&line);
	return conf;
}

static void
begin(struct world *w, const char *sources, const char *domain)
{
	static const struct sched_owner owner = { .open = on_open,
		.close = on_close,
		.source = on_source };
	struct snapshot *conf = conf_new(sources, domain);

	*w = (struct world){ .now = 1000 * S };
	w->sched = sched_new(conf, &owner, w, w->now);
	snapshot_unref(&conf);
}

static void
mail(struct world *w, unsigned count)
{
	const struct sched_rcpt_in in = { .domain = "a.example",
		.vmta = "v",
		.queued_us = w->now };

	for (unsigned i = 0; i < count; i++) {
		struct message *m = message_at(++w->last_id,
		    &(struct message_loc){ 0 });

		sched_add(w->sched, m, &in, 1, w->now);
		message_unref(&m);
	}
}

/* What the connection says before it is closed. */
enum says { NOTHING, NO_FAMILY, UNREACHED, LOST };

static bool
end_first(struct world *w, enum says says)
{
	bool goes_on = true;

	if (says == NO_FAMILY)
		sched_conn_no_family(w->sched, w->conns[0]);
	else if (says == UNREACHED)
		goes_on = sched_conn_unreached(w->sched, w->conns[0],
		    "nobody is there");
	else if (says == LOST)
		sched_conn_source_lost(w->sched, w->conns[0], "no address");
	sched_closed(w->sched, &w->conns[0], w->now);
	w->n--;
	memmove(&w->conns[0], &w->conns[1], w->n * sizeof(void *));
	return goes_on;
}

static void
run_s(struct world *w, int64_t s)
{
	w->now += s * S;
	while (sched_run(w->sched, w->now) <= w->now)
		;
}

/* Opens and ends so many connections; the families that they were from. */
static const char *
families(struct world *w, unsigned count)
{
	buf_clear(&w->seen);
	for (unsigned i = 0; i < count; i++) {
		run_s(w, 2);
		if (w->n > 0)
			(void)end_first(w, NOTHING);
	}
	return buf_cstr(&w->seen);
}

static struct net_addr
addr(const char *text)
{
	struct net_addr a;
	struct err e;

	CHECK(net_addr_parse(slice_of(text), &a, &e) == 0);
	return a;
}

static void
set_lost(struct world *w, const char *text, bool lost)
{
	struct net_addr a = addr(text);

	sched_source_lost(w->sched, &a, lost);
}

static void
add_why(void *ctx, const struct why *why)
{
	struct world *w = ctx;

	buf_printf(&w->why, "%s%s", w->why.len > 0 ? " " : "",
	    why_word(why->kind));
	if (why->text[0] != '\0')
		buf_printf(&w->why, "(%s)", why->text);
}

static struct sched_queue *
queue_of(struct world *w)
{
	CHECK(w->n > 0);
	return sched_conn_queue(w->conns[0]);
}

static const char *
why(struct world *w, struct sched_queue *q)
{
	buf_clear(&w->why);
	sched_why_queue(w->sched, q, w->now, add_why, w);
	return buf_cstr(&w->why);
}

static void
end(struct world *w)
{
	while (w->n > 0)
		(void)end_first(w, NOTHING);
	sched_free(&w->sched);
	buf_fini(&w->seen);
	buf_fini(&w->why);
}

#define BOTH \
	"smtp-source-host " FOUR " a.example ; smtp-source-host " SIX \
	" b.example ; smtp-source-host " FOUR_TOO " c.example"

/* ---- address-family ------------------------------------------------------ */

static const struct {
	const char *family, *seen;
	bool both; /* what is asked of DNS where there is no address */
} wishes[] = {
	{ "any", "464464", true },
	{ "ipv4", "444444", false },
	{ "ipv6", "666666", false },
	{ "prefer-ipv4", "444444", true },
	{ "prefer-ipv6", "666666", true },
};

static void
test_wishes(void)
{
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		struct world w;
		char conf[64];

		(void)snprintf(conf, sizeof(conf), "address-family %s",
		    wishes[i].family);
		begin(&w, BOTH, conf);
		mail(&w, 1);
		is_str(families(&w, 6), wishes[i].seen, wishes[i].family);
		run_s(&w, 2);
		is_int(sched_conn_has_both_families(w.conns[0]), wishes[i].both,
		    "both families");
		end(&w);
	}
}

/* Limits of addresses do not change it. */
static void
test_wish_with_limits(void)
{
	struct world w;

	begin(&w, BOTH,
	    "address-family prefer-ipv6 ; source-ip-max-smtp-out 0/0 5");
	mail(&w, 1);
	is_str(families(&w, 4), "6666", "preferred, with limits by address");
	end(&w);
}

static void
test_prefer(void)
{
	struct world w;

	begin(&w, BOTH, "address-family prefer-ipv6");
	mail(&w, 1);
	run_s(&w, 1);
	buf_clear(&w.seen);
	(void)end_first(&w, NO_FAMILY);
	run_s(&w, 0);
	is_str(buf_cstr(&w.seen), "4", "no IPv6 address: IPv4 at once");
	(void)end_first(&w, NOTHING);
	is_str(families(&w, 4), "4444", "that is known for a while");
	for (int i = 0; i < 250; i++)
		(void)families(&w, 1);
	is_str(families(&w, 1), "6", "and asked again later");
	end(&w);
}

static void
test_unreached(void)
{
	struct world w;

	begin(&w, BOTH, "address-family prefer-ipv6");
	mail(&w, 1);
	run_s(&w, 1);
	ok(end_first(&w, UNREACHED), "no IPv6 address answers: no failure");
	buf_clear(&w.seen);
	run_s(&w, 0);
	is_str(buf_cstr(&w.seen), "4", "IPv4 at once");
	is_str(why(&w, queue_of(&w)), "limit other-family(" SIX ") opening",
	    "which is told");
	ok(!end_first(&w, UNREACHED), "nor does that: the queue fails");
	end(&w);

	begin(&w, BOTH, "address-family any");
	mail(&w, 1);
	run_s(&w, 1);
	ok(!end_first(&w, UNREACHED), "without a preference it fails at once");
	end(&w);

	begin(&w, "smtp-source-host " SIX " a.example",
	    "address-family prefer-ipv6");
	mail(&w, 1);
	run_s(&w, 1);
	ok(!end_first(&w, UNREACHED), "and without sources of the other");
	end(&w);
}

static void
test_none_of_it(void)
{
	const char *sources = "smtp-source-host " FOUR " a.example";
	struct snapshot *conf;
	struct sched_queue *q;
	struct world w;

	begin(&w, sources, "address-family any");
	mail(&w, 1);
	run_s(&w, 1);
	q = queue_of(&w);
	conf = conf_new(sources, "address-family ipv6");
	sched_reload(w.sched, conf, w.now);
	snapshot_unref(&conf);
	(void)end_first(&w, NOTHING);
	run_s(&w, 60);
	is_int(w.n, 0, "never from the other family");
	is_str(why(&w, q), "address-family", "why");
	end(&w);
}

/* ---- lost ---------------------------------------------------------------- */

static void
test_lost(void)
{
	struct sched_queue *q;
	struct world w;

	begin(&w, BOTH, "address-family any");
	mail(&w, 1);
	run_s(&w, 1);
	q = queue_of(&w);
	buf_clear(&w.seen);
	(void)end_first(&w, LOST);
	run_s(&w, 0);
	is_str(buf_cstr(&w.seen), "6", "another one at once");
	is_int(w.told_lost, 1, "told");
	is_str(why(&w, q), "limit source-lost(" FOUR ") opening",
	    "why names what is lost, and that it goes on");
	(void)end_first(&w, LOST);
	run_s(&w, 0);
	(void)end_first(&w, LOST);
	run_s(&w, 3600);
	is_int(w.n, 0, "without any it waits");
	is_int(w.told_lost, 3, "each was told once");
	is_str(why(&w, q), "sources-lost(" FOUR ", " SIX ", " FOUR_TOO ")",
	    "why");
	buf_clear(&w.seen);
	set_lost(&w, SIX, false);
	run_s(&w, 0);
	is_str(buf_cstr(&w.seen), "6", "one is back: it goes on at once");
	is_int(w.told_back, 1, "told");
	end(&w);
}

/* What the domain has no address for is no way out. */
static void
test_lost_of_one_family(void)
{
	struct world w;

	begin(&w, BOTH, "address-family any");
	set_lost(&w, FOUR, true);
	set_lost(&w, FOUR_TOO, true);
	mail(&w, 1);
	run_s(&w, 1);
	is_str(buf_cstr(&w.seen), "6", "the one that is left");
	(void)end_first(&w, NO_FAMILY);
	run_s(&w, 60);
	is_int(w.n, 0, "IPv4 is wanted and lost: it waits");
	set_lost(&w, FOUR_TOO, false);
	run_s(&w, 0);
	is_str(buf_cstr(&w.seen), "64", "until it is back");
	end(&w);
}

static void
test_lost_with_limits(void)
{
	struct world w;

	begin(&w, BOTH, "source-ip-max-smtp-out 0/0 5");
	mail(&w, 1);
	set_lost(&w, FOUR, true);
	set_lost(&w, FOUR_TOO, true);
	set_lost(&w, SIX, true);
	run_s(&w, 60);
	is_int(w.n, 0, "with limits by address, too");
	set_lost(&w, FOUR_TOO, false);
	run_s(&w, 0);
	is_int(w.n, 1, "and it goes on likewise");
	end(&w);
}

static void
test_idle(void)
{
	struct world w;

	begin(&w, "smtp-source-host " FOUR " a.example",
	    "connection-idle-timeout 1h");
	mail(&w, 1);
	run_s(&w, 1);
	sched_queue_take_all(w.sched, queue_of(&w), NULL, NULL, w.now);
	sched_ready(w.sched, w.conns[0], w.now);
	run_s(&w, 1);
	is_int(w.closed, 0, "an idle connection is kept");
	set_lost(&w, FOUR, true);
	run_s(&w, 0);
	is_int(w.closed, 1, "not when its address is lost");
	end(&w);
}

int
main(void)
{
	test_wishes();
	test_wish_with_limits();
	test_prefer();
	test_unreached();
	test_none_of_it();
	test_lost();
	test_lost_of_one_family();
	test_lost_with_limits();
	test_idle();
	return done_testing();
}
