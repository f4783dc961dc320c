/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dummy_smtp - an SMTP server that throws mail away, for measuring what sends
 * to it (dummy-smtp-port).
 *
 * It is none of the ingress on purpose: it knows no store, queue or policy, so
 * nothing that comes here can become mail, and nothing that is mail's can come
 * here by a setting of a source or a listener.  Greeting and replies say what
 * it is.  Any sender, recipient and size is taken; there is no TLS, AUTH,
 * XCLIENT or LMTP.
 *
 * One thread, `dummy`, with an event base of its own: load on it does not slow
 * those down who have real clients, other than by processor time.
 */

#ifndef TRANSPORT_DUMMY_SMTP_H
#define TRANSPORT_DUMMY_SMTP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "vmta/snapshot.h"

struct dummy_smtp;

/* Since the start; counted only with dummy-smtp-update-stats. */
struct dummy_smtp_sums {
	uint64_t clients; /* now */
	uint64_t connections, messages, rcpts, bytes;
};

/* *d_r NULL: conf wants none. */
int dummy_smtp_new(const struct global_conf *conf, struct dummy_smtp **d_r,
    struct err *e);

/* No more is taken, and connections are cut off; then it may be freed. */
void dummy_smtp_stop(struct dummy_smtp *d); /* NULL: nothing */
void dummy_smtp_free(struct dummy_smtp **dp);

/* Any thread.  False: nothing is counted. */
bool dummy_smtp_sums(struct dummy_smtp *d, struct dummy_smtp_sums *out);

#endif
