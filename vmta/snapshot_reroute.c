/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reroute-to-virtual-mta and its like, as far as the whole configuration is
 * needed: names that there are not, mail that would be sent round for ever or
 * back from a cold-virtual-mta, and pools whose mail may overflow.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/str.h"
#include "vmta/settings.h"
#include "vmta/snapshot_priv.h"

static const char always_name[] = "reroute-to-virtual-mta";
static const char backoff_name[] = "backoff-reroute-to-virtual-mta";

/*
 * So many questions are asked in search of rings; a real file has some
 * hundreds, and this many take about a second.
 */
enum { ASKED_MAX = 1000000 };

/* ---- asked by others ----------------------------------------------------- */

static bool
has_member(const struct pool *p, const char *vmta)
{
	for (size_t i = 0; i < p->members.n; i++)
		if (str_eq_nocase(p->vmtas[i]->name, vmta))
			return true;
	return false;
}

const struct pool *
snapshot_first_pool(const struct snapshot *s, const char *vmta)
{
	const struct vmta_entry *v = snapshot_find_vmta(s, vmta);

	return v == NULL ? NULL : v->first_pool;
}

const struct pool *
snapshot_overflow_pool(const struct snapshot *s, const char *vmta)
{
	const struct pool *p = snapshot_first_pool(s, vmta);

	return p != NULL && p->overflow ? p : NULL;
}

bool
snapshot_has_overflow(const struct snapshot *s)
{
	for (size_t i = 0; i < strmap_count(s->pools); i++)
		if (snapshot_pool_at(s, i)->overflow)
			return true;
	return false;
}

bool
snapshot_has_reroutes(const struct snapshot *s)
{
	if (s->global.reroute[0] != '\0')
		return true;
	for (const struct layer *l = s->layers; l != NULL; l = l->next)
		if (conf_is_set(&table_domain, &l->set, always_name) ||
		    conf_is_set(&table_domain, &l->set, backoff_name))
			return true;
	return false;
}

/* ---- names --------------------------------------------------------------- */

static void
check_name(const struct snapshot *s, const struct conf_node *line,
    const char *name, struct conf_errors *errs)
{
	if (name[0] != '\0' && snapshot_find_vmta(s, name) == NULL &&
	    snapshot_find_pool(s, name) == NULL)
		conf_error(errs, line->file, line->line,
		    "%s: there is no virtual MTA or pool %s", line->name, name);
}

static void
check_names(const struct snapshot *s, struct conf_errors *errs)
{
	const struct conf_node *line = conf_set_node(&table_global,
	    &s->global_set, always_name);

	if (line != NULL)
		check_name(s, line, s->global.reroute, errs);
	for (const struct layer *l = s->layers; l != NULL; l = l->next) {
		line = conf_set_node(&table_domain, &l->set, always_name);
		if (line != NULL)
			check_name(s, line, l->values.reroute, errs);
		line = conf_set_node(&table_domain, &l->set, backoff_name);
		if (line != NULL)
			check_name(s, line, l->values.backoff_reroute, errs);
	}
}

/* ---- rings --------------------------------------------------------------- */

/* Where mail to one domain goes, and the line that says so last. */
struct asking {
	const struct snapshot *s;
	const char *domain;
	const struct conf_node *line; /* of the last answer; NULL: none */
	const char *answer;
	uint32_t asked;
	const char **names; /* room for all virtual MTAs */
};

static void
last_line(void *ctx, const void *value)
{
	struct asking *a = ctx;
	const struct layer *l = value;
	const struct conf_node *line = conf_set_node(&table_domain, &l->set,
	    always_name);

	if (line == NULL)
		return;
	a->line = line;
	a->answer = l->values.reroute;
}

/* "": its mail stays. */
static const char *
ask(struct asking *a, const char *vmta)
{
	a->asked++;
	a->line = NULL;
	a->answer = "";
	settings_layers(a->s, a->domain, vmta, last_line, a);
	if (a->answer[0] == '\0' && a->s->global.reroute[0] != '\0') {
		a->answer = a->s->global.reroute;
		a->line = conf_set_node(&table_global, &a->s->global_set,
		    always_name);
	}
	return a->answer;
}

/* Virtual MTAs whose mail can come to be another's, each once. */
struct reached {
	const char **names;
	size_t n, done;
	struct strmap *seen;
};

/* True: that is where it began. */
static bool
reach(struct reached *r, const struct vmta_entry *v)
{
	if (v == NULL || strmap_get(r->seen, v->key) != NULL)
		return v != NULL && str_eq_nocase(v->pub.name, r->names[0]);
	strmap_put(r->seen, v->key, r);
	r->names[r->n++] = v->pub.name;
	return false;
}

/* By one way, which may be any of several; as reroute_always() goes. */
static bool
follow(struct asking *a, struct reached *r)
{
	const char *from = r->names[r->done++], *to = ask(a, from);
	const struct pool_entry *p = snapshot_find_pool(a->s, to);
	bool back = false;

	if (to[0] == '\0' || str_eq_nocase(to, from))
		return false;
	if (p == NULL)
		return reach(r, snapshot_find_vmta(a->s, to));
	if (has_member(&p->pub, from))
		return false;
	for (size_t i = 0; i < p->pub.members.n && !back; i++)
		back = reach(r,
		    snapshot_find_vmta(a->s, p->pub.vmtas[i]->name));
	return back;
}

/*
 * Of a ring each virtual MTA in it would complain: the one does whose line
 * comes first.
 */
