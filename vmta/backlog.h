/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backlog - what is queued, in small: messages by id, and the slabs that
 * recipients and groups come from.
 *
 *	entry    a message that has recipients in the scheduler
 *	group    the recipients of one message in one queue; or one of them, where
 *		 each is to go in a transaction of its own
 *	rcpt     one recipient: waiting its turn (in its group's list), waiting
 *		 for its time (in the queue's heap), or granted
 *
 * Sizes matter: a million of each are in memory.  A message with one recipient
 * takes 136 bytes here, and its place in the two tables 12 to 20 more.  What is
 * in its envelope is not here: workers read that (transport/envelope_read.h).
 * Scheduler thread only.
 */

#ifndef VMTA_BACKLOG_H
#define VMTA_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/mem.h"
#include "mail/message.h"
#include "vmta/origins.h"
#include "vmta/span_sets.h"
#include "vmta/table.h"

struct entry {
	struct table_link link;
	struct message *msg; /* while some group keeps it, or NULL */
	uint64_t id;
	struct message_loc loc;
	int64_t queued_us;       /* when it was accepted */
	uint64_t rcpts : 17;     /* in all queues, granted ones too */
	uint64_t reading : 17;   /* grants that read it from its place */
	uint64_t spans : 29;     /* in backlog.spans */
	uint64_t one_by_one : 1; /* a group for each recipient */
	uint32_t warm : 17;      /* groups that keep it in memory */
	uint32_t room : 15; /* octets that are put before it when it is sent */
	uint32_t origin;    /* in backlog.origins */
};

#define ENTRY_ROOM_MAX 32767

/* What limits of data count for it. */
static inline uint32_t
entry_bytes(const struct entry *e)
{
	return e->loc.body_len + e->room;
}

/* Numbers of recipients and attempts share a word. */
#define RCPT_ATTEMPTS_MAX 4095

struct rcpt {
	union {
		struct rcpt *next; /* waits its turn: circular list */
		int64_t due_us;    /* waits for its time */
	};
	struct group *group;
	uint32_t index;         /* in the heap of deferred ones */
	uint32_t n : 17;        /* recipient number in the envelope */
	uint32_t attempts : 12; /* RCPT_ATTEMPTS_MAX: or more */
	uint32_t told : 3;      /* vmta/sched_delay.h */
};

struct group {
	struct entry *entry;
	struct rcpt *last;      /* of those that wait their turn, or NULL */
	LIST_ENTRY(group) link; /* of groups that keep the message */
	uint32_t index;         /* in the heap of its priority */
	uint32_t rcpts : 31;    /* all; without any the group goes */
	uint32_t refused : 1;   /* handed, and the host takes some of it not */
	uint32_t active;        /* those that wait their turn or are granted */
	uint16_t pin;           /* of its queue (vmta/pins.h), or 0 */
	uint8_t priority : 7;
	bool warm : 1;
	bool by_pool : 1;  /* given to a pool, which chose the virtual MTA */
	bool handed : 1;   /* to the host MTA, from another queue */
	bool ageless : 1;  /* no age ends it here until it is tried */
	uint8_t round : 5; /* of its queue, when skipped first; 0: was not */
};

/* What the queues of a backlog have in all. */
struct backlog_sums {
	uint64_t rcpts, ready, granted, bytes;
	uint64_t handed;  /* to the host MTA, and on their way there */
	uint64_t refused; /* of these, in groups that are */
};

struct backlog {
	struct backlog_sums sums;
	struct table by_id;
	struct slab *entries, *groups, *rcpts;
	struct origins origins;
	struct span_sets spans;
	int64_t
	    wall_us;    /* wall clock minus the engine's, as it was last told */
	int64_t ran_us; /* the time of the last sched_run() */
	struct table flows;  /* of origins in queues (vmta/turns.h) */
	struct table handed; /* where handed groups come from (vmta/handed.h) */
};

void backlog_init(struct backlog *b);
void backlog_fini(struct backlog *b); /* CHECKs that it is empty */

struct entry *backlog_find(const struct backlog *b, uint64_t id); /* or NULL */
/*
 * Finds or makes it; then it keeps m, if that is in memory, until
 * backlog_cool() finds no group that does.
 */
struct entry *backlog_entry(struct backlog *b, struct message *m,
    int64_t queued_us, const char *job, const char *user);
void backlog_cool(struct entry *e);
/* Gives it back unless it has recipients. */
void backlog_release(struct backlog *b, struct entry **ep);

/* The same for all its recipients; NULL: none. */
void backlog_set_spans(struct backlog *b, struct entry *e,
    const struct spans *spans);
/*
 * All on the engine's clock.  The first time from then on at which it may be
 * sent; INT64_MAX: that is over.
 */
int64_t backlog_opens(const struct backlog *b, const struct entry *e,
    int64_t at_us);
/* Until when, if it may be sent then; at_us: it may not. */
int64_t backlog_closes(const struct backlog *b, const struct entry *e,
    int64_t at_us);
/* Since when it could have been sent. */
int64_t backlog_since(const struct backlog *b, const struct entry *e);

/* A reference for somebody who sends or ends it. */
struct message *backlog_message(const struct entry *e);

#endif
