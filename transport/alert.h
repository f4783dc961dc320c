/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert - when the operator is told of something: at once, and then not again
 * about the same thing for ten minutes; what happened to it meanwhile comes as
 * a number, with the last of it.
 *
 * So a queue that changes its mode every second makes six mails an hour, and
 * a host that loses its network, at most ALERT_THINGS at a time and one more
 * about all others.  Keeps texts, sends nothing by itself; scheduler's thread.
 */

#ifndef TRANSPORT_ALERT_H
#define TRANSPORT_ALERT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/conf_types.h"

enum { ALERT_THINGS = 100 };
#define ALERT_QUIET_US (600 * (int64_t)1000000)

struct alert_of {
	const char *about;   /* the same thing, the same text: "mode a.b/c" */
	const char *subject; /* one line */
	const char *text;    /* one line, or "" */
	const struct conf_strs *to;
};

/* more: how often it came again since the last mail; text is the last one. */
typedef void alert_send_fn(void *ctx, const struct alert_of *of, uint64_t more);

struct alert;

struct alert *alert_new(alert_send_fn *send, void *ctx);
void alert_free(struct alert **ap);

/* To nobody: nothing.  May send. */
void alert_say(struct alert *a, const struct alert_of *of, int64_t now_us);

/* Sends what is due; when to come again, INT64_MAX: not by itself. */
int64_t alert_run(struct alert *a, int64_t now_us);

#endif
