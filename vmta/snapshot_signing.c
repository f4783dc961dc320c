/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a snapshot that sign: private keys, read once whatever the
 * number of lines that name a file, the short form of a domain-key, named
 * lists of keys, identities, sets of fields.
 */
#include "vmta/snapshot_signing.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "mail/dkim_fields.h"
#include "mail/dkim_key.h"
#include "vmta/dkim_conf.h"
#include "vmta/opendkim.h"
#include "vmta/snapshot_priv.h"

/* Lists of fields that differ, of each of the two kinds. */
enum { FIELD_LISTS_MAX = 64 };

struct key_file { /* a private key, once for all that name its file */
	struct dkim_key *key;
};

struct key_list {
	struct conf_dkeys keys;
	struct key_index *index;
	char *name; /* in lower case */
};

/* Number 0 is the empty list. */
struct field_lists {
	const char *v[FIELD_LISTS_MAX];
	size_t n;
};

struct snapshot_signing {
	struct strmap *files;     /* of key_file, by path */
	struct strmap *lists;     /* of key_list, by name */
	struct key_index *global; /* domain-key at the top level */
	struct field_lists more, oversign;
	struct dkim_fields **sets; /* by more * oversign.n + oversign */
	struct opendkim *opendkim; /* NULL: no opendkim-tables */
	bool any, by_domain, has_keys;
};

struct snapshot_signing *
snapshot_signing_new(void)
{
	struct snapshot_signing *g = mem_new(struct snapshot_signing);

	g->files = strmap_new();
	g->lists = strmap_new();
	g->more = g->oversign = (struct field_lists){ { "" }, 1 };
	return g;
}

void
snapshot_signing_free(struct snapshot_signing **gp)
{
	struct snapshot_signing *g = *gp;

	*gp = NULL;
	for (size_t i = 0; i < strmap_count(g->files); i++) {
		struct key_file *f = strmap_at(g->files, i);

		dkim_key_free(&f->key);
	}
	for (size_t i = 0; i < strmap_count(g->lists); i++) {
		struct key_list *l = strmap_at(g->lists, i);

		key_index_free(&l->index);
	}
	for (size_t i = 0; g->sets != NULL && i < g->more.n * g->oversign.n;
	     i++)
		dkim_fields_free(&g->sets[i]);
	free(g->sets);
	opendkim_free(&g->opendkim);
	key_index_free(&g->global);
	strmap_free(&g->files);
	strmap_free(&g->lists);
	free(g);
}

/* Who names a file, and where. */
struct key_place {
	const char *by, *path, *file;
	unsigned line;
};

/* ---- keys -------------------------------------------------------------------- */

static struct dkim_key *
read_file(struct snapshot *s, const struct key_place *k,
    struct conf_errors *errs)
{
	struct strmap *files = s->signing->files;
	struct key_file *f = strmap_get(files, k->path);
	struct dkim_key_doubts doubts;
	struct err e;

	if (f != NULL)
		return f->key;
	f = region_new_obj(s->rg, struct key_file);
	strmap_put(files, k->path, f);
	if (dkim_key_read(k->path, &f->key, &doubts, &e) == -1)
		conf_file_error(errs, k->file, k->line, k->path, "%s: %s",
		    k->by, e.text);
	if (doubts.open)
		conf_warning(errs, k->file, k->line,
		    "%s: %s can be read or written by every user: a private "
		    "key is for those who sign with it",
		    k->by, k->path);
	if (doubts.weak)
		conf_warning(errs, k->file, k->line,
		    "%s: %s has less than 2048 bits", k->by, k->path);
	return f->key;
}

struct dkim_key *
snapshot_key_file(struct snapshot *s, const struct conf_dkey *k,
    const char *directive, struct conf_errors *errs)
{
	const struct key_place place = { directive, k->path, k->file, k->line };

	return read_file(s, &place, errs);
}

