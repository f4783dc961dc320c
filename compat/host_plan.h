/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_plan - what is to be done to the files of a host MTA, and why not.
 *
 * A plan is a list of changes in the order in which they are made, reasons
 * that forbid all of them, and what the operator should know.  Each change
 * knows what was there before, so that it can be taken back by itself.  Texts
 * are kept in the plan's region.  Pure; one thread.
 */

#ifndef COMPAT_HOST_PLAN_H
#define COMPAT_HOST_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/mem.h"

/* Routed to us whatever the scope, so that a probe can be sent. */
#define HOST_PROBE_DOMAIN "mailrace-setup.invalid"

/*
 * Does Mailrace's configuration say something (not nothing, not "no") for a
 * domain by this directive?
 */
typedef bool host_holds_fn(void *ctx, const char *domain,
    const char *directive);

struct host_change {
	int kind; /* the host's own: enum pf_kind, enum ex_kind */
	const char *name;
	const char *value;  /* NULL: it goes away */
	const char *before; /* NULL: it was not there */
};

struct host_texts {
	const char **v;
	size_t n;
};

struct host_plan {
	struct region *rg;
	struct host_change *changes;
	size_t count;
	struct host_texts refusals, notes;
};

void host_plan_init(struct host_plan *p);
void host_plan_fini(struct host_plan *p);

void host_refuse(struct host_plan *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void host_note(struct host_plan *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds it as it stands. */
void host_add_change(struct host_plan *p, const struct host_change *c);

#endif
