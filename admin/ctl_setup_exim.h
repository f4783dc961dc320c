/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_setup_exim - what Exim says of a new configuration before it holds, and a
 * message through it and us afterwards (admin/setup_probe.h).  Blocks; one
 * thread.
 */

#ifndef ADMIN_CTL_SETUP_EXIM_H
#define ADMIN_CTL_SETUP_EXIM_H

#include "admin/ctl_parse.h"
#include "compat/exim/ex_site.h"
#include "lib/err.h"

/*
 * -1: it would not lead here, or mail of the host's own would not go where it
 * goes now, or for want of time not each of --domains could be asked about; e
 * says which.  wanted_s: for those; others are asked about for a while, and a
 * note says how many were not.
 */
int ctl_setup_exim_routes(const struct ex_site *site, const struct ex_setup *s,
    const char *config, int wanted_s, struct err *e);

/*
 * Of --senders one whose mail comes here, "" the null sender; NULL: it is
 * refused, since there is none or the list is none, or not known.
 */
const char *ctl_setup_exim_sender(const struct ex_site *site,
    const struct ex_setup *s);

/* -1: his mail would not come here. */
int ctl_setup_exim_leads(const struct ex_site *site, const char *config,
    const char *sender, struct err *e);

/* As from a sender.  -1: it did not come through; e says why. */
int ctl_setup_exim_probe(const struct ctl_options *opt, const struct ex_site *s,
    const char *sender, struct err *e);

#endif
