/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_import - a configuration of ours out of one of Postfix (`mailrace import
 * postfix`).
 *
 * A service of master.cf that sends by SMTP becomes a virtual MTA of its name,
 * with its addresses, names and limits; tables of transports become <domain>
 * blocks, those by sender a <pattern-list>, and values taken at random
 * (randmap) pools.  What each parameter becomes is pf_params.def.
 *
 * Pure but for the tables, which the reader fetches.  One thread.
 */

#ifndef COMPAT_POSTFIX_PF_IMPORT_H
#define COMPAT_POSTFIX_PF_IMPORT_H

#include "compat/import_conf.h"
#include "compat/postfix/pf_conf.h"
#include "compat/postfix/pf_table.h"

/* How tables are fetched; see struct pf_table_reader. */
struct pf_import_source {
	const struct pf_conf *conf;
	int (*fetch)(void *ctx, enum pf_fetch how, const char *table,
	    struct slice *text_r, struct err *e);
	void *ctx;
};

void pf_import(const struct pf_import_source *from, struct region *rg,
    struct import_conf *out, struct import_report *report);

#endif
