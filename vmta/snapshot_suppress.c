/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of snapshot_priv.h: <suppression-list> and <address-list>, their files, and
 * who names them.
 */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/conf_lex.h"
#include "lib/regex.h"
#include "vmta/snapshot_priv.h"
#include "vmta/suppress_load.h"
#include "vmta/suppress_rows.h"

static struct suppress_entry *
find(const struct snapshot *s, const char *name)
{
	char key[NAME_KEY_MAX + 1];

	return name_key(name, key) ? strmap_get(s->suppress, key) : NULL;
}

void
snapshot_suppress_free(struct snapshot *s)
{
	for (size_t i = 0; i < strmap_count(s->suppress); i++) {
		struct suppress_entry *l = strmap_at(s->suppress, i);

		suppress_rows_free(&l->pub.rows);
		if (l->key.p != NULL)
			OPENSSL_cleanse(l->key.p, l->key.len);
		buf_fini(&l->key);
	}
	strmap_free(&s->suppress);
	free(s->watched);
}

/* ---- rows ---------------------------------------------------------------- */

struct rows_reader {
	const struct conf_binder *b;
	struct suppress_entry *l;
	const struct conf_node *n; /* the line */
	struct suppress_row at;
};

static int
read_address(const struct rows_reader *r, struct err *e)
{
	struct slice rest = slice_of(r->n->value), pattern;
	const char *text;

	if (rest.p[0] == '/') {
		if (regex_take_pattern(&rest, &pattern, e) == -1)
			return -1;
		return suppress_rows_add_pattern(r->l->pub.rows, pattern,
		    &r->at, e);
	}
	if (conf_unquote(rest, r->b->tree->rg, &text, e) == -1)
		return -1;
	return suppress_rows_add(r->l->pub.rows, &r->l->pub.norm,
	    slice_of(text), &r->at, e);
}

static int
read_file(const struct rows_reader *r, struct err *e)
{
	struct region *rg = r->b->tree->rg;
	struct buf text = { 0 };
	const char *path;

	if (conf_unquote(slice_of(r->n->value), rg, &path, e) == -1)
		return -1;
	path = conf_path(rg, r->n->file, path);
	if (suppress_text_load(path, &text, e) == -1)
		conf_file_error(r->b->errs, r->n->file, r->n->line, path,
		    "address-file: %s", e->text);
	else
		suppress_rows_add_text(r->l->pub.rows, &r->l->pub.norm,
		    (struct slice){ text.p, text.len }, path, r->b->errs);
	buf_fini(&text);
	return 0;
}

static int
read_domains(const struct rows_reader *r, struct err *e)
{
	struct slice rest = slice_of(r->n->value);
	const char *item;

	for (;;) {
		struct conf_strs names = { 0 };
		bool from_macro;

		if (conf_item(&rest, r->b->tree->rg, &item, e) == -1)
			return -1;
		if (item == NULL)
			return 0;
		if (conf_expand(r->b->tree, item, &names, &from_macro, e) == -1)
			return -1;
		for (size_t i = 0; i < names.n; i++)
			if (suppress_rows_add_domain(r->l->pub.rows, names.v[i],
				from_macro, &r->at, e) == -1)
				return -1;
	}
}

static const struct row_kind {
	const char *name;
	int (*read)(const struct rows_reader *r, struct err *e);
} kinds[] = {
	{ "address", read_address },
	{ "address-file", read_file },
	{ "domain", read_domains },
};

/* NULL: it is no row. */
static const struct row_kind *
kind_of(const struct conf_node *n)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!n->is_block && conf_node_is(n, kinds[i].name))
			return &kinds[i];
	return NULL;
}

/* Their forms were checked with the block's. */
static void
read_rows(struct suppress_entry *l, const struct conf_binder *b,
    const struct conf_node *block)
{
	for (const struct conf_node *n = block->first; n != NULL; n = n->next) {
		const struct row_kind *kind = kind_of(n);
		const struct rows_reader r = { b, l, n, { n->file, n->line } };
		struct err e;

		if (kind != NULL && kind->read(&r, &e) == -1)
			conf_error(b->errs, n->file, n->line, "%s: %s",
			    kind->name, e.text);
	}
	suppress_rows_seal(l->pub.rows);
}

/* ---- choices ------------------------------------------------------------- */

