/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_import_priv - what the files of the importer share.
 *
 * pf_import.c is the order of things and what there is once; pf_settings.c
 * numbers and times; pf_vmtas.c virtual MTAs, pools and senders; pf_interfaces.c
 * addresses of the host; pf_domains.c its own domains; pf_routes.c destinations;
 * pf_tls.c TLS policy.
 */

#ifndef COMPAT_POSTFIX_PF_IMPORT_PRIV_H
#define COMPAT_POSTFIX_PF_IMPORT_PRIV_H

#include "compat/postfix/pf_import.h"
#include "lib/strmap.h"

/* What a table of transports or relays says: "transport:nexthop". */
struct pf_hop {
	const char *service; /* "" where it says nothing of it */
	const char *nexthop; /* likewise */
};

/* Of a row of transport_maps. */
struct pf_route {
	const char *pattern; /* of <domain> */
	struct pf_hop hop;
	const char *where;
};

/* A virtual MTA with a nexthop of its own. */
struct pf_own {
	const char *vmta, *nexthop;
};

struct pf_import {
	struct region *rg;
	const struct pf_import_source *from;
	const struct pf_conf *conf; /* from's */
	struct import_conf *out;
	struct import_report *report;
	struct pf_table_reader reader;
	const char *naming; /* the parameter whose tables are read */
	/* Where mail goes of which nothing else is said. */
	const struct pf_service *client;
	const char *relay;      /* its nexthop; "": MX hosts */
	const char *relay_from; /* the parameter that says so */
	struct pf_route *routes;
	size_t route_count;
	struct pf_own *own;
	size_t own_count;
	bool wildcards;          /* some of them is for more than one domain */
	bool by_sender;          /* some virtual MTA is by sender */
	struct strmap *vmtas;    /* their names, by service and nexthop */
	struct strmap *services; /* that became one */
	struct strmap *names;    /* of both and of pools, in lower case */
	struct strmap *domains;  /* host-domain lines */
	struct strmap *pools;    /* likewise, by members */
	struct strmap *tables;   /* that were read, by what names them */
	struct strmap *limited;  /* nexthops that have a limit */
	struct strmap *nexthops; /* of routes, in lower case */
	struct strmap *patterns; /* routes, by theirs */
	uint64_t connections;    /* of all virtual MTAs */
	bool unlimited;          /* some of them has no limit */
	bool asks_tls; /* some <domain> of pf_tls.c asks more than TLS */
};

struct import_fact pf_fact(const struct pf_import *im,
    const struct pf_service *s, const char *name);
/* The rows of the tables that a parameter names; complaints are told. */
void pf_read_tables(struct pf_import *im, const struct pf_service *s,
    const char *name, struct pf_rows *found);
/* A host name in letters, digits, "-", "_" and dots. */
bool pf_is_plain_host(const char *name);
/* Else it is told. */
bool pf_is_host_name(struct pf_import *im, const struct import_fact *fact);
/* Which of IPv4 and IPv6: of a service, or of all mail (NULL). */
void pf_family(struct pf_import *im, const struct pf_service *s,
    struct import_block *domains, bool tell);
/* A value that can stand in <domain>; else it is told, and NULL. */
const char *pf_domain_pattern(struct pf_import *im, const char *key,
    const struct import_fact *fact);

/* ---- pf_settings.c --------------------------------------------------------- */

/* What holds for all mail. */
void pf_settings_base(struct pf_import *im, struct import_block *domains,
    struct import_block *source);
/*
 * What holds for a virtual MTA of the service; of the second one of a service
 * the report says nothing.
 */
void pf_settings_service(struct pf_import *im, const struct pf_service *s,
    struct import_block *vmta, bool tell);
/* What is left: parameters that are nothing here, or the host's. */
void pf_settings_rest(struct pf_import *im);
/* The limit of connections to one place, as a number; "": none. */
const char *pf_connections(const struct pf_import *im,
    const struct pf_service *s);

/* ---- pf_interfaces.c ------------------------------------------------------- */

/*
 * The one address that inet_interfaces makes mail be sent from, of a service or
 * of all mail (NULL); "": none.
 */
const char *pf_only_interface(struct pf_import *im, const struct pf_service *s,
    bool six);
/* Where a name stands for it. */
void pf_tell_interfaces(struct pf_import *im, const struct pf_service *s);

/* ---- pf_domains.c ---------------------------------------------------------- */

/* Domains of the host's own, as host-domain. */
void pf_own_domains(struct pf_import *im);

/* ---- pf_vmtas.c ------------------------------------------------------------ */

struct pf_hop pf_hop_of(struct pf_import *im, const char *text);
/* Does Postfix send by SMTP there? */
bool pf_is_client(const struct pf_service *s);
/* The name of the virtual MTA; made if it is not there. */
const char *pf_vmta(struct pf_import *im, const struct pf_service *s,
    const char *nexthop);
/* That of one of some values, or of the pool of all; NULL: told. */
const char *pf_vmta_of_values(struct pf_import *im, const struct pf_row *row,
    const struct import_fact *fact);
/* Rows about senders. */
void pf_senders(struct pf_import *im);

/* ---- pf_routes.c ----------------------------------------------------------- */

/* smtp-hosts of a nexthop, "" for none; NULL: not understood. */
const char *pf_hosts(struct pf_import *im, const char *nexthop);
/*
 * Where mail of the route goes: a service without nexthop sends to MX hosts,
 * neither is what would be without the row (transport(5)).
 */
const char *pf_nexthop_of(const struct pf_import *im, const struct pf_route *r);
/* Reads transport_maps, before there are virtual MTAs. */
void pf_routes_read(struct pf_import *im);
/* <domain> blocks of all routes. */
void pf_routes(struct pf_import *im);
/* The same within a virtual MTA that has its own nexthop. */
void pf_routes_repeat(struct pf_import *im, struct import_block *vmta);
/* A limit for what is called by that name or address. */
void pf_limit_nexthop(struct pf_import *im, const struct pf_service *s,
    const char *nexthop);
void pf_passwords(struct pf_import *im);

/* ---- pf_tls.c -------------------------------------------------------------- */

/*
 * TLS with servers, in <domain> blocks of the place: the service, NULL for all
 * mail, and where its mail goes.
 */
void pf_tls(struct pf_import *im, struct import_block *in,
    const struct pf_service *s, const char *nexthop);
/* Does the service have settings of its own about TLS? */
bool pf_tls_is_own(const struct pf_import *im, const struct pf_service *s);

#endif
