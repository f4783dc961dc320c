/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_setup.h"

#include <string.h>

#include "compat/postfix/pf_fast.h"
#include "compat/postfix/pf_filter.h"
#include "compat/postfix/pf_place.h"
#include "compat/postfix/pf_stay.h"

struct setup {
	const struct pf_wish *wish;
	const struct pf_conf *h;
	struct host_plan *p;
	const char *route; /* "mailrace:unix:mailrace/lmtp" */
};

/* ---- names --------------------------------------------------------------- */

const char *
pf_relative(const struct pf_conf *h, const char *path)
{
	const char *dir = pf_value(h, NULL, "queue_directory");
	const size_t len = strlen(dir);

	if (len == 0 || strncmp(path, dir, len) != 0 || path[len] != '/')
		return NULL;
	return path + len + 1;
}

const char *
pf_wish_domain(const struct pf_wish *w, struct region *rg, struct slice *rest)
{
	struct slice item;

	if (w->scope == PF_DOMAINS) {
		item = pf_list_item(rest);
		return item.len == 0 ? NULL :
				       region_strndup(rg, item.p, item.len);
	}
	if (rest->p == NULL)
		return NULL;
	*rest = (struct slice){ NULL, 0 };
	return PF_OTHERS;
}

/* ---- the way to us ------------------------------------------------------- */

/*
 * Of the LMTP service; the smtp_ tables do not hold there by themselves.  A new
 * connection to our socket costs less than one that comes from scache(8), of
 * which there is one process for all of them.
 */
static const char lmtp_service[] =
    "mailrace unix - - n - 50 lmtp"
    " -o syslog_name=mailrace-in"
    " -o lmtp_send_xforward_command=yes"
    " -o lmtp_line_length_limit=0"
    " -o lmtp_connection_cache_on_demand=no"
    " -o lmtp_tls_security_level=none"
    " -o lmtp_generic_maps=$smtp_generic_maps"
    " -o lmtp_header_checks=$smtp_header_checks"
    " -o lmtp_mime_header_checks=$smtp_mime_header_checks"
    " -o lmtp_nested_header_checks=$smtp_nested_header_checks"
    " -o lmtp_body_checks=$smtp_body_checks";

/* For this host alone; it refuses nothing and asks no milter. */
static const char dsn_options[] =
    " inet n - n - - smtpd"
    " -o syslog_name=mailrace-dsn"
    " -o smtpd_milters="
    " -o smtpd_proxy_filter="
    " -o content_filter="
    " -o mynetworks=127.0.0.0/8"
    " -o smtpd_client_restrictions=permit_mynetworks,reject"
    " -o smtpd_helo_restrictions="
    " -o smtpd_sender_restrictions="
    " -o smtpd_relay_restrictions=permit_mynetworks,reject"
    " -o smtpd_recipient_restrictions="
    " -o smtpd_data_restrictions="
    " -o smtpd_end_of_data_restrictions="
    " -o smtpd_sasl_auth_enable=no"
    " -o smtpd_tls_security_level=none"
    " -o smtpd_client_connection_count_limit=0"
    " -o smtpd_client_connection_rate_limit=0"
    " -o smtpd_client_message_rate_limit=0";

static const struct limit {
	const char *name, *value;
} limits[] = {
	{ "mailrace_destination_concurrency_failed_cohort_limit", "0" },
	{ "mailrace_initial_destination_concurrency", "20" },
	{ "mailrace_destination_concurrency_limit", "50" },
	{ "mailrace_destination_recipient_limit", "1000" },
};

const char *
pf_setup_dsn_line(const struct pf_conf *h, const char *service,
    struct region *rg)
{
	const char *maps = pf_value(h, NULL, "smtpd_milter_maps");

	return REGION_JOIN(rg, service, dsn_options,
	    maps[0] == '\0' ? "" : " -o smtpd_milter_maps=");
}

/* A service of that name must be ours, by its name in the log. */
static void
want_service(struct setup *s, const char *name, const char *log_name,
    const char *line)
{
	const struct pf_service *is = pf_entry(s->h, slice_of(name));
	const char *log = is == NULL ? NULL :
				       pf_option(s->h, is, "syslog_name");

	if (is != NULL && (log == NULL || strcmp(log, log_name) != 0))
		host_refuse(s->p, "master.cf has a service %s that is not ours",
		    name);
	else
		pf_want_service(s->p, s->h, line);
}

