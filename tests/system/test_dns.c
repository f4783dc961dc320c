/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resolver against a scripted name server: answers, failures, one
 * question for many, cancelling, more than one server.
 */
#include "lib/dns.h"

#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "tests/system/dns_fixture.h"
#include "tests/tap.h"

enum { WORKERS = 2, MANY = 10000, DEADLINE_S = 30 };

/* One question of a test; the arrays live in main()'s callees. */
struct item {
	const char *label, *name;
	enum dns_type type;
	const char *want;
	struct worker *from; /* set by the run */
	struct dns_query *query;
	struct dns_answer *got;
	int64_t took_us;
	bool elsewhere; /* called on another worker */
};

/* Posted to a worker to run something there while main waits. */
struct job {
	struct post post;
	void (*fn)(struct item *items, size_t n);
	struct item *items;
	size_t n;
};

static struct worker *workers[WORKERS];
static struct dns *dns;
static sem_t done;

static const char zone[] = "mail.example 300 MX 10 mx1.mail.example\n"
			   "mail.example 300 MX 20 MX2.mail.example\n"
			   "null.example 300 MX 0 .\n"
			   "host.example 300 A 192.0.2.1\n"
			   "host.example 300 AAAA 2001:db8::1\n"
			   "alias.example 60 CNAME host.example\n"
			   "loop.example 60 CNAME loop.example\n"
			   "many.example 300 A 192.0.2.9\n"
			   "many.example DELAY 200\n"
			   "slow.example 300 A 192.0.2.3\n"
			   "slow.example DELAY 300\n"
			   "tc.example 300 A 192.0.2.4\n"
			   "tc.example TC\n"
			   "lost.example 300 A 192.0.2.5\n"
			   "lost.example TIMEOUT-FIRST 1\n"
			   "servfail.example SERVFAIL\n"
			   "refused.example REFUSED\n"
			   "formerr.example FORMERR\n"
			   "odd.formerr.example FORMERR\n"
			   "garbage.example 300 A 192.0.2.6\n"
			   "garbage.example GARBAGE\n"
			   "silent.example TIMEOUT\n"
			   "open.example TIMEOUT\n"
			   "xn--bcher-kva.example 300 A 192.0.2.7\n"
			   "*.wild.example 300 MX 5 mx.%\n";

static const char *
describe(struct buf *b, const struct dns_answer *a)
{
	char text[NET_ADDR_TEXT];

	buf_clear(b);
	if (a == NULL)
		return "(no answer)";
	if (a->status != DNS_OK)
		buf_printf(b, "%d ", (int)a->status);
	if (a->text != NULL)
		buf_str(b, a->text);
	for (size_t i = 0; i < a->count && i < 3; i++) {
		if (i > 0)
			buf_byte(b, ' ');
		if (a->mx != NULL)
			buf_printf(b, "%u:%s", a->mx[i].pref, a->mx[i].host);
		else
			buf_str(b, net_addr_text(&a->addrs[i], text));
	}
	if (a->count > 3)
		buf_printf(b, " (%zu)", a->count);
	return buf_cstr(b);
}

static void
wait_done(size_t n)
{
	struct timespec until;

	for (size_t i = 0; i < n; i++) {
		CHECK(clock_gettime(CLOCK_REALTIME, &until) == 0);
		until.tv_sec += DEADLINE_S;
		if (sem_timedwait(&done, &until) == -1) {
			ok(false, "an answer did not come in %d s", DEADLINE_S);
			return;
		}
	}
}

static void
on_answer(void *arg, struct dns_answer *a)
{
	struct item *it = arg;

	it->query = NULL;
	it->got = a;
	it->took_us = clock_us() - it->took_us;
	it->elsewhere = !worker_is_self(it->from);
	CHECK(sem_post(&done) == 0);
}

static void
ask_all(struct item *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		items[i].took_us = clock_us();
		items[i].query = dns_ask(dns, items[i].name, items[i].type,
		    on_answer, &items[i]);
	}
}

static void
on_job(struct post *p)
{
	struct job *j = post_owner(p, struct job, post);

	j->fn(j->items, j->n);
	free(j);
}

static void
run(unsigned worker, void (*fn)(struct item *items, size_t n),
    struct item *items, size_t n)
{
	struct job *j = mem_new(struct job);

