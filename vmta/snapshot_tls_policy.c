/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS with servers, of <domain>: authorities are read here, each file once, so
 * that a reload has new ones or says what is wrong; lists are judged line by
 * line, and what comes together from several levels for each queue that may be.
 */
#include "lib/check.h"
#include "lib/tls_trust.h"
#include "lib/tls_words.h"
#include "vmta/settings.h"
#include "vmta/snapshot_priv.h"
#include "vmta/tls_policy.h"

#include <string.h>

static const char *const names[] = { "require-starttls", "smtp-tls-allow-tlsv1",
	"smtp-tls-allow-tlsv1.1", "smtp-tls-allow-tlsv1.2",
	"smtp-tls-allow-tlsv1.3", "smtp-tls-ca-file", "smtp-tls-cert-match",
	"smtp-tls-ciphers", "smtp-tls-tlsv1.3-ciphersuites", "use-starttls" };

enum { NAMES = sizeof(names) / sizeof(names[0]) };

/* ---- line by line -------------------------------------------------------- */

static const struct conf_node *
line_of(const struct layer *l, const char *name)
{
	return conf_set_node(&table_domain, &l->set, name);
}

/* One that cannot be read has been complained about, and is NULL. */
static bool
is_set(const char *value)
{
	return value != NULL && value[0] != '\0';
}

static void
read_authorities(struct snapshot *s, struct layer *l, struct conf_errors *errs)
{
	const struct conf_node *n = line_of(l, "smtp-tls-ca-file");
	const char *file = l->values.smtp_tls_authorities;
	struct tls_trust *t;
	struct err e;

	if (n == NULL || !is_set(file))
		return;
	if (strcmp(file, TLS_TRUST_SYSTEM) != 0)
		file = conf_path(s->rg, n->file, file);
	l->values.smtp_tls_authorities = file;
	if (strmap_get(s->trusts, file) != NULL)
		return;
	t = tls_trust_new(file, &e);
	if (t != NULL)
		strmap_put(s->trusts, file, t);
	else if (strcmp(file, TLS_TRUST_SYSTEM) == 0)
		conf_lacking(errs, n->file, n->line, "%s: %s", n->name, e.text);
	else
		conf_file_error(errs, n->file, n->line, file, "%s: %s", n->name,
		    e.text);
}

static void
judge_list(const struct layer *l, const char *name, const char *list,
    int check(const char *, struct err *), struct conf_errors *errs)
{
	const struct conf_node *n = line_of(l, name);
	struct err e;

	if (n != NULL && is_set(list) && check(list, &e) == -1)
		conf_error(errs, n->file, n->line, "%s: %s", name, e.text);
}

static void
judge_match(const struct layer *l, struct conf_errors *errs)
{
	static const char name[] = "smtp-tls-cert-match";
	const struct conf_strs *match = &l->values.smtp_tls_match;
	const struct conf_directive *row = conf_find_row(&table_domain, name);
	struct err e;

	if (line_of(l, name) == NULL)
		return;
	for (size_t i = 0; i < match->n; i++)
		if (tls_match_check(match->v[i], &e) == -1) {
			const struct conf_node *n = explain_item_line(
			    &table_domain, &l->set, row, i);

			conf_error(errs, n->file, n->line, "%s: %s", name,
			    e.text);
		}
}

void
snapshot_tls_policy_join(struct snapshot *s, struct conf_errors *errs)
{
	s->trusts = strmap_new();
	for (struct layer *l = s->layers; l != NULL; l = l->next) {
		read_authorities(s, l, errs);
		judge_match(l, errs);
		judge_list(l, "smtp-tls-ciphers", l->values.smtp_tls_ciphers,
		    tls_ciphers_check, errs);
		judge_list(l, "smtp-tls-tlsv1.3-ciphersuites",
		    l->values.smtp_tls_suites, tls_suites_check, errs);
	}
}

void
snapshot_tls_policy_free(struct snapshot *s)
{
	for (size_t i = 0; s->trusts != NULL && i < strmap_count(s->trusts);
	     i++) {
		struct tls_trust *t = strmap_at(s->trusts, i);

		tls_trust_free(&t);
	}
	strmap_free(&s->trusts);
}

const struct tls_trust *
snapshot_tls_trust(const struct snapshot *s, const char *file)
{
	const struct tls_trust *t;

	if (file[0] == '\0')
		return NULL;
	t = strmap_get(s->trusts, file);
	CHECK(t != NULL); /* or there would be no snapshot to send by */
	return t;
}

