/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/ctl_setup_own.h"

#include <string.h>

#include "compat/postfix/pf_own.h"
#include "compat/postfix/pf_stay.h"
#include "lib/clock.h"
#include "lib/strmap.h"

/* ---- domains of the host's own ------------------------------------------- */

struct own {
	const struct ctl_setup_asks *of;
	const char *list;       /* "mydestination" */
	const char *domain;     /* which is not to be in it */
	struct host_plan *plan; /* gets refusals */
};

static void
check_list(const struct own *o, const char *path)
{
	struct buf b = { .p = NULL };
	struct err e;

	if (host_file_read(path, &b, &e) == -1)
		host_refuse(o->plan, "%s: %s", o->list, e.text);
	else
		pf_refuse_own(o->list,
		    pf_list_of_file(o->plan->rg, buf_cstr(&b)), o->domain,
		    o->plan);
	buf_fini(&b);
}

/* The keys as a list: what is below ".example" nobody can ask for. */
static void
check_keys(const struct own *o, const char *table)
{
	struct buf b = { .p = NULL };
	const char *keys = "";
	struct err e;

	if (pf_site_list(o->of->site, table, &b, &e) == -1)
		host_refuse(o->plan,
		    "%s has %s, which cannot be listed: whether one of its "
		    "domains is below %s is not known (%s)",
		    o->list, table, o->domain, e.text);
	for (const char *p = buf_cstr(&b); *p != '\0';) {
		const size_t len = strcspn(p, " \t\n");

		/* An address of virtual_alias_maps is no domain. */
		if (memchr(p, '@', len) == NULL)
			keys = REGION_JOIN(o->plan->rg, keys, " ",
			    region_strndup(o->plan->rg, p, len));
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	pf_refuse_own(o->list, keys, o->domain, o->plan);
	buf_fini(&b);
}

/* What stands in relay_domains includes what is below, if that counts there. */
static bool
includes_below(const struct own *o)
{
	return strcmp(o->list, "relay_domains") == 0 &&
	    pf_list_has(
		pf_value(o->of->host, NULL, "parent_domain_matches_subdomains"),
		o->list);
}

static void
check_table(const struct own *o, const char *table)
{
	const char *key = o->domain;
	struct err e;
	int has;

	if (key[0] == '.') {
		check_keys(o, table);
		return;
	}
	do {
		has = pf_site_has(o->of->site, table, key, &e);
		key = strchr(key, '.');
		key += key != NULL;
	} while (has == 0 && key != NULL && includes_below(o));
	if (has == -1)
		host_refuse(o->plan, "%s: %s: %s", o->list, table, e.text);
	else if (has == 1)
		host_refuse(o->plan, "%s is in %s: its mail is this host's own",
		    o->domain, o->list);
}

/* Those that stand in tables and files; of the others pf_stay.h knows. */
static void
check_tables(struct own *o)
{
	for (size_t i = 0; pf_own_lists[i] != NULL; i++) {
		struct slice rest, item;

		o->list = pf_own_lists[i];
		rest = slice_of(pf_value(o->of->host, NULL, o->list));
		while ((item = pf_list_item(&rest)).len > 0) {
			const char *word = region_strndup(o->plan->rg, item.p,
			    item.len);

			if (word[0] == '/')
				check_list(o, word);
			else if (strchr(word, ':') != NULL)
				check_table(o, word);
		}
	}
}

void
ctl_setup_refuse_own(const struct ctl_setup_asks *a, const char *domain)
{
	struct own o = { .of = a, .domain = domain, .plan = a->plan };

	check_tables(&o);
	if (domain[0] != '.' && pf_takes_below(a->host)) {
		o.domain = REGION_JOIN(a->plan->rg, ".", domain);
		check_tables(&o);
	}
}

/* ---- transport_maps ------------------------------------------------------ */

enum { COMPARE_S = 30 };

/* A table or a file of the host's own domains. */
struct table {
	const char *list, *name; /* "relay_domains", "hash:/etc/postfix/r" */
	struct strmap *keys;     /* in lower case; NULL: is to be asked */
	bool fails;
};

/* Entries of transport_maps against all of those; each is read once. */
struct routes {
	const struct ctl_setup_asks *of;
	struct table *tables;
	size_t n;
	int64_t until_us;
	bool late; /* some entries were not compared any more */
};

static const char *
lower(struct region *rg, const char *text, size_t len)
{
	char *copy = region_strndup(rg, text, len);

	str_lower(copy);
	return copy;
}

/* The first word of each line, of a file all of them. */
static void
read_keys(struct routes *r, struct table *t)
{
	struct region *rg = r->of->plan->rg;
	const bool is_file = t->name[0] == '/';
	struct buf b = { .p = NULL };
	struct err e;
	int rc = is_file ? host_file_read(t->name, &b, &e) :
			   pf_site_list(r->of->site, t->name, &b, &e);
	const char *p = buf_cstr(&b);

	if (rc == 0)
		t->keys = strmap_new();
	if (rc == 0 && is_file)
		p = pf_list_of_file(rg, p);
	while (rc == 0 && *p != '\0') {
		const size_t len = strcspn(p, ", \t\n");

		if (len > 0)
			strmap_put(t->keys, lower(rg, p, len), t);
		p += is_file ? len : strcspn(p, "\n");
		p += *p != '\0';
	}
	buf_fini(&b);
}

static void
routes_init(struct routes *r, const struct ctl_setup_asks *a)
{
	struct region *rg = a->plan->rg;

	*r = (struct routes){ .of = a,
		.until_us = clock_us() + COMPARE_S * US_PER_S };
	for (size_t i = 0; pf_own_lists[i] != NULL; i++) {
		struct slice rest = slice_of(
		    pf_value(a->host, NULL, pf_own_lists[i]));
		struct slice item;

		while ((item = pf_list_item(&rest)).len > 0) {
			const char *word = region_strndup(rg, item.p, item.len);

			if (strpbrk(word, ":/") == NULL)
				continue;
			r->tables = region_grow(rg, r->tables, r->n,
			    sizeof(*r->tables));
			r->tables[r->n] =
			    (struct table){ .list = pf_own_lists[i],
				    .name = word };
			read_keys(r, &r->tables[r->n++]);
		}
	}
}

static void
routes_fini(struct routes *r)
{
	for (size_t i = 0; i < r->n; i++)
		strmap_free(&r->tables[i].keys);
}

/* One that fails is not asked again. */
static bool
table_has(const struct routes *r, struct table *t, const char *key)
{
	struct err e;
	int has;

	if (t->keys != NULL)
		return strmap_get(t->keys, key) != NULL;
	if (t->fails || clock_us() >= r->until_us)
		return false;
	has = pf_site_has(r->of->site, t->name, key, &e);
	t->fails = has == -1;
	if (t->fails)
		host_note(r->of->plan,
		    "%s: %s: %s: an entry of transport_maps with a host and no "
		    "transport (:[host]) that is not of this host's own would "
		    "lead there by LMTP",
		    t->list, t->name, e.text);
	return has == 1;
}

static bool
list_has(const struct routes *r, const char *list, const char *key)
{
	struct slice rest = slice_of(pf_value(r->of->host, NULL, list)), item;

	while ((item = pf_list_item(&rest)).len > 0)
		if (slice_eq_nocase(item, key))
			return true;
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->tables[i].list, list) == 0 &&
		    table_has(r, &r->tables[i], key))
			return true;
	return false;
}

