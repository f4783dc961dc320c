/* SPDX-License-Identifier: Apache-2.0 */
#include "milter/milter_arc.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/dns_wait.h"
#include "lib/mem.h"
#include "mail/arc_seal.h"
#include "mail/arc_verify.h"
#include "mail/canon.h"
#include "mail/dkim_verify.h"

/* The host MTA waits for us, and a client for it. */
#define DNS_TIMEOUT_US (5 * US_PER_S)

struct milter_arc {
	struct milter_env *env;
	struct sealing wanted;
	const struct header_list *headers;
	struct region *rg;
	struct arc_chain chain;
	struct auth_results results; /* of this host's filters */
	enum arc_result cv;          /* ARC_TROUBLE: not known yet */
	bool validate;
	struct canon_body *came;  /* the body as it came; NULL: not needed */
	struct dkim_verify *dkim; /* NULL: not needed */
	bool own_dkim;            /* the filters say nothing of DKIM */
	int64_t now_s;
};

struct milter_arc *
milter_arc_new(struct milter_env *env, const struct sealing *wanted,
    const struct header_list *headers, struct region *rg)
{
	struct milter_arc *a;

	if (!wanted->seal && !wanted->check)
		return NULL;
	a = mem_new(struct milter_arc);
	a->env = env;
	a->wanted = *wanted;
	a->headers = headers;
	a->rg = rg;
	a->now_s = clock_wall_us() / US_PER_S;
	arc_chain_read(headers, rg, &a->chain);
	if (wanted->authserv_id[0] != '\0')
		auth_results_read(headers, wanted->authserv_id, rg,
		    &a->results);
	a->cv = arc_seal_cv(&a->chain, &a->results, rg);
	a->validate = wanted->check && a->chain.any;
	if (a->validate)
		a->came = canon_body_new();
	a->own_dkim = wanted->seal && wanted->key != NULL &&
	    arc_seal_may(&a->chain) &&
	    auth_results_find(&a->results, "dkim", rg) == NULL;
	if (a->own_dkim)
		a->dkim = dkim_verify_new(env->verifier, headers);
	return a;
}

void
milter_arc_free(struct milter_arc **ap)
{
	struct milter_arc *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	canon_body_free(&a->came);
	dkim_verify_free(&a->dkim);
	free(a);
}

void
milter_arc_body(struct milter_arc *a, const void *p, size_t len)
{
	if (a->came != NULL)
		canon_body_add(a->came, p, len);
	if (a->dkim != NULL)
		dkim_verify_body(a->dkim, p, len);
}

/* ---- DNS ------------------------------------------------------------------- */

/* RFC 6376 section 3.6.2.2: with several records nobody can say which. */
static void
take_answer(struct dkim_answers *answers, size_t i, const struct dns_answer *a)
{
	if (a == NULL || a->status == DNS_TEMP)
		dkim_answers_set(answers, i, DKIM_ANSWER_TROUBLE,
		    SLICE_LIT(""));
	else if (a->status != DNS_OK || a->count != 1)
		dkim_answers_set(answers, i, DKIM_ANSWER_NONE, SLICE_LIT(""));
	else
		dkim_answers_set(answers, i, DKIM_ANSWER_RECORD,
		    slice_of(a->txt[0]));
}

static struct dkim_answers *
ask(struct milter_arc *a)
{
	struct dkim_answers *answers = dkim_answers_new();
	struct dns_want *v;
	size_t n;

	if (a->validate)
		arc_names(&a->chain, answers);
	if (a->dkim != NULL)
		dkim_verify_names(a->dkim, answers);
	n = dkim_answers_count(answers);
	v = region_array(a->rg, n, sizeof(*v));
	for (size_t i = 0; i < n; i++)
		v[i].name = dkim_answers_name(answers, i);
	dns_wait(a->env->dns, a->env->resolver, DNS_TXT, v, n, DNS_TIMEOUT_US);
	for (size_t i = 0; i < n; i++) {
		take_answer(answers, i, v[i].answer);
		dns_answer_unref(&v[i].answer);
	}
	return answers;
}

/* ---- results --------------------------------------------------------------- */

static void
validate(struct milter_arc *a, const struct dkim_answers *answers,
    struct milter_arc_note *note)
{
	struct arc_verify_in in = { .chain = &a->chain,
		.headers = a->headers,
		.body = a->came,
		.answers = answers,
		.now_s = a->now_s };
	struct arc_verdict v;

