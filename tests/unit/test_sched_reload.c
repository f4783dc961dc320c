/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits hold while a reload is under way, and over several: connections
 * count in a scope that the reload brings before one more is opened there,
 * however many queues there are, and what was counted stays until it has left
 * its window, also when the limit was lifted meanwhile.
 *
 *	test_sched_reload [QUEUES]: what the first round after a reload costs
 */
#include "vmta/sched.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "tests/support/fake_conf.h"
#include "tests/tap.h"

#define S US_PER_S

enum { IDLE = 1000, OPEN_MAX = 1000, LINE_MAX_LEN = 100 };

struct world {
	struct sched *sched;
	int64_t now;
	uint64_t last_id;
	struct sched_conn *conns[OPEN_MAX];
	unsigned n;
	unsigned opened, granted, told; /* told: to close */
	struct grant *grant;            /* the last */
};

static void
on_open(void *ctx, struct sched_conn *c)
{
	struct world *w = ctx;

	CHECK(w->n < OPEN_MAX);
	w->conns[w->n++] = c;
	w->opened++;
}

static void
on_grant(void *ctx, struct sched_conn *c, struct grant *g)
{
	struct world *w = ctx;

	(void)c;
	w->grant = g;
	w->granted++;
}

static void
on_close(void *ctx, struct sched_conn *c)
{
	struct world *w = ctx;

	(void)c;
	w->told++;
}

static const struct sched_owner owner = { .open = on_open,
	.grant = on_grant,
	.close = on_close };

static struct snapshot *
conf_of(const char *const *lines)
{
	struct snapshot *conf = fake_conf_new();
	struct err e;

	for (; *lines != NULL; lines++)
		CHECK(fake_conf_line(conf, *lines, &e) == 0);
	return conf;
}

static void
begin(struct world *w, const char *const *lines)
{
	struct snapshot *conf = conf_of(lines);

	*w = (struct world){ .now = 1000 * S };
	w->sched = sched_new(conf, &owner, w, w->now);
	snapshot_unref(&conf);
}

static void
reload(struct world *w, const char *const *lines)
{
	struct snapshot *conf = conf_of(lines);

	sched_reload(w->sched, conf, w->now);
	snapshot_unref(&conf);
}

static void
close_one(struct world *w)
{
	CHECK(w->n > 0);
	w->n--;
	sched_closed(w->sched, &w->conns[w->n], w->now);
}

static void
end(struct world *w)
{
	while (w->n > 0)
		close_one(w);
	sched_free(&w->sched);
}

/* due_us 0: now. */
static void
mail(struct world *w, const char *domain, const char *vmta, int64_t due_us)
{
	struct sched_rcpt_in in = { .domain = domain,
		.vmta = vmta,
		.queued_us = w->now,
		.attempts = due_us > 0,
		.due_us = due_us };
	struct message *m = message_at(++w->last_id,
	    &(struct message_loc){ 0 });

	sched_add(w->sched, m, &in, 1, w->now);
	message_unref(&m);
}

/* What it would do at once; the clock stands. */
static void
run(struct world *w)
{
	while (sched_run(w->sched, w->now) <= w->now)
		;
}

/* Connections that open carry what they may and end; the clock goes on. */
static void
send_until(struct world *w, int64_t at_us)
{
	static const struct sched_result done = { .written = true,
		.delivered = true };
	int64_t next;

	for (; w->now < at_us; w->now = next < at_us ? next : at_us) {
		next = sched_run(w->sched, w->now);
		for (; w->n > 0; close_one(w)) {
			sched_ready(w->sched, w->conns[w->n - 1], w->now);
			if (w->grant != NULL)
				sched_results(w->sched, &w->grant, &done,
				    w->now);
			next = w->now;
		}
		CHECK(w->opened < OPEN_MAX); /* it goes round and round */
	}
	run(w);
}

/* ---- connections that a new scope has to count --------------------------- */

/* Where mail goes that is alike for the new scope, queue by queue. */
struct place {
	const char *label;
	const char *domain, *vmta; /* the one that is NULL has a number */
	const char *line;          /* that the reload brings */
};

static void
mail_at(struct world *w, const struct place *p, unsigned i, int64_t due_us)
{
	char other[32];

	(void)snprintf(other, sizeof(other), "n%u.example", i);
	mail(w, p->domain == NULL ? other : p->domain,
	    p->vmta == NULL ? other : p->vmta, due_us);
}

/* Many idle queues are before those that have connections. */
static void
test_new_scope(const struct place *p)
{
	static const char *const before[] = { "domain * { max-smtp-out 1 }",
		NULL };
	const char *const after[] = { before[0], p->line, NULL };
	struct world w;

	begin(&w, before);
	for (unsigned i = 0; i < IDLE; i++)
		mail_at(&w, p, i, w.now + 3600 * S);
	run(&w);
	for (unsigned i = 0; i < 8; i++)
		mail_at(&w, p, IDLE + i, 0);
	run(&w);
	ok(w.opened == 8, "%s: connections are open", p->label);
	reload(&w, after);
	for (unsigned i = 0; i < 20; i++)
		mail_at(&w, p, IDLE + 100 + i, 0);
	(void)sched_run(w.sched, w.now);
	ok(w.opened == 8, "%s: all count in the first round", p->label);
	run(&w);
	ok(w.opened == 8, "%s: and in those after it", p->label);
	for (unsigned i = 0; i < 5; i++)
		close_one(&w);
	run(&w);
	ok(w.opened == 9, "%s: one has room again, and is opened", p->label);
	end(&w);
}

