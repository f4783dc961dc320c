/* SPDX-License-Identifier: Apache-2.0 */
/*
 * <smtp-pattern-list> and <dsn-rule>; see snapshot_priv.h.
 *
 * Blocks of one name are one: rows add up in the order of the file, and of a
 * rule the last line of each kind counts, at the place of its first block.  So
 * an included file can be overridden: by a rule's lines behind the include, by
 * a list's rows before it, since the first row that matches counts.
 */
#include <stdlib.h>

#include "lib/conf_lex.h"
#include "lib/regex.h"
#include "vmta/reply_rules.h"
#include "vmta/snapshot_priv.h"

struct dsn_entry {
	struct dsn_rule pub;
	struct slice pattern; /* p NULL: there was none yet */
	const struct conf_node *node, *pattern_node;
};

struct reply_lists {
	struct strmap *lists;     /* of reply_rules, by name in lower case */
	struct strmap *entries;   /* of dsn_entry, likewise */
	struct dsn_rules *rules;  /* of all entries */
	struct reply_rules *bare; /* the rules behind no row at all */
};

struct reply_lists *
reply_lists_new(void)
{
	struct reply_lists *r = mem_new(struct reply_lists);

	r->lists = strmap_new();
	r->entries = strmap_new();
	r->rules = dsn_rules_new();
	r->bare = reply_rules_new(r->rules);
	return r;
}

void
reply_lists_free(struct reply_lists **rp)
{
	struct reply_lists *r = *rp;

	*rp = NULL;
	for (size_t i = 0; i < strmap_count(r->lists); i++) {
		struct reply_rules *rules = strmap_at(r->lists, i);

		reply_rules_free(&rules);
	}
	reply_rules_free(&r->bare);
	dsn_rules_free(&r->rules);
	strmap_free(&r->lists);
	strmap_free(&r->entries);
	free(r);
}

/* ---- <smtp-pattern-list> ------------------------------------------------- */

/* reply /re/ ACTIONS */
static int
read_row(struct reply_rules *rules, struct region *rg,
    const struct conf_node *n, struct err *e)
{
	struct slice rest = slice_of(n->value), pattern = { 0 };
	struct reply_actions act;

	if (regex_take_pattern(&rest, &pattern, e) == -1 ||
	    reply_actions_parse(rest, rg, &act, e) == -1)
		return -1;
	return reply_rules_add(rules, pattern, &act,
	    (struct reply_place){ n->file, n->line }, e);
}

void
reply_lists_read(struct reply_lists *r, const struct conf_binder *b,
    const struct conf_node *block, const char *key)
{
	struct reply_rules *rules = strmap_get(r->lists, key);
	struct err e;

	if (rules == NULL) {
		rules = reply_rules_new(r->rules);
		strmap_put(r->lists, key, rules);
	}
	for (const struct conf_node *n = block->first; n != NULL; n = n->next)
		if (read_row(rules, b->tree->rg, n, &e) == -1)
			conf_error(b->errs, n->file, n->line, "reply: %s",
			    e.text);
}

/* ---- <dsn-rule> ---------------------------------------------------------- */

static int
read_line(struct dsn_entry *d, struct region *rg, const struct conf_node *n,
    struct err *e)
{
	struct slice value = slice_of(n->value);

	if (conf_node_is(n, "pattern")) {
		d->pattern_node = n;
		return dsn_pattern_parse(value, &d->pattern, e);
	}
	if (conf_node_is(n, "category"))
		return conf_unquote(value, rg, &d->pub.category, e);
	if (conf_node_is(n, "action"))
		return dsn_actions_parse(value, rg, &d->pub.act, e);
	return dsn_retry_parse(value, &d->pub.retry_us, e);
}

void
reply_lists_read_rule(struct reply_lists *r, const struct conf_binder *b,
    const struct conf_node *block, const char *name, const char *key)
{
	struct dsn_entry *d = strmap_get(r->entries, key);
	struct err e;

	if (d == NULL) {
		d = region_new_obj(b->tree->rg, struct dsn_entry);
		d->pub = (struct dsn_rule){ .name = name,
			.category = "",
			.file = block->file,
			.line = block->line };
		d->node = block;
		strmap_put(r->entries, key, d);
	}
	for (const struct conf_node *n = block->first; n != NULL; n = n->next)
		if (read_line(d, b->tree->rg, n, &e) == -1)
			conf_error(b->errs, n->file, n->line, "%s: %s", n->name,
			    e.text);
}

/* ---- all of them --------------------------------------------------------- */

static void
join_entry(struct reply_lists *r, const struct dsn_entry *d,
    struct conf_errors *errs)
{
	struct err e;

	if (d->pattern_node == NULL)
		conf_error(errs, d->node->file, d->node->line,
		    "<dsn-rule %s> has no pattern", d->pub.name);
	else if (d->pattern.p != NULL && /* or it was said */
	    dsn_rules_add(r->rules, d->pattern, &d->pub, &e) == -1)
		conf_error(errs, d->pattern_node->file, d->pattern_node->line,
		    "pattern: %s", e.text);
}

void
reply_lists_join(struct reply_lists *r, struct conf_errors *errs)
{
	for (size_t i = 0; i < strmap_count(r->entries); i++)
		join_entry(r, strmap_at(r->entries, i), errs);
	dsn_rules_seal(r->rules);
	for (size_t i = 0; i < strmap_count(r->lists); i++)
		reply_rules_seal(strmap_at(r->lists, i));
	reply_rules_seal(r->bare);
}

bool
reply_lists_has(const struct reply_lists *r, const char *name)
{
	char key[NAME_KEY_MAX + 1];

	return name_key(name, key) && strmap_get(r->lists, key) != NULL;
}

const struct reply_rules *
snapshot_replies(const struct snapshot *s, const char *list)
{
	const struct reply_lists *r = s->reply_lists;
	const struct reply_rules *rules = NULL;
	char key[NAME_KEY_MAX + 1];

	if (list[0] != '\0' && name_key(list, key))
		rules = strmap_get(r->lists, key);
	if (rules != NULL)
		return rules;
	return dsn_rules_count(r->rules) > 0 ? r->bare : NULL;
}
