/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever is ordered, answered or configured meanwhile (modes, sources,
 * pauses, reloads, other MX hosts, restarts, local days): mail that moves
 * between virtual MTAs and groups ends exactly once, virtual MTAs keep their
 * limits, and nothing is left that says no.
 *
 *	test_sched_orders [SEED [COUNT]]
 */
#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/net.h"
#include "tests/conf_file.h"
#include "tests/support/sim.h"
#include "tests/tap.h"
#include "vmta/sched_standing.h"
#include "vmta/sched_walk.h"

#define WORLDS 100
#define STEPS 60
#define S US_PER_S

enum { VMTAS = 4, DOMAINS = 6, SOURCES = 8, MX_HOSTS = 4 };

static const char *const vmtas[VMTAS] = { "a", "b", "c", "d" };
static const char *const domains[DOMAINS] = { "one.example", "two.example",
	"three.example", "four.example", "big.rollup", "row.rollup" };
static const char *const mx_hosts[MX_HOSTS] = { "mx1.big.example",
	"mx2.row.example", "mx.other.example", "mx.wide.example" };

struct world {
	struct sim *sim;
	uint32_t rate, conns; /* of each virtual MTA, the same all the time */
	uint32_t day;
	struct sched_walk walk; /* if walks */
	bool walks;
};

enum { TEXTS = 5 };
static const char *const texts[TEXTS] = { "slow down", "you are listed",
	"no room", "welcome", "try again in 30 seconds" };

static uint32_t
pick(struct world *w, uint32_t below)
{
	return (uint32_t)sim_random(w->sim, below);
}

static bool
one_in(struct world *w, uint32_t n)
{
	return pick(w, n) == 0;
}

/* ---- configurations ------------------------------------------------------ */

static void
put_vmta(struct world *w, struct buf *out, uint32_t i)
{
	buf_printf(out,
	    "<virtual-mta %s>\nsmtp-source-host 127.0.0.%u %s1.example\n"
	    "smtp-source-host 127.0.0.%u %s2.example\n"
	    "max-smtp-out %u\nmax-smtp-msg-rate %u/s\n",
	    vmtas[i], 2 + 2 * i, vmtas[i], 3 + 2 * i, vmtas[i], w->conns,
	    w->rate);
	if (i % 2 == 0 && one_in(w, 3))
		buf_printf(out, "cold-virtual-mta %s\n", vmtas[i + 1]);
	buf_printf(out, "<domain *>\n");
	if (one_in(w, 6))
		buf_printf(out, "reroute-to-virtual-mta %s\n",
		    one_in(w, 2) ? "p" : vmtas[pick(w, VMTAS)]);
	if (one_in(w, 3))
		buf_printf(out, "backoff-reroute-to-virtual-mta %s\n",
		    one_in(w, 2) ? "p" : vmtas[pick(w, VMTAS)]);
	buf_printf(out, "</domain>\n</virtual-mta>\n");
}

static void
put_groups(struct world *w, struct buf *out)
{
	if (one_in(w, 4))
		return;
	buf_printf(out, "<provider big>\nmx *.big.example\n");
	if (one_in(w, 2))
		buf_printf(out, "domain four.example\n");
	if (!one_in(w, 4))
		buf_printf(out, "rollup big.rollup\n");
	buf_printf(out, "max-smtp-out %u\n</provider>\n", 1 + pick(w, 20));
	if (one_in(w, 2))
		buf_printf(out,
		    "<mx-rollup-list>\nmx *.row.example row.rollup\n"
		    "</mx-rollup-list>\n<domain row.rollup>\n"
		    "smtp-hosts lookup-mx:row.example\n</domain>\n");
	if (one_in(w, 5))
		buf_printf(out,
		    "<domain two.example>\nqueue-to one.example\n</domain>\n");
	if (one_in(w, 5))
		buf_printf(out,
		    "<domain three.example>\ndisable-mx-rollup yes\n"
		    "</domain>\n");
}

