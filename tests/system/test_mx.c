/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes of domains against a scripted name server.  The configuration is the
 * test's own: what mx.c asks of a snapshot is answered here.
 */
#include "transport/mx.h"

#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "tests/system/dns_fixture.h"
#include "tests/tap.h"

enum { DEADLINE_S = 30 };

static const char zone[] = "plain.example 300 MX 10 mx1.plain.example\n"
			   "plain.example 300 MX 20 mx2.plain.example\n"
			   "mx1.plain.example 300 A 192.0.2.1\n"
			   "mx1.plain.example 300 AAAA 2001:db8::1\n"
			   "mx2.plain.example 300 A 192.0.2.2\n"
			   "nomx.example 300 A 192.0.2.3\n"
			   "nothing.example 300 TXT here\n"
			   "null.example 300 MX 0 .\n"
			   "half.example 300 MX 10 gone.half.example\n"
			   "half.example 300 MX 20 mx1.plain.example\n"
			   "noaddr.example 300 MX 10 gone.noaddr.example\n"
			   "noaddr.example 300 MX 20 v6.noaddr.example\n"
			   "v6.noaddr.example 300 AAAA 2001:db8::9\n"
			   "six.example 300 MX 10 v6.noaddr.example\n"
			   "sicksix.example 300 MX 10 mx.sicksix.example\n"
			   "mx.sicksix.example SERVFAIL AAAA\n"
			   "mx.sicksix.example 300 A 192.0.2.4\n"
			   "sickfour.example 300 MX 10 mx.sickfour.example\n"
			   "mx.sickfour.example SERVFAIL A\n"
			   "odd.example 300 MX 10 .\n"
			   "odd.example 300 MX 20 mx2.plain.example\n"
			   "sick.example SERVFAIL\n"
			   "sickhost.example 300 MX 10 mx.sick.invalid\n"
			   "mx.sick.invalid SERVFAIL\n"
			   "halfsick.example 300 MX 10 mx.sick.invalid\n"
			   "halfsick.example 300 MX 20 mx2.plain.example\n"
			   "backup.example 300 MX 10 mx1.plain.example\n"
			   "backup.example 300 MX 20 us.example\n"
			   "backup.example 300 MX 30 mx2.plain.example\n"
			   "loop.example 300 MX 10 us.example\n"
			   "loop.example 300 MX 20 mx2.plain.example\n"
			   "us.example 300 A 192.0.2.77\n"
			   "addrloop.example 300 MX 10 alias.us.example\n"
			   "alias.us.example 300 A 192.0.2.66\n"
			   "self.example 300 A 192.0.2.68\n"
			   "listen.example 300 MX 5 listen.us.example\n"
			   "listen.us.example 300 A 192.0.2.67\n"
			   "xn--bcher-kva.example 300 MX 10 mx2.plain.example\n"
			   "xn--bcher-kva.example 300 A 192.0.2.5\n"
			   "equal.example 300 MX 10 e1.example\n"
			   "equal.example 300 MX 10 e2.example\n"
			   "equal.example 300 MX 10 e3.example\n"
			   "e1.example 300 A 192.0.2.11\n"
			   "e2.example 300 A 192.0.2.12\n"
			   "e3.example 300 A 192.0.2.13\n";

/* ---- a configuration ----------------------------------------------------- */

struct snapshot {
	struct global_conf global;
	struct vmta vmta;
	int refs;
};

static struct conf_source global_source, vmta_source;
static const char *smtp_listeners[] = { "/run/socket", "192.0.2.67:25" };
static struct snapshot conf;

struct snapshot *
snapshot_ref(const struct snapshot *s)
{
	CHECK(s == &conf);
	conf.refs++;
	return &conf;
}

void
snapshot_unref(struct snapshot **sp)
{
	CHECK(*sp == &conf);
	*sp = NULL;
	conf.refs--;
}

const struct global_conf *
snapshot_global(const struct snapshot *s)
{
	return &s->global;
}

