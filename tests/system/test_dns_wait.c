/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that may wait get the answers of a worker's resolver, all at once,
 * or none when their time is over.
 */
#include "lib/dns_wait.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "tests/system/dns_fixture.h"
#include "tests/tap.h"

static const char zone[] = "key.example 300 TXT \"v=DKIM1; p=abc\"\n"
			   "slow.example 300 TXT \"x\"\n"
			   "slow.example DELAY 300\n"
			   "two.example 300 TXT \"x\"\n"
			   "two.example 300 TXT \"y\"\n"
			   "none.example 300 A 192.0.2.1\n"
			   "servfail.example SERVFAIL\n"
			   "silent.example TIMEOUT\n";

static const struct {
	const char *name;
	enum dns_status status;
	size_t count;
} wanted[] = {
	{ "key.example", DNS_OK, 1 },
	{ "slow.example", DNS_OK, 1 },
	{ "two.example", DNS_OK, 2 },
	{ "none.example", DNS_NODATA, 0 },
	{ "missing.example", DNS_NXDOMAIN, 0 },
	{ "servfail.example", DNS_TEMP, 0 },
	{ "a..b", DNS_BAD_NAME, 0 },
};

enum { WANTED = sizeof(wanted) / sizeof(wanted[0]) };

static void
forget(struct dns_want *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dns_answer_unref(&v[i].answer);
}

static void
test_answers(struct dns *dns, struct worker *w)
{
	struct dns_want v[WANTED] = { { NULL, NULL } };

	for (size_t i = 0; i < WANTED; i++)
		v[i].name = wanted[i].name;
	dns_wait(dns, w, DNS_TXT, v, WANTED, 10 * US_PER_S);
	for (size_t i = 0; i < WANTED; i++)
		ok(v[i].answer != NULL &&
			v[i].answer->status == wanted[i].status &&
			v[i].answer->count == wanted[i].count,
		    "%s", wanted[i].name);
	is_str(v[0].answer->txt[0], "v=DKIM1; p=abc", "a text");
	forget(v, WANTED);
}

/* What the silent one does not answer does not keep others back. */
static void
test_time(struct dns *dns, struct worker *w)
{
	struct dns_want v[] = { { "silent.example", NULL },
		{ "key.example", NULL } };
	int64_t from = clock_us(), took;

	dns_wait(dns, w, DNS_TXT, v, 2, 300 * US_PER_MS);
	took = clock_us() - from;
	ok(v[0].answer == NULL && v[1].answer != NULL,
	    "one of two answers in time");
	ok(took >= 290 * US_PER_MS && took < 5 * US_PER_S, "after %d ms",
	    (int)(took / US_PER_MS));
	forget(v, 2);
	dns_wait(dns, w, DNS_TXT, NULL, 0, US_PER_S);
}

int
main(void)
{
	struct dns_fixture f;
	struct dns *dns = NULL;
	struct worker *w;
	const char *server = f.where;
	struct err e;

	dns_fixture_start(&f, zone);
	w = worker_new("dns", &e);
	CHECK(w != NULL);
	CHECK(dns_new(&w, 1, &server, 1, &dns, &e) == 0);
	CHECK(worker_start(w, &e) == 0);
	test_answers(dns, w);
	test_time(dns, w);
	worker_stop(w);
	worker_join(w);
	dns_free(&dns);
	worker_free(&w);
	dns_fixture_stop(&f);
	return done_testing();
}
