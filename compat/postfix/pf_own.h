/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_own - where mail of a Postfix's own domains goes, as its parameters say.
 * Pure.
 */

#ifndef COMPAT_POSTFIX_PF_OWN_H
#define COMPAT_POSTFIX_PF_OWN_H

#include "compat/postfix/pf_conf.h"

/*
 * The first parameter of that kind whose value is another then, as one is that
 * names default_transport; NULL: none.
 */
const char *pf_own_changed(const struct pf_conf *now,
    const struct pf_conf *then);

#endif
