/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thirty days of four new source addresses at three providers, on the virtual
 * clock: one takes everything, one puts off what is more than it trusts an
 * address with, one has a bad week.
 *
 * Never does an address try more than its number of the day; numbers grow after
 * good days only; the bad week holds them and takes them back; and all mail of
 * a day is delivered that day, since the warm members of the pool take what is
 * too much.  A restart and a crash in the middle make nothing more.  What
 * happened is printed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/day.h"
#include "lib/mem.h"
#include "tests/conf_file.h"
#include "tests/support/sim.h"
#include "vmta/sched_warmup.h"

enum {
	DAYS = 30,
	IPS = 4,
	PROVIDERS = 3,
	A_DAY = 3000, /* recipients at each provider */
	RESTART_AT = 12,
	CRASH_AT = 17,
	BAD_FROM = 9, /* days of the bad week, from 1 */
	BAD_TO = 12
};

#define HOUR_US (3600 * US_PER_S)

static const char config[] =
    "host-name t.example\n"
    "<provider kind>\n domain kind.example\n</provider>\n"
    "<provider strict>\n domain strict.example\n</provider>\n"
    "<provider moody>\n domain moody.example\n</provider>\n"
    "<virtual-mta new1>\n smtp-source-host 192.0.2.1 n1.example\n"
    "</virtual-mta>\n"
    "<virtual-mta new2>\n smtp-source-host 192.0.2.2 n2.example\n"
    "</virtual-mta>\n"
    "<virtual-mta new3>\n smtp-source-host 192.0.2.3 n3.example\n"
    "</virtual-mta>\n"
    "<virtual-mta new4>\n smtp-source-host 192.0.2.4 n4.example\n"
    "</virtual-mta>\n"
    "<virtual-mta old1>\n smtp-source-host 198.51.100.1 o1.example\n"
    "</virtual-mta>\n"
    "<virtual-mta old2>\n smtp-source-host 198.51.100.2 o2.example\n"
    "</virtual-mta>\n"
    "<virtual-mta-pool all>\n"
    " virtual-mta new1\n virtual-mta new2\n virtual-mta new3\n"
    " virtual-mta new4\n virtual-mta old1\n virtual-mta old2\n"
    "</virtual-mta-pool>\n"
    "<warmup month>\n source 192.0.2.0/29\n start 2026-12-01\n"
    " day-limits 20/d,40/d,80/d,120/d,160/d,200/d,240/d,280/d,320/d,360/d\n"
    "</warmup>\n"
    "<domain *>\n retry-recipients-after 1h\n bounce-after 4d\n</domain>\n";

static const char *const providers[PROVIDERS] = { "kind", "strict", "moody" };

/* What the month has been like for an address at a provider. */
struct pair {
	uint32_t quota, step;      /* of the day */
	uint32_t tried, put_off;   /* so far, as the provider saw */
	uint32_t trusted;          /* of strict: so many a day are taken */
	bool strict_now, was_good; /* what is more is put off; the day before */
	uint32_t exceeded, bad_growth, held, back, grown;
};

static struct {
	struct sim *sim;
	unsigned day; /* from 1 */
	struct pair pairs[IPS][PROVIDERS];
	uint64_t by_old; /* tried by warm members that day */
	uint32_t late;   /* days whose mail was not all delivered */
} w;

static int
provider_of_domain(const char *domain)
{
	for (int p = 0; p < PROVIDERS; p++)
		if (strncmp(domain, providers[p], strlen(providers[p])) == 0)
			return p;
	CHECK_NEVER("mail to nobody");
	return -1;
}

/* The number of a new address, from 0; -1: it is a warm one. */
static int
ip_of(const struct net_addr *a)
{
	return a->a[0] == 192 ? a->a[3] - 1 : -1;
}

