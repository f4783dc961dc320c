/* SPDX-License-Identifier: Apache-2.0 */
/*
 * With any configuration and any servers: no limit is exceeded in any window,
 * rates are used, no queue starves, and each recipient ends exactly once.
 */
#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "tests/support/fake_conf.h"
#include "tests/support/sim.h"
#include "tests/tap.h"
#include "vmta/sched_walk.h"

#define CONFIGS 300
#define S US_PER_S
#define MS US_PER_MS

static const struct {
	const char *text;
	uint32_t count;
	int64_t period_us;
} rates[] = {
	{ "unlimited", 0, 0 },
	{ "1/s", 1, S },
	{ "5/s", 5, S },
	{ "20/s", 20, S },
	{ "100/10s", 100, 10 * S },
	{ "1/4s", 1, 4 * S },
	{ "1/10s", 1, 10 * S },
	{ "120/m", 120, 60 * S },
	{ "1500/m", 1500, 60 * S },
	{ "30000/h", 30000, 3600 * S },
};

enum { RATES = sizeof(rates) / sizeof(rates[0]) };
enum { VMTAS = 4, DOMAINS = 5 };

static const char *const vmtas[VMTAS] = { "", "ip1", "ip2", "ip3" };
static const char *const domains[DOMAINS] = { "a.example", "b.example",
	"c.example", "d.example", "e.example" };

/* The limits of one configuration, as the oracle knows them. */
struct limits {
	unsigned domain_rate[DOMAINS], vmta_rate[VMTAS];
	uint32_t domain_conns[DOMAINS], vmta_conns[VMTAS], conns;
};

static void
put(char *out, uint32_t v)
{
	(void)snprintf(out, 16, "%u", v);
}

static uint32_t
small(struct sim *sim, uint32_t max)
{
	return 1 + (uint32_t)sim_random(sim, max);
}

static void
must(int rc)
{
	CHECK(rc == 0);
}

static struct snapshot *
random_conf(struct sim *sim, struct limits *l)
{
	struct snapshot *c = fake_conf_new();
	struct err e;
	char n[16];

	l->conns = sim_random(sim, 3) == 0 ? small(sim, 6) : 1000;
	put(n, l->conns);
	must(fake_conf_global(c, "total-max-smtp-out", n, &e));
	for (int i = 0; i < VMTAS; i++) {
		const char *v = i == 0 ? "{default}" : vmtas[i];

		l->vmta_rate[i] = sim_random(sim, 2) == 0 ?
		    0 :
		    (unsigned)sim_random(sim, RATES);
		l->vmta_conns[i] = sim_random(sim, 2) == 0 ? 0 : small(sim, 9);
		put(n, l->vmta_conns[i]);
		must(fake_conf_vmta(c, v, "max-smtp-out", n, &e));
		must(fake_conf_vmta(c, v, "max-smtp-msg-rate",
		    rates[l->vmta_rate[i]].text, &e));
	}
	for (int i = 0; i < DOMAINS; i++) {
		static const char *const per[] = { "0", "1", "3" };
		static const char *const idle[] = { "0", "2s", "1m" };

		l->domain_rate[i] = (unsigned)sim_random(sim, RATES);
		l->domain_conns[i] = small(sim, 12);
		put(n, l->domain_conns[i]);
		must(fake_conf_domain(c, domains[i], "max-smtp-out", n, &e));
		must(fake_conf_domain(c, domains[i], "max-msg-rate",
		    rates[l->domain_rate[i]].text, &e));
		must(fake_conf_domain(c, domains[i], "max-msg-per-connection",
		    per[sim_random(sim, 3)], &e));
		must(fake_conf_domain(c, domains[i], "connection-idle-timeout",
		    idle[sim_random(sim, 3)], &e));
		put(n, small(sim, 20));
		must(fake_conf_domain(c, domains[i], "max-rcpt-per-message", n,
		    &e));
		must(fake_conf_domain(c, domains[i], "retry-after", "20s,40s",
		    &e));
		must(fake_conf_domain(c, domains[i], "retry-recipients-after",
		    "15s", &e));
	}
	return c;
}

static void
random_servers(struct sim *sim, bool kind)
{
	for (int i = 0; i < DOMAINS; i++) {
		struct sim_server *s = sim_server(sim, domains[i]);

		s->greeting_us = (int64_t)sim_random(sim, 500) * MS;
		s->write_us = (int64_t)sim_random(sim, 30) * MS;
		s->reply_us = (int64_t)sim_random(sim, 300) * MS;
		s->told_us = (int64_t)sim_random(sim, 3) * MS;
		s->drop_every = sim_random(sim, 3) == 0 ? 1 + small(sim, 30) :
							  0;
		s->greeting = 220;
		s->reply = 250;
		if (!kind && sim_random(sim, 6) == 0)
			s->greeting = 421;
		if (!kind && sim_random(sim, 6) == 0)
			s->reply = sim_random(sim, 2) == 0 ? 450 : 550;
	}
}

