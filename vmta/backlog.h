/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backlog - what is queued, in small: messages by id, and the slabs that
 * recipients and groups come from.
 *
 *	entry    a message that has recipients in the scheduler
 *	group    the recipients of one message in one queue
 *	rcpt     one recipient: waiting its turn (in its group's list), waiting
 *		 for its time (in the queue's heap), or granted
 *
 * Sizes matter: a million of each are in memory.  With the slots in the
 * heaps they come to less than 160 bytes for a message with one recipient.
 * Scheduler thread only.
 */

#ifndef VMTA_BACKLOG_H
#define VMTA_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/mem.h"
#include "mail/message.h"
#include "vmta/table.h"

struct sched_queue;

struct entry {
	struct table_link link;
	struct message *msg; /* a reference */
	uint32_t rcpts;      /* in all queues, granted ones too */
	uint32_t reading;    /* grants that read the body from its place */
	uint32_t warm;       /* groups that keep the body in memory */
};

struct rcpt {
	union {
		struct rcpt *next; /* waits its turn: circular list */
		int64_t due_us;    /* waits for its time */
	};
	struct group *group;
	uint32_t n;     /* recipient number in the envelope */
	uint32_t index; /* in the heap of deferred ones */
	uint16_t attempts;
};

struct group {
	struct entry *entry;
	struct sched_queue *queue;
	struct rcpt *last;      /* of those that wait their turn, or NULL */
	int64_t queued_us;      /* when the message was accepted */
	LIST_ENTRY(group) link; /* of groups that keep the body */
	uint32_t index;         /* in the heap of its priority */
	uint32_t rcpts;         /* all; without any the group goes */
	uint32_t active;        /* those that wait their turn or are granted */
	uint8_t priority;
	bool warm;
};

struct backlog {
	struct table by_id;
	struct slab *entries, *groups, *rcpts;
};

void backlog_init(struct backlog *b);
void backlog_fini(struct backlog *b); /* CHECKs that it is empty */

struct entry *backlog_find(const struct backlog *b, uint64_t id); /* or NULL */
/* Finds or makes it, with a reference on m. */
struct entry *backlog_entry(struct backlog *b, struct message *m);
/* Gives it back, and the message, unless it has recipients. */
void backlog_release(struct backlog *b, struct entry **ep);

#endif
