/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_pattern - the operator's word for queues: DOMAIN[/VMTA], with `*` and
 * `?` in either half, "{default}" for the virtual MTA without a name.
 *
 * Comes over the control socket, so nothing about it is believed before it
 * was parsed.  Any thread.
 */

#ifndef TRANSPORT_QUEUE_PATTERN_H
#define TRANSPORT_QUEUE_PATTERN_H

#include <stdbool.h>

#include "lib/err.h"
#include "vmta/sched.h"

struct queue_pattern {
	char *domain, *vmta; /* owned */
};

/*
 * NULL is all queues; "" is none, but a mistake: a script's empty variable must
 * not pause everything.
 */
int queue_pattern_parse(const char *text, struct queue_pattern *p_r,
    struct err *e);
void queue_pattern_fini(struct queue_pattern *p);

bool queue_pattern_fits(const struct queue_pattern *p,
    const struct sched_queue *q);

/* The same of the group that the queue is in: its name is NAME.rollup. */
bool queue_pattern_fits_group(const struct queue_pattern *p,
    const struct sched_queue *q);

/*
 * May it be taken from a client: printable, without blanks, not too long?
 * For other words that select, too.
 */
bool queue_pattern_is_word(const char *text);

#endif