size_t
snapshot_vmta_count(const struct snapshot *s)
{
	(void)s;
	return 1;
}

const struct vmta *
snapshot_vmta_at(const struct snapshot *s, size_t i)
{
	CHECK(i == 0);
	return &s->vmta;
}

static struct net_addr
addr(const char *text)
{
	struct net_addr a = { 0 };
	struct err e;

	if (text[0] != '\0')
		CHECK(net_addr_parse(slice_of(text), &a, &e) == 0);
	return a;
}

static void
make_conf(void)
{
	global_source.addr = addr("192.0.2.66");
	vmta_source.addr = addr("192.0.2.68");
	conf.global.host_name = "us.example";
	conf.global.sources = (struct conf_sources){ 1, &global_source };
	conf.global.smtp_listeners = (struct conf_strs){ 2, smtp_listeners };
	conf.vmta.sources = (struct conf_sources){ 1, &vmta_source };
}

/* ---- cases --------------------------------------------------------------- */

#define FIXED_MAX 4
#define BOTH "+"

static const struct {
	const char *label, *domain;
	const char *source; /* BOTH: there are some of the other family, too */
	uint32_t attempts;
	struct {
		const char *name, *literal;
		uint16_t port, pref;
		bool lookup_mx;
	} fixed[FIXED_MAX];
	const char *want;
} cases[] = {
	/* clang-format off */
	{ "by preference", "plain.example", "192.0.2.66", 10, { { 0 } },
	    "mx1.plain.example/192.0.2.1 mx2.plain.example/192.0.2.2" },
	{ "both families", "Plain.Example.", "", 10, { { 0 } },
	    "mx1.plain.example/192.0.2.1 mx1.plain.example/2001:db8::1 "
	    "mx2.plain.example/192.0.2.2" },
	{ "an IPv6 source", "plain.example", "2001:db8::66", 10, { { 0 } },
	    "mx1.plain.example/2001:db8::1" },
	{ "one attempt", "plain.example", "", 1, { { 0 } },
	    "mx1.plain.example/192.0.2.1" },
	{ "no MX: the address", "NoMX.example", "", 10, { { 0 } },
	    "nomx.example/192.0.2.3" },
	{ "neither MX nor address", "nothing.example", "", 10, { { 0 } },
	    "no-domain: nothing.example has neither MX nor address" },
	{ "an IPv6 source and only an IPv4 address", "nomx.example",
	    "2001:db8::66", 10, { { 0 } },
	    "no-domain: nomx.example has neither MX nor IPv6 address" },
	{ "the same, and there are IPv4 sources", "nomx.example",
	    BOTH "2001:db8::66", 10, { { 0 } },
	    "no-family: nomx.example has no IPv6 address, but others" },
	{ "an MX host with an IPv6 address alone", "six.example",
	    BOTH "192.0.2.66", 10, { { 0 } },
	    "no-family: six.example has no IPv4 address, but others" },
	{ "sources of both, and an address for ours", "plain.example",
	    BOTH "192.0.2.66", 10, { { 0 } },
	    "mx1.plain.example/192.0.2.1 mx2.plain.example/192.0.2.2" },
	{ "sources of both, and no address at all", "nothing.example",
	    BOTH "192.0.2.66", 10, { { 0 } },
	    "no-domain: nothing.example has neither MX nor IPv4 address" },
	{ "SERVFAIL for our family, an address of the other",
	    "sicksix.example", BOTH "2001:db8::66", 10, { { 0 } },
	    "no-family: sicksix.example has no IPv6 address, but others" },
	{ "SERVFAIL for the other family", "sickfour.example",
	    BOTH "2001:db8::66", 10, { { 0 } },
	    "dns-temporary: no answer for mx.sickfour.example (A): SERVFAIL" },
	{ "a literal for our other sources", "[192.0.2.9]", BOTH "2001:db8::66",
	    10, { { 0 } },
	    "no-family: [192.0.2.9] has no IPv6 address, but others" },
	{ "smtp-hosts for our other sources", "x.example", BOTH "2001:db8::66", 10,
	    { { .literal = "192.0.2.20" } },
	    "no-family: x.example has no IPv6 address, but others" },
	{ "null MX", "null.example", "", 10, { { 0 } },
	    "null-mx: null.example does not accept mail (null MX)" },
	{ "no such domain", "example.invalid", "", 10, { { 0 } },
	    "no-domain: example.invalid does not exist (MX)" },
	{ "not a domain", "no domain", "", 10, { { 0 } },
	    "no-domain: \"no domain\" is not a domain name" },
	{ "an IDN", "b\xc3\xbc" "cher.example", "", 10, { { 0 } },
	    "mx2.plain.example/192.0.2.2" },
	{ "an MX host without address", "half.example", "192.0.2.66", 10,
	    { { 0 } }, "mx1.plain.example/192.0.2.1" },
	{ "no MX host with an address of use", "noaddr.example", "192.0.2.66",
	    10, { { 0 } },
	    "no-domain: no MX of noaddr.example has an IPv4 address "
	    "(gone.noaddr.example)" },
	{ "the root among others", "odd.example", "", 10, { { 0 } },
	    "mx2.plain.example/192.0.2.2" },
	{ "SERVFAIL for the domain", "sick.example", "", 10, { { 0 } },
	    "dns-temporary: no answer for sick.example (MX): SERVFAIL" },
	{ "SERVFAIL for its only host", "sickhost.example", "192.0.2.66", 10,
	    { { 0 } },
	    "dns-temporary: no answer for mx.sick.invalid (A): SERVFAIL" },
	{ "SERVFAIL for one of two hosts", "halfsick.example", "", 10,
	    { { 0 } }, "mx2.plain.example/192.0.2.2" },
	{ "we are the second MX", "backup.example", "192.0.2.66", 10,
	    { { 0 } }, "mx1.plain.example/192.0.2.1" },
	{ "we are the first MX", "loop.example", "", 10, { { 0 } },
	    "loop: mail for loop.example loops back to us (us.example)" },
	{ "an MX with the address of a source", "addrloop.example", "", 10,
	    { { 0 } },
	    "loop: mail for addrloop.example loops back to us "
	    "(alias.us.example)" },
	{ "the address of a virtual MTA", "self.example", "", 10, { { 0 } },
	    "loop: mail for self.example loops back to us (self.example)" },
	{ "where we listen", "listen.example", "", 10, { { 0 } },
	    "loop: mail for listen.example loops back to us "
	    "(listen.us.example)" },
	{ "an address literal", "[192.0.2.9]", "", 10, { { 0 } },
	    "[192.0.2.9]/192.0.2.9" },
	{ "an IPv6 literal", "[IPv6:2001:db8::9]", "2001:db8::66", 10,
	    { { 0 } }, "[IPv6:2001:db8::9]/2001:db8::9" },
	{ "a literal that is ours", "[192.0.2.66]", "", 10, { { 0 } },
	    "loop: mail for [192.0.2.66] loops back to us ([192.0.2.66])" },
	{ "a literal of the other family", "[192.0.2.9]", "2001:db8::66", 10,
	    { { 0 } },
	    "no-domain: [192.0.2.9] cannot be reached from an IPv6 address" },
	{ "a literal that is none", "[192.0.2.999]", "", 10, { { 0 } },
	    "no-domain: \"[192.0.2.999]\" is not a domain name" },
	{ "smtp-hosts: literals and ports", "x.example", "192.0.2.66", 10,
	    { { .literal = "192.0.2.20", .port = 2525, .pref = 1 },
	      { .literal = "192.0.2.66" } },
	    "[192.0.2.66]/192.0.2.66 [192.0.2.20]/192.0.2.20:2525" },
	{ "smtp-hosts: a name is a host, not a domain", "x.example", "", 10,
	    { { .name = "nomx.example", .port = 26 } },
	    "nomx.example/192.0.2.3:26" },
	{ "smtp-hosts: an IDN, as certificates have it", "x.example", "", 10,
	    { { .name = "B\xc3\xbc" "cher.example." } },
	    "xn--bcher-kva.example/192.0.2.5" },
	{ "lookup-mx:", "x.example", "192.0.2.66", 10,
	    { { .name = "plain.example", .lookup_mx = true },
	      { .name = "nomx.example", .pref = 1 } },
	    "mx1.plain.example/192.0.2.1 mx2.plain.example/192.0.2.2 "
	    "nomx.example/192.0.2.3" },
	{ "lookup-mx: that fails, and another host", "x.example", "", 10,
	    { { .name = "example.invalid", .lookup_mx = true },
	      { .name = "nomx.example", .pref = 1 } },
	    "nomx.example/192.0.2.3" },
	{ "a host of smtp-hosts that does not exist: mail waits", "x.example",
	    "", 10, { { .name = "example.invalid" } },
	    "dns-temporary: no host of smtp-hosts for x.example has an "
	    "address (example.invalid)" },
	{ "lookup-mx: without domain: mail waits", "x.example", "", 10,
	    { { .name = "example.invalid", .lookup_mx = true } },
	    "dns-temporary: example.invalid does not exist (MX)" },
	/* clang-format on */
};

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

