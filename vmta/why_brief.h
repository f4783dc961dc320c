/* SPDX-License-Identifier: Apache-2.0 */
/*
 * why_brief - a reason in a few words, for a column of a listing.
 *
 * Pure.
 */

#ifndef VMTA_WHY_BRIEF_H
#define VMTA_WHY_BRIEF_H

#include <stdbool.h>
#include <stddef.h>

#include "vmta/sched_why.h"

enum { WHY_BRIEF = SCHED_WAITS_FOR };

/* Does it keep mail waiting, or only tell how things are? */
bool why_holds(const struct why *w);

/* "paused", "max-msg-rate", "max-smtp-out of the virtual MTA". */
void why_brief(const struct why *w, char out[WHY_BRIEF]);

#endif
