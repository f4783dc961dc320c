/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ex_ask - asks the Exim of this host: the one place of the importer that runs
 * it (exim -bP, exim -be) and reads the files that its configuration names.
 *
 * It changes nothing.  Everything is in the region given.  It blocks.
 */

#ifndef COMPAT_EXIM_EX_ASK_H
#define COMPAT_EXIM_EX_ASK_H

#include "compat/exim/ex_options.h"

struct ex_host {
	struct region *rg;
	const char *program; /* "exim4" or "exim" */
	const char *config;  /* given to -C; NULL: Exim's own */
};

/* config NULL: the one that Exim itself reads. */
void ex_host_open(struct ex_host *h, struct region *rg, const char *config);

/* All that exim -bP says. */
int ex_host_read(struct ex_host *h, struct ex_conf *c, struct err *e);

/* struct ex_import_source's; ctx is the ex_host. */
int ex_host_fetch(void *ctx, const char *path, struct slice *text_r,
    struct err *e);
int ex_host_list(void *ctx, const char *folder, const char ***names_r,
    size_t *n_r, struct err *e);
int ex_host_expand(void *ctx, const char *const *texts, size_t n,
    const char **values, struct err *e);

/*
 * Adds a text, in as many lines as it takes, to the input of exim -be, which
 * makes one value of it.  -1: Exim could not be given it as it is.
 */
int ex_ask_add(struct buf *in, const char *text, struct err *e);

#endif