/*
 * A domain, or all below it: relay_domains alone has more than what stands
 * there, by a parent that counts or by ".example".
 */
static bool
relays(const struct routes *r, const char *domain, bool below)
{
	const struct own o = { .of = r->of, .list = "relay_domains" };
	const char *dot = includes_below(&o) ? "" : ".";

	if (list_has(r, o.list,
		below ? REGION_JOIN(r->of->plan->rg, dot, domain) : domain))
		return true;
	while ((domain = strchr(domain, '.')) != NULL) {
		domain++;
		if (list_has(r, o.list,
			REGION_JOIN(r->of->plan->rg, dot, domain)))
			return true;
	}
	return false;
}

static bool
is_own(const struct routes *r, const char *domain)
{
	for (size_t i = 0; pf_own_lists[i] != NULL; i++)
		if (strcmp(pf_own_lists[i], "relay_domains") != 0 &&
		    list_has(r, pf_own_lists[i], domain))
			return true;
	return relays(r, domain, false);
}

/* What a key is about, a domain or all below it or both, is the host's own. */
static bool
is_own_key(const struct routes *r, const char *key)
{
	const char *at = strrchr(key, '@');
	const char *domain = lower(r->of->plan->rg, at == NULL ? key : at + 1,
	    strlen(at == NULL ? key : at + 1));

	if (domain[0] == '.')
		return relays(r, domain + 1, true);
	return is_own(r, domain) &&
	    (at != NULL || !pf_takes_below(r->of->host) ||
		relays(r, domain, true));
}

