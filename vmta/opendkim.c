/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/opendkim.h"

#include <string.h>

#include "lib/glob.h"
#include "mail/dkim_fields.h"
#include "mail/dkim_key.h"
#include "vmta/opendkim_priv.h"
#include "vmta/settings.h"

/* Who wrote the message. */
struct author {
	const char *user, *host; /* lower case; the user may be "" */
	const char *address;
};

/* Signatures as they are found. */
struct search {
	const struct opendkim *o;
	const struct author *by;
	struct region *rg;
	struct signing *out;
};

void
opendkim_free(struct opendkim **op)
{
	struct opendkim *o = *op;

	*op = NULL;
	if (o == NULL)
		return;
	for (size_t i = 0; i < strmap_count(o->keys); i++) {
		struct opendkim_key *k = strmap_at(o->keys, i);

		strmap_free(&k->by_domain);
	}
	for (size_t i = 0; i < o->own_n; i++)
		dkim_key_free(&o->own[i]);
	strmap_free(&o->keys);
	strmap_free(&o->rules);
	dkim_fields_free(&o->fields);
}

/* The narrower one says more, as opendkim.conf(5) has it of PeerList. */
bool
opendkim_is_inside(const struct opendkim *o, const struct net_addr *a)
{
	const struct net_addr addr = settings_plain_address(a);
	size_t best = o->inside_n;

	for (size_t i = 0; i < o->inside_n; i++)
		if (net_prefix_match(&o->inside[i], &addr) &&
		    (best == o->inside_n ||
			o->inside[i].bits >= o->inside[best].bits))
			best = i;
	return best < o->inside_n && !o->inside_not[best];
}

/* ---- one signature ------------------------------------------------------------ */

/* Each "%" is the author's domain. */
static const char *
fill_in(const struct search *s, const char *text)
{
	struct buf out = { 0 };
	const char *filled;

	if (strchr(text, '%') == NULL)
		return text;
	for (; *text != '\0'; text++)
		if (*text == '%')
			buf_str(&out, s->by->host);
		else
			buf_byte(&out, *text);
	filled = region_strndup(s->rg, out.p, out.len);
	buf_fini(&out);
	return filled;
}

static void
add(const struct search *s, const struct opendkim_key *k, const char *signer)
{
	struct signing *out = s->out;
	const struct dkim_key *key;
	struct signature *g;

	if (k == NULL || out->n == SIGNATURES_MAX)
		return;
	key = k->by_domain == NULL ? k->key :
				     strmap_get(k->by_domain, s->by->host);
	if (key == NULL)
		return;
	g = &out->v[out->n++];
	g->key = key;
	g->selector = k->selector;
	g->domain = strcmp(k->domain, "%") == 0 ? s->by->host : k->domain;
	g->identity = signer == NULL ? NULL : fill_in(s, signer);
	g->opts = s->o->opts;
}

/* Enough of them? */
static bool
take(const struct search *s, const struct opendkim_rule *rule)
{
	const struct opendkim_key *k = rule->key != NULL ?
	    rule->key :
	    strmap_get(s->o->keys, s->by->host);

	add(s, k, rule->signer);
	return !s->o->multiple;
}

/* ---- the SigningTable ----------------------------------------------------------- */

/* True: there is such a key, and enough of its rows were taken. */
static bool
take_all(const struct search *s, const char *key)
{
	const struct opendkim_rule *rule = strmap_get(s->o->rules, key);
	bool any = rule != NULL;

	for (; rule != NULL; rule = rule->next)
		if (take(s, rule))
			return true;
	return any;
}

/* With the user in front of it, or without. */
static bool
take_above(const struct search *s, const char *user)
{
	const char *dot = s->by->host;

	for (; (dot = strchr(dot, '.')) != NULL; dot++)
		if (take_all(s, REGION_JOIN(s->rg, user, dot)))
			return true;
	return false;
}

/*
 * In the order of opendkim.conf(5), SigningTable.  What it says of
 * MultipleSignatures is not what opendkim does (2.11, as measured): the first
 * key that there is, and "*" beside it.
 */
static void
search_plain(const struct search *s)
{
	const char *user = REGION_JOIN(s->rg, s->by->user, "@");
	bool found = take_all(s, s->by->address) || take_all(s, s->by->host) ||
	    take_above(s, user) || take_above(s, "") ||
	    take_all(s, REGION_JOIN(s->rg, user, "*"));

	if (!found || s->o->multiple)
		(void)take_all(s, "*");
}

static void
search_patterns(const struct search *s)
{
	for (size_t i = 0; i < strmap_count(s->o->rules); i++) {
		const struct opendkim_rule *rule = strmap_at(s->o->rules, i);

		if (!glob_match(rule->pattern, s->by->address))
			continue;
		if (take_all(s, rule->pattern) && !s->o->multiple)
			return;
	}
}

/* ---- Domain, Selector and KeyFile ------------------------------------------------ */

static void
search_domains(const struct search *s)
{
	const char *host = s->by->host;

	while (host != NULL) {
		const struct opendkim_key *k = strmap_get(s->o->keys, host);

		if (k != NULL) {
			/* As opendkim has it of a domain below. */
			add(s, k,
			    host == s->by->host ?
				NULL :
				REGION_JOIN(s->rg, "@", host));
			return;
		}
		host = s->o->subdomains ? strchr(host, '.') : NULL;
		if (host != NULL)
			host++;
	}
}

void
opendkim_find(const struct opendkim *o, const struct signing_facts *facts,
    struct region *rg, struct signing *out)
{
	const char *address = o->sender_first && facts->sender != NULL ?
	    facts->sender :
	    facts->from;
	struct author by;
	struct search s = { o, &by, rg, out };
	char *user;

	if (address == NULL || facts->outside)
		return;
	user = region_strdup(rg, address);
	str_lower(user);
	by.address = region_strdup(rg, user);
	*strrchr(user, '@') = '\0';
	by.user = user;
	by.host = user + strlen(user) + 1;
	if (o->single)
		search_domains(&s);
	else if (o->patterns)
		search_patterns(&s);
	else
		search_plain(&s);
}
