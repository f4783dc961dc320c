/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/ctl_setup_conf.h"

#include <string.h>

#include "compat/postfix/pf_setup.h"
#include "compat/postfix/pf_stay.h"
#include "lib/conf_hosts.h"

enum { TOLD_MAX = 100 }; /* domains, of what may be many thousands */

/* ---- the listener -------------------------------------------------------- */

const char *
ctl_setup_inject(const struct snapshot *conf, const struct pf_conf *host)
{
	const struct conf_strs *all = &snapshot_global(conf)->smtp_listeners;
	const char *found = NULL;

	for (size_t i = 0; i < all->n; i++) {
		if (all->v[i][0] != '/')
			continue;
		if (pf_relative(host, all->v[i]) != NULL)
			return all->v[i];
		if (found == NULL)
			found = all->v[i];
	}
	return found;
}

void
ctl_setup_say_inject(const struct ctl_setup_asks *a)
{
	host_refuse(a->plan,
	    "--fast-path: nobody listens for it; put these lines into %s, and "
	    "start mailraced anew:\n"
	    "  <smtp-listener %s/mailrace/inject>\n"
	    "      host-mta yes\n"
	    "  </smtp-listener>",
	    a->path, pf_value(a->host, NULL, "queue_directory"));
}

/* ---- domains ------------------------------------------------------------- */

struct own {
	const struct ctl_setup_asks *of;
	const char *list; /* "mydestination" */
	bool below;       /* what is below a domain in it is in it, too */
	size_t missing;   /* of all lists */
};

static bool
is_known(const struct own *o, const char *domain, bool below)
{
	const struct snapshot *conf = o->of->conf;

	if (!below)
		return snapshot_is_host_domain(conf, domain);
	/* Below it, anywhere: no other pattern is for such a name. */
	return snapshot_is_host_domain(conf,
	    REGION_JOIN(o->of->plan->rg, HOST_PROBE_DOMAIN ".", domain));
}

static void
check_domain(struct own *o, struct slice item)
{
	const bool dot = item.len > 0 && item.p[0] == '.';
	const char *domain = region_strndup(o->of->plan->rg, item.p + dot,
	    item.len - dot);
	const bool below = dot || o->below;

	if (strchr(domain, '@') != NULL || domain[0] == '[')
		return; /* an address of virtual_alias_maps, of an interface */
	if (!conf_is_host_name(slice_of(domain))) {
		host_refuse(o->of->plan,
		    "--fast-path: %s has %s: it is not known which domains of "
		    "this host that stands for",
		    o->list, domain);
		return;
	}
	if ((dot || is_known(o, domain, false)) &&
	    (!below || is_known(o, domain, true)))
		return;
	if (++o->missing <= TOLD_MAX)
		host_refuse(o->of->plan,
		    "--fast-path: %s is in %s, and its mail would be sent out: "
		    "put host-domain %s%s into %s, and reload",
		    domain, o->list, below ? dot ? "*." : "[*.]" : "", domain,
		    o->of->path);
}

/* Of lines of keys, with values behind them. */
static void
check_keys(struct own *o, const char *text)
{
	for (; *text != '\0'; text += strspn(text, "\n")) {
		check_domain(o, (struct slice){ text, strcspn(text, " \t\n") });
		text += strcspn(text, "\n");
	}
}

static void
check_table(struct own *o, const char *table)
{
	struct buf keys = { .p = NULL };
	struct err e;

	if (pf_site_list(o->of->site, table, &keys, &e) == 0)
		check_keys(o, buf_cstr(&keys));
	else
		host_refuse(o->of->plan,
		    "--fast-path: %s of %s cannot be listed, so it is not known "
		    "whose mail would be sent out (%s); write its domains into "
		    "a table that postmap -s lists, such as texthash, or set "
		    "up without it",
		    table, o->list, e.text);
	buf_fini(&keys);
}

static void
check_file(struct own *o, const char *path)
{
	struct buf text = { .p = NULL };
	struct slice rest, item;
	struct err e;

	if (host_file_read(path, &text, &e) == -1)
		host_refuse(o->of->plan, "--fast-path: %s: %s", o->list,
		    e.text);
	rest = slice_of(pf_list_of_file(o->of->plan->rg, buf_cstr(&text)));
	while ((item = pf_list_item(&rest)).len > 0)
		check_domain(o, item);
	buf_fini(&text);
}

static void
check_items(struct own *o, const char *list)
{
	struct slice rest = slice_of(list), item;

	while ((item = pf_list_item(&rest)).len > 0) {
		const char *word = region_strndup(o->of->plan->rg, item.p,
		    item.len);

		if (word[0] == '/')
			check_file(o, word);
		else if (word[0] != '[' && strchr(word, ':') != NULL)
			check_table(o, word);
		else
			check_domain(o, item);
	}
}

void
ctl_setup_own_domains(const struct ctl_setup_asks *a)
{
	const char *parents = pf_value(a->host, NULL,
	    "parent_domain_matches_subdomains");
	struct own o = { .of = a };

	for (size_t i = 0; pf_own_lists[i] != NULL; i++) {
		o.list = pf_own_lists[i];
		o.below = strcmp(o.list, "relay_domains") == 0 &&
		    pf_list_has(parents, o.list);
		check_items(&o, pf_value(a->host, NULL, o.list));
	}
	if (o.missing > TOLD_MAX)
		host_refuse(a->plan, "--fast-path: and %zu more",
		    o.missing - TOLD_MAX);
}

/* ---- the log --------------------------------------------------------------- */

void
ctl_setup_suggest_log(const struct ctl_setup_asks *a)
{
	const struct global_conf *g = snapshot_global(a->conf);
	const char *name = pf_value(a->host, NULL, "syslog_name");
	const char *file = pf_value(a->host, NULL, "maillog_file");
	const char *called = g->mail_log_name[0] == '\0' ? "postfix" :
							   g->mail_log_name;
	const bool renamed = name[0] != '\0' && strcmp(name, called) != 0;

	if (strcmp(g->log_style, "postfix") != 0)
		host_note(a->plan,
		    "for pflogsumm and other tools that read the log of this "
		    "Postfix, %s has to say:\n"
		    "  log-style postfix\n  %s%s%s",
		    a->path,
		    file[0] == '\0' ?
			"mail-log-socket /dev/log" :
			"mail-log-file /var/log/mailrace/mail.log",
		    renamed ? "\n  mail-log-name " : "", renamed ? name : "");
	else if (renamed)
		host_note(a->plan,
		    "this Postfix calls itself %s in its log: put "
		    "mail-log-name %s into %s",
		    name, name, a->path);
}
