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

/* Everything at the top level; and what each <suppression-list> sets. */
void explain_global(const struct snapshot *s, explain_fn *fn, void *ctx);

/* What the virtual MTA says, and what it has from the top; it must exist. */
void explain_vmta(const struct snapshot *s, const char *vmta, explain_fn *fn,
    void *ctx);

/*
 * What holds for domain/vmta: settings of the virtual MTA, of the pool that
 * counts for it, of the domain's provider, of the queue; and what each <job>
 * sets.  vmta may be "" or "{default}", or the name of a pool.  -1: there is no such virtual MTA or pool, or no such domain.
 */
int explain_queue(const struct snapshot *s, const char *domain,
    const char *vmta, explain_fn *fn, void *ctx, struct err *e);

/* Whose value is asked for. */
enum explain_of {
	EXPLAIN_GLOBAL,
	EXPLAIN_VMTA,
	EXPLAIN_POOL,
	EXPLAIN_PROVIDER,
	EXPLAIN_QUEUE,
	EXPLAIN_JOB,
	EXPLAIN_USER
};

struct explain_ask {
	enum explain_of of;
	/* Of the virtual MTA (also of a queue), pool, provider, job or user. */
	const char *name;
	const char *domain; /* of a queue; the host, for mx-connection-limit */
	const struct net_addr *addr; /* for limits by address; else NULL */
	const char *directive;
};

/*
 * One directive: its value and the line that set it; of a list by address or
 * host the item that counts there.  False: there is no such name, directive or
 * item.
 */
bool explain_one(const struct snapshot *s, const struct explain_ask *a,
    explain_fn *fn, void *ctx);

/*
 * What holds for the <acct-file> of that path or command: what its kind has a
 * use for.  Of directives without a default there are only the lines that set
 * them.  -1: there is none.
 */
int explain_acct(const struct snapshot *s, const char *path, explain_fn *fn,
    void *ctx, struct err *e);

#endif
