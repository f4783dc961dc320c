/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order: settings of the source, who may send, assignment, fields to remove, fields about
 * lists, signatures.
 */
#include "vmta/policy.h"

#include <string.h>

#include "mail/canon.h"
#include "mail/dkim_key.h"
#include "mail/dkim_sign.h"
#include "mail/mark.h"
#include "vmta/assign.h"
#include "vmta/list_fields.h"
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

/* Would a signature prove fields about lists? */
static bool
covers_lists(const struct signing *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (list_unsubscribe_is_in(s->v[i].opts.fields))
			return true;
	return false;
}

struct choice {
	struct signing now;   /* the signatures that it is to get here */
	bool lists;           /* all recipients can trust fields about lists */
	struct dkim_key *own; /* that came with it, or NULL */
	struct signing_facts facts;
};

/*
 * What recipients and carriers agree on.  If they do not: false, and the
 * signing of the first that wants any.
 */
static bool
find_signing(const struct policy_in *in, const struct policy_out *out,
    const struct signing_facts *facts, struct region *rg, struct choice *c)
{
	struct signing *s = &c->now;
	struct signing_in find = { .conf = in->conf, .facts = facts };
	struct signing one;
	struct ways w;
	bool any = false, agreed = true;

	c->lists = true;
	ways_find(in, out, rg, &w);
	for (size_t i = 0; i < w.domain_count; i++)
		for (size_t k = 0; k < w.v[w.of_domain[i]].n; k++) {
			find.vmta = w.v[w.of_domain[i]].v[k]->name;
			find.domain = w.domains[i];
			signing_find(&find, rg, &one);
			agreed = !any || (agreed && signing_equal(s, &one));
			c->lists = c->lists && covers_lists(&one);
			if (!any || s->n == 0)
				*s = one;
			any = true;
			if (!agreed && s->n > 0 && !c->lists)
				return false;
		}
	return agreed;
}

/* The signatures go on top of what else is added, and cover it. */
static void
add_signatures(const struct policy_in *in, const struct signing *s,
    const struct header_list *headers, struct region *rg,
    struct policy_out *out)
{
	struct signing_make_in make = {
		.headers = headers,
		.skip = out->remove,
		.now_s = in->now_s,
	};
	const char *values[SIGNATURES_MAX];
	struct policy_add *all;
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
	all = region_array(rg, s->n + out->add_count, sizeof(*all));
	for (size_t i = 0; i < s->n; i++)
		all[i] = (struct policy_add){ DKIM_HEADER, values[i] };
	for (size_t i = 0; i < out->add_count; i++)
		all[s->n + i] = out->add[i];
	out->add = all;
	out->add_count += s->n;
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
choose_signing(const struct policy_in *in, const struct source_conf *source,
    struct region *rg, struct policy_out *out, struct choice *c)
{
	struct signing_facts *facts = &c->facts;

	out->dkim_text = signing_text(control_value(in,
					  source->process_dkim_options,
					  DKIM_OPTIONS_HEADER, rg),
	    is_outside(in), rg);
	signing_facts_read(in->headers, out->dkim_text, rg, facts);
	c->own = own_key(in, source, rg, out);
	facts->key = c->own;
	/* A key that came with the message is not kept for later. */
	out->sign_later = !find_signing(in, out, facts, rg, c) &&
	    in->can_sign_later && c->own == NULL;
	remove_old_signatures(in, &c->now, rg, out);
	if (out->sign_later)
		c->now.n = 0;
	else
		c->lists = covers_lists(&c->now);
}

/* ---- fields about lists ---------------------------------------------------- */

static void
add_field(struct policy_out *out, const struct list_field *f, struct region *rg)
{
	out->add = region_grow(rg, out->add, out->add_count, sizeof(*out->add));
	out->add[out->add_count++] = (struct policy_add){ f->name, f->value };
}

static void
add_list_fields(const struct policy_in *in, const struct source_conf *source,
    bool is_signed, struct region *rg, struct policy_out *out)
{
	const struct list_message m = {
		.job = out->job,
		.vmta = out->vmta,
		.rcpt = in->rcpt_count == 1 && in->others == 0 ? in->rcpts[0] :
								 NULL,
		.headers = in->headers,
		.is_signed = is_signed,
	};
	struct list_field fields[LIST_FIELDS_MAX];
	struct list_templates t;
	size_t n;

	snapshot_list_templates(in->conf, out->vmta, out->job, &t);
	if (t.list_unsubscribe[0] == '\0')
		t.list_unsubscribe = source->list_unsubscribe;
	n = list_unsubscribe_make(t.list_unsubscribe, &m, rg, fields);
	if (feedback_id_make(t.feedback_id, &m, rg, &fields[n]) > 0) {
		/* There is exactly one: whoever put another there is not us. */
		for (size_t i = 0; i < in->headers->n; i++)
			if (slice_eq_nocase(in->headers->v[i].name,
				FEEDBACK_ID_HEADER))
				out->remove[i] = true;
		n++;
	}
	for (size_t i = 0; i < n; i++)
		add_field(out, &fields[i], rg);
}

/* The header with what is added, as far as that is decided. */
static struct header_list
with_added(const struct policy_in *in, struct policy_out *out,
    struct region *rg)
{
	struct header_list all = *in->headers;
	bool *remove;

