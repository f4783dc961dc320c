/* SPDX-License-Identifier: Apache-2.0 */
/* <warmup>: which source addresses are new at which providers. */
#include <string.h>

#include "lib/clock.h"
#include "lib/conf_limits.h"
#include "lib/day.h"
#include "vmta/snapshot_priv.h"
#include "vmta/warmup.h"

struct warmup_entry {
	struct warmup_conf pub;
	struct conf_set set;
	const struct conf_node *node;
	const char *key;
};

/* Blocks of one name are one, as those of a provider. */
void
snapshot_warmup_read(struct snapshot *s, const struct conf_binder *b,
    const struct conf_node *n, const char *name, const char *key)
{
	struct warmup_entry *w = strmap_get(s->warmups, key);

	if (w == NULL) {
		w = region_new_obj(s->rg, struct warmup_entry);
		conf_defaults(b->tree, &table_warmup, &w->pub);
		w->pub.name = name;
		w->node = n;
		w->key = key;
		strmap_put(s->warmups, w->key, w);
	}
	for (const struct conf_node *c = n->first; c != NULL; c = c->next)
		conf_bind(b, &table_warmup, c, &w->pub, &w->set);
}

/* ---- joining ------------------------------------------------------------- */

/* Where a directive stands, or its block. */
static const struct conf_node *
line_of(const struct warmup_entry *w, const char *directive)
{
	const struct conf_node *n = conf_set_node(&table_warmup, &w->set,
	    directive);

	return n == NULL ? w->node : n;
}

static void
join_sources(struct snapshot *s, struct warmup_entry *w,
    struct conf_errors *errs)
{
	const struct conf_node *n = line_of(w, "source");
	struct err e;

	if (w->pub.sources.n == 0)
		conf_error(errs, n->file, n->line, "<warmup %s> has no source",
		    w->pub.name);
	w->pub.prefixes = region_array(s->rg, w->pub.sources.n,
	    sizeof(struct net_prefix));
	for (size_t i = 0; i < w->pub.sources.n; i++)
		if (net_prefix_parse(slice_of(w->pub.sources.v[i]),
			&w->pub.prefixes[i], &e) == -1)
			conf_error(errs, n->file, n->line, "source: %s",
			    e.text);
}

static void
join_providers(struct snapshot *s, struct warmup_entry *w,
    struct conf_errors *errs)
{
	const struct conf_node *n = line_of(w, "provider");

	w->pub.named = region_array(s->rg, w->pub.providers.n, sizeof(void *));
	for (size_t i = 0; i < w->pub.providers.n; i++) {
		const char *name = w->pub.providers.v[i];

		if (strcmp(name, "*") == 0) {
			w->pub.named_n = 0;
			return;
		}
		w->pub.named[i] = snapshot_provider_named(s, name);
		if (w->pub.named[i] == NULL)
			conf_error(errs, n->file, n->line,
			    "provider: there is no <provider %s>", name);
		w->pub.named_n = i + 1;
	}
}

static void
join_plan(struct warmup_entry *w, struct conf_errors *errs)
{
	const struct conf_node *n = line_of(w, "start");
	struct warmup_plan *p = &w->pub.plan;
	struct err e;

	if (w->pub.start[0] == '\0')
		conf_error(errs, n->file, n->line,
		    "<warmup %s> has no start, such as 2026-11-30",
		    w->pub.name);
	else if (day_parse(slice_of(w->pub.start), &p->start_day, &e) == -1)
		conf_error(errs, n->file, n->line, "start: %s", e.text);
	n = line_of(w, "day-limits");
	for (size_t i = 0; i < w->pub.numbers.n; i++)
		if (w->pub.numbers.v[i].period_us !=
		    INT64_C(86400) * US_PER_S) {
			conf_error(errs, n->file, n->line,
			    "day-limits: each is of a day, as 50/d");
			break;
		}
	p->numbers = &w->pub.numbers;
	p->max_deferral = w->pub.max_deferral;
	p->max_complaint = w->pub.max_complaint;
	p->min_attempts = w->pub.min_attempts;
}

void
snapshot_warmup_join(struct snapshot *s, struct conf_errors *errs)
{
	for (size_t i = 0; i < strmap_count(s->warmups); i++) {
		struct warmup_entry *w = strmap_at(s->warmups, i);

		join_sources(s, w, errs);
		join_providers(s, w, errs);
		join_plan(w, errs);
	}
}

/* ---- asking -------------------------------------------------------------- */

size_t
snapshot_warmup_count(const struct snapshot *s)
{
	return strmap_count(s->warmups);
}

const struct warmup_conf *
snapshot_warmup_at(const struct snapshot *s, size_t i)
{
	const struct warmup_entry *w = strmap_at(s->warmups, i);

	return &w->pub;
}

static bool
has_source(const struct warmup_conf *w, const struct net_addr *a)
{
	for (size_t i = 0; i < w->sources.n; i++)
		if (conf_cidr_fits(&w->prefixes[i], a))
			return true;
	return false;
}

static bool
has_provider(const struct warmup_conf *w, const struct provider *p)
{
	if (w->named_n == 0)
		return true;
	for (size_t i = 0; i < w->named_n; i++)
		if (w->named[i] == p)
			return true;
	return false;
}

const struct warmup_conf *
snapshot_warmup(const struct snapshot *s, const struct net_addr *source,
    const struct provider *p)
{
	for (size_t i = 0; i < strmap_count(s->warmups); i++) {
		const struct warmup_conf *w = snapshot_warmup_at(s, i);

		if (has_source(w, source) && has_provider(w, p))
			return w;
	}
	return NULL;
}
