/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_change - changes of a main.cf and a master.cf, for a plan.  Pure.
 */

#ifndef COMPAT_POSTFIX_PF_CHANGE_H
#define COMPAT_POSTFIX_PF_CHANGE_H

#include "compat/host_plan.h"
#include "compat/postfix/pf_conf.h"

enum pf_kind {
	PF_PARAMETER, /* name = value in main.cf: postconf -e, -X */
	PF_SERVICE,   /* a line of master.cf, "smtp/inet": postconf -M, -MX */
	PF_OPTION     /* an -o of it, "smtp/inet/NAME": postconf -P, -PX */
};

/* Nothing is added where the host has it so already. */
void pf_want_parameter(struct host_plan *p, const struct pf_conf *h,
    const char *name, const char *value);
/* line: as in master.cf, one blank between words. */
void pf_want_service(struct host_plan *p, const struct pf_conf *h,
    const char *line);
void pf_want_option(struct host_plan *p, const struct pf_conf *h,
    const struct pf_service *s, const char *name, const char *value);

/*
 * What a host has now of what a change is about; NULL: nothing.  In the host's
 * region.
 */
const char *pf_now(const struct pf_conf *h, const struct host_change *c);

#endif
