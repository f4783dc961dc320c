/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ex_setup - what an Exim needs to hand its outbound mail to Mailrace.
 *
 * A router before the one that all other mail leaves by, which stays for
 * address verification; a transport; at RCPT the question who is suppressed;
 * a port of this host alone where notifications come back.  The lines are
 * those of doc/mailrace.8, "SETTING UP".  Pure: from what Exim says and what
 * stands in its files to a plan; ex_stay.h has the reasons to refuse.
 */

#ifndef COMPAT_EXIM_EX_SETUP_H
#define COMPAT_EXIM_EX_SETUP_H

#include <stdbool.h>
#include <stdint.h>

#include "compat/exim/ex_facts.h"
#include "compat/exim/ex_text.h"
#include "compat/host_plan.h"

enum ex_kind {
	EX_FILE, /* a file of that name is there; value: all of it */
	EX_TEXT  /* in a file of that name the value is what before was */
};

enum ex_form {
	EX_PLAIN,  /* one file */
	EX_SINGLE, /* Debian's template: update-exim4.conf */
	EX_SPLIT   /* Debian's conf.d */
};

/* What Exim makes of a string, in the region of the site; NULL: it fails. */
typedef const char *ex_expand_fn(void *site, const char *text);

/* What exim -bt now says of an address, likewise; NULL: it fails. */
typedef const char *ex_route_fn(void *site, const char *address);

enum ex_scope { EX_ALL, EX_DOMAINS, EX_SENDERS };

struct ex_wish {
	enum ex_form form;
	enum ex_scope scope;
	const char *list;     /* domains with commas; an address list */
	const char *lmtp;     /* path of our socket; NULL: none */
	const char *lmtp_tcp; /* "127.0.0.1:2424"; NULL: none */
	bool lmtp_is_exims;   /* it is an exim-listener */
	bool lmtp_tcp_is_exims;
	const char *suppress; /* a path or "127.0.0.1:2525"; NULL: none */
	const char *dsn;      /* "127.0.0.1:10028"; NULL: nobody is told */
	host_holds_fn *holds;
	void *ctx;
	ex_expand_fn *expand;
	ex_route_fn *route;
	void *site;
};

#define EX_OUR_ROUTER "mailrace"
#define EX_TRANSPORT_LMTP "mailrace_lmtp"
#define EX_TRANSPORT_SMTP "mailrace_smtp"
/* Debian's settings. */
#define EX_DEBCONF "update-exim4.conf.conf"

void ex_setup(const struct ex_wish *w, const struct ex_facts *f,
    const struct ex_text *t, struct host_plan *p);

/*
 * Does its SMTP need the other transport, since an LMTP socket would lose what
 * it was asked (NOTIFY of RFC 3461)?
 */
bool ex_offers_dsn(const struct ex_facts *f);

/*
 * Our lines are taken back out of files that somebody has edited since, where
 * each still stands as set-up wrote it, or is gone; else there are refusals.
 */
void ex_undo(const struct host_change *made, size_t count,
    const struct ex_text *t, struct host_plan *p);

/*
 * A router by which mail goes to Mailrace, as set-up or the manual has it: of
 * our name, or with a transport or a socket that has; NULL: none.
 */
const char *ex_leads_here(const struct ex_facts *f);

/* What both halves of it use. */
struct ex_setup {
	const struct ex_wish *wish;
	const struct ex_facts *f;
	const struct ex_text *t;
	struct host_plan *p;
	const struct ex_instance *last;      /* the router of all other mail */
	const struct ex_instance *transport; /* its transport */
};

/* A domain that the wish is about, one after the other; NULL: no more. */
const char *ex_wish_domain(const struct ex_wish *w, struct region *rg,
    const char **rest);
/* "conf.d/router/200_primary:31" */
const char *ex_router_where(const struct ex_setup *s, const char *name);
/* It takes all mail that leaves this host, whatever its domain. */
bool ex_is_general(const struct ex_setup *s, const struct ex_instance *router);

#endif
