/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assign - which virtual MTA, job and priority a message gets at intake.
 *
 * What who asks names (policy.h); X-Virtual-MTA (from sources with process-x-virtual-mta), then the source's
 * <pattern-list>.  Where neither says anything, `vmta` in the <domain> of each
 * recipient, and for those without one the source's default-virtual-mta, then
 * {default}.
 *
 * A name asked for that is neither a virtual MTA nor a pool, or is empty, is
 * dealt with here alone: invalid-virtual-mta-fallback is used; else the message
 * is refused; else, without reject-invalid-virtual-mta, it counts as not asked
 * for.  An empty one is {default} with allow-empty-x-virtual-mta.  Pure.
 */

#ifndef VMTA_ASSIGN_H
#define VMTA_ASSIGN_H

#include "vmta/policy.h"

struct assignment {
	const char *vmta;    /* VMTA or pool, as configured; "" is {default} */
	bool dflt;           /* nobody asked for it: see assign_rcpt() */
	const char *job;     /* "" is none */
	const char *unknown; /* a name asked for that there is not, or "" */
	const char *refused; /* NULL, or why, as behind "550 " */
	uint8_t priority;
};

#define JOB_HEADER "X-Job"
#define VMTA_HEADER "X-Virtual-MTA"
#define ENVID_HEADER "X-Envid" /* where it is processed; else it is nobody's */
#define JOB_MAX 255
#define PRIORITY_DEFAULT 50
/* A default-virtual-mta: the one that has the address the client came to. */
#define ASSIGN_BY_IP "by-smtp-source-ip"

/* The <source> by name that counts above those by address, or NULL. */
const char *assign_source_name(const struct policy_in *in);

/* The settings of where the message comes from: address, then user or listener. */
void assign_source(const struct policy_in *in, struct source_conf *out);

/*
 * The VMTA or pool, as configured, of recipients in that domain of a message
 * for which nobody asked for one: what its <domain>, as seen from the default,
 * says; else the default.
 */
const char *assign_rcpt(const struct snapshot *conf, const char *dflt,
    const char *domain);

void assign_run(const struct policy_in *in, const struct source_conf *source,
    struct region *rg, struct assignment *out);

#endif
