/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ways - where the recipients of one message are, and by which virtual MTAs
 * mail to them may go: what may differ in how it is signed.
 *
 * A pool's mail may go by any member; which one is chosen when the transport
 * has the message.  Pure; everything is in the caller's region or the
 * snapshot's.
 */

#ifndef VMTA_WAYS_H
#define VMTA_WAYS_H

#include <stddef.h>

#include "lib/mem.h"
#include "vmta/policy.h"

/* The virtual MTAs that may carry mail for a name: one, or those of a pool. */
struct carriers {
	const char *name; /* as configured; "" is {default} */
	const struct vmta *const *v;
	size_t n;
};

struct ways {
	const char **domains; /* of recipients, each once, lower case */
	size_t domain_count;
	struct carriers *v;
	size_t n;
	size_t *of_domain; /* of each its number in v */
};

/*
 * Domains that are signed for alike, and carriers that sign alike, stand for
 * each other: the first of them is there.
 */
void ways_find(const struct policy_in *in, const struct policy_out *out,
    struct region *rg, struct ways *w);

#endif
