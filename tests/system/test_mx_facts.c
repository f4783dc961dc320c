/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which MX hosts a domain has, against a scripted name server: hosts of the
 * best preference with their addresses, or none, or nobody knows; each domain
 * asked for once, each question answered once, on the home thread; and which of
 * the listed hosts are at their addresses.
 */
#include "transport/mx_facts.h"

#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "tests/system/dns_fixture.h"
#include "tests/tap.h"
#include "transport/worker_env.h"

enum { DEADLINE_S = 30 };

static const char zone[] = "plain.example 600 MX 10 mx1.plain.example\n"
			   "plain.example 600 MX 20 worse.plain.example\n"
			   "plain.example 600 MX 10 mx2.plain.example\n"
			   "mx1.plain.example 300 A 192.0.2.1\n"
			   "mx1.plain.example 300 AAAA 2001:db8::1\n"
			   "mx2.plain.example 300 A 192.0.2.2\n"
			   "mx2.plain.example 300 A 192.0.2.1\n"
			   "worse.plain.example 300 A 192.0.2.9\n"
			   "other.plain.example 300 A 192.0.2.2\n"
			   "far.example 300 A 192.0.2.9\n"
			   "nomx.example 300 A 192.0.2.3\n"
			   "null.example 300 MX 0 .\n"
			   "six.example 300 MX 10 v6.example\n"
			   "v6.example 300 AAAA 2001:db8::9\n"
			   "gone.example 300 MX 5 mx.gone.example\n"
			   "unsure.example 300 MX 5 mx.unsure.example\n"
			   "mx.unsure.example SERVFAIL A\n"
			   "sick.example SERVFAIL\n";

static const char *listed_hosts[] = { "other.plain.example", "far.example",
	"mx.unsure.example" };
static const struct conf_strs listed = { 3, listed_hosts };

/* " = " those that are at its addresses, " ? " those that nobody can tell of */
static const struct {
	const char *domain, *want;
} cases[] = {
	{ "plain.example",
	    "mx1.plain.example mx2.plain.example 192.0.2.1 192.0.2.2 "
	    "2001:db8::1 v4 v6 = other.plain.example ? mx.unsure.example" },
	{ "nomx.example", "nomx.example 192.0.2.3 v4 ? mx.unsure.example" },
	{ "null.example", "none" },
	{ "six.example", "v6.example 2001:db8::9 v6 ? mx.unsure.example" },
	{ "gone.example", "mx.gone.example ? mx.unsure.example" },
	{ "unsure.example",
	    "mx.unsure.example v4 ? other.plain.example far.example mx.unsure.example" },
	{ "sick.example", "nobody knows" },
	{ "never.example", "none" },
	{ "a..b", "none" },
};

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

static struct worker *home;
static struct worker_env env;
static struct mx_facts_asker *asker;
static sem_t done;
static bool inside; /* mx_facts_ask() */
static int called, bad_calls;
static int64_t plain_ttl_us;
static char got[CASES][200];

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* In order: the answer may be turned round. */
static void
describe(const struct mx_facts *f, char *out, size_t cap)
{
	char words[16][80] = { { 0 } };
	size_t n = 0, len = 0;

	if (!f->ok || f->n == 0) {
		(void)snprintf(out, cap, f->ok ? "none" : "nobody knows");
		return;
	}
	for (size_t i = 0; i < f->n; i++)
		(void)snprintf(words[n++], 80, "%s", f->hosts[i]);
	qsort(words[0], n, 80, by_text);
	for (size_t i = 0; i < f->addr_n; i++)
		(void)net_addr_text(&f->addrs[i], words[n++]);
	qsort(words[f->n], f->addr_n, 80, by_text);
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(out + len, cap - len, "%s%s",
		    i == 0 ? "" : " ", words[i]);
	len += (size_t)snprintf(out + len, cap - len, "%s%s",
	    f->has_v4 ? " v4" : "", f->has_v6 ? " v6" : "");
	for (size_t i = 0; i < f->same_n; i++)
		len += (size_t)snprintf(out + len, cap - len, "%s %s",
		    i == 0 ? " =" : "", f->same[i]);
	for (size_t i = 0; i < f->unsure_n; i++)
		len += (size_t)snprintf(out + len, cap - len, "%s %s",
		    i == 0 ? " ?" : "", f->unsure[i]);
}

static void
on_facts(void *ctx, const char *domain, const struct mx_facts *f)
{
	bad_calls += inside || ctx != &called || !worker_is_self(home);
	called++;
	for (size_t i = 0; i < CASES; i++)
		if (strcmp(cases[i].domain, domain) == 0)
			describe(f, got[i], sizeof(got[i]));
	if (strcmp(domain, "plain.example") == 0)
		plain_ttl_us = f->ttl_us;
	CHECK(sem_post(&done) == 0);
}

static void
ask_all(struct post *p)
{
	(void)p;
	inside = true;
	for (size_t i = 0; i < CASES; i++)
		mx_facts_ask(asker, cases[i].domain, &listed);
	inside = false;
}

/* Nobody waits for these: they are given up with their threads. */
static void
ask_and_leave(struct post *p)
{
	(void)p;
	for (size_t i = 0; i < 100; i++)
		mx_facts_ask(asker, "late.invalid", &listed);
	CHECK(sem_post(&done) == 0);
}

static void
wait_done(int n)
{
	struct timespec until;

	for (int i = 0; i < n; i++) {
		CHECK(clock_gettime(CLOCK_REALTIME, &until) == 0);
		until.tv_sec += DEADLINE_S;
		if (sem_timedwait(&done, &until) == -1) {
			ok(false, "no answer in %d s", DEADLINE_S);
			return;
		}
	}
}

static struct worker *
start(const char *name)
{
	struct worker *w;
	struct err e;

	w = worker_new(name, &e);
	CHECK(w != NULL);
	return w;
}

int
main(void)
{
	static struct worker_env *envs[] = { &env };
	static struct post first, last;
	struct dns_fixture f;
	const char *servers[] = { f.where };
	struct err e;

	dns_fixture_start(&f, zone);
	CHECK(sem_init(&done, 0, 0) == 0);
	home = start("home");
	env.worker = start("worker");
	CHECK(dns_new(&env.worker, 1, servers, 1, &env.dns, &e) == 0);
	asker = mx_facts_new(home, envs, 1, on_facts, &called);
	CHECK(worker_start(home, &e) == 0 && worker_start(env.worker, &e) == 0);
	first.fn = ask_all;
	worker_post(home, &first);
	wait_done(CASES);
	for (size_t i = 0; i < CASES; i++)
		is_str(got[i], cases[i].want, cases[i].domain);
	is_int(called, CASES, "each was answered once");
	is_int(bad_calls, 0, "at home, not from mx_facts_ask()");
	ok(plain_ttl_us > 590 * US_PER_S && plain_ttl_us <= 600 * US_PER_S,
	    "with the time that it counts for");
	is_int(dns_fixture_asked(&f, "plain.example", "MX"), 1, "asked once");
	is_int(dns_fixture_asked(&f, "worse.plain.example", "A"), 0,
	    "hosts of worse preference are not asked for");
	last.fn = ask_and_leave;
	worker_post(home, &last);
	wait_done(1);
	worker_stop(home);
	worker_stop(env.worker);
	worker_join(home);
	worker_join(env.worker);
	mx_facts_free(&asker);
	ok(asker == NULL, "questions that are out are given up");
	dns_free(&env.dns);
	worker_free(&home);
	worker_free(&env.worker);
	dns_fixture_stop(&f);
	return done_testing();
}
