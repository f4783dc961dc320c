/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KeyTable and SigningTable of OpenDKIM, or Domain, Selector and KeyFile.
 *
 *	KeyTable      name  domain ":" selector ":" ( path / key )
 *	SigningTable  author  name [ ":" signer ]
 */
#include <glob.h>
#include <string.h>

#include "lib/conf_hosts.h"
#include "lib/conf_parse.h"
#include "mail/dkim_key.h"
#include "vmta/opendkim_priv.h"

/* What a line of a table says, and where. */
struct row {
	const struct opendkim_tables *t;
	const struct opendkim_item *item;
	const char *table;
	bool is_pattern; /* the key is one: "*" in a refile */
};

static int
complain(const struct row *r, const char *text)
{
	conf_error(r->t->reader->errs, r->item->file, r->item->line,
	    "%s: %s: %s", r->table, r->item->key, text);
	return -1;
}

static struct dkim_key *
read_key(const struct opendkim_tables *t, const char *path, const char *file,
    unsigned line)
{
	return t->reader->read_key(t->reader->ctx, path, file, line,
	    t->reader->errs);
}

static const char *
full_path(const struct opendkim_tables *t, const char *file, const char *path)
{
	struct region *rg = t->reader->rg;

	if (path[0] != '/' && t->base != NULL)
		path = region_printf(rg, "%s/%s", t->base->value, path);
	return conf_path(rg, file, path);
}

/* Only a SigningTable has them here. */
#define PATTERN "a pattern: write a row for each domain"

/* ---- the KeyTable ------------------------------------------------------------- */

/*
 * A path with "%" for the domain: all files that are there now, by what stands
 * in that place.
 */
static int
read_by_domain(const struct row *r, const char *path, struct opendkim_key *k)
{
	const char *mark = strchr(path, '%');
	size_t front = (size_t)(mark - path), tail = strlen(mark + 1);
	struct region *rg = r->t->reader->rg;
	glob_t found;

	if (strchr(mark + 1, '%') != NULL || strpbrk(path, "*?[\\") != NULL)
		return complain(r,
		    "one % can stand in a path, and no *, ?, [ or backslash");
	k->by_domain = strmap_new();
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no tilde, no $ */
	if (glob(region_printf(rg, "%.*s*%s", (int)front, path, mark + 1), 0,
		NULL, &found) != 0)
		return complain(r, "there is no such file");
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *one = region_strdup(rg, found.gl_pathv[i]);
		char *domain = region_strndup(rg, one + front,
		    strlen(one) - front - tail);
		struct dkim_key *key;

		str_lower(domain);
		if (!conf_is_host_name(slice_of(domain)))
			continue;
		key = read_key(r->t, one, r->item->file, r->item->line);
		if (key != NULL)
			strmap_put(k->by_domain, domain, key);
	}
	globfree(&found);
	return 0;
}

/* A key in the table itself: PEM, or base64 of its DER. */
static int
read_own(const struct row *r, const char *text, struct opendkim *o,
    struct opendkim_key *k)
{
	/* PKCS#8, then PKCS#1. */
	static const char *const kinds[] = { "PRIVATE KEY", "RSA PRIVATE KEY" };
	struct dkim_key *key = NULL;
	bool weak = false;
	struct err e;
	int rc = -1;

	if (strncmp(text, "-----BEGIN", 10) == 0)
		rc = dkim_key_of_text(text, strlen(text), &key, &weak, &e);
	else
		for (size_t i = 0; rc == -1 && i < 2; i++) {
			const char *pem = region_printf(r->t->reader->rg,
			    "-----BEGIN %s-----\n%s\n-----END %s-----\n",
			    kinds[i], text, kinds[i]);

			rc = dkim_key_of_text(pem, strlen(pem), &key, &weak,
			    &e);
		}
	if (rc == -1)
		return complain(r,
		    "neither a path that begins with / or ., nor a key");
	if (weak)
		conf_warning(r->t->reader->errs, r->item->file, r->item->line,
		    "%s: %s: the key has less than 2048 bits", r->table,
		    r->item->key);
	o->own = region_grow(r->t->reader->rg, o->own, o->own_n,
	    sizeof(struct dkim_key *));
	o->own[o->own_n++] = key;
	k->key = key;
	return 0;
}

static int
read_place(const struct row *r, const char *place, struct opendkim *o,
    struct opendkim_key *k)
{
	const char *path;

	if (place[0] != '/' && strncmp(place, "./", 2) != 0 &&
	    strncmp(place, "../", 3) != 0)
		return read_own(r, place, o, k);
	path = full_path(r->t, r->item->file, place);
	if (strchr(path, '%') != NULL)
		return read_by_domain(r, path, k);
	k->key = read_key(r->t, path, r->item->file, r->item->line);
	return k->key == NULL ? -1 : 0;
}

static int
check_names(const struct row *r, const char *domain, const char *selector)
{
	if (strcmp(domain, "%") != 0 && !conf_is_host_name(slice_of(domain)))
		return complain(r, "its domain is none");
	if (!conf_is_host_name(slice_of(selector)))
		return complain(r, "its selector is none");
	return 0;
}

