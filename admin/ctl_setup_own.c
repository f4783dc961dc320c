/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/ctl_setup_own.h"

#include <string.h>

#include "compat/postfix/pf_own.h"
#include "compat/postfix/pf_stay.h"

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

static bool
is_own(const struct ctl_setup_asks *a, const char *domain)
{
	struct own o = { .of = a, .domain = domain };
	struct host_plan p;
	bool is;

	host_plan_init(&p);
	o.plan = &p;
	for (size_t i = 0; pf_own_lists[i] != NULL; i++)
		pf_refuse_own(pf_own_lists[i],
		    pf_value(a->host, NULL, pf_own_lists[i]), domain, &p);
	check_tables(&o);
	is = p.refusals.n > 0;
	host_plan_fini(&p);
	return is;
}

/* ---- transport_maps ------------------------------------------------------ */

/* "a.example" of "user@a.example", ".a.example"; "*" is all. */
static const char *
domain_of(const char *key)
{
	const char *at = strrchr(key, '@');

	if (at != NULL)
		key = at + 1;
	return key[0] == '.' ? key + 1 : key;
}

/* "key	:[host]": the transport of its class, and that is ours for others. */
static void
check_route(const struct ctl_setup_asks *a, const char *line)
{
	const char *key = region_strndup(a->plan->rg, line,
	    strcspn(line, " \t"));
	const char *value = line + strlen(key);

	value += strspn(value, " \t");
	if (value[0] != ':' || value[1] == '\0' ||
	    (strcmp(key, "*") != 0 && is_own(a, domain_of(key))))
		return;
	host_refuse(a->plan,
	    "transport_maps: %s %s: with our transport as the default that "
	    "host would be asked by LMTP; write smtp%s there, or put "
	    "smtp-hosts for it into %s and take it out",
	    key, value, value, a->path);
}

void
ctl_setup_check_routes(const struct ctl_setup_asks *a)
{
	struct slice rest = slice_of(pf_value(a->host, NULL, "transport_maps"));
	struct slice item;

	while ((item = pf_list_item(&rest)).len > 0) {
		const char *table = region_strndup(a->plan->rg, item.p,
		    item.len);
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

			check_route(a, region_strndup(a->plan->rg, p, len));
			p += len + (p[len] == '\n');
		}
		buf_fini(&b);
	}
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
