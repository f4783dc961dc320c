/* SPDX-License-Identifier: Apache-2.0 */
/* Who may send as whom: patterns of <source> and <smtp-user>, made ready. */
#include <stdlib.h>

#include "vmta/sender_rules.h"
#include "vmta/snapshot_priv.h"

/* Where a value was written. */
struct place {
	struct snapshot *s;
	const struct conf_table *table;
	const struct conf_set *set;
	struct conf_errors *errs;
};

static void
complain(const struct place *p, const char *name, size_t item,
    const struct err *e)
{
	const struct conf_node *n = explain_item_line(p->table, p->set,
	    conf_find_row(p->table, name), item);

	conf_error(p->errs, n->file, n->line, "%s: %s", name, e->text);
}

static void
compile(const struct place *p, const char *name, struct conf_senders *senders)
{
	struct snapshot *s = p->s;
	struct sender_patterns *made;
	struct err e;

	if (senders->texts.n == 0)
		return;
	made = sender_patterns_new();
	s->senders = mem_realloc(s->senders,
	    (s->sender_count + 1) * sizeof(struct sender_patterns *));
	s->senders[s->sender_count++] = made;
	senders->compiled = made;
	for (size_t i = 0; i < senders->texts.n; i++)
		if (sender_patterns_add(made, senders->texts.v[i], &e) == -1)
			complain(p, name, i, &e);
}

static bool
has_any(const struct conf_table *table, const struct conf_set *set,
    const char *const *names, size_t n)
{
	/* Not all names are in both tables. */
	for (size_t i = 0; i < n; i++)
		if (conf_find_row(table, names[i]) != NULL &&
		    conf_is_set(table, set, names[i]))
			return true;
	return false;
}

static void
note_rules(const struct place *p)
{
	static const char *const rules[] = { "allow-sender", "deny-sender",
		"require-from-alignment", "require-signature-alignment",
		"sender-domains" };
	static const char *const limits[] = { "max-msg-rate-in",
		"max-msg-rate-in-per-client", "max-rcpt-rate-in",
		"max-rcpt-rate-in-per-client" };

	p->s->judges_senders = p->s->judges_senders ||
	    has_any(p->table, p->set, rules, sizeof(rules) / sizeof(*rules));
	p->s->limits_senders = p->s->limits_senders ||
	    has_any(p->table, p->set, limits, sizeof(limits) / sizeof(*limits));
}

static void
read_domains(const struct place *p, struct conf_strs *domains)
{
	struct err e;

	for (size_t i = 0; i < domains->n; i++)
		if (sender_domain_pattern(domains->v[i], p->s->rg,
			&domains->v[i], &e) == -1)
			complain(p, "sender-domains", i, &e);
}

static void
join_source(struct snapshot *s, struct source_entry *src,
    struct conf_errors *errs)
{
	static const char *const checks[] = { "check-dkim-inbound",
		"check-iprev-inbound", "check-spf-inbound" };
	const struct place p = { s, &table_source, &src->set, errs };

	s->checks_clients = s->checks_clients ||
	    has_any(&table_source, &src->set, checks,
		sizeof(checks) / sizeof(*checks));
	compile(&p, "allow-sender", &src->values.allow_sender);
	compile(&p, "deny-sender", &src->values.deny_sender);
	read_domains(&p, &src->values.sender_domains);
	note_rules(&p);
}

void
snapshot_senders_join(struct snapshot *s, struct conf_errors *errs)
{
	for (size_t i = 0; i < strmap_count(s->named_sources); i++)
		join_source(s, strmap_at(s->named_sources, i), errs);
	for (size_t i = 0; i < strmap_count(s->addr_sources); i++)
		join_source(s, strmap_at(s->addr_sources, i), errs);
	for (size_t i = 0; i < strmap_count(s->users); i++) {
		struct user_entry *u = strmap_at(s->users, i);
		const struct place p = { s, &table_user, &u->set, errs };

		compile(&p, "allow-sender", &u->values.allow_sender);
		compile(&p, "deny-sender", &u->values.deny_sender);
		read_domains(&p, &u->values.sender_domains);
		note_rules(&p);
	}
}

bool
snapshot_judges_senders(const struct snapshot *s)
{
	return s->judges_senders;
}

bool
snapshot_limits_senders(const struct snapshot *s)
{
	return s->limits_senders;
}

bool
snapshot_checks_clients(const struct snapshot *s)
{
	return s->checks_clients;
}

void
snapshot_senders_free(struct snapshot *s)
{
	for (size_t i = 0; i < s->sender_count; i++)
		sender_patterns_free(&s->senders[i]);
	free(s->senders);
	s->senders = NULL;
	s->sender_count = 0;
}
