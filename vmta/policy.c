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
 * The virtual MTAs that may carry the message: one, or the members of the
 * pool, of which one is chosen by recipient only when the transport has it.
 */
struct carriers {
	const struct vmta **v;
	size_t n;
};

static void
find_carriers(const struct snapshot *conf, const char *name, struct region *rg,
    struct carriers *out)
{
	const struct pool *pool = name[0] == '\0' ? NULL :
						    snapshot_pool(conf, name);

	if (pool != NULL) {
		out->v = pool->vmtas;
		out->n = pool->members.n;
		return;
	}
	out->v = region_alloc(rg, sizeof(const struct vmta *));
	out->v[0] = snapshot_vmta(conf, name);
	out->n = out->v[0] == NULL ? 0 : 1;
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
find_key_for(const struct policy_in *in, const struct carriers *carriers,
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
	for (size_t i = 0; i < carriers->n && k->key == NULL; i++)
		k->key = snapshot_key(in->conf, carriers->v[i], domain,
		    &k->selector, &k->domain);
	return k->key != NULL;
}

/*
 * Sender before From, as PowerMTA's sender-or-from; but where no key fits
 * Sender, a signature for From, which is what DMARC looks at, is better than
 * none.
 */
static bool
find_key(const struct policy_in *in, const struct carriers *carriers,
    struct region *rg, struct signing_key *k)
{
	return find_key_for(in, carriers, "Sender", rg, k) ||
	    find_key_for(in, carriers, "From", rg, k);
}

static int
compare_names(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* The recipients' domains, each once. */
static size_t
rcpt_domains(const struct policy_in *in, struct region *rg,
    const char ***domains_r)
{
	const char **v = region_array(rg, in->rcpt_count, sizeof(*v));
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < in->rcpt_count; i++) {
		const char *domain = mailbox_addr_domain(in->rcpts[i], rg);

		if (domain != NULL)
			v[n++] = domain;
	}
	if (n > 1)
		qsort(v, n, sizeof(*v), compare_names);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || strcmp(v[kept - 1], v[i]) != 0)
			v[kept++] = v[i];
	*domains_r = v;
	return kept;
}

/*
 * Does any recipient's queue want a signature?  All recipients get the same
 * bytes here, and a signature that one does not need harms nobody.
 */
static bool
wants_signature(const struct policy_in *in, const struct carriers *carriers,
    struct region *rg, bool *mixed_r)
{
	const char **domains;
	size_t n = rcpt_domains(in, rg, &domains);
	bool yes = false, no = false;

	for (size_t i = 0; i < n && !(yes && no); i++)
		for (size_t k = 0; k < carriers->n && !(yes && no); k++) {
			struct queue_conf conf;

			snapshot_queue_conf(in->conf, domains[i],
			    carriers->v[k]->name, &conf);
			if (conf.dkim_sign)
				yes = true;
			else
				no = true;
		}
	*mixed_r = yes && no;
	return yes;
}

static void
add_signature(const struct policy_in *in, const struct signing_key *k,
    struct region *rg, struct policy_out *out)
{
	struct dkim_sign_in sign = {
		.key = k->key,
		.selector = k->selector,
		.domain = k->domain,
		.headers = in->headers,
		.skip = out->remove,
		.body_hash = canon_body_hash(in->body, CANON_RELAXED),
	};
	struct policy_add *add = region_new_obj(rg, struct policy_add);
	struct err e;

	add->name = DKIM_HEADER;
	add->value = dkim_sign(&sign, rg, &e);
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
	struct carriers carriers;
	struct signing_key key;

	policy_assign(in, rg, out);
	remove_controls(in, out);
	find_carriers(in->conf, out->vmta, rg, &carriers);
	/* The key first: most mail without one needs no look at its domains. */
	if (!find_key(in, &carriers, rg, &key) ||
	    !wants_signature(in, &carriers, rg, &out->dkim_mixed))
		return;
	remove_old_signatures(in, &key, rg, out);
	add_signature(in, &key, rg, out);
}