static void
put_limits(struct world *w, struct buf *out)
{
	buf_printf(out,
	    "<domain *>\nretry-after 20s, 40s\nretry-recipients-after 15s\n"
	    "backoff-retry-after 30s\nsmtp-pattern-list x\nmax-smtp-out %u\nmax-rcpt-per-message %u\n",
	    1 + pick(w, 8), 1 + pick(w, 4));
	if (one_in(w, 2))
		buf_printf(out, "max-msg-rate %u/s\nbackoff-max-msg-rate 9/m\n",
		    1 + pick(w, 9));
	if (one_in(w, 2))
		buf_printf(out, "backoff-max-smtp-out 1\n");
	if (one_in(w, 2))
		buf_printf(out, "backoff-to-normal-after %us\n",
		    1 + pick(w, 60));
	if (one_in(w, 3))
		buf_printf(out, "backoff-return-interval 30s\n");
	if (one_in(w, 3))
		buf_printf(out, "backoff-to-normal-after-delivery yes\n");
	if (one_in(w, 3))
		buf_printf(out, "backoff-upon-all-sources-disabled yes\n");
	if (one_in(w, 3))
		buf_printf(out, "reenable-source-ip-after %us\n",
		    1 + pick(w, 60));
	if (one_in(w, 3))
		buf_printf(out, "max-errors-per-hour %u\n", 1 + pick(w, 20));
	if (one_in(w, 3))
		buf_printf(out, "source-ip-max-msg-rate 0/0 %u/s\n",
		    1 + pick(w, 3));
	if (one_in(w, 2))
		buf_printf(out, "max-cold-virtual-mta-msg %u/d\n",
		    1 + pick(w, 50));
	buf_printf(out, "</domain>\n");
}

static void
put_replies(struct world *w, struct buf *out)
{
	static const char *const actions[] = { "mode=backoff", "mode=normal",
		"skip-mx", "disable-source-ip, reenable-after=20s",
		"disable-source-ip, skip-mx", "defer-queue=30s", "bounce-rcpt",
		"bounce-queue" };

	buf_printf(out, "<smtp-pattern-list x>\n");
	for (uint32_t i = 0; i < TEXTS; i++)
		buf_printf(out, "reply /%s/ %s\n", texts[i],
		    actions[pick(w, 8)]);
	buf_printf(out, "</smtp-pattern-list>\n");
}

/* NULL: it is none, as mail would come back to where it is. */
static struct snapshot *
load(const struct buf *text)
{
	struct conf_errors errs = { 0 };
	struct snapshot *c;

	conf_file_put("main", text->p);
	c = snapshot_load(conf_file_path("main"), &errs);
	conf_errors_fini(&errs);
	return c;
}

static struct snapshot *
try_conf(struct world *w)
{
	struct buf text = { 0 };
	struct snapshot *c;

	for (uint32_t i = 0; i < VMTAS; i++)
		put_vmta(w, &text, i);
	buf_printf(&text, "<virtual-mta-pool p>\n");
	for (uint32_t i = 0; i < VMTAS - 1; i++)
		buf_printf(&text, "virtual-mta %s\n", vmtas[i]);
	if (one_in(w, 2))
		buf_printf(&text, "cold-virtual-mta d\n");
	buf_printf(&text, "</virtual-mta-pool>\n");
	put_groups(w, &text);
	put_limits(w, &text);
	put_replies(w, &text);
	(void)buf_cstr(&text);
	c = load(&text);
	buf_fini(&text);
	return c;
}

static struct snapshot *
random_conf(struct world *w)
{
	struct snapshot *c = NULL;

	for (int i = 0; i < 50 && c == NULL; i++)
		c = try_conf(w);
	CHECK(c != NULL);
	return c;
}

