/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_record - how a Postfix was before set-up, kept beside its files.
 *
 * In the folder mailrace-undo: main.cf and master.cf as they were and as set-up
 * made them, checksums of both, and the list of changes.  It is written, and
 * on the disk, before the first file changes, so that whatever interrupts a
 * set-up can be undone.  One thread.
 */

#ifndef COMPAT_POSTFIX_PF_RECORD_H
#define COMPAT_POSTFIX_PF_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "compat/postfix/pf_change.h"
#include "compat/postfix/pf_site.h"
#include "lib/err.h"

struct pf_record {
	struct pf_change *changes; /* in the region of the site */
	size_t count;
	/* A file is neither what it was nor what set-up made of it. */
	bool edited;
};

bool pf_record_is_there(const struct pf_site *s);

/* Before the swap: the files, the copies, the plan. */
int pf_record_write(const struct pf_site *s, const struct pf_plan *p,
    struct err *e);
int pf_record_read(const struct pf_site *s, struct pf_record *out,
    struct err *e);

/* The copies become the files as they were. */
int pf_record_restore(const struct pf_site *s, struct err *e);
/* What others have changed since set-up. */
int pf_record_diff(const struct pf_site *s, struct buf *out, struct err *e);
int pf_record_remove(const struct pf_site *s, struct err *e);

#endif
