/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/explain.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/conf_hosts.h"
#include "lib/conf_limits.h"
#include "lib/conf_print.h"
#include "vmta/settings.h"
#include "vmta/snapshot_priv.h"

struct explainer {
	const struct snapshot *s;
	explain_fn *fn;
	void *ctx;
	const char *section;
	struct buf value, block;
};

/* ---- where a value was written ------------------------------------------- */

/* What set a value; a NULL set: nothing did. */
struct place {
	const struct conf_table *table;
	const struct conf_set *set;
};

static struct place
place_if_set(const struct conf_table *table, const struct conf_set *set,
    const char *name)
{
	return (
	    struct place){ table, conf_is_set(table, set, name) ? set : NULL };
}

const struct conf_node *
explain_item_line(const struct conf_table *table, const struct conf_set *set,
    const struct conf_directive *row, size_t item)
{
	const struct conf_node *own = conf_set_node(table, set, row->name);

	if (!conf_type_adds_up(row->type))
		return own;
	for (const struct conf_origin *o = set->origins; o != NULL;
	     o = o->before)
		if (strcmp(table->rows[o->row].name, row->name) == 0 &&
		    o->items > item)
			own = o->node;
	return own;
}

static const struct conf_node *
line_of(const struct place *p, const struct conf_directive *row, size_t item)
{
	return explain_item_line(p->table, p->set, row, item);
}

/* The same for every item, in one walk, which goes from the last line up. */
static void
find_lines(const struct place *p, const struct conf_directive *row,
    const struct conf_node **lines, size_t items)
{
	const struct conf_node *own = conf_set_node(p->table, p->set,
	    row->name);
	size_t end = items;

	for (const struct conf_origin *o = p->set->origins;
	     o != NULL && conf_type_adds_up(row->type); o = o->before) {
		if (strcmp(p->table->rows[o->row].name, row->name) != 0)
			continue;
		while (end > o->items)
			lines[--end] = own;
		own = o->node;
	}
	while (end > 0)
		lines[--end] = own;
}

void
explain_block_name(struct buf *out, const struct conf_node *line)
{
	const struct conf_node *b = line->is_block ? line : line->parent;

	buf_clear(out);
	for (; b != NULL && b->parent != NULL; b = b->parent)
		buf_printf(out, "%s<%s %s>", out->len > 0 ? " of " : "",
		    b->name, b->value);
}

/* ---- one table ----------------------------------------------------------- */

/* What smtp-listener has behind its address. */
static void
print_listener_source(struct explainer *x, const struct conf_strs *list,
    size_t i)
{
	const char *source = i < list->n ?
	    snapshot_listener_source(x->s, list->v[i]) :
	    NULL;

	if (source != NULL)
		buf_printf(&x->value, " source=%s", source);
}

static void
tell_line(struct explainer *x, const char *name, const char *value,
    const struct conf_node *line)
{
	struct setting out = { .section = x->section,
		.name = name,
		.value = value,
		.block = "" };

	if (line != NULL) {
		explain_block_name(&x->block, line);
		out.file = line->file;
		out.line = line->line;
		out.block = buf_cstr(&x->block);
	}
	x->fn(x->ctx, &out);
}

static void
tell(struct explainer *x, const struct conf_directive *row, const void *owner,
    const struct place *place)
{
	const void *field = (const char *)owner + row->offset;
	size_t items = conf_print_lines(row, field);
	const struct conf_node **lines = mem_array(items,
	    sizeof(const struct conf_node *));

	if (place->set != NULL)
		find_lines(place, row, lines, items);
	for (size_t i = 0; i < items; i++) {
		buf_clear(&x->value);
		conf_print(row, field, i, &x->value);
		if (strcmp(row->name, "smtp-listener") == 0)
			print_listener_source(x, field, i);
		tell_line(x, row->name, buf_cstr(&x->value), lines[i]);
	}
	free(lines);
}

static void
explainer_init(struct explainer *x, const struct snapshot *s, explain_fn *fn,
    void *ctx)
{
	*x = (struct explainer){ .s = s, .fn = fn, .ctx = ctx };
}

static void
explainer_fini(struct explainer *x)
{
	buf_fini(&x->value);
	buf_fini(&x->block);
}

static void
tell_suppress(struct explainer *x)
{
	x->section = "Suppression List Settings";
	for (size_t i = 0; i < strmap_count(x->s->suppress); i++) {
		const struct suppress_entry *l = strmap_at(x->s->suppress, i);

		for (size_t k = 0; k < table_suppress.count; k++) {
			const struct conf_directive *row =
			    &table_suppress.rows[k];
			struct place place = { &table_suppress, &l->set };

			if (conf_is_set(&table_suppress, &l->set, row->name))
				tell(x, row, &l->pub.conf, &place);
		}
	}
}

