/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bcc_copy - the copy of a delivered message that bcc-upon-delivery asks for:
 * a message of its own, with the same bytes, sender, job and virtual MTA; to
 * the host's own domains by the host.
 *
 * Nobody is told what becomes of it, and of a copy no copy is made, or two
 * domains that copy to each other would never end.  Makes messages, sends
 * none; any thread.
 */

#ifndef TRANSPORT_BCC_COPY_H
#define TRANSPORT_BCC_COPY_H

#include <stdint.h>

#include "lib/conf_types.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "mail/message.h"
#include "transport/notice.h"
#include "vmta/snapshot.h"

struct bcc_copy {
	struct region *rg;
	const struct envelope *env;
	uint32_t n;        /* in env, of one to whom it was delivered */
	struct body *body; /* the copy takes a reference of its own */
	const struct conf_strs *to;
	const struct snapshot *conf;
};

/* How many recipients it has; 0: there is nothing to copy. */
uint32_t bcc_copy_make(const struct bcc_copy *of, struct notice *out);

#endif
