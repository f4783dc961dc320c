/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ex_own - the host's own mail: for which domains an Exim may have some, and
 * whether it would still go where it goes.
 *
 * Domains are those that routers, and lists that these name, have by name or in
 * files, of each file some, also where such names stand beside what is looked up
 * by the domain; what else is looked up, or is an expression, is told as not
 * known, as is what Exim cannot say.  What has become of an address is read from
 * what exim -bt says.
 * Pure but for who is asked; one thread.
 */

#ifndef COMPAT_EXIM_EX_OWN_H
#define COMPAT_EXIM_EX_OWN_H

#include "compat/exim/ex_list.h"
#include "compat/exim/ex_setup.h"

/* Who is asked. */
struct ex_own_asks {
	const struct ex_facts *f;
	const struct ex_files *files;
	ex_expand_fn *expand; /* of site */
	void *site;
};

/* Of each file so many keys are taken. */
enum { EX_OWN_OF_FILE = 20 };

struct ex_own {
	struct ex_points points; /* with a domain, each once */
	size_t left;             /* keys of files that are not among them */
	/* "cdb;/x: why" of what is not known, each once. */
	const char **unknown;
	size_t unknown_n;
};

void ex_own_read(const struct ex_own_asks *a, struct region *rg,
    struct ex_own *out);

/* "postmaster@own.example" of a point. */
const char *ex_own_address(struct region *rg, const struct ex_point *point);

/*
 * What exim -bt says of the address now, and with the new configuration: NULL
 * if what stays on this host, or goes a way of its own, is the same.  Else what
 * it is now.  What routers of all other mail take may come to us.
 */
const char *ex_own_left(const struct ex_setup *s, const char *now,
    const char *then);

/* Nobody takes it now, and we would. */
bool ex_own_is_taken(const char *address, const char *now, const char *then);

#endif
