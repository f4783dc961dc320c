/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes within each other, above the queue; see lint_priv.h. */
#include <string.h>

#include "vmta/lint_priv.h"

/* ---- one within another -------------------------------------------------- */

/* A virtual MTA is in its pool and in the process, a pool in the process. */
static void
compare_vmta(struct lint *l, const struct vmta_entry *v)
{
	struct lint_owner own = lint_owner_vmta(v), pool,
			  process = lint_owner_global(l->s);

	for (unsigned u = 0; u < UNIT_COUNT; u++) {
		struct lint_side limit = lint_side(&own, lint_names[u].vmta);
		struct lint_side top = lint_side(&process,
		    lint_names[u].process);
		struct lint_side around = lint_none();

		if (v->domain_pool != NULL) {
			pool = lint_owner_pool(v->domain_pool);
			around = lint_side(&pool, lint_names[u].pool);
		}
		lint_compare(l, u, &limit, lint_lower(&around, &top));
	}
}

/* Of one kind, all members together; INFINITY when one has no limit. */
static struct lint_side
sum_of_members(struct lint *l, const struct pool_entry *p, enum lint_unit u)
{
	struct lint_side sum = lint_none();
	double total = 0;

	for (size_t i = 0; i < p->pub.members.n; i++) {
		const struct vmta_entry *v = snapshot_find_vmta(l->s,
		    p->pub.members.v[i].name);
		struct lint_owner own = lint_owner_vmta(v);
		struct lint_side one = lint_side(&own, lint_names[u].vmta);

		total += one.amount;
		if (one.amount < sum.amount)
			sum = one;
	}
	sum.amount = total;
	sum.note = region_printf(l->rg, "of %zu member%s together",
	    p->pub.members.n, p->pub.members.n == 1 ? "" : "s");
	return sum;
}

static void
compare_pool(struct lint *l, const struct pool_entry *p)
{
	struct lint_owner own = lint_owner_pool(p),
			  process = lint_owner_global(l->s);

	for (unsigned u = 0; u < UNIT_COUNT; u++) {
		struct lint_side limit = lint_side(&own, lint_names[u].pool);
		struct lint_side top = lint_side(&process,
		    lint_names[u].process);
		struct lint_side members = lint_none();

		if (lint_names[u].vmta != NULL)
			members = sum_of_members(l, p, u);
		lint_compare(l, u, &limit, lint_lower(&members, &top));
	}
}

/* All virtual MTAs from one on together; INFINITY when one has no limit. */
static struct lint_side
sum_of_vmtas(struct lint *l, enum lint_unit u, size_t first)
{
	size_t n = strmap_count(l->s->vmtas);
	struct lint_side sum = lint_none();
	double total = 0;

	for (size_t i = first; i < n; i++) {
		struct lint_owner own = lint_owner_vmta(
		    strmap_at(l->s->vmtas, i));
		struct lint_side one = lint_side(&own, lint_names[u].vmta);

		total += one.amount;
		if (one.amount < sum.amount)
			sum = one;
	}
	sum.amount = total;
	sum.note = region_printf(l->rg, "of %zu virtual MTA%s together",
	    n - first, n - first == 1 ? "" : "s");
	return sum;
}

static void
compare_process(struct lint *l)
{
	struct lint_owner own = lint_owner_global(l->s);
	struct lint_side limit = lint_side(&own, "total-max-smtp-out");
	struct lint_side sum = sum_of_vmtas(l, UNIT_CONNS, 0);

	lint_compare(l, UNIT_CONNS, &limit, &sum);
}

/* Mail of a job or a user is spread over all virtual MTAs at most. */
static void
compare_senders(struct lint *l)
{
	const char *name = lint_names[UNIT_MSG].sender;
	struct lint_side sum = sum_of_vmtas(l, UNIT_MSG, l->first_vmta);

	for (const struct job_entry *j = l->s->jobs; j != NULL; j = j->next) {
		struct lint_owner own = { &table_job, &j->set, &j->pub,
			j->node };
		struct lint_side limit = lint_side(&own, name);

		lint_compare(l, UNIT_MSG, &limit, &sum);
	}
	for (size_t i = 0; i < strmap_count(l->s->users); i++) {
		const struct user_entry *u = strmap_at(l->s->users, i);
		struct lint_owner own = { &table_user, &u->set, &u->values,
			NULL };
		struct lint_side limit = lint_side(&own, name);

		lint_compare(l, UNIT_MSG, &limit, &sum);
	}
}

