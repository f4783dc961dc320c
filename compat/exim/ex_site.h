/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ex_site - an Exim is asked and changed: one file, or Debian's tree, of which
 * update-exim4.conf(8) makes that file.
 *
 * A new configuration is asked by `exim -C` before it takes the place of what
 * holds; of Debian's tree one is made of links and copies, among the copies
 * (compat/host_files.h).
 *
 * Blocks; the operator's command only.
 */

#ifndef COMPAT_EXIM_EX_SITE_H
#define COMPAT_EXIM_EX_SITE_H

#include <stdbool.h>
#include <sys/types.h>

#include "compat/exim/ex_facts.h"
#include "compat/exim/ex_lookup.h"
#include "compat/exim/ex_setup.h"
#include "compat/exim/ex_text.h"
#include "compat/host_files.h"
#include "compat/host_plan.h"
#include "lib/err.h"
#include "lib/str.h"

struct ex_site {
	struct host_files files;
	struct region *rg; /* theirs */
	const char *dir;   /* theirs */
	enum ex_form form;
	const char *program; /* "exim4" or "exim" */
	const char *config;  /* for -C; NULL: the one that it reads by itself */
	const char *name;    /* of the one file, below dir; NULL: Debian's */
	const char *check;   /* what is to be asked before it holds */
};

/*
 * file: the one file; dir: Debian's tree; both NULL: whichever Exim reads.
 * At most one is given.
 */
int ex_site_init(struct ex_site *s, const char *file, const char *dir,
    struct err *e);
void ex_site_fini(struct ex_site *s); /* removes the copies */

/* ---- asking -------------------------------------------------------------- */

/* config NULL: what holds.  f is to be finished in any case. */
int ex_site_read(const struct ex_site *s, const char *config,
    struct ex_facts *f, struct err *e);
/* The files as they are; their texts are kept in the region. */
int ex_site_text(const struct ex_site *s, struct ex_text *t, struct err *e);
/* An expansion (exim -be), without its line end. */
int ex_site_expand(const struct ex_site *s, const char *what, struct buf *out,
    struct err *e);
/* exim with options; what it printed; its status must be 0. */
int ex_site_ask(const struct ex_site *s, const char *config,
    const char *const *argv, struct buf *out, struct err *e);
/*
 * exim -bt of one address, that it can go anywhere or not.  It asks name servers:
 * timeout_s bounds it, 0: 30 s.
 */
int ex_site_route(const struct ex_site *s, const char *config,
    const char *address, int timeout_s, struct buf *out, struct err *e);
/* Of a file that Exim looks something up in; for struct ex_files, ctx a region. */
bool ex_site_keys(void *ctx, struct ex_lookup *l);
/* Its daemon, by its pid file; 0: it does not run, or was not found. */
pid_t ex_site_daemon(const struct ex_facts *f, struct region *rg);
bool ex_site_is_exim(pid_t pid);
/* May a user of this name connect there?  e says what forbids it. */
int ex_site_may_use(const char *user, const char *path, struct err *e);

/* ---- changing ------------------------------------------------------------ */

/* The changes are made to the copies. */
int ex_site_edit(const struct ex_site *s, const struct host_plan *p,
    struct err *e);
/* What the copies would make: the path of that configuration. */
int ex_site_make_check(struct ex_site *s, const char **config_r, struct err *e);
/* What the files say holds from now on, but for the daemon. */
int ex_site_update(const struct ex_site *s, struct err *e);

#endif