	for (size_t i = 0; i < n; i++)
		items[i].from = workers[worker];
	*j = (struct job){ .fn = fn, .items = items, .n = n };
	j->post.fn = on_job;
	worker_post(workers[worker], &j->post);
}

static void
forget(struct item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dns_answer_unref(&items[i].got);
}

static void
start(const char *const *servers, size_t n)
{
	struct err e;

	for (size_t i = 0; i < WORKERS; i++) {
		workers[i] = worker_new("dns", &e);
		CHECK(workers[i] != NULL);
	}
	if (dns_new(workers, WORKERS, servers, n, &dns, &e) == -1)
		ok(false, "dns_new: %s", e.text);
	for (size_t i = 0; i < WORKERS; i++)
		CHECK(worker_start(workers[i], &e) == 0);
}

static void
stop(void)
{
	for (size_t i = 0; i < WORKERS; i++)
		worker_stop(workers[i]);
	for (size_t i = 0; i < WORKERS; i++)
		worker_join(workers[i]);
	dns_free(&dns);
	for (size_t i = 0; i < WORKERS; i++)
		worker_free(&workers[i]);
}

static struct item items[] = {
	{ .label = "MX",
	    .name = "Mail.Example.",
	    .type = DNS_MX,
	    .want = "10:mx1.mail.example 20:mx2.mail.example" },
	{ .label = "null MX",
	    .name = "null.example",
	    .type = DNS_MX,
	    .want = "0:" },
	{ .label = "A",
	    .name = "host.example",
	    .type = DNS_A,
	    .want = "192.0.2.1" },
	{ .label = "AAAA",
	    .name = "host.example",
	    .type = DNS_AAAA,
	    .want = "2001:db8::1" },
	{ .label = "alias",
	    .name = "alias.example",
	    .type = DNS_A,
	    .want = "192.0.2.1" },
	{ .label = "wildcard",
	    .name = "a.wild.example",
	    .type = DNS_MX,
	    .want = "5:mx.a.wild.example" },
	{ .label = "alias to itself",
	    .name = "loop.example",
	    .type = DNS_A,
	    .want = "3 no answer for loop.example (A): SERVFAIL" },
	{ .label = "IDN",
	    .name = "b\xc3\xbc"
		    "cher.example",
	    .type = DNS_A,
	    .want = "192.0.2.7" },
	{ .label = "no such name",
	    .name = "none.invalid",
	    .type = DNS_MX,
	    .want = "1 none.invalid does not exist (MX)" },
	{ .label = "no such type",
	    .name = "host.example",
	    .type = DNS_MX,
	    .want = "2 host.example has no MX record" },
	{ .label = "bad name",
	    .name = "a..b",
	    .type = DNS_MX,
	    .want = "4 \"a..b\" is not a domain name" },
	{ .label = "bad name with control bytes",
	    .name = "a\r\nb\"",
	    .type = DNS_MX,
	    .want = "4 \"a??b?\" is not a domain name" },
	{ .label = "late answer",
	    .name = "slow.example",
	    .type = DNS_A,
	    .want = "192.0.2.3" },
	{ .label = "truncated: over TCP",
	    .name = "tc.example",
	    .type = DNS_A,
	    .want = "192.0.2.4" },
	{ .label = "60 addresses fit into EDNS",
	    .name = "sixty.example",
	    .type = DNS_A,
	    .want = "198.51.100.0 198.51.100.1 198.51.100.2 (60)" },
	{ .label = "200 addresses do not",
	    .name = "large.example",
	    .type = DNS_A,
	    .want = "198.51.100.0 198.51.100.1 198.51.100.2 (200)" },
	{ .label = "the first datagram is lost",
	    .name = "lost.example",
	    .type = DNS_A,
	    .want = "192.0.2.5" },
	{ .label = "SERVFAIL",
	    .name = "servfail.example",
	    .type = DNS_MX,
	    .want = "3 no answer for servfail.example (MX): SERVFAIL" },
	{ .label = "REFUSED",
	    .name = "refused.example",
	    .type = DNS_MX,
	    .want = "3 no answer for refused.example (MX): REFUSED" },
	{ .label = "FORMERR, with and without EDNS",
	    .name = "formerr.example",
	    .type = DNS_MX,
	    .want = "3 no answer for formerr.example (MX): FORMERR" },
	{ .label = "a reply cut in the middle",
	    .name = "garbage.example",
	    .type = DNS_A,
	    .want = "3 no answer for garbage.example (A): malformed reply" },
	{ .label = "silence",
	    .name = "silent.example",
	    .type = DNS_A,
	    .want = "3 no answer for silent.example (A): time-out" },
};