void
explain_global(const struct snapshot *s, explain_fn *fn, void *ctx)
{
	struct explainer x;

	explainer_init(&x, s, fn, ctx);
	x.section = "Global Settings";
	for (size_t i = 0; i < table_global.count; i++) {
		const struct conf_directive *row = &table_global.rows[i];
		struct place place = place_if_set(&table_global, &s->global_set,
		    row->name);

		tell(&x, row, &s->global, &place);
	}
	tell_suppress(&x);
	explainer_fini(&x);
}

/* ---- a virtual MTA ------------------------------------------------------- */

/*
 * What the virtual MTA does not say itself it has from the top level, if the
 * top level has a directive for it.
 */
static struct place
vmta_place(const struct snapshot *s, const struct vmta_entry *v,
    const char *name)
{
	if (!conf_is_set(&table_vmta, &v->set, name) &&
	    (strcmp(name, "host-name") == 0 ||
		strcmp(name, "smtp-source-host") == 0))
		return place_if_set(&table_global, &s->global_set, name);
	return place_if_set(&table_vmta, &v->set, name);
}

/*
 * Its own keys come first, those of its pool are told with the pool, and those
 * at the top level are tried last.
 */
static void
tell_keys(struct explainer *x, const struct vmta_entry *v)
{
	const char *name = "domain-key";
	struct place own = place_if_set(&table_vmta, &v->set, name);
	struct place top = place_if_set(&table_global, &x->s->global_set, name);

	if (v->pub.domain_keys.n > 0 || x->s->global.domain_keys.n == 0)
		tell(x, conf_find_row(&table_vmta, name), &v->pub, &own);
	if (x->s->global.domain_keys.n > 0)
		tell(x, conf_find_row(&table_global, name), &x->s->global,
		    &top);
}

static void
tell_vmta(struct explainer *x, const struct vmta_entry *v)
{
	x->section = "Virtual MTA Settings";
	for (size_t i = 0; i < table_vmta.count; i++) {
		const struct conf_directive *row = &table_vmta.rows[i];
		struct place place = vmta_place(x->s, v, row->name);

		if (row->type == CONF_TYPE_DKEYS)
			tell_keys(x, v);
		else
			tell(x, row, &v->pub, &place);
	}
}

void
explain_vmta(const struct snapshot *s, const char *vmta, explain_fn *fn,
    void *ctx)
{
	const struct vmta_entry *v = snapshot_find_vmta(s, vmta);
	struct explainer x;

	CHECK(v != NULL);
	explainer_init(&x, s, fn, ctx);
	tell_vmta(&x, v);
	explainer_fini(&x);
}

/* ---- what queues share --------------------------------------------------- */

/* A whole table; `skipped` is a list of what the block is about, or NULL. */
static void
tell_table(struct explainer *x, const struct place *of, const void *owner,
    const char *skipped)
{
	for (size_t i = 0; i < of->table->count; i++) {
		const struct conf_directive *row = &of->table->rows[i];
		struct place place = place_if_set(of->table, of->set,
		    row->name);

		if (skipped == NULL || strcmp(row->name, skipped) != 0)
			tell(x, row, owner, &place);
	}
}

/* The name of a pool is asked for its members, too. */
static void
tell_pool(struct explainer *x, const struct pool_entry *p, bool members)
{
	struct place of = { &table_pool, &p->set };

	x->section = "Pool Settings";
	tell_table(x, &of, &p->pub, members ? NULL : "virtual-mta");
}

static void
tell_provider(struct explainer *x, const struct provider_entry *p)
{
	struct place of = { &table_provider, &p->set };

	x->section = "Provider Settings";
	tell_table(x, &of, &p->pub, "domain");
}

/* Of each what it sets: its mail may be in any queue. */
static void
tell_jobs(struct explainer *x)
{
	x->section = "Job Settings";
	for (const struct job_entry *j = x->s->jobs; j != NULL; j = j->next)
		for (size_t i = 0; i < table_job.count; i++) {
			const struct conf_directive *row = &table_job.rows[i];
			struct place place = { &table_job, &j->set };

			if (conf_is_set(&table_job, &j->set, row->name))
				tell(x, row, &j->pub, &place);
		}
}

/* ---- a queue ------------------------------------------------------------- */

/* The level that set each row last. */
struct origins {
	const struct layer *v[CONF_ROWS_MAX];
};

static void
note_layer(void *ctx, const void *value)
{
	const struct layer *l = value;
	struct origins *o = ctx;

	for (size_t i = 0; i < table_domain.count; i++)
		if (conf_is_set(&table_domain, &l->set,
			table_domain.rows[i].name))
			o->v[i] = l;
}

