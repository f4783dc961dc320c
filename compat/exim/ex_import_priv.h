/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ex_import_priv - what the files of the importer share.
 *
 * ex_import.c is the order of things and what there is once; ex_routes.c asks
 * which router takes whom where; ex_identity.c from which address; ex_vmtas.c makes
 * virtual MTAs, domains and senders of that; ex_settings.c numbers and times; ex_tls.c TLS; ex_keys.c
 * DKIM keys and passwords; ex_retry.c the section retry.
 */

#ifndef COMPAT_EXIM_EX_IMPORT_PRIV_H
#define COMPAT_EXIM_EX_IMPORT_PRIV_H

#include "compat/exim/ex_expand.h"
#include "compat/exim/ex_import.h"
#include "lib/strmap.h"

/* A string, and what it is for each point it depends on. */
struct ex_string {
	struct ex_expr x;
	const char **values; /* NULL where it fails; of none there is one */
};

/* A row of a route_list. */
struct ex_rule {
	struct ex_list domains;
	const char *hosts;     /* smtp-hosts; NULL: not understood */
	const char *transport; /* "": the router's */
};

/* A router by which mail goes out. */
struct ex_router {
	const struct ex_instance *d;
	struct ex_list domains, senders;
	struct ex_string condition, transport, route_data;
	struct ex_rule *rules;
	size_t rule_count;
	bool told; /* what it says of hosts is not understood: once */
};

/* Where mail goes. */
struct ex_hop {
	const struct ex_instance *router, *transport;
	const char *hosts; /* smtp-hosts; "": MX hosts */
};

struct ways;

struct ex_import {
	struct region *rg;
	const struct ex_import_source *from;
	struct ex_conf *conf; /* from's */
	struct import_conf *out;
	struct import_report *report;
	struct ex_files files;
	/* Of which mail something is said; the first of each is all other. */
	struct ex_points senders, rcpts;
	struct ex_router *routers;
	size_t router_count;
	struct strmap *transports; /* ex_string by "TRANSPORT\nOPTION" */
	struct strmap *vmtas;      /* their names, by what they are */
	struct strmap *names;      /* of all, in lower case */
	struct strmap *told;       /* what is in the report already */
	const struct ex_instance
	    *base; /* the transport of most mail, or NULL */
	/*
	 * Of each sender: the first like it, and the first that routers treat
	 * alike, with what becomes of its mail (ex_vmtas.c).
	 */
	size_t *leaders, *routed;
	struct ways **ways;
	bool signs_in;  /* a <domain *> has a password: others inherit it */
	bool verifies;  /* a <domain> of ex_tls.c asks for certificates */
	bool below;     /* some recipients are by a wildcard */
	bool by_sender; /* some virtual MTA is by sender */
};

/* The option of a driver, for the report. */
struct import_fact ex_fact(const struct ex_instance *d, const char *name);
/* "manual: " and why, not taken over. */
void ex_manual(struct ex_import *im, enum import_fate fate,
    const struct ex_instance *d, const char *name, const char *why);
/*
 * What a string is that depends on nothing; NULL: it depends on something, or
 * cannot be asked, and why_r says so.
 */
const char *ex_constant(struct ex_import *im, const char *text,
    const char **why_r);
/* The same for the option of a driver, with the variables given. */
const char *ex_given(struct ex_import *im, const struct ex_expr *x,
    const struct ex_given *given);
/* Values of a string at all points; false: why not is told. */
bool ex_ask(struct ex_import *im, const struct ex_instance *d, const char *name,
    struct ex_string *s);
/* The same of texts as they stand. */
bool ex_ask_all(struct ex_import *im, const struct ex_instance *d,
    const char *name, const char *const *texts, size_t n, const char **values);
const char *ex_at(const struct ex_string *s, size_t sender, size_t rcpt);
/* Does the option send by SMTP? */
bool ex_is_client(const struct ex_instance *d);

/* ---- ex_routes.c ----------------------------------------------------------- */

/* Reads all routers, and what they name. */
void ex_routes_read(struct ex_import *im);
/* When all points are known. */
void ex_routes_ask(struct ex_import *im);
/* Of points by number; false: nobody sends that. */
bool ex_hop(struct ex_import *im, size_t sender, size_t rcpt,
    struct ex_hop *hop_r);
/*
 * smtp-hosts of a list of hosts of Exim, in the order in which they stand or in
 * any; NULL: not understood.
 */
const char *ex_hosts(struct ex_import *im, const char *list, bool any_order);
/*
 * The next name or address of smtp-hosts, without port; NULL: no more.  mx: its
 * MX hosts are meant.
 */
const char *ex_next_host(struct region *rg, const char **at, bool *mx);
/* "smtp" and such names as numbers; others stay. */
const char *ex_port(const char *port);
/* A pattern of <domain>. */
const char *ex_pattern(struct ex_import *im, const struct ex_point *p);

/* ---- ex_identity.c --------------------------------------------------------- */

/* From where a transport sends for a sender: "" where it does not say. */
struct ex_identity {
	const char *address[2], *helo[2]; /* IPv4, IPv6 */
	const char *key;
};

/* What of transports depends on senders is named. */
void ex_transports_read(struct ex_import *im);
/* When all points are known; finds who is like whom. */
void ex_transports_ask(struct ex_import *im);
void ex_identity(struct ex_import *im, const struct ex_instance *t,
    size_t sender, struct ex_identity *id);

/* ---- ex_vmtas.c ------------------------------------------------------------ */

/* Has the transport become a virtual MTA? */
bool ex_is_used(const struct ex_import *im, const struct ex_instance *t);
/* Virtual MTAs, domains and senders. */
void ex_vmtas(struct ex_import *im, struct import_block *source);
/* Is it the first time that this is said of the driver? */
bool ex_first(struct ex_import *im, const struct ex_instance *d,
    const char *what);

/* ---- ex_settings.c --------------------------------------------------------- */

/* What holds for all mail. */
void ex_settings_base(struct ex_import *im,
    const struct ex_instance *transport);
/* What a transport has otherwise; base NULL: there is none. */
void ex_settings_transport(struct ex_import *im, const struct ex_instance *t,
    const struct ex_instance *base, struct import_block *vmta);
/* What is left of main options, routers and transports. */
void ex_settings_rest(struct ex_import *im);

/* ---- ex_tls.c -------------------------------------------------------------- */

/*
 * TLS of mail that goes there, in <domain PATTERN> of the place, unless it is
 * as that of base (NULL: in any case).
 */
void ex_tls(struct ex_import *im, const struct ex_hop *hop,
    const struct ex_hop *base, struct import_block *in, const char *pattern);

/* ---- ex_keys.c ------------------------------------------------------------- */

void ex_dkim_read(struct ex_import *im, const struct ex_instance *t);
void ex_dkim(struct ex_import *im, const struct ex_instance *t,
    const struct ex_instance *base, struct import_block *in);
/*
 * User and password for where that mail goes, in <domain PATTERN>: only if they
 * are the same for all its hosts.  The first call is for all mail.
 */
void ex_password(struct ex_import *im, const struct ex_hop *hop,
    struct import_block *in, const char *pattern);

/* ---- ex_retry.c ------------------------------------------------------------ */

void ex_retry(struct ex_import *im);

#endif
