/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cold-virtual-mta and max-cold-virtual-mta-msg, as far as the whole
 * configuration is needed.  Mail that would come back from a cold one is found
 * with the other rings (snapshot_reroute.c).
 */
#include "lib/clock.h"
#include "lib/str.h"
#include "vmta/snapshot_priv.h"

static const char cold_name[] = "cold-virtual-mta";
static const char numbers_name[] = "max-cold-virtual-mta-msg";

/* Who names cold ones: a virtual MTA or a pool. */
struct namer {
	const char *name;
	const struct conf_table *table;
	const struct conf_set *set;
	struct conf_strs *colds;
	const struct pool *pool; /* NULL: a virtual MTA */
};

static bool
has_member(const struct pool *p, const char *vmta)
{
	for (size_t i = 0; p != NULL && i < p->members.n; i++)
		if (str_eq_nocase(p->members.v[i].name, vmta))
			return true;
	return false;
}

/* What is wrong with the name, or NULL. */
static const char *
wrong_with(const struct namer *n, const struct vmta_entry *cold, size_t item)
{
	if (cold == NULL)
		return "there is no such virtual MTA: define it and name it "
		       "here";
	if (str_eq_nocase(cold->pub.name, n->name))
		return "that is the virtual MTA itself";
	if (has_member(n->pool, cold->pub.name))
		return "that is a member of the pool itself";
	if (cold->pub.colds.n > 0)
		return "that one has a cold-virtual-mta itself";
	for (size_t i = 0; i < item; i++)
		if (str_eq_nocase(n->colds->v[i], cold->pub.name))
			return "it is named twice";
	return NULL;
}

static void
join(struct snapshot *s, const struct namer *n, struct conf_errors *errs)
{
	for (size_t i = 0; i < n->colds->n; i++) {
		const struct conf_node *line = explain_item_line(n->table,
		    n->set, conf_find_row(n->table, cold_name), i);
		const struct vmta_entry *v = snapshot_find_vmta(s,
		    n->colds->v[i]);
		const char *wrong = wrong_with(n, v, i);

		if (wrong != NULL)
			conf_error(errs, line->file, line->line, "%s %s: %s",
			    cold_name, n->colds->v[i], wrong);
		if (v != NULL)
			n->colds->v[i] = v->pub.name; /* as it is spelled */
	}
}

/* Each is of a day.  Returns whether any is more than none. */
static bool
check_numbers(const struct layer *l, struct conf_errors *errs)
{
	const struct conf_node *line = conf_set_node(&table_domain, &l->set,
	    numbers_name);
	const struct conf_rates *numbers = &l->values.cold_numbers;
	bool some = false;

	if (line == NULL)
		return false;
	for (size_t i = 0; i < numbers->n; i++) {
		if (numbers->v[i].period_us != INT64_C(86400) * US_PER_S) {
			conf_error(errs, line->file, line->line,
			    "%s: each is of a day, as 50/d", numbers_name);
			return true;
		}
		some = some || numbers->v[i].count > 0;
	}
	return some;
}

static void
warn_of_none(const struct namer *n, struct conf_errors *errs)
{
	const struct conf_node *line = conf_set_node(n->table, n->set,
	    cold_name);

	conf_warning(errs, line->file, line->line,
	    "%s has no effect: no <domain> has a %s", cold_name, numbers_name);
}

/* Mail that another pool of a member is given cannot be told from its own. */
static void
warn_of_others(const struct snapshot *s, const struct namer *n,
    struct conf_errors *errs)
{
	const struct conf_node *line = conf_set_node(n->table, n->set,
	    cold_name);

	for (size_t i = 0; n->pool != NULL && i < n->pool->members.n; i++) {
		const char *member = n->pool->members.v[i].name;
		const struct pool *first = snapshot_first_pool(s, member);

		if (first != n->pool)
			conf_warning(errs, line->file, line->line,
			    "%s has no effect for the member %s, which is one "
			    "of the pool %s first",
			    cold_name, member, first->name);
	}
}

static void
join_one(struct snapshot *s, const struct namer *n, bool numbers,
    struct conf_errors *errs)
{
	join(s, n, errs);
	if (n->colds->n == 0)
		return;
	if (!numbers)
		warn_of_none(n, errs);
	warn_of_others(s, n, errs);
}

void
snapshot_cold_join(struct snapshot *s, struct conf_errors *errs)
{
	bool numbers = false;

	for (const struct layer *l = s->layers; l != NULL; l = l->next)
		if (check_numbers(l, errs))
			numbers = true;
	for (size_t i = 0; i < strmap_count(s->vmtas); i++) {
		struct vmta_entry *v = strmap_at(s->vmtas, i);
		const struct namer n = { v->pub.name, &table_vmta, &v->set,
			&v->pub.colds, NULL };

		join_one(s, &n, numbers, errs);
	}
	for (size_t i = 0; i < strmap_count(s->pools); i++) {
		struct pool_entry *p = strmap_at(s->pools, i);
		const struct namer n = { p->pub.name, &table_pool, &p->set,
			&p->pub.colds, &p->pub };

		join_one(s, &n, numbers, errs);
	}
}

bool
snapshot_has_colds(const struct snapshot *s)
{
	for (size_t i = 0; i < strmap_count(s->pools); i++)
		if (snapshot_pool_at(s, i)->colds.n > 0)
			return true;
	for (size_t i = 0; i < strmap_count(s->vmtas); i++) {
		const struct vmta_entry *v = strmap_at(s->vmtas, i);

		if (v->pub.colds.n > 0)
			return true;
	}
	return false;
}