enum { ITEMS = sizeof(items) / sizeof(items[0]) };

static void
test_answers(const struct dns_fixture *f)
{
	struct buf b = { 0 };
	int64_t longest = 0;
	int elsewhere = 0;

	run(0, ask_all, items, ITEMS);
	wait_done(ITEMS);
	for (size_t i = 0; i < ITEMS; i++) {
		is_str(describe(&b, items[i].got), items[i].want,
		    items[i].label);
		elsewhere += items[i].elsewhere;
		if (items[i].took_us > longest)
			longest = items[i].took_us;
	}
	is_int(elsewhere, 0, "all came back to the asking worker");
	ok(longest < 10 * US_PER_S, "the longest took %d ms",
	    (int)(longest / US_PER_MS));
	is_str(dns_fixture_proto(f, "tc.example", "A"), "tcp",
	    "TC goes to TCP");
	is_str(dns_fixture_proto(f, "sixty.example", "A"), "udp",
	    "a large UDP answer does not");
	is_int(dns_fixture_asked(f, "sixty.example", "A"), 1,
	    "and is asked for once");
	is_int(dns_fixture_asked(f, "silent.example", "A"), 3,
	    "a silent server is asked three times");
	ok(dns_fixture_asked(f, "formerr.example", "MX") > 1,
	    "FORMERR is asked again without EDNS");
	forget(items, ITEMS);
	buf_fini(&b);
}

/* One FORMERR makes c-ares give up EDNS for good, which must not stay so. */
static void
test_edns_comes_back(const struct dns_fixture *f)
{
	struct item odd = { .name = "odd.formerr.example", .type = DNS_A };
	struct item big[2] = { { .name = "sixty-one.example", .type = DNS_A },
		{ .name = "sixty-two.example", .type = DNS_A } };

	run(0, ask_all, &odd, 1);
	wait_done(1);
	for (size_t i = 0; i < 2; i++) {
		run(0, ask_all, &big[i], 1);
		wait_done(1);
		is_int(big[i].got == NULL ? -1 : (int)big[i].got->status,
		    DNS_OK, "a large answer after a FORMERR");
	}
	is_str(dns_fixture_proto(f, "sixty-one.example", "A"), "udp",
	    "comes by UDP");
	is_str(dns_fixture_proto(f, "sixty-two.example", "A"), "udp",
	    "and the next one too");
	forget(&odd, 1);
	forget(big, 2);
}

static void
test_many(const struct dns_fixture *f)
{
	struct item *many = mem_array(MANY, sizeof(*many));
	struct dns_stats before, after;
	int right = 0;

	for (size_t i = 0; i < MANY; i++) {
		many[i].name = i % 2 == 0 ? "many.example" : "MANY.example.";
		many[i].type = DNS_A;
	}
	dns_stats(dns, &before);
	run(0, ask_all, many, MANY / 2);
	run(1, ask_all, many + MANY / 2, MANY / 2);
	wait_done(MANY);
	dns_stats(dns, &after);
	for (size_t i = 0; i < MANY; i++)
		right += many[i].got != NULL && many[i].got->status == DNS_OK &&
		    !many[i].elsewhere;
	is_int(right, MANY, "10,000 questions of two workers are answered");
	is_int(dns_fixture_asked(f, "many.example", "A"), 1,
	    "the server was asked once");
	is_int((int64_t)(after.sent - before.sent), 1,
	    "and the counter agrees");
	is_int((int64_t)(after.asked - before.asked), MANY, "asked");
	for (size_t i = 1; i < MANY; i++)
		right -= many[i].got != many[0].got;
	is_int(right, MANY, "all share one answer");
	forget(many, MANY);

	run(0, ask_all, many, 100);
	wait_done(100);
	dns_stats(dns, &before);
	is_int((int64_t)(before.hits - after.hits), 100, "now from the cache");
	is_int((int64_t)(before.sent - after.sent), 0, "without a question");
	forget(many, 100);
	free(many);
}

/* Cancels half of them at once: some answers are under way by then. */
static void
ask_and_cancel(struct item *it, size_t n)
{
	ask_all(it, n);
	for (size_t i = 0; i < n; i++)
		if (i % 2 == 0)
			dns_cancel(&it[i].query);
}