/* All that was ordered is over, and nothing limits. */
static struct snapshot *
kind_conf(void)
{
	struct buf text = { 0 };
	struct snapshot *c;

	for (uint32_t i = 0; i < VMTAS; i++)
		buf_printf(&text,
		    "<virtual-mta %s>\nsmtp-source-host 127.0.0.%u x.example\n"
		    "</virtual-mta>\n",
		    vmtas[i], 2 + 2 * i);
	buf_printf(&text,
	    "<domain *>\nretry-after 10s\nretry-recipients-after 10s\n"
	    "</domain>\n");
	(void)buf_cstr(&text);
	c = load(&text);
	buf_fini(&text);
	return c;
}

/* ---- what happens -------------------------------------------------------- */

static const struct sched_reason order = { .text = "an order" };

static void
some_source(struct world *w, struct net_addr *a)
{
	char text[NET_ADDR_TEXT];
	struct err e;

	(void)snprintf(text, sizeof(text), "127.0.0.%u", 2 + pick(w, SOURCES));
	CHECK(net_addr_parse(slice_of(text), a, &e) == 0);
}

/* NULL: there is none. */
static struct sched_queue *
some_queue(struct world *w)
{
	struct sched_queue *q, *chosen = NULL;
	struct sched_walk walk;
	uint32_t n = 0;

	sched_walk_begin(&walk, w->sim->sched);
	while ((q = sched_walk_next(&walk)) != NULL)
		if (one_in(w, ++n))
			chosen = q;
	sched_walk_end(&walk);
	return chosen;
}

static int64_t
some_end(struct world *w)
{
	return one_in(w, 3) ? STANDING_NEVER : w->sim->now_us + pick(w, 60) * S;
}

static void
do_submit(struct world *w)
{
	const struct sim_submit what = {
		.domain = domains[pick(w, DOMAINS)],
		.vmta = one_in(w, 4) ? "p" : vmtas[pick(w, VMTAS)],
		.messages = 1 + pick(w, 40),
		.rcpts = 1 + pick(w, 5),
		.priority = (uint8_t)(pick(w, 3) * 25),
	};

	sim_submit(w->sim, &what);
}

static void
do_mode(struct world *w)
{
	struct sched_queue *q = some_queue(w);

	if (q == NULL)
		return;
	if (one_in(w, 3))
		sched_queue_normal(w->sim->sched, q, &order, w->sim->now_us);
	else
		sched_queue_backoff(w->sim->sched, q, some_end(w), &order,
		    w->sim->now_us);
}

static void
do_source(struct world *w)
{
	struct sched_queue *q = some_queue(w);
	struct net_addr a;

	some_source(w, &a);
	if (q == NULL)
		return;
	if (one_in(w, 3))
		(void)sched_queue_source_on(w->sim->sched, q, &a,
		    w->sim->now_us);
	else
		(void)sched_queue_source_off(w->sim->sched, q, &a, some_end(w),
		    &order, w->sim->now_us);
}

static void
do_pause(struct world *w)
{
	const struct sched_pause what = { one_in(w, 3) ?
		    "*" :
		    domains[pick(w, DOMAINS)],
		one_in(w, 2) ? "*" : vmtas[pick(w, VMTAS)], one_in(w, 3) };
	struct err e;

	CHECK(sched_pause(w->sim->sched, &what, &e) == 0);
}

static void
do_mx(struct world *w)
{
	const struct sim_mx_says says = { .domain = domains[pick(w, 4)],
		.n = 1,
		.hosts = { mx_hosts[pick(w, MX_HOSTS)] },
		.ttl_us = 1 * S,
		.after_us = (1 + pick(w, 3000)) * US_PER_MS,
		.fails = one_in(w, 5) };

	sim_mx_set(&w->sim->mx, &says);
}

static void
do_server(struct world *w)
{
	static const int greetings[] = { 220, 220, 220, 421, 554, 0 };
	static const int replies[] = { 250, 250, 250, 450, 550 };
	struct sim_server *s = sim_server(w->sim, domains[pick(w, DOMAINS)]);

	s->greeting = greetings[pick(w, 6)];
	s->reply = replies[pick(w, 5)];
	s->welcome = one_in(w, 4) ? 1 + pick(w, 3) : 0;
	s->drop_every = one_in(w, 3) ? 1 + pick(w, 20) : 0;
	s->reply_us = pick(w, 2000) * US_PER_MS;
}

