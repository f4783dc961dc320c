/* SPDX-License-Identifier: Apache-2.0 */
/* One question for all who wait; answers live for their time, MX longer. */
#include "lib/dns_cache.h"

#include "lib/clock.h"
#include "lib/dns_answer.h"
#include "lib/mem.h"
#include "tests/tap.h"

#define S US_PER_S

static struct dns_cache *c;
static int64_t now = 1000 * S;

static struct dns_answer *
answer(enum dns_status status, uint32_t ttl_s)
{
	struct dns_answer *a = dns_answer_new(status);

	dns_answer_set_ttl(a, ttl_s, now);
	return a;
}

/* "hit STATUS", "wait" or "send" */
static const char *
ask(const char *name, enum dns_type type, struct dns_waiter *w)
{
	static const char *const hits[] = { "hit ok", "hit nxdomain",
		"hit nodata", "hit temp", "hit bad" };
	struct dns_answer *a = NULL;
	enum dns_cache_result r = dns_cache_ask(c, name, type, now, w, &a);
	const char *text = r == DNS_CACHE_HIT ? hits[a->status] :
	    r == DNS_CACHE_WAIT               ? "wait" :
						"send";

	dns_answer_unref(&a);
	return text;
}

/* How many got it; the status that they got in *status. */
static int
put(const char *name, enum dns_type type, struct dns_answer *a,
    enum dns_status *status)
{
	struct dns_waiters waiters = STAILQ_HEAD_INITIALIZER(waiters);
	struct dns_answer *given = dns_cache_put(c, name, type, a, now,
	    &waiters);
	struct dns_waiter *w;
	int n = 0;

	*status = given->status;
	dns_answer_unref(&given);
	STAILQ_FOREACH(w, &waiters, link)
	n++;
	return n;
}

static void
coalescing(void)
{
	enum { COUNT = 10000 };
	static struct dns_waiter w[COUNT];
	enum dns_status st;
	int send = 0, wait = 0;

	for (int i = 0; i < COUNT; i++) {
		const char *r = ask("many.example", DNS_MX, &w[i]);

		send += strcmp(r, "send") == 0;
		wait += strcmp(r, "wait") == 0;
	}
	is_int(send, 1, "10,000 ask, one question goes out");
	is_int(wait, COUNT - 1, "the others wait");
	is_int((int64_t)dns_cache_count(c), 0, "no answer is held yet");
	is_int(put("many.example", DNS_MX, answer(DNS_OK, 60), &st), COUNT,
	    "all get the answer");
	is_int((int64_t)dns_cache_count(c), 1, "it is held");
	is_str(ask("many.example", DNS_MX, w), "hit ok", "the next is a hit");
	is_str(ask("many.example", DNS_A, w), "send",
	    "another type is another question");
	is_int(put("many.example", DNS_A, answer(DNS_NODATA, 60), &st), 1,
	    "of its own");
}

static void
times(void)
{
	static const struct {
		const char *label;
		enum dns_status status;
		uint32_t ttl_s;
		int64_t lives_s;
	} cases[] = {
		{ "TTL 60", DNS_OK, 60, 60 },
		{ "TTL 0", DNS_OK, 0, 5 },
		{ "TTL of a week", DNS_OK, 604800, 86400 },
		{ "NXDOMAIN", DNS_NXDOMAIN, 600, 600 },
		{ "NXDOMAIN for a day", DNS_NXDOMAIN, 86400, 3600 },
		{ "NODATA", DNS_NODATA, 300, 300 },
		{ "a failure", DNS_TEMP, 300, 15 },
	};
	struct dns_waiter w;
	enum dns_status st;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "t%zu.example", i);
		(void)ask(name, DNS_A, &w);
		(void)put(name, DNS_A, answer(cases[i].status, cases[i].ttl_s),
		    &st);
		now += cases[i].lives_s * S - 1;
		ok(strncmp(ask(name, DNS_A, &w), "hit", 3) == 0,
		    "%s: lives for %d s", cases[i].label,
		    (int)cases[i].lives_s);
		now += 1;
		is_str(ask(name, DNS_A, &w), "send", "and no longer");
		(void)put(name, DNS_A, answer(DNS_NODATA, 60), &st);
	}
}

static void
stale(void)
{
	struct dns_waiter w;
	enum dns_status st;

	(void)ask("old.example", DNS_MX, &w);
	(void)put("old.example", DNS_MX, answer(DNS_OK, 60), &st);
	now += 61 * S;
	is_str(ask("old.example", DNS_MX, &w), "send", "an MX has run out");
	(void)put("old.example", DNS_MX, answer(DNS_TEMP, 15), &st);
	is_int(st, DNS_OK, "the refresh fails: the old one is served");
	now += 14 * S;
	is_str(ask("old.example", DNS_MX, &w), "hit ok", "for a while");
	now += 2 * S;
	is_str(ask("old.example", DNS_MX, &w), "send", "then asked again");
	now += DNS_STALE_US;
	(void)put("old.example", DNS_MX, answer(DNS_TEMP, 15), &st);
	is_int(st, DNS_TEMP, "after an hour it is too old");

	(void)ask("gone.example", DNS_MX, &w);
	(void)put("gone.example", DNS_MX, answer(DNS_OK, 60), &st);
	now += 61 * S;
	(void)ask("gone.example", DNS_MX, &w);
	(void)put("gone.example", DNS_MX, answer(DNS_NXDOMAIN, 60), &st);
	is_int(st, DNS_NXDOMAIN, "NXDOMAIN is no failure: it counts");

	(void)ask("old.example", DNS_A, &w);
	(void)put("old.example", DNS_A, answer(DNS_OK, 60), &st);
	now += 61 * S;
	(void)ask("old.example", DNS_A, &w);
	(void)put("old.example", DNS_A, answer(DNS_TEMP, 15), &st);
	is_int(st, DNS_TEMP, "old addresses are not served");
}

static void
bounds(void)
{
	static struct dns_waiter w[200];
	enum dns_status st;
	char name[32];

	dns_cache_free(&c);
	c = dns_cache_new(100);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "n%d.example", i);
		(void)ask(name, DNS_A, &w[i]);
		(void)put(name, DNS_A, answer(DNS_OK, 60), &st);
	}
	is_int((int64_t)dns_cache_count(c), 100, "as many as fit");
	is_str(ask("n0.example", DNS_A, w), "hit ok", "the first is used");
	(void)ask("new.example", DNS_A, &w[0]);
	(void)put("new.example", DNS_A, answer(DNS_OK, 60), &st);
	is_int((int64_t)dns_cache_count(c), 100, "one more, one less");
	is_str(ask("n0.example", DNS_A, w), "hit ok", "the used one stayed");
	is_str(ask("n1.example", DNS_A, &w[1]), "send",
	    "the one not used for longest went");
	for (int i = 0; i < 150; i++) {
		(void)snprintf(name, sizeof(name), "p%d.example", i);
		(void)ask(name, DNS_A, &w[2 + i]);
	}
	is_str(ask("p0.example", DNS_A, &w[160]), "wait",
	    "questions under way are never dropped");
	is_int(put("p0.example", DNS_A, answer(DNS_OK, 60), &st), 2,
	    "and answered");
	is_int((int64_t)dns_cache_count(c), 100, "the bound holds");
}

int
main(void)
{
	c = dns_cache_new(1000);
	coalescing();
	times();
	stale();
	bounds();
	dns_cache_free(&c);
	return done_testing();
}
