/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_place - where services of type inet listen: "587", "submission",
 * "127.0.0.1:10028".  Pure.
 */

#ifndef COMPAT_POSTFIX_PF_PLACE_H
#define COMPAT_POSTFIX_PF_PLACE_H

#include "compat/postfix/pf_conf.h"

/*
 * A service of another name that listens where one of this name would, as far
 * as that can be told; NULL: none.
 */
const struct pf_service *pf_place_taken(const struct pf_conf *h,
    const char *name);

#endif
