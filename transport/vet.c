/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/vet.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "mail/iprev.h"
#include "mail/spf.h"
#include "transport/book_ask.h"

struct vet {
	struct vet_in in;
	struct source_conf conf;
	struct dns_book *book; /* of the check that is under way */
	struct book_ask *ask;
	char client[NET_ADDR_TEXT];
	struct region *iprev_rg, *rg; /* of its last run; of that of SPF */
	struct iprev iprev;
	bool spf_done;
	struct spf spf;
	const char *refusal;
};

static void
vet_free(struct vet **vp)
{
	struct vet *v = *vp;

	*vp = NULL;
	if (v == NULL)
		return;
	dns_book_free(&v->book);
	region_free(&v->iprev_rg);
	region_free(&v->rg);
	free(v);
}

void
vet_cancel(struct vet **vp)
{
	if (*vp != NULL)
		book_ask_cancel(&(*vp)->ask);
	vet_free(vp);
}

/*
 * Replies and header fields are ASCII, unless the client can do more, and what
 * clients and their domains say of themselves may be anything.
 */
static const char *
printable(const char *text, struct region *rg)
{
	char *out = region_strdup(rg, text);

	for (char *p = out; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return out;
}

/* ---- who is refused ---------------------------------------------------------- */

static const char *
iprev_refusal(const struct vet *v)
{
	const struct source_conf *c = &v->conf;

	switch (v->iprev.result) {
	case IPREV_PASS:
		return NULL;
	case IPREV_FAIL:
		return !c->reject_iprev_fail ?
		    NULL :
		    REGION_JOIN(v->rg, "550 5.7.25 no name of ", v->client,
			" in DNS has that address");
	case IPREV_PERMERROR:
		return !c->reject_iprev_perm ?
		    NULL :
		    REGION_JOIN(v->rg, "550 5.7.25 ", v->client,
			" has no name in DNS");
	case IPREV_TEMPERROR:
		return !c->reject_iprev_temp ?
		    NULL :
		    REGION_JOIN(v->rg, "451 4.7.25 DNS does not tell now what ",
			"the name of ", v->client, " is");
	}
	CHECK_NEVER("a result of iprev");
}

/* The domain's words are said to be its own (RFC 7208 section 6.2). */
static const char *
spf_refusal(const struct vet *v)
{
	const struct source_conf *c = &v->conf;
	const struct spf *s = &v->spf;

	switch (s->result) {
	case SPF_NONE:
	case SPF_NEUTRAL:
	case SPF_PASS:
	case SPF_SOFTFAIL:
		return NULL;
	case SPF_FAIL:
		if (!c->reject_spf_fail)
			return NULL;
		return REGION_JOIN(v->rg, "550 5.7.23 ", s->domain,
		    " does not let ", v->client, " send its mail (SPF)",
		    s->explanation[0] == '\0' ? "" : "; it explains: ",
		    s->explanation);
	case SPF_PERMERROR:
		return !c->reject_spf_perm ?
		    NULL :
		    REGION_JOIN(v->rg, "550 5.7.24 SPF: ", s->reason);
	case SPF_TEMPERROR:
		return !c->reject_spf_temp ?
		    NULL :
		    REGION_JOIN(v->rg, "451 4.7.24 SPF: ", s->reason);
	}
	CHECK_NEVER("a result of SPF");
}

/* ---- the checks --------------------------------------------------------------- */

/* Each from the start with what its book knows; false: it wants more. */
static bool
run_iprev(void *arg)
{
	struct vet *v = arg;

	region_reset(v->iprev_rg);
	return iprev_check(&v->in.client, v->book, v->iprev_rg, &v->iprev);
}

static bool
run_spf(void *arg)
{
	struct vet *v = arg;
	const struct spf_in in = { .client = v->in.client,
		.helo = v->in.helo,
		.sender = v->in.sender,
		.receiver = v->in.receiver,
		.now_s = clock_wall_us() / US_PER_S,
		.voids_max = v->conf.spf_voids_max };

	region_reset(v->rg);
	v->spf_done = spf_check(&in, v->book, v->rg, &v->spf);
	return v->spf_done;
}

/* ---- what came of it ---------------------------------------------------------- */

static void
begin_line(const struct vet *v, struct log_line *l, const char *what,
    const char *result)
{
	log_begin(l, LOG_L_INFO, NULL, "inbound-check");
	log_str(l, "check", what);
	log_str(l, "client", v->client);
	log_fmt(l, "from", "<%s>", v->in.sender);
	log_str(l, "result", result);
}

static void
log_iprev(const struct vet *v)
{
	bool refused = v->refusal != NULL && !v->spf_done;
	struct log_line l;

	if (!v->in.iprev || !(v->conf.trace_iprev || refused))
		return;
	begin_line(v, &l, "iprev", iprev_result_text(v->iprev.result));
	if (v->iprev.name[0] != '\0')
		log_str(&l, "name", v->iprev.name);
	if (v->iprev.reason[0] != '\0')
		log_str(&l, "reason", v->iprev.reason);
	if (refused)
		log_str(&l, "reply", v->refusal);
	log_end(&l);
}

static void
log_spf(const struct vet *v)
{
	struct log_line l;

	if (!v->spf_done || !(v->conf.trace_spf || v->refusal != NULL))
		return;
	begin_line(v, &l, "spf", spf_result_text(v->spf.result));
	log_str(&l, "domain", v->spf.domain);
	log_str(&l, "reason", v->spf.reason);
	log_int(&l, "terms", v->spf.terms);
	log_int(&l, "voids", v->spf.voids);
	if (v->refusal != NULL)
		log_str(&l, "reply", v->refusal);
	log_end(&l);
}

/* iprev=pass policy.iprev=192.0.2.1 */
static const char *
iprev_result(const struct vet *v)
{
	return REGION_JOIN(v->rg, "iprev=", iprev_result_text(v->iprev.result),
	    " policy.iprev=", auth_results_quote(v->client, v->rg));
}

/* spf=pass smtp.mailfrom=example.net */
static const char *
spf_result(const struct vet *v)
{
	const struct spf *s = &v->spf;
	const char *whose = s->of_helo ? s->domain : v->in.sender;
	const char *word = REGION_JOIN(v->rg,
	    "spf=", spf_result_text(s->result));

	if (whose[0] == '\0')
		return word;
	return REGION_JOIN(v->rg, word,
	    s->of_helo ? " smtp.helo=" : " smtp.mailfrom=",
	    auth_results_quote(printable(whose, v->rg), v->rg));
}

static void
end(struct vet *v)
{
	struct vet_verdict verdict = { .refusal = v->refusal };

	v->ask = NULL;
	if (v->refusal != NULL)
		verdict.refusal = printable(v->refusal, v->rg);
	log_iprev(v);
	log_spf(v);
	if (v->in.iprev)
		auth_results_add(&verdict.results, iprev_result(v), v->rg);
	if (v->spf_done)
		auth_results_add(&verdict.results, spf_result(v), v->rg);
	v->in.fn(v->in.arg, &verdict);
	vet_free(&v);
}

/* ---- one behind the other ------------------------------------------------------ */

/* With its own time: trouble of one is none of the other. */
static void
begin(struct vet *v, bool (*check)(void *arg), void (*fn)(void *arg))
{
	struct book_ask_in ask = { .env = v->in.env,
		.timeout_us = VET_DNS_US,
		.check = check,
		.fn = fn,
		.arg = v };

	dns_book_free(&v->book);
	v->book = ask.book = dns_book_new();
	v->ask = book_ask_new(&ask);
}

static void
on_spf(void *arg)
{
	struct vet *v = arg;

	v->refusal = spf_refusal(v);
	end(v);
}

static void
on_iprev(void *arg)
{
	struct vet *v = arg;

	v->refusal = iprev_refusal(v);
	if (v->in.spf && v->refusal == NULL)
		begin(v, run_spf, on_spf);
	else
		end(v);
}

struct vet *
vet_new(const struct vet_in *in)
{
	struct vet *v = mem_new(struct vet);

	CHECK(in->iprev || in->spf);
	v->in = *in;
	v->conf = *in->conf;
	v->in.conf = &v->conf;
	(void)net_addr_text(&in->client, v->client);
	v->iprev_rg = region_new();
	v->rg = region_new();
	if (in->iprev)
		begin(v, run_iprev, on_iprev);
	else
		begin(v, run_spf, on_spf);
	return v;
}