static void
want_services(struct setup *s)
{
	struct host_plan *p = s->p;
	const char *dsn = s->wish->dsn;
	const struct pf_service *there = dsn == NULL ?
	    NULL :
	    pf_place_taken(s->h, dsn);

	want_service(s, "mailrace/unix", "mailrace-in", lmtp_service);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		pf_want_parameter(p, s->h, limits[i].name, limits[i].value);
	if (dsn == NULL)
		host_note(p,
		    "dsn-host of Mailrace's configuration names no port of "
		    "127.0.0.1: there will be no service for notifications");
	else if (there != NULL)
		host_refuse(p,
		    "dsn-host %s: %s in master.cf listens there already; put "
		    "a port that is free into Mailrace's configuration",
		    dsn, there->key);
	else
		want_service(s, region_printf(p->rg, "%s/inet", dsn),
		    "mailrace-dsn", pf_setup_dsn_line(s->h, dsn, p->rg));
}

/*
 * Probes of address verification go where mail went before: we would say yes
 * to any address.  What the operator has set stays.
 */
static void
keep_away(struct setup *s, const char *name, const char *of, const char *was)
{
	const char *set = pf_set(s->h, name);

	if (set == NULL || (set[0] == '$' && strcmp(set + 1, of) == 0))
		pf_want_parameter(s->p, s->h, name, was);
}

const char *
pf_behind(struct region *rg, const char *list, const char *item)
{
	const size_t len = strlen(item);

	if (strncmp(list, item, len) != 0 ||
	    (list[len] != '\0' && list[len] != ','))
		return NULL;
	list += len;
	return region_strdup(rg, list + strspn(list, ", "));
}

/* A table of ours before those that are there. */
static void
want_first(struct setup *s, const char *name, const char *table,
    const char *verify)
{
	const char *list = pf_set(s->h, name), *was;

	if (list == NULL)
		list = "";
	was = pf_behind(s->p->rg, list, table);
	if (was == NULL) {
		was = list;
		pf_want_parameter(s->p, s->h, name,
		    list[0] == '\0' ?
			table :
			region_printf(s->p->rg, "%s, %s", table, list));
	}
	keep_away(s, verify, name, was);
}

static void
want_all(struct setup *s)
{
	const char *was = pf_value(s->h, NULL, "default_transport");
	const char *maps = pf_set(s->h,
	    "sender_dependent_default_transport_maps");

	if (strcmp(was, s->route) == 0)
		was = "smtp";
	pf_want_parameter(s->p, s->h, "default_transport", s->route);
	keep_away(s, "address_verify_default_transport", "default_transport",
	    was);
	keep_away(s, "address_verify_sender_dependent_default_transport_maps",
	    "sender_dependent_default_transport_maps",
	    maps == NULL ? "" : maps);
}

static void
want_domains(struct setup *s)
{
	struct slice rest = slice_of(s->wish->list);
	struct buf b = { .p = NULL };
	const char *domain;

	buf_str(&b, "inline:{");
	while ((domain = pf_wish_domain(s->wish, s->p->rg, &rest)) != NULL)
		buf_printf(&b, "%s=%s,", domain, s->route);
	buf_printf(&b, "%s=%s}", HOST_PROBE_DOMAIN, s->route);
	want_first(s, "transport_maps", buf_cstr(&b),
	    "address_verify_transport_maps");
	buf_fini(&b);
}

static void
want_routes(struct setup *s)
{
	switch (s->wish->scope) {
	case PF_ALL:
		want_all(s);
		break;
	case PF_DOMAINS:
		want_domains(s);
		break;
	case PF_SENDERS:
		want_first(s, "sender_dependent_default_transport_maps",
		    s->wish->list,
		    "address_verify_sender_dependent_default_transport_maps");
		break;
	}
}

/* ---- all ----------------------------------------------------------------- */

/* The path of one of our sockets below the queue directory; NULL: refused. */
static const char *
socket_path(struct setup *s, const char *directive, const char *path)
{
	const char *relative = pf_relative(s->h, path);

	if (relative == NULL)
		host_refuse(s->p,
		    "%s %s of Mailrace's configuration is not below "
		    "queue_directory, %s, where services of Postfix that run "
		    "chrooted can find it",
		    directive, path, pf_value(s->h, NULL, "queue_directory"));
	return relative;
}

void
pf_setup(const struct pf_wish *w, const struct pf_conf *h, struct host_plan *p)
{
	struct setup s = { .wish = w, .h = h, .p = p };
	const char *lmtp = socket_path(&s, "lmtp-listener", w->lmtp);
	const char *milter = w->milter == NULL ?
	    NULL :
	    socket_path(&s, "milter-listener", w->milter);
	const char *inject = w->fast == NULL ?
	    NULL :
	    socket_path(&s, "smtp-listener", w->inject);

	pf_stay(w, h, p);
	if (lmtp == NULL)
		return;
	s.route = region_printf(p->rg, "mailrace:unix:%s", lmtp);
	want_services(&s);
	if (milter != NULL)
		pf_filter(region_printf(p->rg, "unix:%s", milter), h, p);
	if (inject != NULL)
		pf_fast(w->fast, inject, milter, h, p);
	want_routes(&s); /* last: mail goes nowhere that is not there yet */
}
