/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain - the settings in force, one by one, each with the place that it
 * comes from.
 *
 * It merges in the same order as settings.h, whose result it shows; a value
 * that several levels set is named once, with the level that won.  Values are
 * as the grammar writes them (lib/conf_print.h).  Directives stand in
 * alphabetical order within a section.  Any thread.
 */

#ifndef VMTA_EXPLAIN_H
#define VMTA_EXPLAIN_H

#include "lib/err.h"
#include "vmta/snapshot.h"

/* Strings live during the call of the function that gets them. */
struct setting {
	const char *section; /* "Queue Settings" */
	const char *name, *value;
	const char *file; /* NULL: built in, or taken from another value */
	unsigned line;
	const char
	    *block; /* "<domain *> of <virtual-mta news>"; "" at the top */
};

typedef void explain_fn(void *ctx, const struct setting *s);

/* Everything at the top level. */
void explain_global(const struct snapshot *s, explain_fn *fn, void *ctx);

/* What the virtual MTA says, and what it has from the top; it must exist. */
void explain_vmta(const struct snapshot *s, const char *vmta, explain_fn *fn,
    void *ctx);

/*
 * What holds for domain/vmta: the virtual MTA's settings, then the queue's.
 * vmta may be "" or "{default}"; for the name of a pool there are only those of
 * the queue.  -1: there is no such virtual MTA or pool, or no such domain.
 */
int explain_queue(const struct snapshot *s, const char *domain,
    const char *vmta, explain_fn *fn, void *ctx, struct err *e);

/*
 * What holds for the <acct-file> of that path or command: what its kind has a
 * use for.  Of directives without a default there are only the lines that set
 * them.  -1: there is none.
 */
int explain_acct(const struct snapshot *s, const char *path, explain_fn *fn,
    void *ctx, struct err *e);

#endif
