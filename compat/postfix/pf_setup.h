/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_setup - what a Postfix needs to hand its outbound mail to Mailrace.
 *
 * The lines are those of doc/mailrace.8, "SETTING UP": an LMTP service with
 * the socket of mailraced, what sends mail there, the milter behind those that
 * are there already, a service for notifications, and address verification
 * kept away from us, who would say yes to any address.  Pure: from what
 * postconf says to a plan; pf_stay.h has the reasons to refuse, pf_filter.h
 * where the milter goes, pf_fast.h the fast path.
 */

#ifndef COMPAT_POSTFIX_PF_SETUP_H
#define COMPAT_POSTFIX_PF_SETUP_H

#include <stdbool.h>

#include "compat/postfix/pf_change.h"
#include "compat/postfix/pf_conf.h"
#include "lib/str.h"

enum pf_scope { PF_ALL, PF_DOMAINS, PF_SENDERS };

struct pf_wish {
	enum pf_scope scope;
	const char *list;   /* domains with commas, or a table, "type:name" */
	const char *lmtp;   /* path of our socket */
	const char *milter; /* likewise; NULL: none */
	const char *dsn;    /* "127.0.0.1:10028"; NULL: senders are not told */
	const char *fast;   /* "10587", "127.0.0.1:10587"; NULL: no fast path */
	const char *inject; /* then: path of our socket for it */
	host_holds_fn *holds;
	void *ctx;
	/*
	 * What smtp_tls_policy_maps has: a key, then a policy, a line; p NULL:
	 * that cannot be listed.
	 */
	struct slice tls_policy;
};

void pf_setup(const struct pf_wish *w, const struct pf_conf *h,
    struct host_plan *p);

/*
 * The line of master.cf of a service that takes notifications, and mail that
 * goes back: "127.0.0.1:10028", in the region.  Milters by clients are switched
 * off where there are some: without, the line is the same from each version.
 */
const char *pf_setup_dsn_line(const struct pf_conf *h, const char *service,
    struct region *rg);

/*
 * The path below the queue directory, as chrooted services and others find it;
 * NULL: it is not there.
 */
const char *pf_relative(const struct pf_conf *h, const char *path);

/* What all other mail is asked by: a domain that no block is about. */
#define PF_OTHERS "any." HOST_PROBE_DOMAIN

/* A domain that the wish is about, one after the other; NULL: no more. */
const char *pf_wish_domain(const struct pf_wish *w, struct region *rg,
    struct slice *rest);

/* The list without the item that it begins with; NULL: it does not. */
const char *pf_behind(struct region *rg, const char *list, const char *item);

#endif
