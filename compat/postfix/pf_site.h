/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_site - a Postfix is asked and changed, by its own programs: postconf(1)
 * edits copies of main.cf and master.cf (compat/host_files.h).
 *
 * Blocks; the operator's command only.
 */

#ifndef COMPAT_POSTFIX_PF_SITE_H
#define COMPAT_POSTFIX_PF_SITE_H

#include <stdbool.h>

#include "compat/host_files.h"
#include "compat/host_plan.h"
#include "compat/postfix/pf_change.h"
#include "compat/postfix/pf_conf.h"
#include "lib/err.h"
#include "lib/str.h"

struct pf_site {
	struct host_files files;
	struct region *rg; /* theirs */
	const char *dir;   /* theirs: the configuration */
};

/* dir NULL: the one that postconf itself uses. */
int pf_site_init(struct pf_site *s, const char *dir, struct err *e);
void pf_site_fini(struct pf_site *s); /* removes the copies */

/* ---- asking -------------------------------------------------------------- */

int pf_site_read(const struct pf_site *s, struct pf_conf *c, struct err *e);
/* The values that the copies would make. */
int pf_site_read_copies(const struct pf_site *s, struct pf_conf *c,
    struct err *e);
bool pf_site_runs(const struct pf_site *s);
/* `postmap -s`: all keys of a table, with their values. */
int pf_site_list(const struct pf_site *s, const char *table, struct buf *out,
    struct err *e);
/* `postmap -q`: 1: it has this key, 0: not; -1: it cannot be asked. */
int pf_site_has(const struct pf_site *s, const char *table, const char *key,
    struct err *e);
/* The same, and what it has for it. */
int pf_site_get(const struct pf_site *s, const char *table, const char *key,
    struct buf *value, struct err *e);

/* ---- changing ------------------------------------------------------------ */

/* The changes are made to the copies. */
int pf_site_edit(const struct pf_site *s, const struct host_plan *p,
    struct err *e);
/* `postfix check`.  -1: it finds what is wrong; 1: it takes too long to say. */
int pf_site_check(const struct pf_site *s, struct err *e);
int pf_site_reload(const struct pf_site *s, struct err *e);

#endif
