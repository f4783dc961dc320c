/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_undo - our changes are taken back out of files that somebody has edited
 * since.
 *
 * Only where that is provably all: each thing that we changed still is what we
 * made it, or is again what it was; and nothing that somebody else has written
 * names our service or our sockets.  Else there are refusals and nothing is
 * to be done.  Pure.
 */

#ifndef COMPAT_POSTFIX_PF_UNDO_H
#define COMPAT_POSTFIX_PF_UNDO_H

#include <stddef.h>

#include "compat/postfix/pf_change.h"
#include "compat/postfix/pf_conf.h"

/*
 * The first parameter or service that leads to us; NULL: none does.  Tables
 * are not looked into.
 */
const char *pf_leads_here(const struct pf_conf *h);

/* made: what was done, in that order; now: the host as it is. */
void pf_undo(const struct host_change *made, size_t count,
    const struct pf_conf *now, struct host_plan *p);

#endif
