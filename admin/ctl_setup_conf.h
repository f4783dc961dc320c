/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_setup_conf - what Mailrace's own configuration has to say before a host
 * MTA is set up, with the lines to add where it does not.
 *
 * Asks tables of the host (postmap); changes nothing.  Blocks; one thread.
 */

#ifndef ADMIN_CTL_SETUP_CONF_H
#define ADMIN_CTL_SETUP_CONF_H

#include "compat/postfix/pf_change.h"
#include "compat/postfix/pf_conf.h"
#include "compat/postfix/pf_site.h"
#include "vmta/snapshot.h"

struct ctl_setup_asks {
	const struct snapshot *conf;
	const char *path; /* of the configuration */
	const struct pf_site *site;
	const struct pf_conf *host;
	struct host_plan *plan; /* gets refusals and notes */
};

/*
 * The listener for the host MTA alone that a Postfix finds; else the first one;
 * NULL: there is none.
 */
const char *ctl_setup_inject(const struct snapshot *conf,
    const struct pf_conf *host);
/* What to put there then. */
void ctl_setup_say_inject(const struct ctl_setup_asks *a);

/*
 * Each domain of the host's own has to be a host-domain: by the fast path its
 * mail would be sent out.
 */
void ctl_setup_own_domains(const struct ctl_setup_asks *a);

/* Lines for log-style, so that the host's tools see what we deliver. */
void ctl_setup_suggest_log(const struct ctl_setup_asks *a);

#endif
