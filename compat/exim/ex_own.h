/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ex_own - the host's own mail: for which domains an Exim may have some, and
 * whether it would still go where it goes.
 *
 * Domains are those that routers, and lists that these name, have by name: what
 * is looked up or expanded is not known.  What has become of an address is read
 * from what exim -bt says.  Pure; one thread.
 */

#ifndef COMPAT_EXIM_EX_OWN_H
#define COMPAT_EXIM_EX_OWN_H

#include "compat/exim/ex_list.h"
#include "compat/exim/ex_setup.h"

/* Points with a domain, each once. */
void ex_own_points(const struct ex_facts *f, struct region *rg,
    struct ex_points *out);

/* "postmaster@own.example" of a point. */
const char *ex_own_address(struct region *rg, const struct ex_point *point);

/*
 * What exim -bt says of the address now, and with the new configuration: NULL
 * if what stays on this host, or goes a way of its own, is the same.  Else what
 * it is now.  What routers of all other mail take may come to us.
 */
const char *ex_own_left(const struct ex_setup *s, const char *address,
    const char *now, const char *then);

#endif
