/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_senders - the thread `senders`: what sends the rows of buffered acct-files
 * to programs, webhooks and Redis streams.
 *
 * The writer says how much of each buffer is durable; here each has a sender
 * (transport/acct_sender.h), which says what was delivered, and that goes back
 * to the writer.  One that is in trouble holds up no other; what is wrong is
 * logged once, and once that it is well again.
 *
 * Objects are that thread's own; the functions marked (any) post to it.
 */

#ifndef TRANSPORT_ACCT_SENDERS_H
#define TRANSPORT_ACCT_SENDERS_H

#include <stdbool.h>

#include "lib/err.h"

struct acct;
struct acct_grown;
struct acct_senders;
struct snapshot;

/* Before other threads start. */
int acct_senders_new(const struct snapshot *conf, struct acct_senders **s_r,
    struct err *e);
/* After acct_senders_stop(); cuts off what is still under way. */
void acct_senders_free(struct acct_senders **sp);

/*
 * The thread begins; what was delivered is told to acct.  What was posted
 * before is not lost.
 */
int acct_senders_start(struct acct_senders *s, struct acct *acct,
    struct err *e);

/*
 * Ends what is under way, within 5 s, and then the thread; returns when it
 * has ended.  Nothing is told to the writer any more.
 */
void acct_senders_stop(struct acct_senders *s);

/* (any) A buffer has grown, or is new; all of g is copied. */
void acct_senders_grown(struct acct_senders *s, const struct acct_grown *g);

/*
 * (any) Before the writer hears of it.  Each sender ends what is under way, and
 * another one goes on at once, also where it was to wait after a failure.
 */
void acct_senders_reload(struct acct_senders *s, const struct snapshot *conf);

/*
 * Is it the same trouble, so that it is not logged again?  Times in ms, which
 * libcurl gives, differ each time and say nothing.
 */
bool acct_senders_same_trouble(const char *a, const char *b);

#endif