/* A reload that takes the scope away again: nothing counts there any more. */
static void
test_gone_scope(const struct place *p)
{
	const char *const before[] = { "domain * { max-smtp-out 1 }", p->line,
		NULL };
	const char *const after[] = { before[0], NULL };
	struct world w;

	begin(&w, before);
	for (unsigned i = 0; i < 20; i++)
		mail_at(&w, p, i, 0);
	run(&w);
	ok(w.opened == 4, "%s: so many may be open", p->label);
	reload(&w, after);
	run(&w);
	ok(w.opened == 20, "%s: without the limit all are", p->label);
	reload(&w, before);
	mail_at(&w, p, 20, 0);
	while (w.n > 4) {
		close_one(&w);
		run(&w);
		ok(w.opened == 20, "%s: %u of 4 are left", p->label, w.n);
	}
	close_one(&w);
	run(&w);
	ok(w.opened > 20, "%s: there is room", p->label);
	end(&w);
}

/* ---- what it costs ------------------------------------------------------- */

/* Of so many queues OPEN_MAX have a connection, and all of them move. */
static void
tell_cost(unsigned queues, const struct place *p)
{
	static const char *const before[] = { "domain * { max-smtp-out 1 }",
		"total-max-smtp-out 0", NULL };
	const char *const after[] = { before[0], before[1], p->line, NULL };
	const struct {
		const char *label;
		const char *const *lines;
	} steps[] = { { "comes", after }, { "stays", after },
		{ "goes", before } };
	struct world w;
	int64_t start, reloaded, run_once;

	begin(&w, before);
	for (unsigned i = 0; i < queues; i++)
		mail_at(&w, p, i, w.now + 3600 * S);
	for (unsigned i = 0; i < OPEN_MAX; i++)
		mail_at(&w, p, i, 0);
	run(&w);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		start = clock_us();
		reload(&w, steps[i].lines);
		reloaded = clock_us();
		(void)sched_run(w.sched, w.now);
		run_once = clock_us();
		run(&w);
		printf("# %u queues, %u connections, %s %s: reload %d us, "
		       "first round %d us, all %d us\n",
		    queues, w.n, p->label, steps[i].label,
		    (int)(reloaded - start), (int)(run_once - reloaded),
		    (int)(clock_us() - start));
	}
	end(&w);
}

/* ---- limits of sources, lifted and set again ----------------------------- */

struct lifted {
	const char *label;
	const char *limit[3]; /* lines */
	const char *none[3];
};

static void
test_rate_again(const struct lifted *l)
{
	struct world w;
	int64_t start;

	begin(&w, l->limit);
	start = w.now;
	mail(&w, "a.example", "a", 0);
	send_until(&w, start + S);
	ok(w.granted == 1, "%s: one was sent", l->label);
	reload(&w, l->none);
	send_until(&w, start + 2 * S);
	reload(&w, l->limit);
	mail(&w, "a.example", "a", 0);
	send_until(&w, start + 59 * S);
	ok(w.granted == 1, "%s: and counts after a reload without", l->label);
	send_until(&w, start + 65 * S);
	ok(w.granted == 2, "%s: as long as the minute lasts", l->label);
	end(&w);
}

/* Its connection outlives the reload that lifts the limit. */
static void
test_conns_again(void)
{
	static const char *const limit[] = {
		"domain * { source-ip-max-smtp-out 0/0 1 }", NULL
	};
	static const char *const none[] = { "domain * { max-smtp-out 9 }",
		NULL };
	struct world w;

	begin(&w, limit);
	for (int i = 0; i < 3; i++)
		mail(&w, "a.example", "a", 0);
	run(&w);
	is_int(w.opened, 1, "one connection from the address");
	reload(&w, none);
	run(&w);
	is_int(w.opened, 3, "as many as there is mail for");
	close_one(&w);
	close_one(&w);
	reload(&w, limit);
	w.now += 2 * S;
	run(&w);
	is_int(w.opened, 3, "the first of them counts after a reload without");
	close_one(&w);
	w.now += 2 * S;
	run(&w);
	is_int(w.opened, 4, "until it has gone");
	end(&w);
}

