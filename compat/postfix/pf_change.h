/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_change - what is to be done to a main.cf and a master.cf, and why not.
 *
 * A plan is a list of changes in the order in which they are made, reasons
 * that forbid all of them, and what the operator should know.  Each change
 * knows what was there before, so that it can be taken back by itself.  Texts
 * are kept in the plan's region.  Pure; one thread.
 */

#ifndef COMPAT_POSTFIX_PF_CHANGE_H
#define COMPAT_POSTFIX_PF_CHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "compat/postfix/pf_conf.h"
#include "lib/mem.h"

enum pf_kind {
	PF_PARAMETER, /* name = value in main.cf: postconf -e, -X */
	PF_SERVICE,   /* a line of master.cf, "smtp/inet": postconf -M, -MX */
	PF_OPTION     /* an -o of it, "smtp/inet/NAME": postconf -P, -PX */
};

struct pf_change {
	enum pf_kind kind;
	const char *name;
	const char *value;  /* NULL: it goes away */
	const char *before; /* NULL: it was not there */
};

struct pf_texts {
	const char **v;
	size_t n;
};

struct pf_plan {
	struct region *rg;
	struct pf_change *changes;
	size_t count;
	struct pf_texts refusals, notes;
};

void pf_plan_init(struct pf_plan *p);
void pf_plan_fini(struct pf_plan *p);

void pf_refuse(struct pf_plan *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void pf_note(struct pf_plan *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Nothing is added where the host has it so already. */
void pf_want_parameter(struct pf_plan *p, const struct pf_conf *h,
    const char *name, const char *value);
/* line: as in master.cf, one blank between words. */
void pf_want_service(struct pf_plan *p, const struct pf_conf *h,
    const char *line);
void pf_want_option(struct pf_plan *p, const struct pf_conf *h,
    const struct pf_service *s, const char *name, const char *value);

/* Adds it as it stands. */
void pf_add_change(struct pf_plan *p, const struct pf_change *c);

/*
 * What a host has now of what a change is about; NULL: nothing.  In the host's
 * region.
 */
const char *pf_now(const struct pf_conf *h, const struct pf_change *c);

#endif