static void
read_key(struct suppress_entry *l, const struct conf_binder *b)
{
	const struct conf_node *n = conf_set_node(&table_suppress, &l->set,
	    "key-file");
	bool wanted = l->pub.norm.hash == SUPPRESS_HMAC_SHA256, open;
	const char *path = l->pub.conf.key_file;
	struct err e;

	if (path[0] == '\0' && wanted)
		conf_error(b->errs, l->node->file, l->node->line,
		    "<suppression-list %s>: hashed hmac-sha256 needs a "
		    "key-file",
		    l->pub.name);
	if (path[0] != '\0' && !wanted)
		conf_error(b->errs, n->file, n->line,
		    "key-file: only hashed hmac-sha256 has a key");
	if (path[0] == '\0' || !wanted)
		return;
	path = conf_path(b->tree->rg, n->file, path);
	if (suppress_key_load(path, &l->key, &open, &e) == -1) {
		conf_file_error(b->errs, n->file, n->line, path, "key-file: %s",
		    e.text);
		return;
	}
	if (open)
		conf_warning(b->errs, n->file, n->line,
		    "key-file: %s can be read or written by every user: it is "
		    "for those who ask the list",
		    path);
	l->pub.norm.key = (struct slice){ l->key.p, l->key.len };
}

/* A hash that OpenSSL refuses (MD5 under FIPS) would fail at each address. */
static void
try_hash(const struct suppress_entry *l, struct conf_errors *errs)
{
	struct suppress_norm n = l->pub.norm;
	unsigned char digest[SUPPRESS_DIGEST_MAX];
	struct err e;

	if (n.key.len == 0)
		n.key = SLICE_LIT("a key");
	if (suppress_norm_digest(&n, "user@example.com", digest, &e) == -1)
		conf_error(errs, l->node->file, l->node->line,
		    "<suppression-list %s>: %s", l->pub.name, e.text);
}

static void
read_choices(struct suppress_entry *l, const struct conf_binder *b)
{
	const struct suppress_conf *c = &l->pub.conf;

	if (c->hashed == NULL || c->key_file == NULL)
		return; /* said */
	l->pub.norm.keep_case = c->keep_case;
	l->pub.norm.drop_dots = c->drop_dots;
	l->pub.norm.drop_tag = c->drop_tag;
	CHECK(suppress_hash_find(c->hashed, &l->pub.norm.hash));
	read_key(l, b);
	try_hash(l, b->errs);
	if (l->pub.norm.hash != SUPPRESS_HMAC_SHA256 || l->key.len > 0)
		l->pub.id = suppress_norm_id(l->pub.name, &l->pub.norm);
}

static bool
same_choices(const struct suppress_norm *a, const struct suppress_norm *b)
{
	return a->keep_case == b->keep_case && a->drop_dots == b->drop_dots &&
	    a->drop_tag == b->drop_tag && a->hash == b->hash &&
	    a->key.len == b->key.len &&
	    memcmp(a->key.p == NULL ? "" : a->key.p,
		b->key.p == NULL ? "" : b->key.p, a->key.len) == 0;
}

/* The number of the first list that hashes alike. */
static void
number_choices(const struct snapshot *s, struct suppress_entry *l)
{
	for (size_t i = 0; i < strmap_count(s->suppress); i++) {
		const struct suppress_entry *other = strmap_at(s->suppress, i);

		if (other->pub.published &&
		    same_choices(&other->pub.norm, &l->pub.norm)) {
			l->pub.choices = other->pub.choices;
			return;
		}
	}
	l->pub.choices = l->pub.number;
}

/* ---- blocks -------------------------------------------------------------- */

