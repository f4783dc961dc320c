/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sender_out - the envelope sender with which a recipient's mail leaves: the one
 * that the message was accepted with, as the rewrite-list of the virtual MTA that
 * sends it wants it; with VERP the recipient is put into that (mail/verp.h).
 *
 * Decided at each attempt, since mail may go by another virtual MTA than was
 * chosen for it.  The null sender of notifications, be they ours or the host
 * MTA's own, stays (RFC 3464 section 2).  Who is told what became of the mail is
 * the sender that it was accepted with (notice.h).
 *
 * Pure on a snapshot; any thread.
 */

#ifndef TRANSPORT_SENDER_OUT_H
#define TRANSPORT_SENDER_OUT_H

#include <stdint.h>

#include "lib/mem.h"
#include "mail/envelope.h"
#include "vmta/snapshot.h"

/* n: the recipient's number; vmta: as shown, or "" for the built-in one. */
const char *sender_out(const struct snapshot *conf, const struct envelope *env,
    uint32_t n, const char *vmta, struct region *rg);

#endif
