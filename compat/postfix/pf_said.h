/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_said - what a Postfix says of itself, as postconf(1) prints it.
 *
 * Three listings, one entry a line, all that set-up knows of the host:
 * parameters with their defaults filled in and $names expanded (postconf -x),
 * those that main.cf sets, as they stand there (postconf -n), and the services
 * of master.cf with their options (postconf -M).  Pure: reads text, keeps it in
 * the region.  One thread.
 */

#ifndef COMPAT_POSTFIX_PF_SAID_H
#define COMPAT_POSTFIX_PF_SAID_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/mem.h"
#include "lib/str.h"
#include "lib/strmap.h"

struct pf_said_param {
	const char *name, *value;
};

struct pf_entry {
	const char *name;    /* "smtp/inet" */
	const char *command; /* "smtpd" */
	const char *line;    /* all of it, one blank between words */
};

struct pf_said {
	struct region *rg;
	struct strmap
	    *values;        /* struct pf_said_param: expanded, all there are */
	struct strmap *set; /* struct pf_said_param: as main.cf has them */
	struct pf_entry *services;
	size_t service_count;
};

void pf_said_init(struct pf_said *h, struct slice all, struct slice set,
    struct slice services);
void pf_said_fini(struct pf_said *h);

/* What holds, expanded; "" also of one that this Postfix does not know. */
const char *pf_said_value(const struct pf_said *h, const char *name);
/* What stands in main.cf; NULL: nothing. */
const char *pf_said_set(const struct pf_said *h, const char *name);
/* NULL: there is none. */
const struct pf_entry *pf_said_entry(const struct pf_said *h, const char *name);

/*
 * `-o name=value` of a service, as it stands there; NULL: it has none.  In the
 * region.
 */
const char *pf_said_option(const struct pf_said *h, const struct pf_entry *s,
    const char *name);

/*
 * The next item of a list: commas or blanks between them, {...} is one.  Of
 * length 0: no more.
 */
struct slice pf_list_item(struct slice *rest);

#endif
