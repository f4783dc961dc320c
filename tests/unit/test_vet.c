/* SPDX-License-Identifier: Apache-2.0 */
/* Each check of a client has its own time: iprev in trouble leaves SPF all. */
#include <string.h>

#include "tests/support/zone.h"
#include "tests/tap.h"
#include "transport/book_ask.h"
#include "transport/vet.h"

/* ---- in place of book_ask.c ---------------------------------------------- */

struct book_ask {
	struct book_ask_in in;
};

static struct book_ask asks[4];
static size_t ask_count;

struct book_ask *
book_ask_new(const struct book_ask_in *in)
{
	asks[ask_count].in = *in;
	return &asks[ask_count++];
}

void
book_ask_cancel(struct book_ask **ap)
{
	*ap = NULL;
}

/* To its end; zone NULL: nobody answers, until its time is over. */
static void
run(size_t n, const char *zone)
{
	const struct book_ask_in in = asks[n].in;

	while (!in.check(in.arg)) {
		for (size_t i = dns_book_wanted(in.book); i > 0; i--)
			dns_book_take(in.book, i - 1,
			    zone == NULL ?
				NULL :
				zone_answer(zone, dns_book_name(in.book, i - 1),
				    dns_book_type(in.book, i - 1)));
		dns_book_settle(in.book);
	}
	in.fn(in.arg);
}

/* ---- cases --------------------------------------------------------------- */

static char said[400];

static void
on_vetted(void *arg, const struct vet_verdict *verdict)
{
	(void)arg;
	(void)snprintf(said, sizeof(said), "%s",
	    verdict->refusal == NULL ? "fine" : verdict->refusal);
	for (size_t i = 0; i < verdict->results.n; i++)
		(void)snprintf(said + strlen(said), sizeof(said) - strlen(said),
		    "; %s", verdict->results.v[i]);
}

#define SPF_PASS_ZONE "a.test TXT v=spf1 ip4:192.0.2.1 -all\n"

static const struct {
	const char *label;
	bool iprev, spf, reject;
	const char *iprev_zone, *spf_zone, *want;
	size_t asks;
} cases[] = {
	{ "iprev gets no answer, SPF does", true, true, false, NULL,
	    SPF_PASS_ZONE,
	    "fine; iprev=temperror policy.iprev=192.0.2.1; "
	    "spf=pass smtp.mailfrom=\"s@a.test\"",
	    2 },
	{ "who is refused by the first is not asked about", true, true, true,
	    NULL, NULL,
	    "451 4.7.25 DNS does not tell now what the name of 192.0.2.1 is; "
	    "iprev=temperror policy.iprev=192.0.2.1",
	    1 },
	{ "SPF alone", false, true, false, SPF_PASS_ZONE, NULL,
	    "fine; spf=pass smtp.mailfrom=\"s@a.test\"", 1 },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct source_conf conf = {
			.reject_iprev_temp = cases[i].reject,
			.spf_voids_max = 2
		};
		const struct vet_in in = { .conf = &conf,
			.client = { AF_INET, { 192, 0, 2, 1 } },
			.helo = "c.test",
			.sender = "s@a.test",
			.receiver = "mx.test",
			.iprev = cases[i].iprev,
			.spf = cases[i].spf,
			.fn = on_vetted };

		ask_count = 0;
		said[0] = '\0';
		(void)vet_new(&in);
		run(0, cases[i].iprev_zone);
		if (ask_count > 1)
			run(1, cases[i].spf_zone);
		is_str(said, cases[i].want, cases[i].label);
		is_int((int64_t)ask_count, (int64_t)cases[i].asks, "rounds");
		for (size_t k = 0; k < ask_count; k++)
			ok(asks[k].in.timeout_us == VET_DNS_US,
			    "round %zu has all of the time", k);
	}
	return done_testing();
}