/* A table that fails has said nothing of it, and there is a note. */
static bool
is_known(const struct routes *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->tables[i].fails)
			return false;
	return clock_us() < r->until_us;
}

/* "key	:[host]": the transport of its class, and that is ours for others. */
static void
check_route(struct routes *r, const char *line)
{
	const struct ctl_setup_asks *a = r->of;
	const char *key = region_strndup(a->plan->rg, line,
	    strcspn(line, " \t"));
	const char *value = line + strlen(key);

	value += strspn(value, " \t");
	if (value[0] != ':' || value[1] == '\0')
		return;
	if (clock_us() >= r->until_us) {
		r->late = true;
		return;
	}
	if (strcmp(key, "*") != 0 && (is_own_key(r, key) || !is_known(r))) {
		r->late = r->late || clock_us() >= r->until_us;
		return;
	}
	host_refuse(a->plan,
	    "transport_maps: %s %s: with our transport as the default that "
	    "host would be asked by LMTP; write smtp%s there, or put "
	    "smtp-hosts for it into %s and take it out",
	    key, value, value, a->path);
}

static void
check_routes_of(struct routes *r, const char *table)
{
	const struct ctl_setup_asks *a = r->of;
	struct buf b = { .p = NULL };
	struct err e;

	if (pf_site_list(a->site, table, &b, &e) == -1)
		host_note(a->plan,
		    "transport_maps has %s, which cannot be listed: an "
		    "entry with a host and no transport (:[host]) "
		    "would lead there by LMTP",
		    table);
	for (const char *p = buf_cstr(&b); *p != '\0';) {
		const size_t len = strcspn(p, "\n");

		check_route(r, region_strndup(a->plan->rg, p, len));
		p += len + (p[len] == '\n');
	}
	buf_fini(&b);
}

void
ctl_setup_check_routes(const struct ctl_setup_asks *a)
{
	struct slice rest = slice_of(pf_value(a->host, NULL, "transport_maps"));
	struct slice item;
	struct routes r;

	if (rest.len == 0)
		return;
	routes_init(&r, a);
	while ((item = pf_list_item(&rest)).len > 0)
		check_routes_of(&r,
		    region_strndup(a->plan->rg, item.p, item.len));
	if (r.late)
		host_note(a->plan,
		    "transport_maps: not all of its entries with a host and no "
		    "transport (:[host]) were compared with this host's own "
		    "domains within %d s: others would lead there by LMTP",
		    COMPARE_S);
	routes_fini(&r);
}

/* ---- ways of its mail ---------------------------------------------------- */

int
ctl_setup_own_ways(const struct pf_site *site, const struct pf_conf *host,
    struct err *e)
{
	struct pf_conf *then = pf_conf_new(site->rg);
	const char *name;
	int rc = pf_site_read_copies(site, then, e);

	name = rc == -1 ? NULL : pf_own_changed(host, then);
	if (name != NULL)
		rc = err_set(e,
		    "%s would be \"%s\", and is \"%s\": mail of this host's "
		    "own would go another way; write there what it is",
		    name, pf_value(then, NULL, name),
		    pf_value(host, NULL, name));
	pf_conf_free(&then);
	return rc;
}
