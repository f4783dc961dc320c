/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_host - asks the Postfix of this host: the one place of the importer that
 * runs its programs (postconf, postmap) and reads its files.
 *
 * It changes nothing.  Everything is in the region given.  It blocks.
 */

#ifndef COMPAT_POSTFIX_PF_HOST_H
#define COMPAT_POSTFIX_PF_HOST_H

#include "compat/postfix/pf_conf.h"
#include "compat/postfix/pf_table.h"
#include "lib/err.h"

struct pf_host {
	struct region *rg;
	const char *folder;    /* config_directory */
	struct buf complaints; /* what postconf warned of, by lines */
};

/* folder NULL: the one that postconf is made for. */
int pf_host_open(struct pf_host *h, struct region *rg, const char *folder,
    struct err *e);
void pf_host_close(struct pf_host *h);

/* All that postconf and its files say. */
int pf_host_read(struct pf_host *h, struct pf_conf *c, struct err *e);

/* struct pf_table_reader's; ctx is the pf_host. */
int pf_host_fetch(void *ctx, enum pf_fetch how, const char *table,
    struct slice *text_r, struct err *e);

#endif
