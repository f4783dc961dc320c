/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS with servers: smtp_tls_security_level and smtp_tls_policy_maps, whose
 * keys are nexthops: domains of recipients, or what a table of transports
 * names.
 */
#include <string.h>

#include "compat/postfix/pf_import_priv.h"
#include "vmta/effect.h"

static const struct level {
	const char *name;
	const char *use, *require; /* use-starttls, require-starttls */
	const char *wants;         /* what it needs beside that; or NULL */
} levels[] = {
	{ "none", "no", "no", NULL },
	{ "may", "yes", "no", NULL },
	{ "encrypt", "yes", "yes", NULL },
	{ "dane", "yes", "no", "use-dane" },
	{ "dane-only", "yes", "yes", "use-dane" },
	{ "half-dane", "yes", "no", "use-dane" },
	{ "fingerprint", "yes", "yes", "fingerprint" },
	{ "verify", "yes", "yes", "smtp-tls-ca-file" },
	{ "secure", "yes", "yes", "smtp-tls-ca-file" },
};

struct policy {
	const struct level *level;
	struct import_fact fact;
	const char *attributes; /* behind the level */
};

/* The places of a policy. */
struct scope {
	struct pf_import *im;
	struct import_block *in;
	const struct pf_service *service;
	struct pf_rows rows;
	struct policy base;
	bool tell;
};

static const struct level *
level_of(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (slice_eq_nocase((struct slice){ name, len },
			levels[i].name))
			return &levels[i];
	return NULL;
}

