/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_probe - Mailrace's side of a message that set-up sends through a host
 * MTA.
 *
 * The probe goes to a domain that nobody has (RFC 2606); its queue is paused
 * before, so that it waits where it can be seen, and is deleted without a
 * record: nothing is sent, nobody is told.  Blocks; one thread.
 */

#ifndef ADMIN_SETUP_PROBE_H
#define ADMIN_SETUP_PROBE_H

#include "admin/ctl_parse.h"
#include "lib/err.h"
#include "lib/str.h"

struct setup_probe {
	const struct ctl_options *opt;
	char rcpt[80];
};

/* Pauses the queue, and says to whom it is to be sent. */
int setup_probe_begin(struct setup_probe *p, const struct ctl_options *opt,
    struct err *e);
/* Another recipient, for a second one. */
void setup_probe_name(struct setup_probe *p);
/* The message, with this end of lines. */
void setup_probe_text(const struct setup_probe *p, const char *end,
    struct buf *out);
/* Is it in our queue? */
bool setup_probe_is_here(const struct setup_probe *p);
/* Once begun: whether it came or not. */
void setup_probe_end(const struct setup_probe *p);
/* Between two looks. */
void setup_probe_wait(void);

#endif
