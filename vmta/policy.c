/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order: settings of the source, assignment, fields to remove, signatures.
 */
#include "vmta/policy.h"

#include <string.h>

#include "mail/canon.h"
#include "mail/dkim_key.h"
#include "mail/dkim_sign.h"
#include "mail/mark.h"
#include "vmta/assign.h"
#include "vmta/opendkim.h"
#include "vmta/signing.h"
#include "vmta/snapshot_signing.h"
#include "vmta/ways.h"

/* ---- fields that go ------------------------------------------------------ */

/* What becomes of a control field of ours. */
struct control {
	const char *name;
	bool honoured, retained;
};

/*
 * Controls of ours never leave, whoever sent them, unless the source says so:
 * honoured or not, they are nobody's business behind us.  A mark is only ever
 * our own, and a private key that was used never goes on.  But where the
 * transport will decide again, it needs those that are honoured.
 */
static void
remove_controls(const struct policy_in *in, const struct source_conf *source,
    struct policy_out *out)
{
	const struct control controls[] = {
		{ VMTA_HEADER, source->process_x_vmta, false },
		{ JOB_HEADER, source->process_x_job, false },
		{ DKIM_OPTIONS_HEADER, source->process_dkim_options,
		    source->retain_dkim_options },
		{ DKIM_KEY_HEADER, source->process_dkim_key,
		    source->retain_dkim_key && !source->process_dkim_key },
		{ MARK_HEADER, false, false },
	};

	for (size_t i = 0; i < in->headers->n; i++)
		for (size_t k = 0; k < sizeof(controls) / sizeof(*controls);
		     k++) {
			const struct control *c = &controls[k];

			if (slice_eq_nocase(in->headers->v[i].name, c->name))
				out->remove[i] = !c->retained &&
				    !(c->honoured && in->again);
		}
}

/*
 * The same message may pass twice (postsuper -r): a signature of the same key
 * is replaced, not doubled, be it here or at delivery.  Those of others stay.
 */
static void
remove_old_signatures(const struct policy_in *in, const struct signing *s,
    struct region *rg, struct policy_out *out)
{
	for (size_t i = 0; i < in->headers->n; i++)
		for (size_t k = 0; k < s->n; k++)
			if (dkim_sign_is_of(&in->headers->v[i], s->v[k].domain,
				s->v[k].selector, rg))
				out->remove[i] = true;
}

/* ---- the signatures ------------------------------------------------------- */

/* The value of the first field with that name, if it counts; else NULL. */
static const char *
control_value(const struct policy_in *in, bool honoured, const char *name,
    struct region *rg)
{
	size_t at = honoured ? header_find(in->headers, name, 0) :
			       in->headers->n;

	return at == in->headers->n ? NULL :
				      header_value(&in->headers->v[at], rg);
}

/*
 * What recipients and carriers agree on.  If they do not: false, and the
 * signing of the first that wants any.
 */
static bool
find_signing(const struct policy_in *in, const struct policy_out *out,
    const struct signing_facts *facts, struct region *rg, struct signing *s)
{
	struct signing_in find = { .conf = in->conf, .facts = facts };
	struct signing one;
	struct ways w;
	bool any = false, agreed = true;

	s->n = 0;
	ways_find(in, out, rg, &w);
	for (size_t i = 0; i < w.domain_count; i++)
		for (size_t k = 0; k < w.v[w.of_domain[i]].n; k++) {
			find.vmta = w.v[w.of_domain[i]].v[k]->name;
			find.domain = w.domains[i];
			signing_find(&find, rg, &one);
			agreed = !any || (agreed && signing_equal(s, &one));
			if (!any || s->n == 0)
				*s = one;
			any = true;
			if (!agreed && s->n > 0)
				return false;
		}
	return agreed;
}

static void
add_signatures(const struct policy_in *in, const struct signing *s,
    struct region *rg, struct policy_out *out)
{
	struct signing_make_in make = {
		.headers = in->headers,
		.skip = out->remove,
		.now_s = in->now_s,
	};
	const char *values[SIGNATURES_MAX];
	struct err e;

	for (int how = CANON_SIMPLE; how <= CANON_RELAXED; how++)
		if (signing_needs(s, (enum canon)how)) {
			make.body_hash[how] = canon_body_hash(in->body,
			    (enum canon)how);
			make.body_len[how] = canon_body_len(in->body,
			    (enum canon)how);
		}
	if (signing_make(s, &make, rg, values, &e) == -1) {
		out->trouble = region_strdup(rg, e.text);
		return;
	}
	out->add = region_array(rg, s->n, sizeof(*out->add));
	for (size_t i = 0; i < s->n; i++)
		out->add[out->add_count++] = (struct policy_add){ DKIM_HEADER,
			values[i] };
}

/* The message's own key; one that is none is noted and passed over. */
static struct dkim_key *
own_key(const struct policy_in *in, const struct source_conf *source,
    struct region *rg, struct policy_out *out)
{
	const char *pem = control_value(in, source->process_dkim_key,
	    DKIM_KEY_HEADER, rg);
	struct dkim_key *key = NULL;
	struct err e;
	bool weak;

	if (pem != NULL &&
	    dkim_key_of_text(pem, strlen(pem), &key, &weak, &e) == -1)
		out->dkim_note = region_printf(rg, DKIM_KEY_HEADER ": %s",
		    e.text);
	return key;
}

/* As OpenDKIM: who has signed in is inside, wherever that was. */
static bool
is_outside(const struct policy_in *in)
{
	const struct opendkim *tables = snapshot_opendkim(in->conf);
	bool user = in->auth_user != NULL && in->auth_user[0] != '\0';

	return tables != NULL && !user &&
	    !opendkim_is_inside(tables, &in->client);
}

static void
sign(const struct policy_in *in, const struct source_conf *source,
    struct region *rg, struct policy_out *out)
{
	struct signing_facts facts;
	struct dkim_key *own;
	struct signing s;

	if (!snapshot_signs(in->conf))
		return;
	out->dkim_text = signing_text(control_value(in,
					  source->process_dkim_options,
					  DKIM_OPTIONS_HEADER, rg),
	    is_outside(in), rg);
	signing_facts_read(in->headers, out->dkim_text, rg, &facts);
	own = own_key(in, source, rg, out);
	facts.key = own;
	/* A key that came with the message is not kept for later. */
	out->sign_later = !find_signing(in, out, &facts, rg, &s) &&
	    in->can_sign_later && own == NULL;
	remove_old_signatures(in, &s, rg, out);
	if (!out->sign_later && s.n > 0)
		add_signatures(in, &s, rg, out);
	dkim_key_free(&own);
}

static void
assign(const struct policy_in *in, const struct source_conf *source,
    struct region *rg, struct policy_out *out)
{
	struct assignment assigned;

	assign_run(in, source, rg, &assigned);
	*out = (struct policy_out){
		.vmta = assigned.vmta,
		.dflt = assigned.dflt,
		.job = assigned.job,
		.priority = assigned.priority,
		.unknown_vmta = assigned.unknown,
		.dkim_text = "",
		.remove = region_array(rg, in->headers->n, sizeof(bool)),
	};
}

void
policy_assign(const struct policy_in *in, struct region *rg,
    struct policy_out *out)
{
	struct source_conf source;

	assign_source(in, &source);
	assign(in, &source, rg, out);
}

void
policy_run(const struct policy_in *in, struct region *rg,
    struct policy_out *out)
{
	struct source_conf source;

	assign_source(in, &source);
	assign(in, &source, rg, out);
	remove_controls(in, &source, out);
	sign(in, &source, rg, out);
}
