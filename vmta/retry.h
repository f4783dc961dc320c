/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retry - how long a queue waits after it failed as a whole, time after time.
 *
 * The waits come from a list, and the last one repeats.  Failures of several
 * connections at once are one failure: what fails while the queue waits
 * already neither moves the position nor the end.
 *
 * Which list that is depends on the mode of the queue, each from its first; a failure of DNS has one
 * wait of its own in both modes, and moves no position: no server has said
 * anything.  Pure; embedded in a queue.
 */

#ifndef VMTA_RETRY_H
#define VMTA_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/conf_types.h"
#include "vmta/backoff.h"

struct queue_conf;

enum retry_kind { RETRY_QUEUE, RETRY_DNS };

struct retry { /* zeroed: has not failed */
	int64_t until_us;
	uint32_t position; /* in the list, for the next failure */
	bool slow;         /* that list is backoff's */
	bool unresolved;   /* the last failure was one of DNS */
};

/* Returns until when. */
int64_t retry_failed(struct retry *r, const struct conf_intervals *list,
    int64_t now_us);
int64_t retry_failed_for(struct retry *r, const struct queue_conf *c,
    enum queue_mode mode, enum retry_kind kind, int64_t now_us);
void retry_worked(struct retry *r); /* from the first interval again */
/* It is tried at once; should it fail, the next wait is that of the list. */
void retry_now(struct retry *r, int64_t now_us);
bool retry_waits(const struct retry *r, int64_t now_us);

/* That of the list behind so many failures; also of a recipient. */
int64_t retry_listed(const struct conf_intervals *list, uint32_t position);

#endif