static void
cancel_all(struct item *it, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dns_cancel(&it[i].query);
	CHECK(sem_post(&done) == 0);
}

static void
test_cancel(void)
{
	static const char *const names[] = { "host.example", "many.example",
		"uncached.example", "mail.example", "a..b" };
	enum { N = 1000 };
	struct item *it = mem_array(N, sizeof(*it));
	int called = 0, wrong = 0;

	for (size_t i = 0; i < N; i++) {
		it[i].name = names[i % 5];
		it[i].type = DNS_A;
	}
	run(0, ask_and_cancel, it, N);
	wait_done(N / 2);
	for (size_t i = 0; i < N; i++) {
		called += it[i].got != NULL;
		wrong += i % 2 == 0 && it[i].got != NULL;
	}
	is_int(called, N / 2, "who did not cancel is called");
	is_int(wrong, 0, "who did is not");
	forget(it, N);
	for (size_t i = 0; i < N; i++)
		it[i].name = "open.example";
	run(0, ask_all, it, N);
	run(0, cancel_all, it, N);
	wait_done(1);
	ok(true, "cancelled while the question is out");
	free(it);
}

static void
add_addresses(struct buf *b, const char *name, int n)
{
	for (int i = 0; i < n; i++)
		buf_printf(b, "%s 300 A 198.51.100.%d\n", name, i);
}

static void
test_two_servers(const char *bad_zone, const char *good, const char *label,
    int64_t first_ms, int64_t next_ms)
{
	struct item first = { .name = "host.example", .type = DNS_A };
	struct item next = { .name = "mail.example", .type = DNS_MX };
	struct dns_fixture bad;
	const char *servers[2] = { "127.0.0.1:1", good };
	struct buf b = { 0 };

	if (bad_zone != NULL) {
		dns_fixture_start(&bad, bad_zone);
		servers[0] = bad.where;
	}
	start(servers, 2);
	run(0, ask_all, &first, 1);
	wait_done(1);
	is_str(describe(&b, first.got), "192.0.2.1", label);
	ok(first.took_us < first_ms * US_PER_MS, "in %d ms",
	    (int)(first.took_us / US_PER_MS));
	/* From the worker that owns the other name, or not: both are right. */
	run(0, ask_all, &next, 1);
	wait_done(1);
	is_str(describe(&b, next.got),
	    "10:mx1.mail.example 20:mx2.mail.example", "the next question");
	ok(next.took_us < next_ms * US_PER_MS, "in %d ms",
	    (int)(next.took_us / US_PER_MS));
	forget(&first, 1);
	forget(&next, 1);
	stop();
	buf_fini(&b);
	if (bad_zone != NULL)
		dns_fixture_stop(&bad);
}

static void
test_bad_servers(void)
{
	static const char *const bad[] = { "localhost", "127.0.0.1:0",
		"127.0.0.1:70000", "" };
	struct worker *w;
	struct err e;

	w = worker_new("dns", &e);
	CHECK(w != NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(dns_new(&w, 1, &bad[i], 1, &dns, &e) == -1 && dns == NULL,
		    "server \"%s\": %s", bad[i], e.text);
	worker_free(&w);
}

int
main(void)
{
	struct item open_one = { .name = "open.example", .type = DNS_MX };
	struct dns_fixture f;
	const char *server;
	struct buf b = { 0 };

	CHECK(sem_init(&done, 0, 0) == 0);
	buf_str(&b, zone);
	add_addresses(&b, "sixty.example", 60);
	add_addresses(&b, "sixty-one.example", 61);
	add_addresses(&b, "sixty-two.example", 62);
	add_addresses(&b, "large.example", 200);
	dns_fixture_start(&f, buf_cstr(&b));
	server = f.where;
	start(&server, 1);
	test_answers(&f);
	test_edns_comes_back(&f);
	test_many(&f);
	test_cancel();
	run(0, ask_all, &open_one, 1);
	stop();
	ok(open_one.got == NULL, "freed with open questions");

	test_two_servers("* SERVFAIL\n", server, "SERVFAIL: the next server",
	    1000, 1000);
	test_two_servers("* TIMEOUT\n", server, "silence: the next server",
	    3000, 3000);
	test_two_servers(NULL, server, "a closed port: the next server", 1500,
	    1500);
	test_bad_servers();
	dns_fixture_stop(&f);
	buf_fini(&b);
	CHECK(sem_destroy(&done) == 0);
	return done_testing();
}
