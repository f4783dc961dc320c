/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ex_facts - what an Exim says of itself to who sets it up: its configuration
 * (compat/exim/ex_options.h), and what it was built with (exim -bV).
 *
 * Pure: the texts come from compat/exim/ex_site.h.  All is kept in the region
 * given.  One thread.
 */

#ifndef COMPAT_EXIM_EX_FACTS_H
#define COMPAT_EXIM_EX_FACTS_H

#include <stdbool.h>

#include "compat/exim/ex_options.h"
#include "lib/mem.h"
#include "lib/str.h"

struct ex_facts {
	struct ex_conf *conf;
	const char *file; /* the configuration that it reads; NULL: none */
	bool has_lmtp;    /* the driver of transports */
};

void ex_facts_init(struct ex_facts *f, struct region *rg);
void ex_facts_fini(struct ex_facts *f);

/* What exim -bV printed. */
void ex_facts_version(struct ex_facts *f, struct slice text);

/* A main option; never NULL, "" if it is not set. */
const char *ex_main_value(const struct ex_facts *f, const char *name);

#endif