/* It becomes the name of a file. */
static bool
is_file_name(const char *name)
{
	return name[0] != '.' && strlen(name) <= SUPPRESS_NAME_MAX &&
	    strspn(name,
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789._-") == strlen(name);
}

/* NULL: told. */
static struct suppress_entry *
new_entry(struct snapshot *s, const struct conf_binder *b,
    const struct conf_node *n, const char *name, char *key)
{
	struct suppress_entry *l = strmap_get(s->suppress, key);
	size_t number = strmap_count(s->suppress);

	if (l != NULL) {
		conf_error(b->errs, n->file, n->line,
		    "<%s %s>: there is a list of that name at %s:%u", n->name,
		    name, l->node->file, l->node->line);
		return NULL;
	}
	if (number == SUPPRESS_LISTS_MAX) {
		conf_error(b->errs, n->file, n->line,
		    "<%s %s>: more than %d lists", n->name, name,
		    SUPPRESS_LISTS_MAX);
		return NULL;
	}
	l = region_new_obj(s->rg, struct suppress_entry);
	conf_defaults(b->tree, &table_suppress, &l->pub.conf);
	l->node = n;
	l->pub.name = name;
	l->pub.number = number;
	l->pub.file = n->file;
	l->pub.line = n->line;
	l->pub.rows = suppress_rows_new(s->rg);
	return l;
}

void
snapshot_suppress_read_addresses(struct snapshot *s,
    const struct conf_binder *b, const struct conf_node *n, const char *name,
    char *key)
{
	struct suppress_entry *l = new_entry(s, b, n, name, key);

	if (l == NULL)
		return;
	read_rows(l, b, n);
	l->pub.choices = l->pub.number;
	strmap_put(s->suppress, key, l);
}

/* The choices first: rows are kept by them. */
void
snapshot_suppress_read(struct snapshot *s, const struct conf_binder *b,
    const struct conf_node *n, const char *name, char *key)
{
	struct suppress_entry *l;
	size_t fatal = b->errs->fatal;

	if (!is_file_name(name)) {
		conf_error(b->errs, n->file, n->line,
		    "<suppression-list %s>: a name of up to %d letters, "
		    "digits, \"-\", \"_\" and \".\" is needed",
		    name, SUPPRESS_NAME_MAX);
		return;
	}
	l = new_entry(s, b, n, name, key);
	if (l == NULL)
		return;
	l->pub.published = true;
	l->pub.store = REGION_JOIN(s->rg, key, ".list", NULL);
	for (const struct conf_node *c = n->first; c != NULL; c = c->next) {
		const struct conf_known *row = kind_of(c) == NULL ?
		    NULL :
		    conf_known_find(b->schema, c->name, table_suppress.letter);

		if (row != NULL)
			(void)conf_known_check(b, row, c, true);
		else
			conf_bind(b, &table_suppress, c, &l->pub.conf, &l->set);
	}
	if (b->errs->fatal == fatal) {
		read_choices(l, b);
		read_rows(l, b, n);
	}
	number_choices(s, l);
	strmap_put(s->suppress, key, l);
}

/* ---- who names them ------------------------------------------------------ */

void
snapshot_suppress_check_names(const struct snapshot *s,
    const struct conf_node *n, struct conf_errors *errs)
{
	struct slice rest = slice_of(n->value);
	const char *item;
	struct err e;

	while (conf_item(&rest, s->rg, &item, &e) == 0 && item != NULL)
		if (item[0] != '\0' && find(s, item) == NULL)
			conf_error(errs, n->file, n->line,
			    "suppression-lists: there is no <suppression-list "
			    "%s> or <address-list %s>",
			    item, item);
}

static void
note_names(const struct snapshot *s, const struct conf_strs *names)
{
	for (size_t i = 0; i < names->n; i++) {
		struct suppress_entry *l = find(s, names->v[i]);

		if (l != NULL)
			l->named = true;
	}
}

static void
note_watched(struct snapshot *s)
{
	size_t all = strmap_count(s->suppress);

	s->watched = mem_array(all, sizeof(*s->watched));
	for (size_t i = 0; i < all; i++) {
		const struct suppress_list *l = snapshot_suppress_at(s, i);

		if (l->published)
			s->watched[s->watched_count++] =
			    (struct suppress_watched){ .file = l->store,
				    .id = l->id,
				    .digest_len = (uint32_t)suppress_digest_len(
					l->norm.hash) };
	}
}

void
snapshot_suppress_join(struct snapshot *s)
{
	note_watched(s);
	note_names(s, &s->global.suppression_lists);
	for (size_t i = 0; i < strmap_count(s->named_sources); i++) {
		const struct source_entry *src = strmap_at(s->named_sources, i);

		note_names(s, &src->values.suppression_lists);
	}
	for (size_t i = 0; i < strmap_count(s->addr_sources); i++) {
		const struct source_entry *src = strmap_at(s->addr_sources, i);

		note_names(s, &src->values.suppression_lists);
	}
	for (size_t i = 0; i < strmap_count(s->vmtas); i++) {
		const struct vmta_entry *v = strmap_at(s->vmtas, i);

		note_names(s, &v->pub.suppression_lists);
	}
	for (size_t i = 0; i < strmap_count(s->pools); i++) {
		const struct pool_entry *p = strmap_at(s->pools, i);

		note_names(s, &p->pub.suppression_lists);
	}
	for (const struct job_entry *j = s->jobs; j != NULL; j = j->next)
		note_names(s, &j->pub.suppression_lists);
}

/* ---- asked by others ----------------------------------------------------- */

size_t
snapshot_suppress_count(const struct snapshot *s)
{
	return strmap_count(s->suppress);
}

const struct suppress_list *
snapshot_suppress_at(const struct snapshot *s, size_t i)
{
	const struct suppress_entry *l = strmap_at(s->suppress, i);

	return &l->pub;
}

const struct suppress_watched *
snapshot_suppress_watched(const struct snapshot *s, size_t *count_r)
{
	*count_r = s->watched_count;
	return s->watched;
}

const struct suppress_list *
snapshot_suppress(const struct snapshot *s, const char *name)
{
	const struct suppress_entry *l = find(s, name);

	return l == NULL ? NULL : &l->pub;
}
