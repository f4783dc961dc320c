/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order: settings of the source, assignment, fields to remove, signature.
 */
#include "vmta/policy.h"

#include <stdlib.h>
#include <string.h>

#include "mail/canon.h"
#include "mail/dkim_sign.h"
#include "mail/mailbox.h"
#include "mail/mark.h"
#include "vmta/assign.h"

struct signing_key {
	const struct dkim_key *key;
	const char *selector, *domain;
};

/*
 * The virtual MTAs that may carry mail for a name: one, or the members of the
 * pool, of which one is chosen only when the transport has the message.
 */
struct carriers {
	const char *name; /* as configured; "" is {default} */
	const struct vmta **v;
	size_t n;
};

/* The recipients' domains, each once, and by whom mail to them may go. */
struct ways {
	const char **domains;
	size_t domain_count;
	struct carriers *v;
	size_t n;
	size_t *of_domain; /* of each its number in v; NULL: all of v[0] */
};

static void
find_carriers(const struct snapshot *conf, const char *name, struct region *rg,
    struct carriers *out)
{
	const struct pool *pool = name[0] == '\0' ? NULL :
						    snapshot_pool(conf, name);

	out->name = name;
	if (pool != NULL) {
		out->v = pool->vmtas;
		out->n = pool->members.n;
		return;
	}
	out->v = region_alloc(rg, sizeof(const struct vmta *));
	out->v[0] = snapshot_vmta(conf, name);
	out->n = out->v[0] == NULL ? 0 : 1;
}

static int
compare_names(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static void
find_domains(const struct policy_in *in, struct region *rg, struct ways *w)
{
	const char **v = region_array(rg, in->rcpt_count, sizeof(*v));
	size_t n = 0;

	w->domains = v;
	for (size_t i = 0; i < in->rcpt_count; i++) {
		const char *domain = mailbox_addr_domain(in->rcpts[i], rg);

		if (domain != NULL)
			v[n++] = domain;
	}
	if (n > 1)
		qsort(v, n, sizeof(*v), compare_names);
	for (size_t i = 0; i < n; i++)
		if (w->domain_count == 0 ||
		    strcmp(v[w->domain_count - 1], v[i]) != 0)
			v[w->domain_count++] = v[i];
}

/* Names are the snapshot's: the same one is the same pointer. */
static size_t
way_of(struct ways *w, const struct snapshot *conf, const char *name,
    struct region *rg)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (w->v[i].name == name)
			return i;
	w->v = region_grow(rg, w->v, w->n, sizeof(w->v[0]));
	find_carriers(conf, name, rg, &w->v[w->n]);
	return w->n++;
}

/* Most configurations name a virtual MTA in no <domain>: then it is one way. */
static void
find_ways(const struct policy_in *in, const struct policy_out *out,
    struct region *rg, struct ways *w)
{
	*w = (struct ways){ 0 };
	if (!out->dflt || !snapshot_assigns_domains(in->conf)) {
		(void)way_of(w, in->conf, out->vmta, rg);
		return;
	}
	find_domains(in, rg, w);
	w->of_domain = region_array(rg, w->domain_count, sizeof(size_t));
	for (size_t i = 0; i < w->domain_count; i++)
		w->of_domain[i] = way_of(w, in->conf,
		    assign_rcpt(in->conf, out->vmta, w->domains[i]), rg);
}

/* ---- fields that go ------------------------------------------------------ */

/*
 * Controls of ours never leave, whoever sent them: honoured or not, they are
 * nobody's business behind us.  A mark is only ever our own.  But where the
 * transport will decide again, it needs those that are honoured.
 */
static void
remove_controls(const struct policy_in *in, struct policy_out *out)
{
	static const char *const names[] = { VMTA_HEADER, JOB_HEADER,
		MARK_HEADER };
	bool needed[sizeof(names) / sizeof(names[0])] = { false };

	if (in->again) {
		struct source_conf source;

		assign_source(in, &source);
		needed[0] = source.process_x_vmta;
		needed[1] = source.process_x_job;
	}
	for (size_t i = 0; i < in->headers->n; i++)
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			if (slice_eq_nocase(in->headers->v[i].name, names[k]))
				out->remove[i] = !needed[k];
}

/*
 * The same message may pass twice (postsuper -r): a signature of the same key
 * is replaced, not doubled.  Those of others stay.
 */