	if (out->add_count == 0)
		return all;
	all.cap = all.n + out->add_count;
	all.v = region_array(rg, all.cap, sizeof(*all.v));
	if (all.n > 0)
		memcpy(all.v, in->headers->v, all.n * sizeof(*all.v));
	for (size_t i = 0; i < out->add_count; i++)
		header_list_add(&all, rg, slice_of(out->add[i].name),
		    slice_of(REGION_JOIN(rg, " ", out->add[i].value)));
	remove = region_array(rg, all.n, sizeof(*remove));
	if (in->headers->n > 0)
		memcpy(remove, out->remove, in->headers->n * sizeof(*remove));
	out->remove = remove; /* by index of all of them now */
	return all;
}

/* Do the signatures of all recipients fit the From field, be it later? */
static bool
is_signed_well(const struct policy_in *in, const struct sender_rules *rules,
    const struct policy_out *out, const struct choice *c, struct region *rg)
{
	struct signing_in find = { .conf = in->conf, .facts = &c->facts };
	struct signing one;
	struct ways w;

	if (!out->sign_later)
		return sender_rules_signed(rules, in->headers, &c->now, rg);
	ways_find(in, out, rg, &w);
	for (size_t i = 0; i < w.domain_count; i++)
		for (size_t k = 0; k < w.v[w.of_domain[i]].n; k++) {
			find.vmta = w.v[w.of_domain[i]].v[k]->name;
			find.domain = w.domains[i];
			signing_find(&find, rg, &one);
			if (!sender_rules_signed(rules, in->headers, &one, rg))
				return false;
		}
	return true;
}

static void
finish(const struct policy_in *in, const struct source_conf *source,
    const struct sender_rules *rules, struct region *rg, struct policy_out *out)
{
	struct header_list all;
	struct choice c = { .own = NULL };

	if (snapshot_signs(in->conf))
		choose_signing(in, source, rg, out, &c);
	if (sender_rules_want_signature(rules) &&
	    !is_signed_well(in, rules, out, &c, rg)) {
		out->fault = SENDER_UNSIGNED;
		dkim_key_free(&c.own);
		return;
	}
	add_list_fields(in, source, c.lists, rg, out);
	all = with_added(in, out, rg);
	if (c.now.n > 0)
		add_signatures(in, &c.now, &all, rg, out);
	dkim_key_free(&c.own);
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

static void
rules_of(const struct policy_in *in, const struct source_conf *source,
    struct sender_rules *rules)
{
	const struct user_conf *user = in->auth_user == NULL ?
	    NULL :
	    snapshot_user(in->conf, in->auth_user);

	sender_rules_of(source, user, rules);
	if (in->host_notice)
		rules->n = 0;
}

enum sender_fault
policy_mail(const struct policy_in *in, struct region *rg)
{
	struct source_conf source;
	struct sender_rules rules;

	assign_source(in, &source);
	rules_of(in, &source, &rules);
	return sender_rules_mail(&rules, in->sender, rg);
}

void
policy_run(const struct policy_in *in, struct region *rg,
    struct policy_out *out)
{
	struct source_conf source;
	struct sender_rules rules;

	assign_source(in, &source);
	rules_of(in, &source, &rules);
	assign(in, &source, rg, out);
	out->fault = sender_rules_header(&rules, in->sender, in->headers, rg);
	if (out->fault != SENDER_FINE)
		return;
	remove_controls(in, &source, out);
	finish(in, &source, &rules, rg, out);
}