static void
random_mail(struct sim *sim)
{
	for (int i = 0; i < 12; i++) {
		struct sim_submit what = {
			.domain = domains[sim_random(sim, DOMAINS)],
			.vmta = vmtas[sim_random(sim, VMTAS)],
			.messages = small(sim, sim_random(sim, 3) ? 10 : 150),
			.rcpts = sim_random(sim, 3) ? 1 : small(sim, 12),
			.priority = (uint8_t)(sim_random(sim, 3) * 25),
		};

		sim_submit(sim, &what);
	}
}

static bool
within(struct sim *sim, const struct limits *l, int64_t from)
{
	bool good = sim_open(sim, NULL)->most <= l->conns;

	for (int v = 0; v < VMTAS; v++) {
		unsigned r = l->vmta_rate[v];

		good = good &&
		    (r == 0 ||
			sim_most_in(sim, NULL, vmtas[v], from,
			    rates[r].period_us) <= rates[r].count);
		good = good &&
		    (l->vmta_conns[v] == 0 ||
			sim_open(sim, vmtas[v])->most <= l->vmta_conns[v]);
		for (int d = 0; d < DOMAINS; d++) {
			r = l->domain_rate[d];
			good = good &&
			    (r == 0 ||
				sim_most_in(sim, domains[d], vmtas[v], from,
				    rates[r].period_us) <= rates[r].count);
			good = good &&
			    sim_count(sim, domains[d], vmtas[v])->most_open <=
				l->domain_conns[d];
		}
	}
	return good;
}

/* Every queue that has mail, and a server that answers, gets its turn. */
static bool
none_starved(struct sim *sim)
{
	for (size_t i = 0; i < sim->count_count; i++) {
		const struct sim_count *n = &sim->counts[i];

		if (n->submitted > 0 && n->attempts == 0 &&
		    sim_server(sim, n->domain)->greeting == 220) {
			(void)printf("# %s/%s: none of its mail tried\n",
			    n->domain, n->vmta);
			return false;
		}
	}
	return true;
}

/* Are the totals that are kept what the queues add up to? */
static bool
totals_are_true(const struct sim *sim)
{
	struct sched_totals kept, sum = { 0 };
	struct sched_walk walk;
	struct sched_queue *q;

	sched_totals(sim->sched, &kept);
	sched_walk_begin(&walk, sim->sched);
	while ((q = sched_walk_next(&walk)) != NULL) {
		struct sched_queue_info info;

		sched_queue_info(sim->sched, q, sim->now_us, &info);
		sum.queues++;
		sum.rcpts += info.rcpts;
		sum.deferred += info.deferred;
		sum.kbytes += info.kbytes;
	}
	sched_walk_end(&walk);
	/* Each queue's kbytes are rounded up. */
	return kept.queues == sum.queues && kept.rcpts == sum.rcpts &&
	    kept.deferred == sum.deferred && kept.kbytes <= sum.kbytes &&
	    kept.kbytes + kept.queues >= sum.kbytes;
}

static bool
each_once(struct sim *sim)
{
	struct sim_count sum = sim_sum(sim, NULL, NULL);
	struct sched_totals totals;

	sched_totals(sim->sched, &totals);
	for (uint64_t id = 1; id <= sim->last_message; id++)
		if (sim->ended[id] != 0)
			return false;
	return totals.rcpts == 0 && totals.granted == 0 &&
	    sum.submitted == sum.delivered + sum.failed + sum.expired;
}

static void
finish(struct sim *sim)
{
	struct snapshot *c = fake_conf_new();
	struct err e;

	must(fake_conf_domain(c, "*", "retry-after", "10s", &e));
	must(fake_conf_domain(c, "*", "retry-recipients-after", "10s", &e));
	sim_reload(sim, c);
	for (size_t i = 0; i < sim->server_count; i++) {
		sim->servers[i].greeting = 220;
		sim->servers[i].reply = 250;
		sim->servers[i].drop_every = 0;
	}
	sim_run(sim, 600 * S);
}

struct verdict {
	int over, starved, lost, untrue;
};