static void
say(int p, const struct net_addr *from, uint32_t times)
{
	char domain[32];
	struct sim_reply r = { .at = SIM_RCPT,
		.code = 451,
		.text = "4.7.1 too much mail from your address",
		.from = *from,
		.host = "",
		.times = times };

	(void)snprintf(domain, sizeof(domain), "%s.example", providers[p]);
	sim_script_add(w.sim->rg, sim_server(w.sim, domain), &r);
}

/* What the provider does about what it has just seen of an address. */
static void
react(int p, struct pair *pair, const struct net_addr *from, uint64_t n)
{
	if (p == 1 && !pair->strict_now && pair->tried >= pair->trusted) {
		pair->strict_now = true;
		say(p, from, SIM_ALWAYS);
	}
	/* Three of ten in the bad week. */
	if (p == 2 && w.day >= BAD_FROM && w.day <= BAD_TO &&
	    pair->tried / 10 != (pair->tried - n) / 10)
		say(p, from, 3);
}

static void
watch(void *ctx, const struct sim_seen *seen)
{
	int p, ip;
	struct pair *pair;

	(void)ctx;
	if (seen->what != SIM_RCPTS)
		return;
	p = provider_of_domain(seen->domain);
	ip = ip_of(seen->source);
	if (ip < 0) {
		w.by_old += seen->n;
		return;
	}
	pair = &w.pairs[ip][p];
	pair->tried += (uint32_t)seen->n;
	pair->exceeded += pair->tried > pair->quota;
	react(p, pair, seen->source, seen->n);
}

/* ---- a day --------------------------------------------------------------- */

static void
forget_replies(void)
{
	for (int p = 0; p < PROVIDERS; p++) {
		char domain[32];

		(void)snprintf(domain, sizeof(domain), "%s.example",
		    providers[p]);
		sim_server(w.sim, domain)->replies = NULL;
	}
}

/* Its number of the day, and whether that is what the day before earned. */
static void
note_number(const struct sched_warmup_info *info)
{
	int ip = ip_of(&info->source);
	struct pair *pair;

	if (ip < 0)
		return;
	pair = &w.pairs[ip][provider_of_domain(info->provider)];
	pair->grown += info->warm.step > pair->step;
	pair->bad_growth += info->warm.step > pair->step && !pair->was_good;
	pair->held += info->warm.verdict == WARM_HOLD;
	pair->back += info->warm.verdict == WARM_BACK;
	pair->step = info->warm.step;
	pair->quota = info->quota;
}

static void
begin_day(uint32_t first)
{
	forget_replies();
	for (int ip = 0; ip < IPS; ip++)
		for (int p = 0; p < PROVIDERS; p++) {
			struct pair *pair = &w.pairs[ip][p];

			/* Until it is told: that of its first day. */
			if (w.day == 1)
				pair->quota = 20;
			pair->trusted = w.day == 1 ? 60 : pair->trusted * 6 / 5;
			pair->tried = 0;
			pair->strict_now = false;
		}
	w.by_old = 0;
	sim_set_day(w.sim, first + w.day - 1);
	for (size_t i = 0; i < sched_warmup_count(w.sim->sched); i++) {
		struct sched_warmup_info info;

		if (sched_warmup_at(w.sim->sched, i, &info))
			note_number(&info);
	}
}

static void
print_day(void)
{
	for (size_t i = 0; i < sched_warmup_count(w.sim->sched); i++) {
		struct sched_warmup_info info;
		char addr[NET_ADDR_TEXT];
		const struct warm *m = &info.warm;
		struct pair *pair;
		bool good;

		if (!sched_warmup_at(w.sim->sched, i, &info) ||
		    ip_of(&info.source) < 0)
			continue;
		pair = &w.pairs[ip_of(&info.source)]
			       [provider_of_domain(info.provider)];
		good = m->attempted * 2 >= pair->quota &&
		    m->deferred * 10 <= m->attempted;
		pair->was_good = good;
		(void)printf("# day %2u  %-9s %-6s  %-11s number %5d  tried "
			     "%4u  deferred %3u (%2u %%)%s\n",
		    w.day, net_addr_text(&info.source, addr), info.provider,
		    warmup_verdict_name(m->verdict),
		    pair->quota == WARMUP_NO_LIMIT ? -1 : (int)pair->quota,
		    m->attempted, m->deferred,
		    m->attempted == 0 ? 0 : m->deferred * 100 / m->attempted,
		    m->closed ? "  closed" : "");
	}
	(void)printf("# day %2u  warm members tried %llu\n", w.day,
	    (unsigned long long)w.by_old);
}

