/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_site - a Postfix is asked and changed, by its own programs.
 *
 * postconf(1) edits copies of main.cf and master.cf in a folder beside them,
 * never the files themselves; what was shown as a difference is put in their
 * place as it stands, by renaming; what somebody else has written meanwhile is
 * never lost.  The configuration's folder is locked (flock) while somebody is
 * at work; of copies without a lock the owner was killed, and they go: what
 * they may be needed for is in the record.
 *
 * Blocks; the operator's command only.
 */

#ifndef COMPAT_POSTFIX_PF_SITE_H
#define COMPAT_POSTFIX_PF_SITE_H

#include <stdbool.h>
#include <stddef.h>

#include "compat/postfix/pf_change.h"
#include "compat/postfix/pf_conf.h"
#include "lib/err.h"
#include "lib/str.h"

enum { PF_FILES = 2 }; /* main.cf, master.cf */
extern const char *const pf_files[PF_FILES];

struct pf_site {
	struct region *rg;
	const char *dir;         /* the configuration */
	const char *work;        /* copies while we are at work */
	const char *undo;        /* how it was */
	int lock;                /* -1: nobody is at work for us */
	struct buf is[PF_FILES]; /* what the files are, as far as we know */
	bool torn; /* one file is swapped, the other not, and it stays so */
};

/* dir NULL: the one that postconf itself uses. */
int pf_site_init(struct pf_site *s, const char *dir, struct err *e);
void pf_site_fini(struct pf_site *s); /* removes the copies */

/* ---- asking -------------------------------------------------------------- */

int pf_site_read(const struct pf_site *s, struct pf_conf *c, struct err *e);
bool pf_site_runs(const struct pf_site *s);
/* `postmap -s`: all keys of a table, with their values. */
int pf_site_list(const struct pf_site *s, const char *table, struct buf *out,
    struct err *e);
/* `postmap -q`: 1: it has this key, 0: not; -1: it cannot be asked. */
int pf_site_has(const struct pf_site *s, const char *table, const char *key,
    struct err *e);

/* ---- changing ------------------------------------------------------------ */

/* Before anything is asked: what is found so holds until it is changed. */
int pf_site_lock(struct pf_site *s, struct err *e);
/* Copies; then the changes are made to them. */
int pf_site_copy(struct pf_site *s, struct err *e);
int pf_site_edit(const struct pf_site *s, const struct pf_plan *p,
    struct err *e);
/* What the copies would change; "" nothing. */
int pf_site_diff(const struct pf_site *s, struct buf *out, struct err *e);

/*
 * The copies take the place of the files, which are the copies then: back, and
 * all is as it was.  First master.cf, back first main.cf: whoever is killed in
 * between leaves a service that nobody uses, never a way to one that is not
 * there.
 */
int pf_site_swap(struct pf_site *s, struct err *e);
int pf_site_swap_back(struct pf_site *s, struct err *e);
int pf_site_reload(const struct pf_site *s, struct err *e);

/* ---- files --------------------------------------------------------------- */

/* All of a file, at most 16 MB. */
int pf_file_read(const char *path, struct buf *out, struct err *e);
/* A new file with owner, mode and attributes of another; on the disk. */
int pf_file_write(const char *path, struct slice text, const char *as,
    struct err *e);
/* How one file would become the other, diff -u. */
int pf_diff(const char *was, const char *is, struct buf *out, struct err *e);
/* What is in a folder is on the disk. */
int pf_dir_sync(const char *dir, struct err *e);

#endif