static void
try_one(uint64_t seed, struct verdict *bad)
{
	struct sim *sim = mem_new(struct sim);
	struct limits limits;
	struct snapshot *conf;
	int64_t from;

	sim->random = seed * 7919 + 3;
	conf = random_conf(sim, &limits);
	sim_init(sim, conf, seed);
	random_servers(sim, seed % 2 == 0);
	random_mail(sim);
	sim_run(sim, 20 * S);
	bad->untrue += !totals_are_true(sim);
	random_mail(sim);
	bad->untrue += !totals_are_true(sim);
	sim_run(sim, 280 * S);
	bad->untrue += !totals_are_true(sim);
	if (!within(sim, &limits, 0)) {
		(void)printf("# seed %d: over a limit\n", (int)seed);
		bad->over++;
	}
	if (!none_starved(sim)) {
		(void)printf("# seed %d: starved\n", (int)seed);
		bad->starved++;
	}
	/* Other limits; what is over them may finish first. */
	sim_reload(sim, random_conf(sim, &limits));
	sim_run(sim, 10 * S);
	from = sim->now_us;
	sim_forget_most(sim);
	random_mail(sim);
	sim_run(sim, 60 * S);
	if (!within(sim, &limits, from)) {
		(void)printf("# seed %d: over after a reload\n", (int)seed);
		bad->over++;
	}
	bad->untrue += !totals_are_true(sim);
	finish(sim);
	bad->untrue += !totals_are_true(sim);
	if (!each_once(sim)) {
		(void)printf("# seed %d: lost\n", (int)seed);
		bad->lost++;
	}
	sim_fini(sim);
	free(sim);
}

/*
 * One rate and mail enough: at least 97 % of what is to be had.  A RCPT that
 * is written so long after its grant cannot come more often than that.
 */
static bool
uses_rate(unsigned rate, bool of_vmta, uint64_t seed)
{
	struct sim *sim = mem_new(struct sim);
	struct snapshot *c = fake_conf_new();
	int64_t period = rates[rate].period_us;
	int64_t warm = period < 5 * S ? 10 * S : 2 * period, run;
	struct sim_server *server;
	uint64_t got, queues = of_vmta ? DOMAINS : 1;
	double reachable;
	struct err e;

	run = period < 10 * S ? 60 * S : 6 * period;
	must(of_vmta ?
		fake_conf_vmta(c, "ip1", "max-smtp-msg-rate", rates[rate].text,
		    &e) :
		fake_conf_domain(c, "*", "max-msg-rate", rates[rate].text, &e));
	must(fake_conf_domain(c, "*", "max-smtp-out", "40", &e));
	if (seed % 3 == 0)
		must(fake_conf_domain(c, "*", "max-msg-per-connection", "5",
		    &e));
	sim_init(sim, c, seed);
	server = sim_server(sim, "*");
	server->greeting_us = (int64_t)sim_random(sim, 400) * MS;
	server->write_us = (int64_t)sim_random(sim, 20) * MS;
	server->reply_us = (int64_t)sim_random(sim, 400) * MS;
	for (uint64_t i = 0; i < queues; i++) {
		struct sim_submit what = { .domain = domains[i],
			.vmta = "ip1",
			.rcpts = 1,
			.priority = 50 };

		what.messages = (uint32_t)((uint64_t)rates[rate].count *
			(uint64_t)((warm + run) / period + 2) / queues +
		    10);
		sim_submit(sim, &what);
	}
	sim_run(sim, warm);
	got = sim->rcpt_count;
	sim_run(sim, run);
	got = sim->rcpt_count - got;
	reachable = (double)rates[rate].count * (double)run /
	    (double)(period + server->write_us);
	if ((double)got < 0.97 * reachable - 1)
		(void)printf("# %s %s seed %d: %d of %.1f\n", rates[rate].text,
		    of_vmta ? "virtual MTA" : "queue", (int)seed, (int)got,
		    reachable);
	queues = sim_most_in(sim, NULL, NULL, 0, period);
	sim_fini(sim);
	free(sim);
	return queues <= rates[rate].count &&
	    (double)got >= 0.97 * reachable - 1;
}

int
main(void)
{
	struct verdict bad = { 0 };
	int unused = 0;

	for (uint64_t seed = 1; seed <= CONFIGS; seed++)
		try_one(seed, &bad);
	is_int(bad.over, 0, "no limit is exceeded in any window");
	is_int(bad.starved, 0, "no queue starves");
	is_int(bad.lost, 0, "each recipient ends exactly once");
	is_int(bad.untrue, 0, "totals are the sums of all queues");
	for (unsigned rate = 1; rate < RATES - 1; rate++)
		for (uint64_t seed = 1; seed <= 6; seed++)
			for (int of_vmta = 0; of_vmta < 2; of_vmta++)
				unused += !uses_rate(rate, of_vmta, seed);
	is_int(unused, 0, "rates are used to 97 % when there is mail");
	is_int(fake_conf_alive(), 0, "no configuration is left");
	return done_testing();
}