	canon_body_finish(a->came);
	arc_verify(&in, a->rg, &v);
	note->result = arc_result_text(v.result);
	note->reason = v.reason;
	/* What the filters said when it came in is nearer to the truth. */
	if (a->cv == ARC_TROUBLE)
		a->cv = v.result;
}

/* dkim=fail reason="..." header.d=example.net header.s=s1 header.a=rsa-sha256 */
static const char *
result_of(const struct dkim_verdict *v, struct region *rg)
{
	return REGION_JOIN(rg, "dkim=", v->result,
	    v->reason[0] == '\0' ? "" : " reason=",
	    v->reason[0] == '\0' ? "" : auth_results_quote(v->reason, rg),
	    " header.d=", auth_results_quote(v->domain, rg),
	    " header.s=", auth_results_quote(v->selector, rg),
	    " header.a=", auth_results_quote(v->algorithm, rg));
}

static void
add_results(struct milter_arc *a, const struct dkim_answers *answers)
{
	struct dkim_verdict *v = NULL;
	size_t n = a->dkim == NULL ?
	    0 :
	    dkim_verify_end(a->dkim, answers, a->rg, &v);

	for (size_t i = 0; i < n; i++)
		auth_results_add(&a->results, result_of(&v[i], a->rg), a->rg);
	if (a->own_dkim && n == 0)
		auth_results_add(&a->results, "dkim=none", a->rg);
	if (a->chain.any &&
	    auth_results_find(&a->results, "arc", a->rg) == NULL)
		auth_results_add(&a->results,
		    REGION_JOIN(a->rg, "arc=", arc_result_text(a->cv)), a->rg);
}

/* ---- the set --------------------------------------------------------------- */

/* The fields as they go out. */
static void
outgoing(const struct milter_arc *a, const struct policy_out *out,
    struct header_list *list)
{
	*list = (struct header_list){ 0 };
	for (size_t i = 0; i < out->add_count; i++)
		header_list_add(list, a->rg, slice_of(out->add[i].name),
		    slice_of(REGION_JOIN(a->rg, " ", out->add[i].value)));
	for (size_t i = 0; i < a->headers->n; i++)
		if (!out->remove[i])
			header_list_add(list, a->rg, a->headers->v[i].name,
			    a->headers->v[i].value);
}

static void
put_on_top(struct milter_arc *a, const struct arc_seal_out *set,
    struct policy_out *out)
{
	struct policy_add *add = region_array(a->rg, out->add_count + ARC_PARTS,
	    sizeof(*add));

	for (size_t i = 0; i < ARC_PARTS; i++)
		add[i] = (struct policy_add){ set->name[i], set->value[i] };
	for (size_t i = 0; i < out->add_count; i++)
		add[ARC_PARTS + i] = out->add[i];
	out->add = add;
	out->add_count += ARC_PARTS;
}

/* NULL: it may be sealed. */
static const char *
why_not(const struct milter_arc *a)
{
	if (a->wanted.key == NULL)
		return "there is no arc-key for it";
	if (!arc_seal_may(&a->chain))
		return "the chain has ended";
	if (a->cv != ARC_TROUBLE)
		return NULL;
	return a->validate ? "the chain cannot be validated now" :
			     "nobody has validated the chain";
}

static void
seal(struct milter_arc *a, struct canon_body *body, struct policy_out *out,
    struct milter_arc_note *note)
{
	struct header_list headers;
	struct arc_seal_in in = { .key = a->wanted.key->key,
		.selector = a->wanted.key->selector,
		.domain = a->wanted.key->domain,
		.authserv_id = a->wanted.authserv_id,
		.results = &a->results,
		.chain = &a->chain,
		.cv = a->cv,
		.headers = &headers,
		.body_hash = canon_body_hash(body, CANON_RELAXED),
		.now_s = a->now_s };
	struct arc_seal_out set;
	struct err e;

	outgoing(a, out, &headers);
	if (arc_seal(&in, a->rg, &set, &e) == -1) {
		out->trouble = region_printf(a->rg, "arc-key: %s", e.text);
		return;
	}
	put_on_top(a, &set, out);
	note->sealed = true;
}

void
milter_arc_end(struct milter_arc *a, struct canon_body *body,
    struct policy_out *out, struct milter_arc_note *note_r)
{
	struct dkim_answers *answers = ask(a);
	const char *why;

	if (a->validate)
		validate(a, answers, note_r);
	if (a->wanted.seal && out->trouble == NULL) {
		why = why_not(a);
		if (why == NULL) {
			add_results(a, answers);
			seal(a, body, out, note_r);
		} else if (note_r->reason == NULL) {
			note_r->reason = why;
		}
	}
	dkim_answers_free(&answers);
}