static void
submit_day(void)
{
	for (int p = 0; p < PROVIDERS; p++) {
		char domain[32];

		(void)snprintf(domain, sizeof(domain), "%s.example",
		    providers[p]);
		sim_submit(w.sim,
		    &(struct sim_submit){ .domain = domain,
			.vmta = "all",
			.messages = A_DAY,
			.rcpts = 1 });
	}
}

static void
one_day(uint32_t first)
{
	struct sim_count sum;

	begin_day(first);
	sim_run(w.sim, 6 * HOUR_US);
	submit_day();
	sim_run(w.sim, HOUR_US / 60);
	if (w.day == RESTART_AT || w.day == CRASH_AT)
		sim_restart(w.sim, w.day == CRASH_AT);
	sim_run(w.sim, 17 * HOUR_US + 59 * HOUR_US / 60);
	sum = sim_sum(w.sim, NULL, NULL);
	w.late += sum.delivered != sum.submitted;
	if (sum.delivered != sum.submitted)
		(void)printf("# day %u: %llu of %llu delivered\n", w.day,
		    (unsigned long long)sum.delivered,
		    (unsigned long long)sum.submitted);
	print_day();
}

/* ---- the month ----------------------------------------------------------- */

static void
judge(void)
{
	struct pair all[PROVIDERS] = { { 0 } };

	for (int ip = 0; ip < IPS; ip++)
		for (int p = 0; p < PROVIDERS; p++) {
			const struct pair *one = &w.pairs[ip][p];

			all[p].exceeded += one->exceeded;
			all[p].bad_growth += one->bad_growth;
			all[p].held += one->held;
			all[p].back += one->back;
			all[p].grown += one->grown;
			all[p].step += one->quota == WARMUP_NO_LIMIT;
		}
	for (int p = 0; p < PROVIDERS; p++) {
		is_int(all[p].exceeded, 0, "no number of a day is exceeded");
		is_int(all[p].bad_growth, 0, "none grows after a bad day");
	}
	is_int(w.late, 0, "all mail of each day is delivered that day");
	ok(all[0].step == IPS && all[0].held + all[0].back == 0,
	    "where all is taken, all addresses get warm");
	ok(all[1].grown > IPS && all[1].held + all[1].back > 0,
	    "where too much is put off they grow, and wait: %u up, %u held, "
	    "%u back",
	    all[1].grown, all[1].held, all[1].back);
	ok(all[2].held + all[2].back >= IPS && all[2].back > 0,
	    "the bad week holds them and takes them back: %u held, %u back",
	    all[2].held, all[2].back);
}

int
main(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *conf;
	uint32_t first;
	struct err e;

	conf_file_begin();
	conf_file_put("main", config);
	conf = snapshot_load(conf_file_path("main"), &errs);
	if (conf == NULL)
		(void)conf_file_said(&errs, "no error");
	CHECK(conf != NULL);
	CHECK(day_parse(slice_of("2026-12-01"), &first, &e) == 0);
	w.sim = mem_new(struct sim);
	sim_init(w.sim, conf, 1);
	w.sim->watch = watch;
	for (w.day = 1; w.day <= DAYS; w.day++)
		one_day(first);
	judge();
	sim_fini(w.sim);
	free(w.sim);
	conf_errors_fini(&errs);
	conf_file_end();
	return done_testing();
}
