/* SPDX-License-Identifier: Apache-2.0 */
/*
 * why_row - what `why` shows of a queue, or of a recipient of a message: its
 * reasons, and who it is.
 *
 * Made on the scheduler's thread, then moved on to others.
 */

#ifndef TRANSPORT_WHY_ROW_H
#define TRANSPORT_WHY_ROW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "transport/reasons.h"
#include "vmta/heap.h"
#include "vmta/sched.h"
#include "vmta/snapshot.h"

struct env_rcpt;
struct said;

struct why_row {
	uint32_t index; /* in a heap */
	char *domain, *vmta, *last_error;
	char *moved_from; /* the virtual MTA it was chosen for; or NULL */
	uint64_t rcpts;   /* of the queue, or those of the job or user in it */
	uint64_t deferred;
	uint32_t conns;
	struct reasons reasons;
	/* The last time, to it, or to one of the queue; NULL: not known. */
	struct said *said;

	/* Of a recipient: */
	bool is_rcpt;
	struct message *msg; /* for who reads its envelope, then NULL */
	char *addr;          /* or NULL: it cannot be read */
	char *job, *user;
	uint32_t n;
	uint16_t attempts;
	int64_t due_us;
	bool granted;
};

/* Those with the most recipients are shown; recipients all, by number. */
extern const struct heap_ops why_row_least_first;

struct why_row *why_row_of_queue(const struct sched_queue_info *q);
struct why_row *why_row_of_rcpt(const struct sched_rcpt_info *info,
    const struct sched_queue_info *q);
void why_row_free(struct why_row **rp);

/*
 * When its reasons are there: with what was said, borrowed or NULL.  The
 * scheduler does not know it.
 */
void why_row_set_said(struct why_row *r, const struct said *said);

/* As its envelope says. */
void why_row_set_rcpt(struct why_row *r, const struct env_rcpt *rcpt);

/* Main thread, as all answers. */
json_t *why_row_json(const struct why_row *r, const struct snapshot *conf);

#endif