static void
remove_old_signatures(const struct policy_in *in, const struct signing_key *k,
    struct region *rg, struct policy_out *out)
{
	for (size_t i = 0; i < in->headers->n; i++)
		if (dkim_sign_is_of(&in->headers->v[i], k->domain, k->selector,
			rg))
			out->remove[i] = true;
}

/* ---- the signature ------------------------------------------------------- */

static bool
find_key_for(const struct policy_in *in, const struct ways *ways,
    const char *name, struct region *rg, struct signing_key *k)
{
	size_t at = header_find(in->headers, name, 0);
	const char *domain;

	if (at == in->headers->n)
		return false;
	domain = mailbox_domain(in->headers->v[at].value, rg);
	if (domain == NULL)
		return false;
	k->key = NULL;
	for (size_t w = 0; w < ways->n; w++)
		for (size_t i = 0; i < ways->v[w].n && k->key == NULL; i++)
			k->key = snapshot_key(in->conf, ways->v[w].v[i], domain,
			    &k->selector, &k->domain);
	return k->key != NULL;
}

/*
 * Sender before From, as PowerMTA's sender-or-from; but where no key fits
 * Sender, a signature for From, which is what DMARC looks at, is better than
 * none.
 */
static bool
find_key(const struct policy_in *in, const struct ways *ways, struct region *rg,
    struct signing_key *k)
{
	return find_key_for(in, ways, "Sender", rg, k) ||
	    find_key_for(in, ways, "From", rg, k);
}

/*
 * Does any recipient's queue want a signature?  All recipients get the same
 * bytes here, and a signature that one does not need harms nobody.
 */
static bool
wants_signature(const struct policy_in *in, struct ways *ways,
    struct region *rg, bool *mixed_r)
{
	bool yes = false, no = false;

	if (ways->domains == NULL)
		find_domains(in, rg, ways);
	for (size_t i = 0; i < ways->domain_count && !(yes && no); i++) {
		const struct carriers *by =
		    &ways->v[ways->of_domain == NULL ? 0 : ways->of_domain[i]];

		for (size_t k = 0; k < by->n && !(yes && no); k++) {
			struct queue_conf conf;

			snapshot_queue_conf(in->conf, ways->domains[i],
			    by->v[k]->name, &conf);
			if (conf.dkim_sign)
				yes = true;
			else
				no = true;
		}
	}
	*mixed_r = yes && no;
	return yes;
}

static const struct dkim_sign_opts sign_opts = {
	.header_canon = CANON_RELAXED,
	.body_canon = CANON_RELAXED,
	.query_method = "",
};

static void
add_signature(const struct policy_in *in, const struct signing_key *k,
    struct region *rg, struct policy_out *out)
{
	struct dkim_sign_in sign = {
		.key = k->key,
		.selector = k->selector,
		.domain = k->domain,
		.opts = &sign_opts,
		.headers = in->headers,
		.skip = out->remove,
		.body_hash = canon_body_hash(in->body, CANON_RELAXED),
		.body_len = canon_body_len(in->body, CANON_RELAXED),
		.now_s = in->now_s,
	};
	struct policy_add *add = region_new_obj(rg, struct policy_add);
	struct err e;

	add->name = DKIM_HEADER;
	add->value = dkim_sign_field(&sign, rg, &e);
	if (add->value == NULL) {
		out->trouble = region_printf(rg, "signing for %s: %s",
		    k->domain, e.text);
		return;
	}
	out->add = add;
	out->add_count = 1;
}

void
policy_assign(const struct policy_in *in, struct region *rg,
    struct policy_out *out)
{
	struct source_conf source;
	struct assignment assigned;

	assign_source(in, &source);
	assign_run(in, &source, rg, &assigned);
	*out = (struct policy_out){
		.vmta = assigned.vmta,
		.dflt = assigned.dflt,
		.job = assigned.job,
		.priority = assigned.priority,
		.unknown_vmta = assigned.unknown,
		.remove = region_array(rg, in->headers->n, sizeof(bool)),
	};
}

void
policy_run(const struct policy_in *in, struct region *rg,
    struct policy_out *out)
{
	struct ways ways;
	struct signing_key key;

	policy_assign(in, rg, out);
	remove_controls(in, out);
	find_ways(in, out, rg, &ways);
	/* The key first: most mail without one needs no look at its domains. */
	if (!find_key(in, &ways, rg, &key) ||
	    !wants_signature(in, &ways, rg, &out->dkim_mixed))
		return;
	remove_old_signatures(in, &key, rg, out);
	add_signature(in, &key, rg, out);
}