static struct key_index *
index_keys(struct snapshot *s, const struct conf_dkeys *keys,
    struct conf_errors *errs)
{
	for (size_t i = 0; i < keys->n; i++)
		keys->v[i].key = snapshot_key_file(s, &keys->v[i], "domain-key",
		    errs);
	s->signing->has_keys = s->signing->has_keys || keys->n > 0;
	return key_index_new(keys);
}

/* A level of the configuration that has keys of its own. */
struct level {
	const struct conf_table *table;
	const struct conf_set *set;
	const struct conf_dkeys *keys;
	const char *short_key, *short_selector;
};

/* dkim-key FILE and dkim-selector SELECTOR, DOMAIN, behind the domain-keys. */
static void
add_short(struct snapshot *s, const struct level *l, struct conf_dkeys *keys,
    struct conf_errors *errs)
{
	const struct conf_node *file = conf_set_node(l->table, l->set,
	    "dkim-key");
	const struct conf_node *selector = conf_set_node(l->table, l->set,
	    "dkim-selector");
	const struct conf_node *n = file != NULL ? file : selector;
	const struct conf_directive *row = conf_find_row(l->table,
	    "domain-key");
	const struct conf_tree none = { .rg = s->rg };
	struct err e;

	if (l->short_key[0] == '\0' && l->short_selector[0] == '\0')
		return;
	if (l->short_key[0] == '\0' || l->short_selector[0] == '\0')
		conf_error(errs, n->file, n->line, "%s: %s is needed, too",
		    n->name,
		    l->short_key[0] == '\0' ? "dkim-key" : "dkim-selector");
	else if (conf_value_parse(&none, row, file,
		     slice_of(region_printf(s->rg, "%s, \"%s\"",
			 l->short_selector, l->short_key)),
		     keys, &e) == -1)
		conf_error(errs, selector->file, selector->line,
		    "dkim-selector: %s", e.text);
}

static struct key_index *
index_level(struct snapshot *s, const struct level *l, struct conf_errors *errs)
{
	struct conf_dkeys *keys = region_new_obj(s->rg, struct conf_dkeys);

	for (size_t i = 0; i < l->keys->n; i++) {
		keys->v = region_grow(s->rg, keys->v, keys->n,
		    sizeof(keys->v[0]));
		keys->v[keys->n++] = l->keys->v[i];
	}
	add_short(s, l, keys, errs);
	return index_keys(s, keys, errs);
}

void
snapshot_signing_read_list(struct snapshot *s, const struct conf_binder *b,
    const struct conf_node *block, char *key)
{
	struct key_list *l = strmap_get(s->signing->lists, key);
	const struct conf_directive *row = conf_find_row(&table_global,
	    "domain-key");
	struct err e;

	if (l == NULL) {
		l = region_new_obj(s->rg, struct key_list);
		l->name = key;
		strmap_put(s->signing->lists, key, l);
	}
	for (const struct conf_node *n = block->first; n != NULL; n = n->next)
		if (conf_value_parse(b->tree, row, n, slice_of(n->value),
			&l->keys, &e) == -1)
			conf_error(b->errs, n->file, n->line, "%s: %s", n->name,
			    e.text);
}

bool
pool_has_keys(const struct pool_entry *p)
{
	return p->pub.domain_keys.n > 0 || p->pub.short_key[0] != '\0';
}

