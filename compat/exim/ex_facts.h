/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ex_facts - what an Exim says of itself, by `exim -bV` and `exim -bP`: its
 * options with macros expanded and includes resolved, routers in their order.
 *
 * Pure: the texts come from compat/exim/ex_site.h.  All is kept in the region
 * given.  One thread.
 */

#ifndef COMPAT_EXIM_EX_FACTS_H
#define COMPAT_EXIM_EX_FACTS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/mem.h"
#include "lib/str.h"

struct ex_option {
	struct slice name;
	const char *value; /* "yes" or "no" of those that are just said */
};

struct ex_options {
	struct ex_option *v;
	size_t n;
};

struct ex_driver {
	const char *name;
	struct ex_options options;
};

struct ex_drivers {
	struct ex_driver *v;
	size_t n;
};

struct ex_facts {
	struct region *rg;
	const char *file;  /* the configuration that it reads; NULL: none */
	bool has_lmtp;     /* the driver of transports */
	bool has_relay_to; /* the list relay_to_domains */
	struct ex_options main;
	struct ex_drivers routers, transports;
};

/* What these printed: exim -bV; -bP; -bP routers, transports, config. */
void ex_facts_version(struct ex_facts *f, struct slice text);
void ex_facts_main(struct ex_facts *f, struct slice text);
void ex_facts_routers(struct ex_facts *f, struct slice text);
void ex_facts_transports(struct ex_facts *f, struct slice text);
void ex_facts_config(struct ex_facts *f, struct slice text);

/* "": it has no such option, or nothing is set. */
const char *ex_value(const struct ex_options *o, const char *name);
/* NULL: there is none. */
const struct ex_driver *ex_driver(const struct ex_drivers *d, const char *name);

/*
 * One item of a list, blanks around it removed, and what is left; separated by
 * colons (a double one is one that is meant), or as "<;" at its begin says.
 * false: no more.
 */
bool ex_list_item(struct region *rg, const char **list, char *separator,
    const char **item_r);

#endif
