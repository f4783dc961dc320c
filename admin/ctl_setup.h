/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_setup - what set-up asks before it changes a Postfix, and a message
 * through both afterwards (admin/setup_probe.h).  Blocks; one thread.
 */

#ifndef ADMIN_CTL_SETUP_H
#define ADMIN_CTL_SETUP_H

#include "admin/ctl_parse.h"
#include "compat/postfix/pf_change.h"
#include "compat/postfix/pf_setup.h"
#include "compat/postfix/pf_site.h"
#include "lib/err.h"

/*
 * Both daemons answer at their sockets, and addresses of new services are
 * free: Postfix ends when it cannot have one of them.
 */
int ctl_setup_ready(const struct pf_wish *w, const struct host_plan *p,
    struct err *e);

struct ctl_setup_probe {
	const struct ctl_options *opt;
	const struct pf_site *site;
	const char *sender; /* "" is the null sender */
	const char *fast;   /* port of the fast path, or NULL */
};

/*
 * -1: it did not come through; e says why.  told: what the fast path says to who
 * has not signed in, if nothing could be sent by it.
 */
int ctl_setup_probe(const struct ctl_setup_probe *of, struct buf *told,
    struct err *e);

#endif