/* For some recipients or connections, perhaps from one source or of one host. */
static void
do_reply(struct world *w)
{
	static const int codes[] = { 250, 421, 450, 451, 550, 554,
		SIM_HANGS_UP };
	struct sim_server *s = sim_server(w->sim, domains[pick(w, DOMAINS)]);
	struct sim_reply r = { .at = one_in(w, 4) ? SIM_GREETING :
		    one_in(w, 4)                  ? SIM_DOT :
						    SIM_RCPT,
		.code = codes[pick(w, 7)],
		.text = texts[pick(w, TEXTS)],
		.host = one_in(w, 2) ? "" : "h0",
		.times = 1 + pick(w, 12) };

	if (one_in(w, 3))
		some_source(w, &r.from);
	if (r.at == SIM_GREETING && r.code == 250)
		r.code = 220;
	sim_script_add(w->sim->rg, s, &r);
}

static void
set_hosts(struct world *w)
{
	for (uint32_t i = 0; i < DOMAINS; i++) {
		struct sim_server *s = sim_server(w->sim, domains[i]);

		s->host_count = one_in(w, 2) ? 0 : 1 + pick(w, 3);
		for (uint32_t k = 0; k < s->host_count; k++) {
			(void)snprintf(s->hosts[k].name, SIM_NAME, "h%u", k);
			(void)snprintf(s->hosts[k].addr, NET_ADDR_TEXT,
			    "127.1.%u.%u", i, k + 1);
		}
	}
}

static void
do_lose(struct world *w)
{
	struct net_addr a;

	some_source(w, &a);
	sim_find(w->sim, &a);
	if (one_in(w, 3))
		sim_lose(w->sim, &a);
}

static void
do_day(struct world *w)
{
	w->day += one_in(w, 20) ? 40 : 1;
	sim_set_day(w->sim, w->day);
}

static void
do_reload(struct world *w)
{
	sim_reload(w->sim, random_conf(w));
}

static void
end_walk(struct world *w)
{
	if (w->walks)
		sched_walk_end(&w->walk);
	w->walks = false;
}

static void
do_restart(struct world *w)
{
	if (!one_in(w, 3))
		return;
	end_walk(w);
	sim_restart(w->sim, one_in(w, 2));
}

static bool
on_rcpt(void *ctx, const struct sched_rcpt_info *info)
{
	uint32_t *left = ctx;

	CHECK(info->id > 0);
	return --*left > 0;
}

/* A listing that goes on while all else does. */
static void
do_walk(struct world *w)
{
	uint32_t left = 1 + pick(w, 20);

	if (!w->walks)
		sched_walk_begin(&w->walk, w->sim->sched);
	w->walks = true;
	if (!sched_walk_rcpts(&w->walk, on_rcpt, &left))
		return;
	if (sched_walk_next(&w->walk) == NULL)
		end_walk(w);
}

static void
do_schedule(struct world *w)
{
	struct sched_queue *q = some_queue(w);

	if (q != NULL)
		(void)sched_queue_schedule(w->sim->sched, q, w->sim->now_us);
}

static void
do_long_wait(struct world *w)
{
	sim_run(w->sim, 300 * S); /* idle queues are forgotten */
}

typedef void do_fn(struct world *w);

static do_fn *const things[] = { do_submit, do_submit, do_submit, do_mode,
	do_mode, do_source, do_source, do_pause, do_mx, do_mx, do_server,
	do_reply, do_reply, do_reply, do_lose, do_day, do_reload, do_restart,
	do_walk, do_walk, do_schedule, do_long_wait };

/* ---- judged -------------------------------------------------------------- */

static bool
within(struct world *w)
{
	bool good = true;

	for (uint32_t i = 0; i < VMTAS; i++)
		good = good &&
		    sim_most_in(w->sim, NULL, vmtas[i], 0, S) <= w->rate &&
		    sim_open(w->sim, vmtas[i])->most <= w->conns;
	return good;
}

