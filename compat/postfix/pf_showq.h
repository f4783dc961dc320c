/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_showq - the queue as Postfix's showq service gives it to postqueue:
 * attributes with a NUL behind each name and each value (Postfix 3.6 to 3.10).
 *
 * Who connects is told all, and says nothing.  Pure; any thread.
 */

#ifndef COMPAT_POSTFIX_PF_SHOWQ_H
#define COMPAT_POSTFIX_PF_SHOWQ_H

#include "compat/listed.h"
#include "lib/str.h"

void pf_showq_begin(struct buf *out);
void pf_showq_message(const struct listed *m, struct buf *out);
void pf_showq_end(struct buf *out);

#endif
