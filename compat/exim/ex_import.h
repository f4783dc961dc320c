/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ex_import - a configuration of ours out of one of Exim (`mailrace import
 * exim`).
 *
 * A transport that sends by SMTP becomes a virtual MTA of its name, and one
 * more for each sender for whom it has another address, name or way; who of
 * them gets which is a <pattern-list>.  What routers do with recipients becomes
 * <domain> blocks: for each domain that any of them names it is asked which
 * router is the first that takes it.  What each option becomes is
 * ex_params.def.  What cannot be said of senders and domains (other conditions,
 * local parts, programs) is named in the report, and its router left out.
 *
 * Pure but for files and expansions, which the reader fetches.  One thread.
 */

#ifndef COMPAT_EXIM_EX_IMPORT_H
#define COMPAT_EXIM_EX_IMPORT_H

#include "compat/exim/ex_options.h"
#include "compat/import_conf.h"

struct ex_import_source {
	struct ex_conf *conf;
	int (*fetch)(void *ctx, const char *path, struct slice *text_r,
	    struct err *e);
	/* Names of what is in a folder, in the region of conf. */
	int (*list)(void *ctx, const char *folder, const char ***names_r,
	    size_t *n_r, struct err *e);
	/*
	 * What Exim makes of each text, in the region of conf; NULL where it
	 * fails.  -1: it cannot be asked.
	 */
	int (*expand)(void *ctx, const char *const *texts, size_t n,
	    const char **values, struct err *e);
	void *ctx;
};

void ex_import(const struct ex_import_source *from, struct region *rg,
    struct import_conf *out, struct import_report *report);

#endif