static void
join_keys(struct snapshot *s, struct conf_errors *errs)
{
	const struct level top = { &table_global, &s->global_set,
		&s->global.domain_keys, s->global.short_key,
		s->global.short_selector };

	s->signing->global = index_level(s, &top, errs);
	for (size_t i = 0; i < strmap_count(s->vmtas); i++) {
		struct vmta_entry *v = strmap_at(s->vmtas, i);
		const struct level l = { &table_vmta, &v->set,
			&v->pub.domain_keys, v->pub.short_key,
			v->pub.short_selector };

		v->keys = index_level(s, &l, errs);
		v->signs_alone = v->signs_alone || !key_index_is_empty(v->keys);
	}
	for (size_t i = 0; i < strmap_count(s->pools); i++) {
		struct pool_entry *p = strmap_at(s->pools, i);
		const struct level l = { &table_pool, &p->set,
			&p->pub.domain_keys, p->pub.short_key,
			p->pub.short_selector };

		p->keys = index_level(s, &l, errs);
	}
	for (size_t i = 0; i < strmap_count(s->signing->lists); i++) {
		struct key_list *l = strmap_at(s->signing->lists, i);

		l->index = index_keys(s, &l->keys, errs);
	}
}

/* ---- OpenDKIM's tables ----------------------------------------------------------- */

struct table_reader {
	struct snapshot *s;
};

static struct dkim_key *
read_table_key(void *ctx, const char *path, const char *file, unsigned line,
    struct conf_errors *errs)
{
	struct table_reader *t = ctx;
	const struct key_place place = { "KeyTable", path, file, line };

	return read_file(t->s, &place, errs);
}

/* What OpenDKIM would sign is signed, unless a <domain> says no. */
static void
join_opendkim(struct snapshot *s, struct conf_errors *errs)
{
	const struct conf_node *n = conf_set_node(&table_global, &s->global_set,
	    "opendkim-tables");
	struct table_reader t = { s };
	const struct opendkim_reader reader = { s->rg, read_table_key, &t,
		errs };
	struct opendkim_line by = { "opendkim-tables", s->global.opendkim_conf,
		"", 0 };

	if (n == NULL || by.value[0] == '\0')
		return;
	by.file = n->file;
	by.line = n->line;
	s->signing->opendkim = opendkim_read(&reader, &by);
	s->signing->any = s->signing->has_keys = true;
	s->queue_defaults.dkim_sign = "yes";
}

/* ---- settings of queues --------------------------------------------------------- */

/* A value that could not be read has been complained of, and is NULL. */
static const struct conf_node *
line_of(const struct layer *l, const char *name)
{
	return conf_set_node(&table_domain, &l->set, name);
}

static void
join_identity(struct snapshot *s, const struct layer *l, const char *name,
    const char **value, struct conf_errors *errs)
{
	const struct conf_node *n = line_of(l, name);
	const char *text;

	if (n == NULL || *value == NULL)
		return;
	text = dkim_conf_identity(s->rg, *value);
	if (text == NULL)
		conf_error(errs, n->file, n->line,
		    "%s: \"%s\" is neither an address nor @domain", name,
		    *value);
	else
		*value = text;
}

static void
check_query(const struct layer *l, const char *name, const char *value,
    struct conf_errors *errs)
{
	const struct conf_node *n = line_of(l, name);

	if (n != NULL && value != NULL && !dkim_conf_is_query(slice_of(value)))
		conf_error(errs, n->file, n->line,
		    "%s: \"%s\" is no query method, such as dns/txt", name,
		    value);
}

static void
check_algorithm(const struct layer *l, const char *name, const char *value,
    struct conf_errors *errs)
{
	const struct conf_node *n = line_of(l, name);

	if (n != NULL && value != NULL && strcmp(value, "rsa-sha1") == 0)
		conf_warning(errs, n->file, n->line,
		    "%s: nobody accepts rsa-sha1 any more (RFC 8301): "
		    "rsa-sha256 is used",
		    name);
}

/* Equal lists get the same number. */
static void
number_fields(struct snapshot *s, const struct conf_node *n,
    struct field_lists *lists, struct conf_fields *f, struct conf_errors *errs)
{
	bool oversign = lists == &s->signing->oversign;
	struct dkim_fields *sample;
	const char *text = "";
	struct slice list;
	struct err e;