/* ---- over all levels ----------------------------------------------------- */

struct check {
	const struct snapshot *s;
	struct conf_errors *errs;
};

static bool
sets_tls(const struct layer *l)
{
	for (size_t i = 0; i < NAMES; i++)
		if (conf_is_set(&table_domain, &l->set, names[i]))
			return true;
	return false;
}

/* The last line of the block about it. */
static const struct conf_node *
tls_node(const struct layer *l)
{
	const struct conf_node *found = l->node;

	for (const struct conf_node *n = l->node->first; n != NULL; n = n->next)
		for (size_t i = 0; i < NAMES; i++)
			if (conf_node_is(n, names[i]))
				found = n;
	return found;
}

/* Does the layer say anything for queues of that VMTA? */
static bool
concerns(const struct layer *l, const struct vmta_entry *v)
{
	if (l->vmta != NULL)
		return l->vmta == v;
	return l->pool == NULL || l->pool == v->domain_pool;
}

/*
 * Layers that may be merged to find contradictions: more than any real file
 * needs, and about a second.  Only a file that repeats one pattern thousands
 * of times gets there.
 */
#define MERGES_MAX 20000000

/* What it costs at most to ask for a queue of the virtual MTA. */
static size_t
merges_for(const struct check *c, const struct vmta_entry *v)
{
	return 1 + domain_map_longest(c->s->domains) +
	    domain_map_longest(v->domains) +
	    (v->domain_pool == NULL ?
		    0 :
		    domain_map_longest(v->domain_pool->domains));
}

static void
check_tls_layer(const struct check *c, const struct layer *l,
    const struct vmta_entry *const *vmtas, size_t *merges)
{
	const struct conf_node *n = tls_node(l);
	/* Of a macro's names one stands for all. */
	const char *domain = snapshot_sample_domain(c->s->rg, l->patterns.v[0]);
	const struct vmta_entry *const own[] = { l->vmta, NULL };

	if (l->vmta != NULL)
		vmtas = own;
	for (; *vmtas != NULL && *merges < MERGES_MAX; vmtas++) {
		const char *name = (*vmtas)->pub.name, *fault, *so;
		struct queue_conf q;

		++*merges;
		if (!concerns(l, *vmtas))
			continue;
		*merges += merges_for(c, *vmtas);
		settings_queue(c->s, domain, name, &q);
		fault = tls_policy_fault(&q, &so);
		if (fault != NULL) {
			conf_error(c->errs, n->file, n->line,
			    "%s, for %s/%s: %s", fault, domain, name, so);
			return;
		}
	}
}

/* Has the VMTA, or its pool, settings of its own about TLS? */
static bool
has_own_tls(const struct strmap *speaking, const struct vmta_entry *v)
{
	return strmap_get(speaking, v->key) != NULL ||
	    (v->domain_pool != NULL &&
		strmap_get(speaking, v->domain_pool->key) != NULL);
}

/*
 * What harms together, whichever levels it comes from.
 * Asked for each <domain> that names one of them, and each virtual MTA that
 * has its own; the others are like {default}.
 */
void
snapshot_tls_policy_check(const struct snapshot *s, struct conf_errors *errs)
{
	const struct check of = { s, errs }, *c = &of;
	size_t count = 0, all = strmap_count(c->s->vmtas);
	const struct vmta_entry **vmtas = region_array(c->s->rg, all + 1,
	    sizeof(void *));
	struct strmap *speaking = strmap_new();
	size_t merges = 0;

	for (struct layer *l = c->s->layers; l != NULL; l = l->next)
		if (sets_tls(l) && (l->vmta != NULL || l->pool != NULL))
			strmap_put(speaking,
			    l->vmta != NULL ? l->vmta->key : l->pool->key, l);
	for (size_t i = 0; i < all; i++) {
		const struct vmta_entry *v = strmap_at(c->s->vmtas, i);

		if (count == 0 || has_own_tls(speaking, v))
			vmtas[count++] = v;
	}
	for (const struct layer *l = c->s->layers; l != NULL; l = l->next)
		if (sets_tls(l) && l->patterns.n > 0)
			check_tls_layer(c, l, vmtas, &merges);
	strmap_free(&speaking);
}
