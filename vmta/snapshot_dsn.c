/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notifications: where they go, and what of them is worded by the operator,
 * compiled at load.
 */
#include <string.h>

#include "lib/conf_parse.h"
#include "vmta/conf_file.h"
#include "vmta/snapshot_priv.h"

/* ---- dsn-host ------------------------------------------------------------ */

/* Each end of the loop would take the other's notifications for mail. */
static bool
is_own_listener(const struct snapshot *s, const struct conf_host *h)
{
	for (const struct listener_entry *l = s->listeners; l != NULL;
	     l = l->next) {
		struct net_addr addr;
		uint16_t port;
		struct err ignored;

		if (net_endpoint_parse(l->where, &addr, &port, &ignored) == 0 &&
		    port == (h->port == 0 ? 25 : h->port) &&
		    net_addr_eq(&addr, &h->addr))
			return true;
	}
	return false;
}

void
snapshot_dsn_check_host(const struct snapshot *s, const struct conf_node *n,
    struct conf_errors *errs)
{
	const struct conf_hosts *hosts = &s->global.dsn_hosts;

	for (size_t i = 0; i < hosts->n; i++) {
		if (hosts->v[i].lookup_mx)
			conf_error(errs, n->file, n->line,
			    "dsn-host: lookup-mx would send notifications to "
			    "the internet; name the host MTA");
		else if (hosts->v[i].name == NULL &&
		    is_own_listener(s, &hosts->v[i]))
			conf_error(errs, n->file, n->line,
			    "dsn-host is a smtp-listener of our own; name the "
			    "host MTA");
	}
}

/* ---- words --------------------------------------------------------------- */

static const struct conf_node *
node_of(const struct snapshot *s, const char *name)
{
	return conf_set_node(&table_global, &s->global_set, name);
}

static const struct dsn_from *
read_from(struct snapshot *s, const char *name, const char *text, bool plain,
    struct conf_errors *errs)
{
	struct dsn_from *from = region_new_obj(s->rg, struct dsn_from);
	const struct conf_node *n = node_of(s, name);
	struct err e;

	if (text[0] == '\0' || n == NULL)
		return NULL;
	if (dsn_from_parse(text, plain, s->rg, from, &e) == 0)
		return from;
	conf_error(errs, n->file, n->line, "%s: %s", name, e.text);
	return NULL;
}

static const struct dsn_template *
read_subject(struct snapshot *s, struct conf_errors *errs)
{
	static const char name[] = "dsn-failed-subject-template";
	struct dsn_template *t = region_new_obj(s->rg, struct dsn_template);
	const char *text = s->global.dsn_subject;
	const struct conf_node *n = node_of(s, name);
	unsigned line;
	struct err e;

	if (text[0] == '\0' || n == NULL)
		return NULL;
	if (dsn_template_parse(slice_of(text), s->rg, t, &line, &e) == 0)
		return t;
	conf_error(errs, n->file, n->line, "%s: %s", name, e.text);
	return NULL;
}

static const struct dsn_template *
read_body(struct snapshot *s, struct conf_errors *errs)
{
	static const char name[] = "dsn-failed-body-template-from";
	struct dsn_template *t = region_new_obj(s->rg, struct dsn_template);
	const struct conf_node *n = node_of(s, name);
	struct conf_file_by by = { .rg = s->rg,
		.errs = errs,
		.directive = name };
	const char *path;
	struct slice text;
	unsigned line;
	struct err e;

	if (s->global.dsn_body[0] == '\0' || n == NULL)
		return NULL;
	by.file = n->file;
	by.line = n->line;
	path = conf_path(s->rg, n->file, s->global.dsn_body);
	if (conf_file_read(&by, path, &text) == -1)
		return NULL;
	if (dsn_template_parse(text, s->rg, t, &line, &e) == 0)
		return t;
	conf_error(errs, path, line, "%s", e.text);
	return NULL;
}

void
snapshot_dsn_join(struct snapshot *s, struct conf_errors *errs)
{
	s->dsn.from = read_from(s, "custom-dsn-from-header", s->global.dsn_from,
	    true, errs);
	s->dsn.failed_from = read_from(s, "dsn-failed-from-template",
	    s->global.dsn_failed_from, false, errs);
	s->dsn.failed_subject = read_subject(s, errs);
	s->dsn.failed_body = read_body(s, errs);
}

const struct dsn_forms *
snapshot_dsn(const struct snapshot *s)
{
	return &s->dsn;
}