	if (n == NULL)
		return;
	for (size_t i = 0; i < f->names.n; i++)
		text = region_printf(s->rg, "%s%s%s", text, i == 0 ? "" : ", ",
		    f->names.v[i]);
	for (f->number = 0; f->number < lists->n; f->number++)
		if (strcmp(lists->v[f->number], text) == 0)
			return;
	list = slice_of(text);
	if (lists->n == FIELD_LISTS_MAX) {
		conf_error(errs, n->file, n->line,
		    "%s: more than %d lists that differ", n->name,
		    FIELD_LISTS_MAX - 1);
	} else if (dkim_fields_new(oversign ? SLICE_LIT("") : list,
		       oversign ? list : SLICE_LIT(""), &sample, &e) == -1) {
		conf_error(errs, n->file, n->line, "%s: %s", n->name, e.text);
	} else {
		dkim_fields_free(&sample);
		lists->v[lists->n++] = text;
	}
}

static void
make_sets(struct snapshot_signing *g, struct conf_errors *errs)
{
	size_t n = 0;
	struct err e;

	if (errs->fatal > 0)
		return;
	g->sets = mem_array(g->more.n * g->oversign.n,
	    sizeof(struct dkim_fields *));
	for (size_t i = 0; i < g->more.n; i++)
		for (size_t k = 0; k < g->oversign.n; k++, n++)
			if (n > 0)
				/* Each list has been read alone. */
				CHECK(dkim_fields_new(slice_of(g->more.v[i]),
					  slice_of(g->oversign.v[k]),
					  &g->sets[n], &e) == 0);
}

/* What else is done to the header before it is signed counts as well. */
static bool
says_dkim(const struct layer *l)
{
	for (size_t i = 0; i < table_domain.count; i++) {
		const char *name = table_domain.rows[i].name;

		if ((strcmp(name, "remove-header") == 0 ||
			strncmp(name, "arc-", 4) == 0 ||
			strncmp(name, "dkim-", 5) == 0 ||
			strncmp(name, "second-dkim-", 12) == 0) &&
		    conf_is_set(&table_domain, &l->set, name))
			return true;
	}
	return false;
}

static bool
is_yes(const struct layer *l, const char *name, const char *value)
{
	return line_of(l, name) != NULL && value != NULL &&
	    strcmp(value, "no") != 0;
}

static bool
wants_signing(const struct layer *l)
{
	return is_yes(l, "dkim-sign", l->values.dkim_sign) ||
	    is_yes(l, "second-dkim-sign", l->values.second_dkim_sign);
}

