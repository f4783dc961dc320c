/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/ways.h"

#include <string.h>

#include "lib/strmap.h"
#include "mail/addr.h"
#include "mail/mailbox.h"
#include "vmta/assign.h"
#include "vmta/snapshot_signing.h"

/* ---- carriers ------------------------------------------------------------- */

static void
find_carriers(const struct snapshot *conf, const char *name, struct region *rg,
    struct carriers *out)
{
	const struct vmta **one;

	out->name = name;
	out->v = name[0] == '\0' ? NULL :
				   snapshot_pool_signers(conf, name, &out->n);
	if (out->v != NULL)
		return;
	one = region_array(rg, 1, sizeof(struct vmta *));
	one[0] = snapshot_vmta(conf, name);
	out->v = one;
	out->n = one[0] == NULL ? 0 : 1;
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

/* ---- domains --------------------------------------------------------------- */

/* Neighbours mostly are of one domain. */
static bool
same_as_before(const struct policy_in *in, size_t i)
{
	const char *a, *b;

	if (i == 0)
		return false;
	a = strrchr(in->rcpts[i], '@');
	b = strrchr(in->rcpts[i - 1], '@');
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/*
 * As its queue is named, address literals too.  What is no address here may
 * have a domain even so: the host MTA takes more.
 */
static const char *
domain_of(const char *rcpt, struct region *rg)
{
	struct addr a;

	return addr_parse(slice_of(rcpt), rg, &a) == ADDR_OK ?
	    a.domain :
	    mailbox_addr_domain(rcpt, rg);
}

static void
find_domains(const struct policy_in *in, size_t max, struct region *rg,
    struct ways *w)
{
	struct strmap *seen = in->rcpt_count > 1 && max > 1 ? strmap_new() :
							      NULL;

	for (size_t i = 0; i < in->rcpt_count && w->domain_count < max; i++) {
		const char *domain = same_as_before(in, i) ?
		    NULL :
		    domain_of(in->rcpts[i], rg);

		if (domain == NULL ||
		    (seen != NULL && strmap_get(seen, domain) != NULL))
			continue;
		w->domains = region_grow(rg, w->domains, w->domain_count,
		    sizeof(w->domains[0]));
		w->domains[w->domain_count++] = domain;
		if (seen != NULL)
			strmap_put(seen, domain, w);
	}
	strmap_free(&seen);
}

void
ways_find(const struct policy_in *in, const struct policy_out *out,
    struct region *rg, struct ways *w)
{
	bool assigns = out->dflt && snapshot_assigns_domains(in->conf);
	bool all = assigns || snapshot_signs_by_domain(in->conf);

	*w = (struct ways){ 0 };
	find_domains(in, all ? in->rcpt_count : 1, rg, w);
	w->of_domain = region_array(rg, w->domain_count, sizeof(size_t));
	for (size_t i = 0; i < w->domain_count; i++)
		w->of_domain[i] = way_of(w, in->conf,
		    assigns ? assign_rcpt(in->conf, out->vmta, w->domains[i]) :
			      out->vmta,
		    rg);
}
