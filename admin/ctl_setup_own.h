/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_setup_own - a Postfix's own mail, and mail with a route of its own, are
 * not to come here with the rest: what pf_stay.h cannot know, since it stands in
 * tables and files, or shows only once the change was made.
 *
 * Asks postmap and postconf; changes nothing.  Blocks; one thread.
 */

#ifndef ADMIN_CTL_SETUP_OWN_H
#define ADMIN_CTL_SETUP_OWN_H

#include "admin/ctl_setup_conf.h"
#include "lib/err.h"

/*
 * A domain that transport_maps is to send out, or what is below it (".example"):
 * a refusal if it stands in a table or a file of the host's own domains.
 */
void ctl_setup_refuse_own(const struct ctl_setup_asks *a, const char *domain);

/*
 * Entries of transport_maps that name a host and no transport: with ours as the
 * default it would be asked by LMTP.
 */
void ctl_setup_check_routes(const struct ctl_setup_asks *a);

/* -1: with the copies the host's own mail would go another way. */
int ctl_setup_own_ways(const struct pf_site *site, const struct pf_conf *host,
    struct err *e);

#endif
