/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealing - what is to be done about ARC with a message: whether its sets are
 * validated, and by which key it gets one more.
 *
 * A message is sealed if its source, a virtual MTA that may carry it or the
 * domain of a recipient says so: all recipients get the same bytes at intake,
 * and a seal that one did not ask for harms nobody.  The key is that of the
 * domain, else of the virtual MTA, else of the source.  Pure on a snapshot; the
 * strings are the snapshot's.  Any thread.
 */

#ifndef VMTA_SEALING_H
#define VMTA_SEALING_H

#include <stdbool.h>

#include "vmta/policy.h"

struct sealing_key {
	const struct dkim_key *key;
	const char *selector, *domain;
};

struct sealing {
	bool check;                    /* check-arc-inbound */
	bool seal;                     /* arc-seal */
	const struct sealing_key *key; /* NULL: there is none */
	const char *authserv_id;
};

/* May any message be sealed or validated? */
bool snapshot_seals(const struct snapshot *s);

/* The key of an arc-key, by its text; NULL: "" or one that cannot be used. */
const struct sealing_key *snapshot_sealing_key(const struct snapshot *s,
    const char *text);

/* assigned: what policy_assign() said. */
void sealing_find(const struct policy_in *in, const struct policy_out *assigned,
    struct region *rg, struct sealing *out);

#endif