static int
read_key_row(const struct row *r, struct opendkim *o)
{
	struct region *rg = r->t->reader->rg;
	const char *value = r->item->value;
	size_t a = strcspn(value, ":"), b;
	struct opendkim_key *k;
	char *domain;

	if (r->is_pattern)
		return complain(r, PATTERN);
	if (value[a] == '\0' ||
	    value[a + 1 + strcspn(value + a + 1, ":")] == '\0')
		return complain(r, "DOMAIN:SELECTOR:KEY is needed");
	b = strcspn(value + a + 1, ":");
	domain = region_strndup(rg, value, a);
	str_lower(domain);
	k = region_new_obj(rg, struct opendkim_key);
	k->domain = domain;
	k->selector = region_strndup(rg, value + a + 1, b);
	if (strmap_get(o->keys, r->item->key) != NULL)
		return complain(r, "there is one of that name above");
	/* Known from now on: what refers to it is not wrong as well. */
	strmap_put(o->keys, r->item->key, k);
	if (check_names(r, domain, k->selector) == -1)
		return -1;
	return read_place(r, value + a + b + 2, o, k);
}

/* ---- the SigningTable ------------------------------------------------------------- */

static int
read_rule_row(const struct row *r, struct opendkim *o)
{
	struct region *rg = r->t->reader->rg;
	const char *value = r->item->value;
	size_t len = strcspn(value, ":");
	const char *name = region_strndup(rg, value, len);
	struct opendkim_rule *rule = region_new_obj(rg, struct opendkim_rule);
	struct opendkim_rule *first;

	str_lower(r->item->key);
	rule->pattern = r->item->key;
	if (len == 0)
		return complain(r, "the name of a key is missing");
	if (strcmp(name, "%") != 0) {
		rule->key = strmap_get(o->keys, name);
		if (rule->key == NULL)
			return complain(r,
			    region_printf(rg, "the KeyTable has no %s", name));
	}
	if (value[len] == ':')
		rule->signer = value + len + 1;
	first = strmap_get(o->rules, rule->pattern);
	if (first == NULL) {
		strmap_put(o->rules, rule->pattern, rule);
		return 0;
	}
	while (first->next != NULL)
		first = first->next;
	first->next = rule;
	return 0;
}

static bool
is_pattern(const struct opendkim_set *set, size_t i)
{
	return set->patterns && strchr(set->v[i].key, '*') != NULL;
}

typedef int row_fn(const struct row *r, struct opendkim *o);

static int
read_table(const struct opendkim_tables *t, const struct opendkim_line *l,
    row_fn *fn, bool *patterns_r, struct opendkim *o)
{
	struct opendkim_set set;
	int rc = 0;

	if (opendkim_set_read(t->reader, l,
		t->base == NULL ? NULL : t->base->value, &set) == -1)
		return -1;
	*patterns_r = set.patterns;
	for (size_t i = 0; i < set.n; i++) {
		const struct row row = { t, &set.v[i], l->name,
			is_pattern(&set, i) };

		rc |= fn(&row, o);
	}
	return rc;
}

/* ---- Domain, Selector and KeyFile ---------------------------------------------------- */

static int
read_single(const struct opendkim_tables *t, struct opendkim *o)
{
	struct opendkim_set domains;
	const struct dkim_key *key;

	if (opendkim_set_read(t->reader, t->domains,
		t->base == NULL ? NULL : t->base->value, &domains) == -1)
		return -1;
	o->single = true;
	key = read_key(t, full_path(t, t->key_file->file, t->key_file->value),
	    t->key_file->file, t->key_file->line);
	if (key == NULL)
		return -1;
	for (size_t i = 0; i < domains.n; i++) {
		const struct row row = { t, &domains.v[i], t->domains->name,
			true };
		struct opendkim_key *k = region_new_obj(t->reader->rg,
		    struct opendkim_key);

		if (is_pattern(&domains, i))
			return complain(&row, PATTERN);
		str_lower(domains.v[i].key);
		k->domain = domains.v[i].key;
		k->selector = t->selector->value;
		k->key = key;
		strmap_put(o->keys, domains.v[i].key, k);
	}
	return 0;
}

/* NULL: nothing is missing. */
static const char *
missing(const struct opendkim_tables *t, const struct opendkim_line **by)
{
	*by = t->keys != NULL ? t->keys : t->rules;
	if (*by != NULL)
		return t->keys == NULL ? "KeyTable" :
		    t->rules == NULL   ? "SigningTable" :
					 NULL;
	*by = t->domains != NULL ? t->domains :
	    t->selector != NULL  ? t->selector :
				   t->key_file;
	return t->domains == NULL ? "Domain" :
	    t->selector == NULL   ? "Selector" :
	    t->key_file == NULL   ? "KeyFile" :
				    NULL;
}

int
opendkim_tables_read(const struct opendkim_tables *t, struct opendkim *o)
{
	const struct opendkim_line *by;
	const char *lacking = missing(t, &by);
	bool ignored;

	if (lacking != NULL) {
		if (by == NULL)
			conf_error(t->reader->errs, t->whole->file,
			    t->whole->line,
			    "%s: it has neither KeyTable and SigningTable nor "
			    "Domain, Selector and KeyFile",
			    t->whole->value);
		else
			conf_error(t->reader->errs, by->file, by->line,
			    "%s: %s is needed, too", by->name, lacking);
		return -1;
	}
	if (t->keys == NULL)
		return read_single(t, o);
	if (read_table(t, t->keys, read_key_row, &ignored, o) == -1)
		return -1;
	return read_table(t, t->rules, read_rule_row, &o->patterns, o);
}