/* ---- providers ----------------------------------------------------------- */

/* Queues of one provider that are added up. */
#define QUEUES_MAX 100000

/* Is each domain of the provider a single one, and none by its MX hosts? */
static bool
has_plain_domains(const struct provider_entry *p)
{
	if (p->pub.mx.n > 0)
		return false;
	for (size_t i = 0; i < p->pub.domains.n; i++) {
		const char *d = p->pub.domains.v[i];

		if (strchr(d, '*') != NULL || d[0] == '[')
			return false;
	}
	return true;
}

struct queue_sum {
	double total;
	struct lint_side lowest;
	size_t queues;
};

/* A virtual MTA lets no more through than it may itself. */
static void
add_vmta(struct lint *l, const struct provider_entry *p,
    const struct vmta_entry *v, enum lint_unit u, struct queue_sum *sum)
{
	struct lint_owner own = lint_owner_vmta(v);
	struct lint_side all = lint_side(&own, lint_names[u].vmta);
	double queues = 0;

	for (size_t i = 0; i < p->pub.domains.n; i++) {
		struct lint_queue q;
		struct lint_side one;

		lint_queue_of(l, p->pub.domains.v[i], v, &q);
		one = lint_own(l->s, &q, lint_names[u].queue);
		queues += one.amount;
		sum->queues++;
		if (one.amount < sum->lowest.amount)
			sum->lowest = one;
	}
	if (all.amount < sum->lowest.amount)
		sum->lowest = all;
	sum->total += queues < all.amount ? queues : all.amount;
}

static struct lint_side
sum_of_queues(struct lint *l, const struct provider_entry *p, enum lint_unit u)
{
	struct queue_sum sum = { 0, lint_none(), 0 };
	size_t n = strmap_count(l->s->vmtas);

	if (!has_plain_domains(p) || p->pub.domains.n * n > QUEUES_MAX)
		return lint_none();
	for (size_t i = l->first_vmta; i < n && isfinite(sum.total); i++)
		add_vmta(l, p, strmap_at(l->s->vmtas, i), u, &sum);
	sum.lowest.amount = sum.total;
	sum.lowest.note = region_printf(l->rg, "of %zu queue%s together",
	    sum.queues, sum.queues == 1 ? "" : "s");
	return sum.lowest;
}

static void
compare_provider(struct lint *l, const struct provider_entry *p)
{
	struct lint_owner own = lint_owner_provider(p),
			  process = lint_owner_global(l->s);
	bool any = false;

	for (unsigned u = 0; u < UNIT_COUNT; u++) {
		struct lint_side limit = lint_side(&own,
		    lint_names[u].provider);
		struct lint_side top = lint_side(&process,
		    lint_names[u].process);
		struct lint_side queues;

		if (!isfinite(limit.amount))
			continue;
		any = true;
		queues = sum_of_queues(l, p, u);
		lint_compare(l, u, &limit, lint_lower(&queues, &top));
	}
	if (!any) {
		struct lint_side block = { NULL, own, 0, INFINITY, NULL };

		lint_tell(l, LINT_EMPTY, &block, NULL, "");
	}
}

/* ---- shares and jobs ----------------------------------------------------- */

/* Weights count between virtual MTAs: one alone has nobody. */
static void
check_share(struct lint *l)
{
	struct lint_owner own;
	struct lint_side share;

	if (strmap_count(l->s->vmtas) != 2 || l->first_vmta == 0)
		return;
	own = lint_owner_vmta(strmap_at(l->s->vmtas, 1));
	share = lint_side(&own, "fair-share");
	if (lint_is_written(&share))
		lint_tell(l, LINT_ALONE, &share, NULL, "");
}

void
lint_nest(struct lint *l)
{
	compare_process(l);
	for (size_t i = 0; i < strmap_count(l->s->vmtas); i++)
		compare_vmta(l, strmap_at(l->s->vmtas, i));
	for (size_t i = 0; i < strmap_count(l->s->pools); i++)
		compare_pool(l, strmap_at(l->s->pools, i));
	for (size_t i = 0; i < strmap_count(l->s->providers); i++)
		compare_provider(l, strmap_at(l->s->providers, i));
	compare_senders(l);
	check_share(l);
}