static void
tell_queue(struct explainer *x, const char *domain, const char *vmta)
{
	struct origins origins = { { NULL } };
	struct queue_conf conf;

	settings_layers(x->s, domain, vmta, note_layer, &origins);
	settings_queue(x->s, domain, vmta, &conf);
	x->section = "Queue Settings";
	for (size_t i = 0; i < table_domain.count; i++) {
		const struct layer *l = origins.v[i];
		struct place place = { &table_domain,
			l == NULL ? NULL : &l->set };

		tell(x, &table_domain.rows[i], &conf, &place);
	}
}

/* With the name that may have been meant. */
static int
no_such_vmta(const struct snapshot *s, const char *vmta, struct err *e)
{
	size_t vmtas = strmap_count(s->vmtas), pools = strmap_count(s->pools);
	const char **names = mem_array(vmtas + pools + 1, sizeof(*names));
	const char *near;
	size_t n = 0;

	for (size_t i = 0; i < vmtas; i++)
		names[n++] = snapshot_vmta_at(s, i)->name;
	for (size_t i = 0; i < pools; i++) {
		const struct pool_entry *p = strmap_at(s->pools, i);

		names[n++] = p->pub.name;
	}
	near = conf_nearest(vmta, names, n);
	free(names);
	return err_set(e, "there is no virtual MTA or pool \"%s\"%s%s%s", vmta,
	    near == NULL ? "" : "; did you mean ", near == NULL ? "" : near,
	    near == NULL ? "" : "?");
}

int
explain_queue(const struct snapshot *s, const char *domain, const char *vmta,
    explain_fn *fn, void *ctx, struct err *e)
{
	const struct vmta_entry *v = snapshot_find_vmta(s, vmta);
	const struct provider *provider = snapshot_provider(s, domain);
	struct explainer x;

	if (v == NULL && snapshot_find_pool(s, vmta) == NULL)
		return no_such_vmta(s, vmta, e);
	/* An address literal and {default}'s like have queues, too. */
	if (domain[0] != '[' && domain[0] != '{' &&
	    !conf_is_host_name(slice_of(domain)))
		return err_set(e, "\"%s\" is not a domain", domain);
	explainer_init(&x, s, fn, ctx);
	if (v != NULL)
		tell_vmta(&x, v);
	if (v == NULL)
		tell_pool(&x, snapshot_find_pool(s, vmta), true);
	else if (v->domain_pool != NULL)
		tell_pool(&x, v->domain_pool, false);
	if (provider != NULL)
		tell_provider(&x, snapshot_find_provider(s, provider->name));
	tell_queue(&x, domain, vmta);
	tell_jobs(&x);
	explainer_fini(&x);
	return 0;
}

/* ---- one directive ------------------------------------------------------- */

/* The level of a queue that set one directive last. */
struct last_layer {
	const char *directive;
	const struct layer *layer;
};

static void
note_last_layer(void *ctx, const void *value)
{
	const struct layer *l = value;
	struct last_layer *last = ctx;

	if (conf_is_set(&table_domain, &l->set, last->directive))
		last->layer = l;
}

/* Whose value it is; no table: there is no such one. */
struct owner {
	const struct conf_table *table;
	const struct conf_set *set; /* NULL: nothing was set */
	const void *values;
	const char *section;
};

static struct owner
queue_owner(const struct snapshot *s, const struct explain_ask *a)
{
	struct last_layer last = { a->directive, NULL };
	struct owner o = { &table_domain, NULL, &s->queue_defaults,
		"Queue Settings" };

	if (conf_find_row(&table_domain, a->directive) == NULL)
		return o;
	settings_layers(s, a->domain, a->name, note_last_layer, &last);
	if (last.layer != NULL) {
		o.set = &last.layer->set;
		o.values = &last.layer->values;
	}
	return o;
}

static struct owner
shared_owner(const struct snapshot *s, const struct explain_ask *a)
{
	const struct pool_entry *p;
	const struct provider_entry *pr;

	if (a->of == EXPLAIN_POOL) {
		p = snapshot_find_pool(s, a->name);
		if (p != NULL)
			return (struct owner){ &table_pool, &p->set, &p->pub,
				"Pool Settings" };
	} else {
		pr = snapshot_find_provider(s, a->name);
		if (pr != NULL)
			return (struct owner){ &table_provider, &pr->set,
				&pr->pub, "Provider Settings" };
	}
	return (struct owner){ 0 };
}

static struct owner
sender_owner(const struct snapshot *s, const struct explain_ask *a)
{
	const struct job_entry *j;
	const struct user_entry *u;

	if (a->of == EXPLAIN_JOB) {
		j = snapshot_find_job(s, a->name);
		if (j != NULL)
			return (struct owner){ &table_job, &j->set, &j->pub,
				"Job Settings" };
	} else {
		u = strmap_get(s->users, a->name);
		if (u != NULL)
			return (struct owner){ &table_user, &u->set, &u->values,
				"User Settings" };
	}
	return (struct owner){ 0 };
}