static void
check_from(struct asking *a, const struct vmta_entry *v,
    struct conf_errors *errs)
{
	struct reached r = { .names = a->names, .seen = strmap_new() };
	const struct conf_node *first;
	bool back = false;

	(void)ask(a, v->pub.name);
	first = a->line;
	(void)reach(&r, v);
	while (!back && r.done < r.n)
		back = follow(a, &r);
	if (back && first->order <= a->line->order)
		conf_error(errs, first->file, first->line,
		    "%s: mail of %s for %s would go round for ever: %s:%u "
		    "sends it back",
		    always_name, v->pub.name, a->domain, a->line->file,
		    a->line->line);
	strmap_free(&r.seen);
}

/* Does mail of the cold one for the domain come back by reroute-to? */
static bool
comes_back(struct asking *a, const struct vmta_entry *warm, const char *cold)
{
	struct reached r = { .names = a->names, .seen = strmap_new() };
	bool back;

	(void)reach(&r, warm);
	(void)reach(&r, snapshot_find_vmta(a->s, cold));
	r.done = 1; /* what the warm one does is not asked */
	back = false;
	while (!back && r.done < r.n)
		back = follow(a, &r);
	strmap_free(&r.seen);
	return back;
}

/* Who names cold ones, and their mail: a virtual MTA, or for it its pool. */
struct warm_one {
	const char *name;
	const struct conf_strs *colds;
	const struct conf_table *table;
	const struct conf_set *set;
};

/* Has the virtual MTA mail for the domain, some of which goes by cold ones? */
static bool
is_warm(struct asking *a, const struct vmta_entry *v, const struct warm_one *w)
{
	const char *to = ask(a, v->pub.name);
	const struct pool_entry *p = snapshot_find_pool(a->s, to);
	struct queue_conf q;

	if (to[0] != '\0' && !str_eq_nocase(to, v->pub.name) &&
	    (p == NULL || !has_member(&p->pub, v->pub.name)))
		return false;
	snapshot_queue_conf(a->s, a->domain, w->name, &q);
	for (size_t i = 0; i < q.cold_numbers.n; i++)
		if (q.cold_numbers.v[i].count > 0)
			return true;
	return false;
}

static void
check_warm(struct asking *a, const struct vmta_entry *v,
    const struct warm_one *w, struct conf_errors *errs)
{
	if (w->colds->n == 0 || !is_warm(a, v, w))
		return;
	for (size_t i = 0; i < w->colds->n; i++) {
		const struct conf_node *line = explain_item_line(w->table,
		    w->set, conf_find_row(w->table, "cold-virtual-mta"), i);

		if (comes_back(a, v, w->colds->v[i]))
			conf_error(errs, line->file, line->line,
			    "cold-virtual-mta: mail of %s for %s would come "
			    "back: %s:%u sends it from %s",
			    v->pub.name, a->domain, a->line->file,
			    a->line->line, w->colds->v[i]);
	}
}

static void
check_colds(struct asking *a, const struct vmta_entry *v,
    struct conf_errors *errs)
{
	const struct pool *first = snapshot_first_pool(a->s, v->pub.name);
	const struct pool_entry *p = first == NULL ?
	    NULL :
	    snapshot_find_pool(a->s, first->name);
	const struct warm_one own = { v->pub.name, &v->pub.colds, &table_vmta,
		&v->set };

	check_warm(a, v, &own, errs);
	if (p != NULL)
		check_warm(a, v,
		    &(struct warm_one){ p->pub.name, &p->pub.colds, &table_pool,
			&p->set },
		    errs);
}

static void
check_domain(struct asking *a, const char *domain, struct conf_errors *errs)
{
	a->domain = domain;
	for (size_t i = 0;
	     i < strmap_count(a->s->vmtas) && a->asked < ASKED_MAX; i++) {
		const struct vmta_entry *v = strmap_at(a->s->vmtas, i);

		if (ask(a, v->pub.name)[0] != '\0')
			check_from(a, v, errs);
		check_colds(a, v, errs);
	}
}

/* Of patterns that fit a domain the longest one's sample fits all of them. */
static void
check_rings(const struct snapshot *s, struct conf_errors *errs)
{
	struct asking a = { .s = s,
		.names = mem_array(strmap_count(s->vmtas), sizeof(char *)) };
	struct strmap *seen = strmap_new();

	if (s->global.reroute[0] != '\0')
		check_domain(&a, snapshot_sample_domain(s->rg, "*"), errs);
	for (const struct layer *l = s->layers; l != NULL; l = l->next) {
		const char *domain;

		if (l->patterns.n == 0 ||
		    !conf_is_set(&table_domain, &l->set, always_name))
			continue;
		/* Of a macro's names one stands for all. */
		domain = snapshot_sample_domain(s->rg, l->patterns.v[0]);
		if (strmap_get(seen, domain) != NULL)
			continue;
		strmap_put(seen, domain, &a);
		check_domain(&a, domain, errs);
	}
	strmap_free(&seen);
	free(a.names);
}

void
snapshot_reroute_check(const struct snapshot *s, struct conf_errors *errs)
{
	for (size_t i = 0; i < strmap_count(s->pools); i++) {
		const struct pool_entry *p = strmap_at(s->pools, i);

		for (size_t k = 0; k < p->pub.members.n; k++)
			if (p->pub.vmtas[k] == NULL)
				return; /* that was said */
	}
	check_names(s, errs);
	check_rings(s, errs);
}
