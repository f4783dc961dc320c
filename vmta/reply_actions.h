/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply_actions - what a row of a <smtp-pattern-list> asks for.
 *
 *	reply /re/ action *( "," action )
 *	action = "mode=backoff" / "mode=normal" / "backoff-to-normal-after=T" /
 *		 "skip-mx" / "bounce-queue" / "bounce-rcpt" / "defer-queue" /
 *		 "disable-source-ip" / "reenable-after=T"
 *
 * A time may be "never".  The two with a time stand behind the action that
 * they belong to.  Pure; any thread.
 */

#ifndef VMTA_REPLY_ACTIONS_H
#define VMTA_REPLY_ACTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "lib/str.h"

struct reply_actions {
	bool backoff, normal;
	bool skip_mx;
	bool bounce_queue, bounce_rcpt;
	bool disable_source, defer_queue;
	bool has_normal_after, has_reenable_after;
	int64_t normal_after_us, reenable_after_us; /* or INTERVAL_NEVER */
};

/* The list of actions; rg holds what is taken apart. */
int reply_actions_parse(struct slice list, struct region *rg,
    struct reply_actions *out, struct err *e);

#endif