static struct owner
find_owner(const struct snapshot *s, const struct explain_ask *a)
{
	const struct vmta_entry *v;

	switch (a->of) {
	case EXPLAIN_GLOBAL:
		return (struct owner){ &table_global, &s->global_set,
			&s->global, "Global Settings" };
	case EXPLAIN_QUEUE:
		return queue_owner(s, a);
	case EXPLAIN_VMTA:
		v = snapshot_find_vmta(s, a->name);
		if (v != NULL)
			return (struct owner){ &table_vmta, &v->set, &v->pub,
				"Virtual MTA Settings" };
		break;
	case EXPLAIN_POOL:
	case EXPLAIN_PROVIDER:
		return shared_owner(s, a);
	case EXPLAIN_JOB:
	case EXPLAIN_USER:
		return sender_owner(s, a);
	}
	return (struct owner){ 0 };
}

/* Which item of a list is asked for; SIZE_MAX: none fits. */
static size_t
find_item(const struct snapshot *s, const struct explain_ask *a,
    const struct conf_directive *row, const void *field)
{
	const struct conf_domain_count *c;

	if (row->type == CONF_TYPE_DOMAIN_COUNTS) {
		c = a->domain == NULL ? NULL :
					snapshot_find_mx_limit(s, a->domain);
		return c == NULL ? SIZE_MAX :
				   (size_t)(c - s->global.mx_limits.v);
	}
	if (!conf_type_is_limits(row->type))
		return 0;
	if (a->addr == NULL)
		return SIZE_MAX;
	if (row->type == CONF_TYPE_CIDR_COUNTS)
		return conf_cidr_counts_find(field, a->addr);
	if (row->type == CONF_TYPE_CIDR_RATES)
		return conf_cidr_rates_find(field, a->addr);
	return conf_cidr_data_rates_find(field, a->addr);
}

bool
explain_one(const struct snapshot *s, const struct explain_ask *a,
    explain_fn *fn, void *ctx)
{
	struct owner o = find_owner(s, a);
	const struct conf_directive *row = o.table == NULL ?
	    NULL :
	    conf_find_row(o.table, a->directive);
	const void *field;
	struct place place;
	struct explainer x;
	size_t item;

	if (row == NULL)
		return false;
	field = (const char *)o.values + row->offset;
	item = find_item(s, a, row, field);
	if (item >= conf_print_lines(row, field))
		return false;
	place = (struct place){ o.table,
		o.set != NULL && conf_is_set(o.table, o.set, row->name) ?
		    o.set :
		    NULL };
	explainer_init(&x, s, fn, ctx);
	x.section = o.section;
	conf_print(row, field, item, &x.value);
	tell_line(&x, row->name, buf_cstr(&x.value),
	    place.set == NULL ? NULL : line_of(&place, row, item));
	explainer_fini(&x);
	return true;
}

/* ---- accounting ---------------------------------------------------------- */

/* Lines of directives that have no row, with names below that one. */
static size_t
tell_lines_below(struct explainer *x, const struct acct_entry *a, size_t k,
    const char *name)
{
	for (; k < conf_schema.known_count; k++) {
		const struct conf_known *known = &conf_schema.known[k];

		if (name != NULL && str_cmp_nocase(known->name, name) > 0)
			break;
		if (known->fate != CONF_FATE_READ ||
		    strchr(known->where, table_acct.letter) == NULL ||
		    !acct_kind_has(a->pub.kind, known->name))
			continue;
		for (size_t i = 0; i < a->lines.n; i++)
			if (conf_node_is(a->lines.v[i], known->name))
				tell_line(x, known->name, a->lines.v[i]->value,
				    a->lines.v[i]);
	}
	return k;
}

int
explain_acct(const struct snapshot *s, const char *path, explain_fn *fn,
    void *ctx, struct err *e)
{
	struct region *rg = region_new();
	const struct acct_entry *a = strmap_get(s->accts,
	    path[0] == '/' ? acct_plain_path(rg, path) : path);
	struct explainer x;
	size_t k = 0;

	region_free(&rg);
	if (a == NULL)
		return err_set(e, "there is no <acct-file %s>", path);
	explainer_init(&x, s, fn, ctx);
	x.section = "Accounting Settings";
	for (size_t i = 0; i < table_acct.count; i++) {
		const struct conf_directive *row = &table_acct.rows[i];
		struct place place = place_if_set(&table_acct, &a->set,
		    row->name);

		k = tell_lines_below(&x, a, k, row->name);
		if (acct_kind_has(a->pub.kind, row->name))
			tell(&x, row, &a->pub, &place);
	}
	(void)tell_lines_below(&x, a, k, NULL);
	explainer_fini(&x);
	return 0;
}
