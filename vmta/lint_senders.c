/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about senders that nothing can fit; see lint_priv.h. */
#include <string.h>

#include "vmta/lint_priv.h"
#include "vmta/sender_rules.h"

/* Longer lists are not compared each with each. */
#define ITEMS_COMPARED 2000

/* What one <source> or <smtp-user> says. */
struct block {
	struct lint *l;
	const struct conf_table *table;
	const struct conf_set *set;
	const struct conf_strs *allow, *deny, *domains;
};

static const struct conf_node *
line_of(const struct block *b, const char *name, size_t item)
{
	return explain_item_line(b->table, b->set,
	    conf_find_row(b->table, name), item);
}

/* The one that has all of it, or n. */
static size_t
find_denying(const struct block *b, const char *pattern)
{
	size_t i = 0;

	while (i < b->deny->n && i < ITEMS_COMPARED &&
	    !sender_pattern_covers(b->deny->v[i], pattern))
		i++;
	return i < ITEMS_COMPARED ? i : b->deny->n;
}

/* Is it of one domain, which is none of sender-domains? */
static bool
is_elsewhere(const struct block *b, const char *pattern)
{
	const char *at = strrchr(pattern, '@');
	const char *host = at == NULL ? pattern : at + 1, *domain;
	struct err ignored;

	if (b->domains->n == 0 || pattern[0] == '/' ||
	    strpbrk(host, "*?[<") != NULL ||
	    sender_domain_pattern(host, b->l->rg, &domain, &ignored) == -1)
		return false;
	for (size_t i = 0; i < b->domains->n; i++)
		if (sender_domain_fits(b->domains->v[i], domain))
			return false;
	return true;
}

static void
check_block(const struct block *b)
{
	for (size_t i = 0; i < b->allow->n && i < ITEMS_COMPARED; i++) {
		const char *pattern = b->allow->v[i];
		const struct conf_node *line = line_of(b, "allow-sender", i);
		size_t k = find_denying(b, pattern);

		if (k < b->deny->n)
			lint_tell_lines(b->l, LINT_REFUSED, line,
			    line_of(b, "deny-sender", k));
		else if (is_elsewhere(b, pattern))
			lint_tell_lines(b->l, LINT_REFUSED, line,
			    line_of(b, "sender-domains", 0));
	}
}

static void
check_source(struct lint *l, const struct source_entry *src)
{
	const struct block b = { l, &table_source, &src->set,
		&src->values.allow_sender.texts, &src->values.deny_sender.texts,
		&src->values.sender_domains };

	check_block(&b);
}

void
lint_senders(struct lint *l)
{
	for (size_t i = 0; i < strmap_count(l->s->named_sources); i++)
		check_source(l, strmap_at(l->s->named_sources, i));
	for (size_t i = 0; i < strmap_count(l->s->addr_sources); i++)
		check_source(l, strmap_at(l->s->addr_sources, i));
	for (size_t i = 0; i < strmap_count(l->s->users); i++) {
		const struct user_entry *u = strmap_at(l->s->users, i);
		const struct block b = { l, &table_user, &u->set,
			&u->values.allow_sender.texts,
			&u->values.deny_sender.texts,
			&u->values.sender_domains };

		check_block(&b);
	}
}