static void
test_sources(void)
{
	static const struct lifted cases[] = {
		{ "recipients",
		    { "domain * { source-ip-max-msg-rate 0/0 1/60s }" },
		    { "domain * { max-smtp-out 9 }" } },
		{ "connections",
		    { "domain * { source-ip-max-connect-rate 0/0 1/60s }" },
		    { "domain * { max-smtp-out 9 }" } },
		{ "an address that was away",
		    { "domain * { source-ip-max-msg-rate 127/8 1/60s }",
			"virtual-mta a { smtp-source-host 127.0.0.2 x }" },
		    { "domain * { source-ip-max-msg-rate 127/8 1/60s }",
			"virtual-mta a { smtp-source-host 127.0.0.3 x }" } },
		{ "an address that was away, without limits",
		    { "domain * { source-ip-max-msg-rate 127/8 1/60s }",
			"virtual-mta a { smtp-source-host 127.0.0.2 x }" },
		    { "domain * { max-smtp-out 9 }",
			"virtual-mta a { smtp-source-host 127.0.0.3 x }" } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_rate_again(&cases[i]);
	test_conns_again();
}

/* ---- connections that are not ready yet ---------------------------------- */

#define ANN "auth-username ann ; auth-password s1"

static const struct half_open {
	const char *label, *before, *after;
	bool ends;
} half_open[] = {
	{ "nothing has changed", "domain * { " ANN " }", "domain * { " ANN " }",
	    false },
	{ "another password", "domain * { " ANN " }",
	    "domain * { auth-username ann ; auth-password s2 }", true },
	{ "nobody signs in any more", "domain * { " ANN " }",
	    "domain * { max-smtp-out 9 }", true },
	{ "it was not to sign in", "domain * { max-smtp-out 9 }",
	    "domain * { " ANN " ; require-starttls yes }", false },
	{ "TLS is required now", "domain * { " ANN " }",
	    "domain * { " ANN " ; require-starttls yes }", true },
	{ "authorities are asked for now", "domain * { " ANN " }",
	    "domain * { " ANN " ; smtp-tls-ca-file system }", true },
	{ "authorities of that name, maybe others",
	    "domain * { " ANN " ; smtp-tls-ca-file system }",
	    "domain * { " ANN " ; smtp-tls-ca-file system }", true },
	{ "other ciphers", "domain * { " ANN " }",
	    "domain * { " ANN " ; smtp-tls-ciphers HIGH }", true },
	{ "not in clear any more",
	    "domain * { " ANN " ; use-unencrypted-plain-auth yes }",
	    "domain * { " ANN " }", true },
	{ "without AUTH TLS may change", "domain * { max-smtp-out 9 }",
	    "domain * { require-starttls yes }", false },
};

static void
open_by(struct world *w, const struct half_open *h)
{
	const char *const before[] = { h->before, NULL };

	begin(w, before);
	mail(w, "a.example", "a", 0);
	run(w);
}

static void
reload_by(struct world *w, const struct half_open *h)
{
	const char *const after[] = { h->after, NULL };

	reload(w, after);
	run(w);
}

static void
check_end(struct world *w, const struct half_open *h, const char *where)
{
	run(w);
	ok(w->told == (h->ends ? 1 : 0), "%s: %s", h->label, where);
	if (h->ends) {
		close_one(w);
		run(w);
		is_int(w->opened, 2, "and another one is opened");
	}
	end(w);
}

/* skip-mx: its mail comes back, and it goes on to the next host. */
static void
skip(struct world *w)
{
	static const struct sched_result unused = { .fate = FATE_UNUSED,
		.skipped = true };

	sched_results(w->sched, &w->grant, &unused, w->now);
	sched_conn_anew(w->sched, w->conns[0]);
}

/* It would show a password by rules that are gone. */
static void
test_half_open(const struct half_open *h)
{
	struct world w;

	open_by(&w, h);
	reload_by(&w, h);
	check_end(&w, h, "before it is ready");

	open_by(&w, h);
	sched_ready(w.sched, w.conns[0], w.now);
	skip(&w);
	is_int(w.told, 0, "without a reload it goes on");
	reload_by(&w, h);
	check_end(&w, h, "on its way to the next host");

	open_by(&w, h);
	sched_ready(w.sched, w.conns[0], w.now);
	reload_by(&w, h);
	is_int(w.told, 0, "what is under way ends first");
	skip(&w);
	check_end(&w, h, "when it leaves for the next host");
}

int
main(int argc, char **argv)
{
	static const struct place places[] = {
		{ "provider", "a.example", NULL,
		    "provider big { domain a.example ; max-smtp-out 4 }" },
		{ "pool", NULL, "a",
		    "virtual-mta-pool p { virtual-mta a ; max-smtp-out 4 }" },
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		test_new_scope(&places[i]);
		test_gone_scope(&places[i]);
	}
	test_sources();
	for (size_t i = 0; i < sizeof(half_open) / sizeof(half_open[0]); i++)
		test_half_open(&half_open[i]);
	for (size_t i = 0; argc > 1 && i < sizeof(places) / sizeof(places[0]);
	     i++)
		tell_cost((unsigned)strtoul(argv[1], NULL, 10), &places[i]);
	is_int(fake_conf_alive(), 0, "no configuration is left");
	return done_testing();
}
