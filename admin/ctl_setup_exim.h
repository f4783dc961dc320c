/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_setup_exim - a message through an Exim and us (admin/setup_probe.h).
 * Blocks; one thread.
 */

#ifndef ADMIN_CTL_SETUP_EXIM_H
#define ADMIN_CTL_SETUP_EXIM_H

#include "admin/ctl_parse.h"
#include "compat/exim/ex_site.h"
#include "lib/err.h"

/* -1: it did not come through; e says why. */
int ctl_setup_exim_probe(const struct ctl_options *opt, const struct ex_site *s,
    struct err *e);

#endif
