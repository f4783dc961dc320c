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

void pf_stay(const struct pf_wish *w, const struct pf_said *h,
    struct pf_plan *p);

#endif