/* ---- running them on a worker -------------------------------------------- */

static struct worker_env env;
static struct dns *dns;
static sem_t done;
static bool inside; /* mx_lookup_new() */
static int called, bad_calls;

struct run {
	struct mx_lookup *lookup;
	char got[400];
	uint8_t first; /* last byte of the first target */
};

static struct run runs[CASES], equal[200];

static size_t
describe_target(char *out, size_t cap, const struct mx_target *t)
{
	char text[NET_ADDR_TEXT], port[8] = "";

	if (t->port != 25)
		(void)snprintf(port, sizeof(port), ":%u", t->port);
	return (size_t)snprintf(out, cap, "%s/%s%s", t->host,
	    net_addr_text(&t->addr, text), port);
}

static void
on_route(void *arg, const struct mx_route *route)
{
	struct run *r = arg;
	size_t len = 0;

	bad_calls += inside || !worker_is_self(env.worker);
	called++;
	if (!route->ok) {
		bad_calls += route->why.phase != PHASE_RESOLVE ||
		    route->why.wall_us == 0 || route->why.mx == NULL;
		(void)snprintf(r->got, sizeof(r->got), "%s: %s",
		    outcome_kind_name(route->why.kind), route->why.text);
	}
	for (size_t i = 0; i < route->count; i++) {
		if (i > 0)
			r->got[len++] = ' ';
		len += describe_target(r->got + len, sizeof(r->got) - len,
		    &route->targets[i]);
	}
	if (route->count > 0)
		r->first = route->targets[0].addr.a[3];
	mx_lookup_free(&r->lookup); /* from its own callback */
	CHECK(sem_post(&done) == 0);
}