bool
pf_tls_is_own(const struct pf_import *im, const struct pf_service *s)
{
	static const char *const names[] = { "smtp_tls_security_level",
		"smtp_tls_policy_maps", "smtp_use_tls", "smtp_enforce_tls" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (pf_is_own(im->conf, s, names[i]))
			return true;
	return false;
}

/* ---- one policy ------------------------------------------------------------ */

/* "encrypt protocols=... match=..."; false: told. */
static bool
parse_policy(struct scope *s, const char *text, struct policy *p)
{
	size_t len = strcspn(text, " \t,");

	p->level = level_of(text, len);
	p->attributes = text + len + strspn(text + len, " \t,");
	if (p->level == NULL)
		import_tell(s->im->report, IMPORT_UNSAFE, &p->fact,
		    "this level is not understood");
	return p->level != NULL;
}

/* What the level needs beside TLS; false: it is not there. */
static bool
add_wanted(struct scope *s, const struct policy *p, struct import_block *b,
    struct err *why)
{
	const char *wants = p->level->wants;
	const char *value = strcmp(wants, "use-dane") == 0 ?
	    "yes" :
	    pf_value(s->im->conf, s->service, "smtp_tls_CAfile");

	if (effect_of("domain", wants, value, why) != EFFECT_TAKES)
		return false;
	return import_add(b, wants, value, p->fact.name);
}

static void
tell_attributes(struct scope *s, const struct policy *p)
{
	if (s->tell && p->attributes[0] != '\0')
		import_tell(s->im->report, IMPORT_UNSAFE, &p->fact,
		    "nothing here is like %s", p->attributes);
}

static void
put_policy(struct scope *s, const struct policy *p, const char *pattern)
{
	struct pf_import *im = s->im;
	struct import_block *b = import_block(im->out, s->in, "domain",
	    pattern);
	const char *comment = REGION_JOIN(im->rg, p->fact.name, " ",
	    p->level->name, ", ", p->fact.where);
	const char *made = REGION_JOIN(im->rg, "use-starttls ", p->level->use,
	    ", require-starttls ", p->level->require, " in <domain ", pattern,
	    s->service == NULL ? ">" : "> of ",
	    s->service == NULL ? "" : s->service->name);
	struct err why;

	(void)import_add(b, "use-starttls", p->level->use, comment);
	(void)import_add(b, "require-starttls", p->level->require, comment);
	tell_attributes(s, p);
	if (p->level->wants != NULL && !add_wanted(s, p, b, &why)) {
		if (s->tell)
			import_tell(im->report, IMPORT_UNSAFE, &p->fact,
			    "%s; %s stands in its place", why.text, made);
	} else if (s->tell) {
		import_tell(im->report, IMPORT_TAKEN, &p->fact, "%s", made);
	}
}

/* ---- all of them ----------------------------------------------------------- */

/* The level where no table says anything; false: not understood. */
static bool
find_base(struct scope *s)
{
	const struct pf_conf *conf = s->im->conf;
	const char *text;

	s->base.fact = pf_fact(s->im, s->service, "smtp_tls_security_level");
	text = s->base.fact.value;
	if (text[0] == '\0') { /* older names of levels (postconf(5)) */
		if (strcmp(pf_value(conf, s->service, "smtp_enforce_tls"),
			"yes") == 0)
			text = "encrypt";
		else if (strcmp(pf_value(conf, s->service, "smtp_use_tls"),
			     "yes") == 0)
			text = "may";
		else
			text = "none";
		s->base.fact.value = text;
	}
	return parse_policy(s, text, &s->base);
}

/* The policy of a nexthop that has a row; false: none. */
static bool
policy_of(struct scope *s, const char *nexthop, struct policy *p)
{
	char *key = region_strdup(s->im->rg, nexthop);
	const struct pf_row *row;

	str_lower(key);
	row = pf_rows_find(&s->rows, key);
	if (row == NULL)
		return false;
	p->fact = (struct import_fact){ "smtp_tls_policy_maps",
		REGION_JOIN(s->im->rg, row->key, " ", row->values[0]),
		row->where, false };
	return parse_policy(s, row->values[0], p);
}

/* Has the table a row for domains of that pattern? */
static bool
has_row(const struct scope *s, const char *pattern)
{
	return pf_rows_find(&s->rows, pattern + (pattern[0] == '*')) != NULL;
}

/*
 * Domains whose mail goes elsewhere than what <domain *> is about: to a nexthop,
 * or, of a relay, to MX hosts.
 */
static void
put_routes(struct scope *s, bool star_is_base)
{
	for (size_t i = 0; i < s->im->route_count; i++) {
		const struct pf_route *r = &s->im->routes[i];
		const char *nexthop = s->service == NULL ?
		    pf_nexthop_of(s->im, r) :
		    r->hop.nexthop;
		const bool direct = nexthop[0] == '\0';
		struct policy p;

		if (direct &&
		    (r->hop.service[0] == '\0' || star_is_base ||
			has_row(s, r->pattern)))
			continue;
		if (!direct && policy_of(s, nexthop, &p)) {
			put_policy(s, &p, r->pattern);
		} else if (s->rows.n > 0) {
			bool tell = s->tell;

			s->tell = false;
			put_policy(s, &s->base, r->pattern);
			s->tell = tell;
		}
	}
}

static bool
is_nexthop(const struct scope *s, const char *key, const char *nexthop)
{
	return str_eq_nocase(nexthop, key) ||
	    strmap_get(s->im->nexthops, key) != NULL;
}

/* As transport(5) looks for it: the domain, what is above it, "*". */
static const struct pf_route *
route_of(const struct pf_import *im, const char *pattern)
{
	const struct pf_route *r = strmap_get(im->patterns, pattern);
	const char *dot = strchr(pattern + (pattern[0] == '*' ? 2 : 0), '.');

	for (; r == NULL && dot != NULL; dot = strchr(dot + 1, '.'))
		r = strmap_get(im->patterns, REGION_JOIN(im->rg, "*", dot));
	return r != NULL ? r : strmap_get(im->patterns, "*");
}

/* Does mail for that domain go to its own MX hosts? */
static bool
is_direct(const struct scope *s, const char *pattern, const char *nexthop)
{
	const struct pf_route *r = route_of(s->im, pattern);

	if (r == NULL)
		return nexthop[0] == '\0';
	return r->hop.nexthop[0] == '\0' &&
	    (r->hop.service[0] != '\0' || nexthop[0] == '\0');
}

static void
put_row(struct scope *s, const struct pf_row *row, const char *nexthop)
{
	struct pf_import *im = s->im;
	const char *pattern;
	struct policy p;

	p.fact = (struct import_fact){ "smtp_tls_policy_maps",
		REGION_JOIN(im->rg, row->key, " ", row->values[0]), row->where,
		false };
	if (row->kind != PF_ROW_KEY) {
		if (s->tell)
			import_tell(im->report, IMPORT_UNSAFE, &p.fact,
			    "a pattern of nexthops");
		return;
	}
	if (is_nexthop(s, row->key, nexthop))
		return; /* where that stands */
	if (strpbrk(row->key, "[]:") != NULL) {
		if (s->tell)
			import_tell(im->report, IMPORT_LOST, &p.fact,
			    "no mail has this nexthop");
		return;
	}
	pattern = pf_domain_pattern(im, row->key, &p.fact);
	if (pattern == NULL)
		return;
	if (is_direct(s, pattern, nexthop)) {
		if (parse_policy(s, row->values[0], &p))
			put_policy(s, &p, pattern);
	} else if (s->tell) {
		import_tell(im->report, IMPORT_LOST, &p.fact,
		    "no mail has this nexthop: that of the domain goes "
		    "elsewhere");
	}
}

/* A level that nobody has set is no news. */
static void
put_star(struct scope *s, const struct policy *p)
{
	bool tell = s->tell;

	if (p == &s->base)
		s->tell = s->tell && p->level != &levels[0];
	put_policy(s, p, "*");
	s->tell = tell;
}

void
pf_tls(struct pf_import *im, struct import_block *in,
    const struct pf_service *service, const char *nexthop)
{
	struct scope s = { .im = im, .in = in, .service = service };
	struct policy own, *star = &s.base;

	s.tell = service == NULL || pf_tls_is_own(im, service);
	pf_read_tables(im, service, "smtp_tls_policy_maps", &s.rows);
	if (!find_base(&s))
		return;
	if (nexthop[0] != '\0' && policy_of(&s, nexthop, &own))
		star = &own;
	put_star(&s, star);
	for (size_t i = 0; i < s.rows.n; i++) {
		const struct pf_row *row = &s.rows.v[i];

		if (row->kind != PF_ROW_KEY ||
		    pf_rows_find(&s.rows, row->key) == row)
			put_row(&s, row, nexthop);
	}
	put_routes(&s, star == &s.base);
}
