/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domains of the host's own as host-domain, by which `mailrace setup postfix
 * --fast-path` knows what must not be sent out.
 */
#include <string.h>

#include "compat/postfix/pf_import_priv.h"
#include "compat/postfix/pf_stay.h"
#include "lib/conf_hosts.h"

struct own {
	struct pf_import *im;
	struct import_fact fact; /* the list: mydestination and the like */
	bool below; /* what is below a domain in it is in it, too */
	bool tell;  /* it is not Postfix's default */
	size_t n;
};

/* An address of virtual_alias_maps and one of an interface are no domains. */
static void
add_domain(struct own *o, const char *item, const char *where)
{
	struct pf_import *im = o->im;
	const bool dot = item[0] == '.';
	const char *domain = item + dot, *line;
	struct import_fact fact = o->fact;

	if (strchr(domain, '@') != NULL || domain[0] == '[')
		return;
	line = REGION_JOIN(im->rg, dot ? "*." : o->below ? "[*.]" : "", domain);
	if (strmap_get(im->domains, line) != NULL)
		return;
	if (pf_is_plain_host(domain) &&
	    import_add(import_top(im->out), "host-domain", line, where)) {
		strmap_put(im->domains, line, im);
		o->n++;
		return;
	}
	fact.value = item;
	import_tell(im->report, IMPORT_LOST, &fact,
	    "it is not known which domains that stands for: write them as "
	    "host-domain");
}

static void
add_table(struct own *o, const char *table)
{
	struct pf_import *im = o->im;
	struct pf_rows rows = { 0 };
	bool told = !o->tell;

	im->naming = o->fact.name;
	pf_tables_read(&im->reader, table, &rows);
	for (size_t i = 0; i < rows.n; i++) {
		struct import_fact fact = o->fact;

		fact.value = table;
		if (rows.v[i].kind == PF_ROW_KEY)
			add_domain(o, rows.v[i].key, rows.v[i].where);
		else if (!told)
			import_tell(im->report, IMPORT_LOST, &fact,
			    "it has a pattern of domains: write them as "
			    "host-domain");
		told = told || rows.v[i].kind != PF_ROW_KEY;
	}
	pf_rows_fini(&rows);
}

static void
add_word(struct own *o, const char *word, const char *where)
{
	struct import_fact fact = o->fact;

	fact.value = word;
	if (word[0] == '!')
		import_tell(o->im->report, IMPORT_LOST, &fact,
		    "what is excluded cannot be said in host-domain");
	else if (strchr(word, ':') != NULL && word[0] != '[')
		add_table(o, word);
	else
		add_domain(o, word, where);
}

/* A file in it stands for its own words. */
static void
add_file(struct own *o, const char *path)
{
	struct pf_import *im = o->im;
	struct import_fact fact = o->fact;
	struct slice text = { NULL, 0 }, rest, item;
	struct err e;

	fact.value = path;
	if (im->from->fetch(im->from->ctx, PF_FETCH_TEXT, path, &text, &e) ==
	    -1) {
		import_tell(im->report, IMPORT_LOST, &fact, "%s", e.text);
		return;
	}
	rest = slice_of(
	    pf_list_of_file(im->rg, region_strndup(im->rg, text.p, text.len)));
	while ((item = pf_list_item(&rest)).len > 0)
		add_word(o, region_strndup(im->rg, item.p, item.len), path);
}

static void
add_list(struct pf_import *im, const char *name)
{
	struct own o = { .im = im,
		.fact = pf_fact(im, NULL, name),
		.tell = pf_is_changed(im->conf, name),
		.below = strcmp(name, "relay_domains") == 0 &&
		    pf_list_has(pf_value(im->conf, NULL,
				    "parent_domain_matches_subdomains"),
			name) };
	struct slice rest = slice_of(o.fact.value), item;

	while ((item = pf_list_item(&rest)).len > 0) {
		const char *word = region_strndup(im->rg, item.p, item.len);

		if (word[0] == '/')
			add_file(&o, word);
		else
			add_word(&o, word, name);
	}
	if (o.tell && o.n > 0)
		import_tell(im->report, IMPORT_CHANGED, &o.fact,
		    "as host-domain: %zu; mail that comes to Mailrace by SMTP "
		    "for them goes back to the host; what is added there later "
		    "has to be added here",
		    o.n);
}

void
pf_own_domains(struct pf_import *im)
{
	for (size_t i = 0; pf_own_lists[i] != NULL; i++)
		add_list(im, pf_own_lists[i]);
}