static void
resume(struct world *w, const char *domain, const char *vmta)
{
	const struct sched_pause what = { domain, vmta, false };
	struct err e;

	CHECK(sched_pause(w->sim->sched, &what, &e) == 0);
}

static void
all_on(struct world *w)
{
	struct sched_queue *q;
	struct sched_walk walk;
	struct net_addr a;
	struct err e;

	resume(w, "*", "*");
	sched_walk_begin(&walk, w->sim->sched);
	while ((q = sched_walk_next(&walk)) != NULL) {
		sched_queue_normal(w->sim->sched, q, &order, w->sim->now_us);
		for (uint32_t i = 0; i < SOURCES; i++) {
			char text[NET_ADDR_TEXT];

			(void)snprintf(text, sizeof(text), "127.0.0.%u", 2 + i);
			CHECK(net_addr_parse(slice_of(text), &a, &e) == 0);
			sim_find(w->sim, &a);
			(void)sched_queue_source_on(w->sim->sched, q, &a,
			    w->sim->now_us);
		}
	}
	sched_walk_end(&walk);
}

static void
finish(struct world *w)
{
	struct sim *sim = w->sim;

	end_walk(w);
	sim_reload(sim, kind_conf());
	for (size_t i = 0; i < sim->server_count; i++) {
		sim->servers[i].replies = NULL;
		sim->servers[i].welcome = 0;
		sim->servers[i].greeting = 220;
		sim->servers[i].reply = 250;
		sim->servers[i].drop_every = 0;
	}
	all_on(w);
	sim_run(sim, 10 * S);
	all_on(w); /* also of queues that have just come */
	sim_run(sim, 600 * S);
}

static bool
each_once(const struct sim *sim)
{
	struct sched_totals totals;
	bool good;

	sched_totals(sim->sched, &totals);
	good = totals.rcpts == 0 && totals.granted == 0;
	for (uint64_t id = 1; id <= sim->last_message; id++)
		good = good && sim->ended[id] == 0;
	return good;
}

struct verdict {
	int over, lost, left;
};

static void
try_one(uint64_t seed, struct verdict *bad)
{
	struct world w = { .sim = mem_new(struct sim), .day = 20000 };
	struct sched_totals totals;

	w.sim->random = seed * 7919 + 3;
	w.rate = 2 + pick(&w, 40);
	w.conns = 1 + pick(&w, 12);
	sim_init(w.sim, random_conf(&w), seed);
	set_hosts(&w);
	do_day(&w);
	for (int i = 0; i < STEPS; i++) {
		things[pick(&w, sizeof(things) / sizeof(things[0]))](&w);
		if (one_in(&w, 2))
			sim_run(w.sim, pick(&w, 20000) * US_PER_MS);
	}
	if (!within(&w)) {
		(void)printf("# seed %d: over a limit\n", (int)seed);
		bad->over++;
	}
	finish(&w);
	if (!each_once(w.sim)) {
		sched_totals(w.sim->sched, &totals);
		(void)printf("# seed %d: lost, or %d left\n", (int)seed,
		    (int)totals.rcpts);
		bad->lost++;
	}
	/* What is empty and has nothing to say goes. */
	sim_run(w.sim, 7200 * S);
	sched_totals(w.sim->sched, &totals);
	if (totals.queues > 0) {
		(void)printf("# seed %d: %d queues left\n", (int)seed,
		    (int)totals.queues);
		bad->left++;
	}
	sim_fini(w.sim);
	free(w.sim);
}

int
main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : WORLDS;
	struct verdict bad = { 0 };

	log_set_level(LOG_L_WARN);
	conf_file_begin();
	for (uint64_t seed = first; seed < first + count; seed++)
		try_one(seed, &bad);
	conf_file_end();
	is_int(bad.over, 0, "virtual MTAs keep their limits");
	is_int(bad.lost, 0, "each recipient ends exactly once");
	is_int(bad.left, 0, "a queue with nothing to say goes");
	return done_testing();
}