static void
join_layer(struct snapshot *s, struct layer *l, struct conf_errors *errs)
{
	struct snapshot_signing *g = s->signing;
	struct queue_conf *q = &l->values;

#define JOIN(front, field) \
	do { \
		join_identity(s, l, front "dkim-identity", \
		    &q->field##_identity, errs); \
		join_identity(s, l, front "dkim-identity-fallback", \
		    &q->field##_fallback, errs); \
		check_query(l, front "dkim-query-method", q->field##_query, \
		    errs); \
		check_algorithm(l, front "dkim-algorithm", \
		    q->field##_algorithm, errs); \
		number_fields(s, line_of(l, front "dkim-headers"), &g->more, \
		    &q->field##_headers, errs); \
		number_fields(s, \
		    line_of(l, front "dkim-disallow-adding-headers"), \
		    &g->oversign, &q->field##_oversign, errs); \
	} while (0)

	JOIN("", dkim);
	JOIN("second-", second_dkim);
#undef JOIN
}

static void
join_layers(struct snapshot *s, struct conf_errors *errs)
{
	struct snapshot_signing *g = s->signing;

	for (struct layer *l = s->layers; l != NULL; l = l->next) {
		if (!says_dkim(l))
			continue;
		join_layer(s, l, errs);
		g->any = g->any || wants_signing(l);
		for (size_t i = 0; i < l->patterns.n; i++)
			if (strcmp(l->patterns.v[i], "*") != 0)
				g->by_domain = true;
		if (l->vmta != NULL)
			snapshot_find_vmta(s, l->vmta->key)->signs_alone = true;
	}
}

/* ---- pools ------------------------------------------------------------------------ */

/* Does another member stand for it already? */
static bool
signs_as_other(const struct snapshot *s, const struct pool_entry *p,
    const struct vmta_entry *v)
{
	if (v->signs_alone)
		return false;
	for (size_t i = 0; i < p->signer_count; i++) {
		const struct vmta_entry *other = snapshot_find_vmta(s,
		    p->signers[i]->name);

		if (!other->signs_alone && other->domain_pool == v->domain_pool)
			return true;
	}
	return false;
}

static void
join_signers(const struct snapshot *s, struct pool_entry *p)
{
	p->signers = region_array(s->rg, p->pub.members.n + 1,
	    sizeof(struct vmta *));
	for (size_t i = 0; i < p->pub.members.n; i++) {
		const struct vmta *v = p->pub.vmtas[i];

		if (v != NULL &&
		    !signs_as_other(s, p, snapshot_find_vmta(s, v->name)))
			p->signers[p->signer_count++] = v;
	}
}

/* ---- all of it --------------------------------------------------------------------- */

static void
check_signing(const struct snapshot *s, struct conf_errors *errs)
{
	if (s->signing->has_keys)
		return;
	for (const struct layer *l = s->layers; l != NULL; l = l->next)
		if (wants_signing(l)) {
			conf_warning(errs, l->node->file, l->node->line,
			    "dkim-sign yes, but there is no domain-key");
			return;
		}
}

void
snapshot_signing_join(struct snapshot *s, struct conf_errors *errs)
{
	join_keys(s, errs);
	join_opendkim(s, errs);
	join_layers(s, errs);
	make_sets(s->signing, errs);
	for (size_t i = 0; i < strmap_count(s->pools); i++)
		join_signers(s, strmap_at(s->pools, i));
	check_signing(s, errs);
}

/* ---- asked by others ------------------------------------------------------------------ */

bool
snapshot_signs(const struct snapshot *s)
{
	return s->signing->any;
}

const struct opendkim *
snapshot_opendkim(const struct snapshot *s)
{
	return s->signing->opendkim;
}

bool
snapshot_signs_by_domain(const struct snapshot *s)
{
	return s->signing->by_domain;
}

const struct vmta *const *
snapshot_pool_signers(const struct snapshot *s, const char *pool, size_t *n_r)
{
	const struct pool_entry *p = snapshot_find_pool(s, pool);

	if (p == NULL)
		return NULL;
	*n_r = p->signer_count;
	return p->signers;
}

bool
snapshot_key(const struct snapshot *s, const char *vmta,
    const struct key_wish *w, struct key_found *out)
{
	const struct vmta_entry *v = snapshot_find_vmta(s, vmta);
	const struct pool_entry *p = v != NULL ? v->domain_pool :
						 snapshot_find_pool(s, vmta);

	return (v != NULL && key_index_find(v->keys, w, out)) ||
	    (p != NULL && key_index_find(p->keys, w, out)) ||
	    key_index_find(s->signing->global, w, out);
}

bool
snapshot_list_key(const struct snapshot *s, const char *list,
    const struct key_wish *w, struct key_found *out)
{
	char key[NAME_KEY_MAX + 1];
	const struct key_list *l;

	if (!name_key(list, key))
		return false;
	l = strmap_get(s->signing->lists, key);
	return l != NULL && key_index_find(l->index, w, out);
}

const struct dkim_fields *
snapshot_fields(const struct snapshot *s, uint32_t more, uint32_t oversign)
{
	const struct snapshot_signing *g = s->signing;

	CHECK(more < g->more.n && oversign < g->oversign.n);
	return g->sets[more * g->oversign.n + oversign];
}
