/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS with servers: smtp_tls_security_level and smtp_tls_policy_maps, whose
 * keys are nexthops: domains of recipients, or what a table of transports
 * names.
 */
#include <string.h>

#include "compat/postfix/pf_import_priv.h"
#include "compat/postfix/pf_tls_lines.h"
#include "vmta/effect.h"

static const struct level {
	const char *name;
	const char *use, *require; /* use-starttls, require-starttls */
	const char *wants;         /* what is not here; or NULL */
	bool mandatory;            /* by the parameters for that */
	const char *match;         /* names in certificates; or NULL */
} levels[] = {
	{ "none", "no", "no", NULL, false, NULL },
	{ "may", "yes", "no", NULL, false, NULL },
	{ "encrypt", "yes", "yes", NULL, true, NULL },
	{ "dane", "yes", "no", "use-dane", true, NULL },
	{ "dane-only", "yes", "yes", "use-dane", true, NULL },
	{ "half-dane", "yes", "no", "use-dane", true, NULL },
	{ "fingerprint", "yes", "yes", "fingerprint", true, NULL },
	{ "verify", "yes", "yes", NULL, true, "smtp_tls_verify_cert_match" },
	{ "secure", "yes", "yes", NULL, true, "smtp_tls_secure_cert_match" },
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
	const struct pf_tls_lines *above; /* what holds without lines */
	struct pf_tls_lines star;         /* once there is <domain *> */
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
add_wanted(const struct policy *p, struct import_block *b, struct err *why)
{
	const char *wants = p->level->wants;

	if (effect_of("domain", wants, "yes", why) != EFFECT_TAKES)
		return false;
	return import_add(b, wants, "yes", p->fact.name);
}

/* Adds the lines that are not as what is above says, and their text. */
static const char *
put_lines(struct scope *s, const struct pf_tls_lines *lines,
    struct import_block *b, const char *comment)
{
	struct pf_tls_lines none;
	const char *text = "";

	pf_tls_lines_default(&none);
	for (size_t i = 0; i < PF_TLS_LINES; i++) {
		const char *value = lines->values[i];

		if (s->above == NULL || strcmp(value, s->above->values[i]) != 0)
			(void)import_add(b, pf_tls_directives[i],
			    value[0] == '\0' ? "\"\"" : value, comment);
		if (strcmp(value, none.values[i]) == 0)
			continue;
		s->im->asks_tls = true;
		text = REGION_JOIN(s->im->rg, text, ", ", pf_tls_directives[i],
		    " ", value);
	}
	return text;
}

static void
make_lines(const struct scope *s, const struct policy *p,
    struct pf_tls_lines *out)
{
	const struct pf_tls_asked asked = { .rg = s->im->rg,
		.conf = s->im->conf,
		.service = s->service,
		.attributes = p->attributes,
		.mandatory = p->level->mandatory,
		.match = p->level->match };

	if (p->level == &levels[0])
		pf_tls_lines_default(out);
	else
		pf_tls_lines_make(&asked, out);
}

static void
put_policy(struct scope *s, const struct policy *p, const char *pattern)
{
	struct pf_import *im = s->im;
	struct import_block *b = import_block(im->out, s->in, "domain",
	    pattern);
	const char *comment = REGION_JOIN(im->rg, p->fact.name, " ",
	    p->level->name, ", ", p->fact.where);
	struct pf_tls_lines lines;
	const char *made, *lost;
	struct err why;

	(void)import_add(b, "use-starttls", p->level->use, comment);
	(void)import_add(b, "require-starttls", p->level->require, comment);
	make_lines(s, p, &lines);
	made = REGION_JOIN(im->rg, "use-starttls ", p->level->use,
	    ", require-starttls ", p->level->require,
	    put_lines(s, &lines, b, comment), " in <domain ", pattern,
	    s->service == NULL ? ">" : "> of ",
	    s->service == NULL ? "" : s->service->name);
	if (strcmp(pattern, "*") == 0) {
		s->star = lines;
		s->above = &s->star;
	}
	lost = lines.lost;
	if (p->level->wants != NULL && !add_wanted(p, b, &why))
		lost = why.text;
	if (!s->tell)
		return;
	if (lines.left[0] != '\0')
		import_tell(im->report, IMPORT_UNSAFE, &p->fact,
		    "nothing here is like %s", lines.left);
	if (lost != NULL)
		import_tell(im->report, IMPORT_UNSAFE, &p->fact,
		    "%s; %s stands in its place", lost, made);
	else
		import_tell(im->report, IMPORT_TAKEN, &p->fact, "%s", made);
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
			text = strcmp(pf_value(conf, s->service,
					  "smtp_tls_enforce_peername"),
				   "no") == 0 ?
			    "encrypt" :
			    "verify";
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
	struct pf_tls_lines none;

	/* What the top level says of a domain would hold here, too. */
	pf_tls_lines_default(&none);
	s.above = service != NULL && im->asks_tls ? NULL : &none;
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
