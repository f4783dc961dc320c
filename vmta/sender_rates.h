/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sender_rates - which limits on what may come in (rate_in.h) hold for a
 * message: those of its <source>, of its user, and of its client's address.
 *
 * A limit that several clients have from one <source> is one count of theirs: it
 * belongs to the block that says it, the narrowest one that does.  Pure.
 */

#ifndef VMTA_SENDER_RATES_H
#define VMTA_SENDER_RATES_H

#include "vmta/policy.h"
#include "vmta/rate_in.h"

/*
 * Of `in` it needs conf, client, source and auth_user.  Names are the
 * snapshot's or `in`'s.
 */
void sender_rates_find(const struct policy_in *in, struct rate_in_limits *out);

#endif