static struct mx_lookup *
look(const char *domain, const struct queue_conf *qc,
    const struct mx_from *from, struct run *r)
{
	struct mx_lookup *l;

	inside = true;
	l = mx_lookup_new(&env, domain, qc, from, on_route, r);
	inside = false;
	return l;
}

static void
start_cases(struct post *p)
{
	(void)p;
	for (size_t i = 0; i < CASES; i++) {
		struct conf_host hosts[FIXED_MAX] = { 0 };
		struct queue_conf qc = { .smtp_port = 25 };
		bool both = cases[i].source[0] == BOTH[0];
		size_t n = 0;

		for (; n < FIXED_MAX; n++) {
			if (cases[i].fixed[n].name == NULL &&
			    cases[i].fixed[n].literal == NULL)
				break;
			hosts[n].name = cases[i].fixed[n].name;
			if (hosts[n].name == NULL)
				hosts[n].addr = addr(cases[i].fixed[n].literal);
			hosts[n].port = cases[i].fixed[n].port;
			hosts[n].pref = cases[i].fixed[n].pref;
			hosts[n].lookup_mx = cases[i].fixed[n].lookup_mx;
		}
		qc.mx_attempts = cases[i].attempts;
		qc.smtp_hosts = (struct conf_hosts){ n, hosts };
		runs[i].lookup = look(cases[i].domain, &qc,
		    &(struct mx_from){ addr(cases[i].source + both), both },
		    &runs[i]);
	}
}

