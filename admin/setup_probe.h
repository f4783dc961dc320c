/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_probe - Mailrace's side of a message that set-up sends through a host
 * MTA, and the sockets between both.
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

/* Connects to a unix path or ADDRESS:PORT; greeting: waits for its "220". */
int setup_ask_socket(const char *where, bool greeting, struct err *e);
/* Can "127.0.0.1:10028" be had? */
int setup_address_is_free(const char *where, struct err *e);

#endif
