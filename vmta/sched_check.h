/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_check - everything that can keep mail waiting, in two tables: what is
 * asked before a connection is opened for a queue, and before one is given
 * mail.
 *
 * The scheduler goes through a table to the first no; who wants to know why
 * mail waits (vmta/sched_why.h) goes to the end.  An answer names the scope
 * and the kind of limit, and when time alone will change it.  For
 * vmta/sched*.c only.
 *
 * How many connections make sense (mail that waits, what rates can use, what a
 * server takes) is no limit of anybody's: that is conns_wanted().  Mail whose
 * job or user says no is set aside before a table is asked
 * (vmta/sched_origin.c): the rows of these are for who wants to know.
 */

#ifndef VMTA_SCHED_CHECK_H
#define VMTA_SCHED_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmta/sched_why.h"
#include "vmta/scope.h"

struct group;
struct sched;
struct sched_conn;
struct sched_queue;

/* What a check asks; the shared scopes in the order of enum level. */
enum check_at {
	AT_NONE, /* nothing with limits */
	AT_QUEUE,
	AT_BACKOFF, /* the queue's limits that hold beside its normal ones */
	AT_SOURCE,
	AT_ROLLUP_BACKOFF,             /* likewise of its group */
	AT_SHARED = AT_ROLLUP_BACKOFF, /* the first of these */
	AT_ROLLUP,
	AT_VMTA,
	AT_POOL,
	AT_PROVIDER,
	AT_PROCESS,
	AT_JOB,
	AT_USER
};
enum { CHECK_ATS = AT_USER + 1 };

struct asked {
	struct sched *s;
	struct sched_queue *q;
	int64_t now_us;
	uint64_t bytes;              /* of the message whose turn it is */
	struct scope *at[CHECK_ATS]; /* NULL: there is none */
};

struct check;

struct check_no {
	const struct check *check;
	struct scope *scope; /* NULL: AT_NONE, or no source has room */
	int64_t until_us;    /* INT64_MAX: until something happens */
};

typedef bool check_fn(const struct asked *a, const struct check *c,
    struct check_no *no);

struct check {
	const char *name; /* directive, or words */
	enum check_at at;
	enum limit_kind kind; /* AT_NONE: 0, or of where connections go */
	check_fn *says_no;
	enum why_kind why;
};

/* Rows in tables; those of the queue alone come first. */
enum { CHECKS_OPEN = 39, CHECKS_OPEN_OWN = 21, CHECKS_GIVE = 23 };
extern const struct check checks_open[CHECKS_OPEN];
extern const struct check checks_give[CHECKS_GIVE];

/*
 * The way of a new connection of the queue (the queue alone: for the rows of
 * its own), or of mail over this one.
 */
void ask_own(struct asked *a, struct sched *s, struct sched_queue *q,
    int64_t now_us);
void ask_open(struct asked *a, struct sched *s, struct sched_queue *q,
    int64_t now_us);
void ask_give(struct asked *a, struct sched_conn *c, const struct group *g,
    int64_t now_us);

/* Of the message whose turn it is, or 0. */
uint32_t queue_bytes(struct sched_queue *q);

/* The first no of the first n rows. */
bool checks_say_no(const struct check *rows, size_t n, const struct asked *a,
    struct check_no *no);
/* The same, faster: of all rows of its own, of all of checks_give. */
bool own_says_no(const struct asked *a, struct check_no *no);
bool give_says_no(const struct asked *a, struct check_no *no);

#endif