static void
start_equal(struct post *p)
{
	struct queue_conf qc = { .smtp_port = 25, .mx_attempts = 10 };

	(void)p;
	for (size_t i = 0; i < 200; i++)
		equal[i].lookup = look("equal.example", &qc,
		    &(struct mx_from){ addr("192.0.2.66"), false }, &equal[i]);
}

static void
start_and_cancel(struct post *p)
{
	static const char *const domains[] = { "plain.example", "never.invalid",
		"[192.0.2.9]", "a..b" };
	struct queue_conf qc = { .smtp_port = 25, .mx_attempts = 10 };

	(void)p;
	for (size_t i = 0; i < 100; i++) {
		struct mx_lookup *l = look(domains[i % 4], &qc,
		    &(struct mx_from){ .both_families = false }, &runs[0]);

		mx_lookup_free(&l);
	}
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
			ok(false, "no route in %d s", DEADLINE_S);
			return;
		}
	}
}

static void
run_on_worker(struct post *p, void (*fn)(struct post *p), int n)
{
	p->fn = fn;
	worker_post(env.worker, p);
	wait_done(n);
}

static void
test_cases(void)
{
	static struct post post;

	run_on_worker(&post, start_cases, CASES);
	for (size_t i = 0; i < CASES; i++)
		is_str(runs[i].got, cases[i].want, cases[i].label);
	is_int(called, CASES, "each was called once");
	is_int(bad_calls, 0, "on the worker, not from mx_lookup_new()");
}

static void
test_equal(void)
{
	static struct post post;
	int first[3] = { 0 };

	run_on_worker(&post, start_equal, 200);
	for (size_t i = 0; i < 200; i++)
		if (equal[i].first >= 11 && equal[i].first <= 13)
			first[equal[i].first - 11]++;
	ok(first[0] > 30 && first[1] > 30 && first[2] > 30,
	    "of three equal MX each is the first: %d, %d, %d of 200 times",
	    first[0], first[1], first[2]);
}

int
main(void)
{
	static struct post cancel;
	struct dns_fixture f;
	const char *server;
	struct worker *w[2];
	struct err e;
	int before;

	make_conf();
	CHECK(sem_init(&done, 0, 0) == 0);
	dns_fixture_start(&f, zone);
	server = f.where;
	for (size_t i = 0; i < 2; i++)
		CHECK((w[i] = worker_new("mx", &e)) != NULL);
	if (dns_new(w, 2, &server, 1, &dns, &e) == -1)
		ok(false, "dns_new: %s", e.text);
	env.worker = w[0];
	env.conf = &conf;
	env.dns = dns;
	for (size_t i = 0; i < 2; i++)
		CHECK(worker_start(w[i], &e) == 0);

	test_cases();
	test_equal();
	before = called;
	run_on_worker(&cancel, start_and_cancel, 1);
	for (size_t i = 0; i < 2; i++)
		worker_stop(w[i]);
	for (size_t i = 0; i < 2; i++)
		worker_join(w[i]);
	is_int(called, before, "a freed lookup calls nobody");
	is_int(conf.refs, 0, "all references to the configuration are back");
	dns_free(&dns);
	for (size_t i = 0; i < 2; i++)
		worker_free(&w[i]);
	dns_fixture_stop(&f);
	CHECK(sem_destroy(&done) == 0);
	return done_testing();
}
