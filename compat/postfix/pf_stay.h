/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_stay - why a Postfix should stay as it is.
 *
 * What set-up does not understand, and what would silently stop to hold once
 * mail goes to Mailrace: relayhost, TLS policies, hand-made routes by sender.
 * Each is a refusal with the parameter and what to do.  Pure.
 */

#ifndef COMPAT_POSTFIX_PF_STAY_H
#define COMPAT_POSTFIX_PF_STAY_H

#include "compat/postfix/pf_setup.h"

/* The parameters that list the host's own domains; NULL ends them. */
extern const char *const pf_own_lists[];
/* Does a domain of transport_maps stand for those below it, too? */
bool pf_takes_below(const struct pf_conf *h);
bool pf_list_has(const char *list, const char *wanted);
/* A refusal if the domain is in that list; tables and files are not asked. */
void pf_refuse_own(const char *name, const char *list, const char *domain,
    struct host_plan *p);
/* The items of a list that stands in a file, without its comments. */
const char *pf_list_of_file(struct region *rg, const char *text);

void pf_stay(const struct pf_wish *w, const struct pf_conf *h,
    struct host_plan *p);

#endif
