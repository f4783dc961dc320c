/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_arc - the keys that the ARC work on a message wants
 * (vmta/sealing_run.h).  The thread that has the message waits for DNS, all
 * names at once and for SEALING_DNS_US at most.  What DNS does not say then stays
 * unanswered, which is no error.
 */

#ifndef MILTER_MILTER_ARC_H
#define MILTER_MILTER_ARC_H

#include "milter/milter_env.h"
#include "vmta/sealing_run.h"

/* The caller's. */
struct dkim_answers *milter_arc_ask(const struct milter_env *env,
    const struct sealing_run *run, struct region *rg);

#endif
