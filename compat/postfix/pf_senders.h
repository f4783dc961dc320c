/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_senders - as whom a probe can be sent where a table says whose mail comes
 * to us: a table for sender_dependent_default_transport_maps, which Postfix
 * asks for the sender, then for "@domain".
 *
 * Pure; texts come out in the region.  Who asks the table is
 * admin/ctl_setup_sender.h.
 */

#ifndef COMPAT_POSTFIX_PF_SENDERS_H
#define COMPAT_POSTFIX_PF_SENDERS_H

#include <stdbool.h>
#include <stddef.h>

#include "compat/postfix/pf_conf.h"

/* Does what a table has for a sender lead to us? */
bool pf_is_our_route(const char *value);

/*
 * A sender of whom a table, as postmap -s lists it, leads to us; "" is the null
 * sender; NULL: it has none.
 */
const char *pf_senders_listed(const struct pf_conf *h, struct region *rg,
    const char *text);

/* A question to a table that cannot be listed, and who sends if it leads to us. */
struct pf_guess {
	const char *key, *sender;
};

/*
 * The null sender, and addresses in domains of the host's own: not more than
 * max; how many.  table: its expressions are asked no "@domain".
 */
size_t pf_senders_guess(const struct pf_conf *h, struct region *rg,
    const char *table, struct pf_guess *guesses, size_t max);

#endif
