/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/sealing_run.h"

#include <stdlib.h>

#include "lib/log.h"
#include "lib/mem.h"
#include "mail/arc_seal.h"
#include "mail/arc_verify.h"
#include "mail/canon.h"
#include "mail/dkim_verify.h"
#include "vmta/header_edit.h"

struct sealing_run {
	struct sealing wanted;
	const struct header_list *headers;
	struct region *rg;
	struct arc_chain chain;
	struct auth_results results; /* of this host's filters */
	enum arc_result cv;          /* ARC_TROUBLE: not known yet */
	bool validate;
	struct canon_body *came;  /* the body as it came; NULL: not needed */
	struct dkim_verify *dkim; /* NULL: not needed */
	bool own_dkim;            /* it is for us to verify */
	bool verified;            /* and has been; that is: */
	struct auth_results verdicts;
	int64_t now_s;
};

struct sealing_run *
sealing_run_new(const struct sealing *wanted, const struct sealing_run_in *in,
    struct region *rg)
{
	struct sealing_run *r;

	if (!wanted->seal && !wanted->check && !in->verify)
		return NULL;
	r = mem_new(struct sealing_run);
	r->wanted = *wanted;
	r->headers = in->headers;
	r->rg = rg;
	r->now_s = in->now_s;
	arc_chain_read(in->headers, rg, &r->chain);
	if (in->results != NULL)
		r->results = *in->results;
	else if (wanted->authserv_id[0] != '\0')
		auth_results_read(in->headers, wanted->authserv_id, rg,
		    &r->results);
	r->cv = arc_seal_cv(&r->chain, &r->results, rg);
	r->validate = wanted->check && r->chain.any;
	if (r->validate)
		r->came = canon_body_new();
	r->own_dkim = in->verify ||
	    (wanted->seal && wanted->key != NULL && arc_seal_may(&r->chain) &&
		auth_results_find(&r->results, "dkim", rg) == NULL);
	if (r->own_dkim)
		r->dkim = dkim_verify_new(in->verifier, in->headers);
	return r;
}

void
sealing_run_free(struct sealing_run **rp)
{
	struct sealing_run *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	canon_body_free(&r->came);
	dkim_verify_free(&r->dkim);
	free(r);
}

void
sealing_run_body(struct sealing_run *r, const void *p, size_t len)
{
	if (r->came != NULL)
		canon_body_add(r->came, p, len);
	if (r->dkim != NULL)
		dkim_verify_body(r->dkim, p, len);
}

void
sealing_run_names(const struct sealing_run *r, struct dkim_answers *wanted)
{
	if (r->validate)
		arc_names(&r->chain, wanted);
	if (r->dkim != NULL)
		dkim_verify_names(r->dkim, wanted);
}

/* ---- results --------------------------------------------------------------- */

static void
validate(struct sealing_run *r, const struct dkim_answers *answers,
    struct sealing_note *note)
{
	struct arc_verify_in in = { .chain = &r->chain,
		.headers = r->headers,
		.body = r->came,
		.answers = answers,
		.now_s = r->now_s };
	struct arc_verdict v;

	canon_body_finish(r->came);
	arc_verify(&in, r->rg, &v);
	note->result = arc_result_text(v.result);
	note->reason = v.reason;
	/* What the filters said when it came in is nearer to the truth. */
	if (r->cv == ARC_TROUBLE)
		r->cv = v.result;
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
verify(struct sealing_run *r, const struct dkim_answers *answers)
{
	struct dkim_verdict *v = NULL;
	size_t n = r->dkim == NULL ?
	    0 :
	    dkim_verify_end(r->dkim, answers, r->rg, &v);

	r->verified = true;
	for (size_t i = 0; i < n; i++)
		auth_results_add(&r->verdicts, result_of(&v[i], r->rg), r->rg);
	if (n == 0)
		auth_results_add(&r->verdicts, "dkim=none", r->rg);
}

void
sealing_run_verdicts(struct sealing_run *r, const struct dkim_answers *answers,
    struct auth_results *out)
{
	if (r->own_dkim && !r->verified)
		verify(r, answers);
	*out = r->verdicts;
}

static void
add_results(struct sealing_run *r, const struct dkim_answers *answers)
{
	struct auth_results own;

	sealing_run_verdicts(r, answers, &own);
	for (size_t i = 0; i < own.n; i++)
		auth_results_add(&r->results, own.v[i], r->rg);
	if (r->chain.any &&
	    auth_results_find(&r->results, "arc", r->rg) == NULL)
		auth_results_add(&r->results,
		    REGION_JOIN(r->rg, "arc=", arc_result_text(r->cv)), r->rg);
}

/* ---- the set --------------------------------------------------------------- */

static void
put_on_top(struct sealing_run *r, const struct arc_seal_out *set,
    struct policy_out *out)
{
	struct policy_add *add = region_array(r->rg, out->add_count + ARC_PARTS,
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
why_not(const struct sealing_run *r)
{
	if (r->wanted.key == NULL)
		return "there is no arc-key for it";
	if (!arc_seal_may(&r->chain))
		return "the chain has ended";
	if (r->cv != ARC_TROUBLE)
		return NULL;
	return r->validate ? "the chain cannot be validated now" :
			     "nobody has validated the chain";
}

static void
seal(struct sealing_run *r, const struct sealing_run_end *end,
    struct policy_out *out, struct sealing_note *note)
{
	struct header_list headers;
	struct arc_seal_in in = { .key = r->wanted.key->key,
		.selector = r->wanted.key->selector,
		.domain = r->wanted.key->domain,
		.authserv_id = r->wanted.authserv_id,
		.results = &r->results,
		.chain = &r->chain,
		.cv = r->cv,
		.headers = &headers,
		.body_hash = canon_body_hash(end->body, CANON_RELAXED),
		.now_s = r->now_s };
	struct arc_seal_out set;
	struct err e;

	header_edit_outgoing(&(struct header_edit){ .headers = end->headers,
				 .remove = out->remove,
				 .add_count = out->add_count,
				 .add = out->add },
	    r->rg, &headers);
	if (arc_seal(&in, r->rg, &set, &e) == -1) {
		out->trouble = region_printf(r->rg, "arc-key: %s", e.text);
		return;
	}
	put_on_top(r, &set, out);
	note->sealed = true;
}

bool
sealing_run_seals(const struct sealing_run *r)
{
	return r != NULL && r->wanted.seal;
}

void
sealing_run_end(struct sealing_run *r, const struct sealing_run_end *in,
    struct policy_out *out, struct sealing_note *note_r)
{
	const char *why;

	*note_r = (struct sealing_note){ 0 };
	if (r->validate)
		validate(r, in->answers, note_r);
	if (!r->wanted.seal || out->trouble != NULL)
		return;
	why = why_not(r);
	if (why == NULL) {
		add_results(r, in->answers);
		seal(r, in, out, note_r);
	} else if (note_r->reason == NULL) {
		note_r->reason = why;
	}
}

void
sealing_note_log(const struct sealing_note *note, struct log_line *l)
{
	if (note->result != NULL)
		log_str(l, "arc", note->result);
	if (note->sealed)
		log_str(l, "sealed", "yes");
	if (note->reason != NULL)
		log_str(l, "arc-reason", note->reason);
}
