/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_filter - where the milter goes.
 *
 * Behind the milters that are there: what they add is signed, and what they
 * refuse costs nothing here.  Mail that goes through a content filter passes
 * Postfix twice, with another queue id each time: the milter belongs to the leg
 * behind the filter, which may change the message.  So services that filter
 * keep the milters that they had, and those that do not get ours, also where
 * they had been told to have none.  Pure.
 */

#ifndef COMPAT_POSTFIX_PF_FILTER_H
#define COMPAT_POSTFIX_PF_FILTER_H

#include "compat/postfix/pf_change.h"
#include "compat/postfix/pf_conf.h"

/*
 * A list of receive_override_options without no_milters, in the region; NULL:
 * it has none.
 */
const char *pf_without_no_milters(struct region *rg, const char *list);

/* socket: "unix:mailrace/milter". */
void pf_filter(const char *socket, const struct pf_conf *h,
    struct host_plan *p);

#endif
